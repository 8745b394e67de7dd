package github

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/memo"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// Ruleset is a ruleset of the repository as GitHub shows it. go-github's types lose rules and
// parameters that they do not know, so everything that is not looked at here is kept as it was read.
type Ruleset struct {
	ID  int64
	raw map[string]any
}

// NewRuleset returns an active ruleset for one branch, without rules.
func NewRuleset(name, branch string) Ruleset {
	return Ruleset{raw: map[string]any{
		"name": name, "target": "branch", "enforcement": "active", "rules": []any{},
		"conditions": map[string]any{"ref_name": map[string]any{"include": []any{"refs/heads/" + branch}, "exclude": []any{}}},
	}}
}

// Name returns the ruleset's name.
func (r Ruleset) Name() string {
	s, _ := r.raw["name"].(string)
	return s
}

// SetName gives the ruleset another name.
func (r Ruleset) SetName(name string) { r.raw["name"] = name }

// BypassActors returns who need not keep the ruleset's rules, as "TYPE ID MODE", sorted; shown is false
// where GitHub does not tell this token.
func (r Ruleset) BypassActors() (actors []string, shown bool) {
	list, shown := r.raw["bypass_actors"].([]any)
	actors = []string{}
	for _, item := range list {
		actor, _ := item.(map[string]any)
		words := []string{fmt.Sprint(actor["actor_type"])}
		if id, ok := actor["actor_id"].(float64); ok && words[0] != "OrganizationAdmin" { // whose id means nothing
			words = append(words, strconv.FormatInt(int64(id), 10))
		}
		actors = append(actors, strings.Join(append(words, fmt.Sprint(actor["bypass_mode"])), " "))
	}
	slices.Sort(actors)
	return actors, shown
}

// ClearBypassActors has everybody keep the rules. GitHub takes an empty list for that, and null for an
// error.
func (r Ruleset) ClearBypassActors() { r.raw["bypass_actors"] = []any{} }

// Enforcement returns active, evaluate or disabled.
func (r Ruleset) Enforcement() string {
	s, _ := r.raw["enforcement"].(string)
	return s
}

// Enforce makes the ruleset active.
func (r Ruleset) Enforce() { r.raw["enforcement"] = "active" }

// Included and Excluded return the patterns of the refs that the ruleset is for, and is not for.
func (r Ruleset) Included() []string { return texts(r.refNames()["include"]) }

// Excluded returns the patterns of the refs that the ruleset leaves out.
func (r Ruleset) Excluded() []string { return texts(r.refNames()["exclude"]) }

// SetRefs says which refs the ruleset is for, and which it leaves out.
func (r Ruleset) SetRefs(include, exclude []string) {
	names := r.refNames()
	names["include"], names["exclude"] = anys(include), anys(exclude)
	conditions, ok := r.raw["conditions"].(map[string]any)
	if !ok {
		conditions = map[string]any{}
		r.raw["conditions"] = conditions
	}
	conditions["ref_name"] = names
}

func (r Ruleset) refNames() map[string]any {
	conditions, _ := r.raw["conditions"].(map[string]any)
	names, ok := conditions["ref_name"].(map[string]any)
	if !ok {
		return map[string]any{}
	}
	return names
}

// Rule returns the parameters of the ruleset's rule of that type, and whether it has one.
func (r Ruleset) Rule(kind string) (parameters map[string]any, found bool) {
	for _, rule := range r.rules() {
		if rule["type"] == kind {
			parameters, _ = rule["parameters"].(map[string]any)
			if parameters == nil {
				parameters = map[string]any{}
			}
			return parameters, true
		}
	}
	return nil, false
}

// SetRule adds the rule or replaces its parameters; nil parameters are none.
func (r Ruleset) SetRule(kind string, parameters map[string]any) {
	set := map[string]any{"type": kind}
	if parameters != nil {
		set["parameters"] = parameters
	}
	rules, placed := []any{}, false
	for _, rule := range r.rules() {
		if rule["type"] == kind {
			rules, placed = append(rules, set), true
			continue
		}
		rules = append(rules, rule)
	}
	if !placed {
		rules = append(rules, set)
	}
	r.raw["rules"] = rules
}

// DropRule removes the rule of that type.
func (r Ruleset) DropRule(kind string) {
	rules := []any{}
	for _, rule := range r.rules() {
		if rule["type"] != kind {
			rules = append(rules, rule)
		}
	}
	r.raw["rules"] = rules
}

func (r Ruleset) rules() []map[string]any {
	list, _ := r.raw["rules"].([]any)
	var rules []map[string]any
	for _, item := range list {
		if rule, ok := item.(map[string]any); ok {
			rules = append(rules, rule)
		}
	}
	return rules
}

// Ruleset returns the repository's own ruleset of that name, or resource.ErrNotFound. Names are not
// unique: two of them are an error with their ids.
func (c *Client) Ruleset(ctx context.Context, name string) (Ruleset, error) {
	id, err := c.rulesetID(ctx, name)
	if err != nil {
		return Ruleset{}, err
	}
	return c.RulesetByID(ctx, id)
}

// RulesetByID returns the repository's ruleset of that id, whatever it is called, or resource.ErrNotFound. One
// that the listing has and that is not found by itself is hidden from the token.
func (c *Client) RulesetByID(ctx context.Context, id int64) (Ruleset, error) {
	r, err := c.rulesetByID(ctx, id)
	if !errors.Is(err, resource.ErrNotFound) {
		return r, err
	}
	all, look := c.rulesets(ctx)
	if look != nil {
		return r, look
	}
	if slices.ContainsFunc(all, func(s rulesetSummary) bool { return s.ID == id }) {
		return r, hidden(err)
	}
	return r, err
}

func (c *Client) rulesetByID(ctx context.Context, id int64) (Ruleset, error) {
	text, err := memo.Recall(ctx, &c.memo, "ruleset/"+strconv.FormatInt(id, 10), func(ctx context.Context) (json.RawMessage, error) {
		var text json.RawMessage
		if err := c.get(ctx, c.rulesetPath(id), &text); err != nil {
			return nil, fmt.Errorf("reading ruleset %d: %w", id, err)
		}
		return text, nil
	})
	r := Ruleset{ID: id}
	if err == nil { // every caller gets a copy of its own to change
		err = json.Unmarshal(text, &r.raw)
	}
	if err == nil && r.raw == nil { // a null would be taken for a ruleset without anything
		err = fmt.Errorf("reading ruleset %d: %w: null is not as GitHub documents it; is %s GitHub's?", id, resource.ErrLost, c.Host())
	}
	return r, err
}

type rulesetSummary struct {
	ID         int64  `json:"id"`
	Name       string `json:"name"`
	SourceType string `json:"source_type"`
}

func (c *Client) rulesets(ctx context.Context) ([]rulesetSummary, error) {
	all, err := memo.Recall(ctx, &c.memo, "rulesets", func(ctx context.Context) ([]rulesetSummary, error) {
		return pages[rulesetSummary](ctx, c, listing{path: c.at("rulesets") + "?includes_parents=false", size: 100})
	})
	if err != nil {
		return nil, fmt.Errorf("listing the rulesets of %s: %w", c.FullName(), hidden(err))
	}
	return all, nil
}

func (c *Client) rulesetID(ctx context.Context, name string) (int64, error) {
	all, err := c.rulesets(ctx)
	if err != nil {
		return 0, err
	}
	var ids []string
	var found int64
	for _, s := range all {
		if s.Name == name && (s.SourceType == "" || s.SourceType == "Repository") {
			ids, found = append(ids, strconv.FormatInt(s.ID, 10)), s.ID
		}
	}
	switch len(ids) {
	case 0:
		return 0, fmt.Errorf("ruleset %q: %w", name, resource.ErrNotFound)
	case 1:
		return found, nil
	default:
		return 0, fmt.Errorf("%s has %d rulesets called %q (ids %s): delete all but one of them", c.FullName(), len(ids), name, strings.Join(ids, ", "))
	}
}

func (c *Client) rulesetPath(id int64) string { return c.at("rulesets", strconv.FormatInt(id, 10)) }

// FreshRulesets forgets what is known of rulesets.
func (c *Client) FreshRulesets() { c.memo.Drop("rulesets", "ruleset/") }

// CreateRuleset makes the ruleset, and returns its id.
func (c *Client) CreateRuleset(ctx context.Context, r Ruleset) (int64, error) {
	defer c.FreshRulesets()
	var made rulesetSummary
	if _, err := c.send(ctx, request{method: http.MethodPost, path: c.at("rulesets"), body: r.body()}, &made); err != nil {
		return 0, fmt.Errorf("creating ruleset %q: %w", r.raw["name"], err)
	}
	return made.ID, nil
}

// ReplaceRuleset puts r in the place of the ruleset with r's id.
func (c *Client) ReplaceRuleset(ctx context.Context, r Ruleset) error {
	defer c.FreshRulesets()
	if _, err := c.send(ctx, request{method: http.MethodPut, path: c.rulesetPath(r.ID), body: r.body()}, nil); err != nil {
		return fmt.Errorf("changing ruleset %q: %w", r.raw["name"], err)
	}
	return nil
}

// body is what GitHub takes of what it shows. Bypass actors are sent only as they were read: they are
// not shown to everybody, and an absent list is kept while null is refused.
func (r Ruleset) body() map[string]any {
	body := map[string]any{}
	for _, key := range []string{"name", "target", "enforcement", "conditions", "rules", "bypass_actors"} {
		if value, ok := r.raw[key]; ok && value != nil {
			body[key] = value
		}
	}
	return body
}

// DeleteRuleset deletes the ruleset of that id.
func (c *Client) DeleteRuleset(ctx context.Context, id int64) error {
	defer c.FreshRulesets()
	_, err := c.send(ctx, request{method: http.MethodDelete, path: c.rulesetPath(id)}, nil)
	if err != nil && !errors.Is(err, resource.ErrNotFound) {
		return fmt.Errorf("deleting ruleset %d: %w", id, err)
	}
	return nil
}

func texts(v any) []string {
	list, _ := v.([]any)
	out := make([]string, 0, len(list))
	for _, item := range list {
		if s, ok := item.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

func anys(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}
