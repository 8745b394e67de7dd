package verify

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mlopsctl/mlopsctl/internal/github"
	"github.com/mlopsctl/mlopsctl/internal/rights"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// fromDesk looks as an operator: at everything that the login depends on, and at what the principal effectively
// holds. The login itself is the job's.
func (v Verifier) fromDesk(ctx context.Context, t Target, d *rights.Verdict) error {
	p, err := v.Plan(ctx)
	if err != nil {
		return err
	}
	for _, c := range p.Changes {
		if what := concerns(c, t); what != "" {
			d.Findings = append(d.Findings, v.stands(what, c))
		}
	}
	principal := p.Find("service_principal/" + t.Principal)
	if principal == nil || principal.Before == nil {
		d.Findings = append(d.Findings, unchecked("its privileges", "the principal was not found", ""))
		return nil
	}
	application, _ := principal.Before["application_id"].(string)
	v.privileges(ctx, t, d, []string{application})
	id, _ := principal.Before["id"].(string)
	if t.CIAuth == "oidc" {
		v.trusted(ctx, t, d, id)
	}
	d.Findings = append(d.Findings, unchecked("the login itself", "only "+job(t)+" has what it takes", "run `mlopsctl verify --target "+t.Name+"` in it"))
	return nil
}

func job(t Target) string {
	if t.Environment != "" {
		return "a job of the environment " + t.Environment
	}
	return "a job of the branch " + t.Branch
}

// concerns says what a change means for a target's principal, its login or what it is to have, "" for nothing.
func concerns(c plan.Change, t Target) string {
	text := func(field string) string {
		for _, o := range []resource.Object{c.Want, c.After, c.Before} {
			if s, ok := o[field].(string); ok {
				return s
			}
		}
		return ""
	}
	scoped := strings.HasPrefix(c.Address, c.Kind+"/"+t.Name+"/")
	itsOwn, here := strings.HasSuffix(c.Address, "/"+t.Principal), text("host") == t.Host
	switch c.Kind {
	case "service_principal":
		if c.Address == "service_principal/"+t.Principal {
			return "the principal"
		}
	case "workspace_assignment":
		if text("principal") == t.Principal && text("host") == t.Host {
			return "its access to the workspace"
		}
	case "group_member":
		if itsOwn {
			return "its membership of " + text("group")
		}
	case "entitlement":
		if itsOwn && here {
			return "its entitlements in the workspace"
		}
	case "permission":
		if itsOwn && here {
			return "what it may do with " + text("object_type") + ":" + text("object")
		}
	case "git_credential":
		if itsOwn && here {
			return "its Git credential"
		}
	case "federation_policy":
		if c.Address == "federation_policy/"+t.Principal+"/"+t.Name {
			return "the policy that lets its jobs in"
		}
	case "environment":
		if t.Environment != "" && strings.EqualFold(c.Address, "environment/"+t.Environment) {
			return "the environment of its jobs"
		}
	case "variable":
		name := c.Address[strings.LastIndex(c.Address, "/")+1:]
		if strings.HasSuffix(name, "DATABRICKS_HOST") || strings.HasSuffix(name, "DATABRICKS_CLIENT_ID") {
			if scoped || t.Environment == "" && strings.HasPrefix(name, prefix(t.Name)) {
				return "the variable " + name
			}
		}
	case "secret":
		if text("principal") == t.Principal && text("workspace") == t.Host {
			return "the secret " + strings.TrimPrefix(c.Address, "secret/")
		}
	}
	return ""
}

func prefix(target string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, strings.ToUpper(target)) + "_"
}

// stands judges by what a plan would do: nothing is what was promised.
func (v Verifier) stands(what string, c plan.Change) rights.Finding {
	f := rights.Finding{What: what, For: []string{c.Address}}
	switch {
	case c.Action == plan.None, c.Action == plan.Adopt && len(c.Fields) == 0, v.merelyDue(c):
		f.State, f.Why = rights.OK, shown(c)
	case c.Action == plan.Unknown:
		f.State, f.Why = rights.Unchecked, c.Reason
	default:
		f.State, f.Why, f.Fix = rights.Failed, reason(c), "apply again, and see who changed it"
	}
	return f
}

// merelyDue reports whether a credential still lives, and is only to be renewed before it ends, or to be tidied
// up after.
func (v Verifier) merelyDue(c plan.Change) bool {
	if c.Kind != "secret" || c.Before == nil {
		return false
	}
	need, _ := c.Before["need"].(string)
	end, _ := c.Before["expires_at"].(string)
	at, err := time.Parse(time.RFC3339, end)
	return need == "tidying" || need != "repair" && c.Before["expiring"] == true && err == nil && at.After(v.Now)
}

// shown is what tells that an object is right.
func shown(c plan.Change) string {
	for _, field := range []string{"subject", "expires_at", "value", "application_id"} {
		if s, ok := c.Before[field].(string); ok {
			return map[string]string{"subject": "it trusts ", "expires_at": "what it holds lives until ", "value": "it is ", "application_id": "it is active: "}[field] + s
		}
	}
	return "it is as the spec wishes it"
}

// reason says which field is wrong, and how.
func reason(c plan.Change) string {
	var differ []string
	for _, f := range c.Fields {
		if c.Action == plan.Update && !f.Sensitive {
			verb := "is"
			if _, many := f.After.([]any); many {
				verb = "are"
			}
			differ = append(differ, fmt.Sprintf("its %s %s %s, and should be %s", f.Path, verb, worded(f.Before), worded(f.After)))
		}
	}
	if len(differ) == 0 {
		return c.Reason
	}
	return strings.Join(differ, "; ")
}

// worded is a value of a field, for people.
func worded(value any) string {
	list, many := value.([]any)
	if !many {
		return fmt.Sprint(value)
	}
	var all []string
	for _, item := range list {
		all = append(all, fmt.Sprint(item))
	}
	return cmp.Or(strings.Join(all, ", "), "none")
}

// trusted looks whether a policy of the principal lets jobs of another target in.
func (v Verifier) trusted(ctx context.Context, t Target, d *rights.Verdict, principalID string) {
	const what = "that jobs of other targets are refused as it"
	policies, err := v.Fleet.FederationPolicies(ctx, principalID)
	if err != nil {
		d.Findings = append(d.Findings, unchecked(what, err.Error(), ""))
		return
	}
	var others []string
	for _, o := range v.Targets {
		if o.Name == t.Name || o.Principal == t.Principal || o.Environment == t.Environment && o.Branch == t.Branch {
			continue
		}
		subject, err := v.GitHub.Subject(ctx, github.Job{Environment: o.Environment, Branch: o.Branch})
		if err != nil {
			d.Findings = append(d.Findings, unchecked(what, err.Error(), ""))
			return
		}
		for _, p := range policies {
			if p.Subject == subject && p.Issuer == v.GitHub.Issuer() {
				d.Findings = append(d.Findings, failed(what, fmt.Sprintf("its policy %s trusts %s, the jobs of target %s", p.ID, subject, o.Name), "delete that policy"))
				return
			}
		}
		others = append(others, o.Name)
	}
	if len(others) > 0 {
		slices.Sort(others)
		d.Findings = append(d.Findings, held(what, "none of its policies trusts those of "+strings.Join(others, ", ")))
	}
}
