package databricks

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/memo"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// userRole lets somebody use a service principal: run jobs as it.
const userRole = "roles/servicePrincipal.user"

// ruleSet is who has which role on a service principal. A rule is kept as it came, with whatever else the service
// may have put into it: the set is written back as a whole.
type ruleSet struct {
	Name  string           `json:"name"`
	Etag  string           `json:"etag"`
	Rules []map[string]any `json:"grant_rules,omitempty"`
}

// UserChange is who is let use a service principal, and who no longer: users/EMAIL, groups/NAME or
// servicePrincipals/APPLICATION-ID.
type UserChange struct{ Add, Remove []string }

// PrincipalUsers returns who may use the service principal of that application id by its rule set, as a rule names
// them, or resource.ErrNotFound where the account has no such principal.
func (f *Fleet) PrincipalUsers(ctx context.Context, applicationID string) ([]string, error) {
	set, err := memo.Recall(ctx, &f.memo, "rules/"+applicationID, func(ctx context.Context) (ruleSet, error) {
		return f.readRules(ctx, applicationID)
	})
	if err != nil {
		return nil, err
	}
	return set.users(), nil
}

// ForgetRules makes the next look at a rule set one at live state.
func (f *Fleet) ForgetRules() { f.memo.Drop("rules/") }

// ChangePrincipalUsers makes all changes of who may use one service principal in one request. The service replaces
// the whole rule set, so it is read, changed and written back with its etag; where somebody else wrote in
// between, it is read again, so that nothing of theirs is lost. Other roles, and others who may use it, stay.
func (f *Fleet) ChangePrincipalUsers(ctx context.Context, applicationID string, change UserChange) error {
	defer f.memo.Drop("rules/" + applicationID)
	var conflict error
	for range 3 {
		set, err := f.readRules(ctx, applicationID)
		if err != nil {
			return err
		}
		if !set.change(change) {
			return nil
		}
		conflict = f.writeRules(ctx, set)
		if !errors.Is(conflict, resource.ErrConflict) {
			break
		}
	}
	if errors.Is(conflict, resource.ErrConflict) { // what is read may lag behind what was written
		conflict = fmt.Errorf("%w: %w", resource.ErrNotYet, conflict)
	}
	if conflict != nil {
		return fmt.Errorf("changing who may use service principal %s: %w", applicationID, conflict)
	}
	return nil
}

func (f *Fleet) rulesPath() string {
	return route("/api/2.0/preview/accounts", f.AccountID(), "access-control", "rule-sets")
}

func (f *Fleet) readRules(ctx context.Context, applicationID string) (ruleSet, error) {
	c, err := f.onAccount()
	if err != nil {
		return ruleSet{}, err
	}
	name := fmt.Sprintf("accounts/%s/servicePrincipals/%s/ruleSets/default", f.AccountID(), applicationID)
	var set ruleSet
	// An empty etag asks for whatever is there.
	err = send(ctx, c, request{method: http.MethodGet, path: f.rulesPath(), query: map[string]any{"name": name, "etag": ""}}, &set)
	if err != nil {
		return ruleSet{}, fmt.Errorf("reading who may use service principal %s: %w", applicationID, err)
	}
	set.Name = name
	return set, nil
}

func (f *Fleet) writeRules(ctx context.Context, set ruleSet) error {
	c, err := f.onAccount()
	if err != nil {
		return err
	}
	body := map[string]any{"name": set.Name, "rule_set": set}
	return send(ctx, c, request{method: http.MethodPut, path: f.rulesPath(), body: body}, nil)
}

func (s *ruleSet) users() []string {
	var users []string
	for _, r := range s.Rules {
		if r["role"] == userRole {
			users = append(users, principalsOf(r)...)
		}
	}
	slices.Sort(users)
	return slices.Compact(users)
}

func principalsOf(rule map[string]any) []string {
	list, _ := rule["principals"].([]any)
	var names []string
	for _, item := range list {
		if name, ok := item.(string); ok {
			names = append(names, name)
		}
	}
	return names
}

// change changes the set and reports whether anything differs then.
func (s *ruleSet) change(c UserChange) bool {
	holds := func(list []string, name string) bool {
		return slices.ContainsFunc(list, func(n string) bool { return strings.EqualFold(n, name) })
	}
	before := s.users()
	add := slices.DeleteFunc(slices.Clone(c.Add), func(name string) bool { return holds(before, name) })
	changed := false
	for i, r := range s.Rules {
		if r["role"] != userRole {
			continue
		}
		all := principalsOf(r)
		left := slices.DeleteFunc(slices.Clone(all), func(name string) bool { return holds(c.Remove, name) })
		left = append(left, add...)
		changed, add = changed || len(left) != len(all) || len(add) > 0, nil
		s.Rules[i]["principals"] = left
	}
	if len(add) > 0 {
		s.Rules, changed = append(s.Rules, map[string]any{"role": userRole, "principals": add}), true
	}
	s.Rules = slices.DeleteFunc(s.Rules, func(r map[string]any) bool {
		left, mine := r["principals"].([]string)
		return mine && len(left) == 0 // the service takes no rule for nobody
	})
	return changed
}
