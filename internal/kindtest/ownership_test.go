package kindtest

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"slices"
	"testing"

	"github.com/mlopsctl/mlopsctl/internal/credentials"
	"github.com/mlopsctl/mlopsctl/internal/databricks"
	"github.com/mlopsctl/mlopsctl/internal/github"
	"github.com/mlopsctl/mlopsctl/internal/kinds"
	"github.com/mlopsctl/mlopsctl/internal/transport"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// types binds the kinds to clients that have seen nothing yet and may write.
func (w *world) types() map[string]resource.Type {
	w.t.Helper()
	scrub, guard := &transport.Scrubber{}, &transport.Guard{}
	guard.AllowWrites()
	wire := transport.New(transport.Options{
		Base: w.sandbox.RoundTripper(), Guard: guard, Secrets: scrub, Clock: w.clock, Trusted: func(string) bool { return true },
	})
	operator := w.sandbox.Operator()
	env := func(name string) (string, bool) {
		if name == "MLOPS_WORKFLOW_TOKEN" {
			return canary, true
		}
		value, ok := operator[name]
		return value, ok
	}
	hub, err := github.New(github.Options{
		Host: w.stack.Git.Host, Owner: w.stack.Git.Owner, Repo: w.stack.Git.Name, Dir: w.stack.Dir, Transport: wire, Now: w.clock.Now,
		Token: func(context.Context) (string, error) { return operator["GITHUB_TOKEN"], nil },
	})
	if err != nil {
		w.t.Fatal(err)
	}
	o := databricks.Options{Config: databricks.Logins{Transport: wire, Secrets: scrub, Env: env}.Config}
	if a := w.stack.Account; a != nil {
		o.Account = &databricks.Host{URL: a.Host, AccountID: a.ID}
	}
	for _, t := range w.stack.Targets {
		o.Workspaces = append(o.Workspaces, databricks.Host{URL: t.Host})
	}
	o.Principals, o.Groups, o.Users = kinds.Principals(w.stack)
	fleet := databricks.New(o)
	vault := credentials.New(credentials.Options{GitHub: hub, Fleet: fleet, LookupEnv: env, Dir: w.stack.Dir, Secrets: scrub, Clock: w.clock})
	byName := map[string]resource.Type{}
	for _, t := range kinds.All(kinds.Clients{GitHub: hub, Databricks: fleet, Vault: vault}, w.stack) {
		byName[t.Name] = t
	}
	return byName
}

// owned are the kinds that a stack can own, each with an object of the full spec that can be deleted and
// made again by itself, and whether the service tells such a one from the first.
var owned = []struct {
	kind, address string
	hasID         bool
}{
	{"repository", "repository", true},
	{"branch", "branch/release", false},
	{"branch_protection", "branch_protection/main", true},
	{"team", "team/ml-leads", false},
	{"environment", "environment/prod", true},
	{"variable", "variable/prod/FEATURE_TABLE", false},
	{"secret", "secret/WORKFLOW_TOKEN", false},
	{"service_principal", "service_principal/taxi-prod", true},
	{"workspace_assignment", "workspace_assignment/prod/taxi-prod", false},
	{"group", "group/taxi-principals", true},
	{"group_member", "group_member/taxi-principals/taxi-prod", false},
	{"entitlement", "entitlement/prod/taxi-prod", false},
	{"git_credential", "git_credential/prod/taxi-prod", true},
	{"principal_user", "principal_user/taxi-prod/group:ml-engineers", false},
	{"catalog", "catalog/test", true},
	{"schema", "schema/prod.taxi", true},
	{"grant", "grant/schema:prod.taxi/taxi-prod", false},
	{"federation_policy", "federation_policy/taxi-prod/prod", true},
	{"directory", "directory/prod/Shared/taxi", true},
	{"permission", "permission/prod/experiment:/Shared/fares/group:ml-engineers", false},
}

// neverOwned are the kinds that nobody can delete.
var neverOwned = []string{"catalog_binding", "first_commit", "workflow_permissions"}

func TestEveryKindIsOwnedOrNever(t *testing.T) {
	w := open(t, read(t, "testdata/full.yaml"), read(t, "testdata/world.yaml"))
	var listed []string
	for _, o := range owned {
		listed = append(listed, o.kind)
	}
	listed = append(listed, neverOwned...)
	if slices.Sort(listed); !slices.Equal(listed, everyKind) {
		t.Errorf("the kinds listed are %v, want %v", listed, everyKind)
	}
	for name, kind := range w.types() {
		never := slices.Contains(neverOwned, name) || name == "deployment" || name == "workflow_run"
		if (kind.Delete == nil) != never || (len(kind.LiveIdentity) == 0) != never {
			t.Errorf("%s can be deleted: %t, has a live identity: %v", name, kind.Delete != nil, kind.LiveIdentity)
		}
	}
}

// TestWhatIsThereShowsWhatTheLedgerKnowsItBy reads every object of the full spec through nothing but what
// was seen of it, as one that left the spec is read.
func TestWhatIsThereShowsWhatTheLedgerKnowsItBy(t *testing.T) {
	specText, worldText := full(t)
	w := open(t, specText, worldText)
	w.settle()
	types := w.types()
	for _, c := range w.plan().Changes {
		kind := types[c.Kind]
		if len(kind.LiveIdentity) == 0 || c.Before == nil {
			continue
		}
		for _, field := range kind.LiveIdentity {
			optional := c.Kind == "variable" || c.Kind == "secret" // those of the repository are in no environment
			if _, shown := c.Before[field]; !shown && (field != "environment" || !optional) {
				t.Errorf("%s does not show its %s: %v", c.Address, field, c.Before)
			}
		}
		again, err := kind.Read(t.Context(), c.Before)
		if err != nil {
			t.Errorf("%s is not found by what was seen of it: %v", c.Address, err)
		} else if identity(kind, again) != identity(kind, c.Before) {
			t.Errorf("%s is another one: %s, %s", c.Address, identity(kind, again), identity(kind, c.Before))
		}
	}
}

// identity is a live object's identity as text.
func identity(t resource.Type, live resource.Object) string {
	id := resource.Object{}
	for _, field := range t.LiveIdentity {
		id[field] = live[field]
	}
	return text(id)
}

// wish returns a change's wish with the values of what is there filled in.
func wish(p *plan.Plan, address string) resource.Object {
	c := p.Find(address)
	want, _ := resource.Resolve(c.Want, func(r resource.Ref) (any, bool) {
		if of := p.Find(r.Addr); of != nil {
			value, ok := of.Before[r.Field]
			return value, ok
		}
		return nil, false
	})
	return want
}

// The catalog prod was there before the stack, as the world says: it was changed, and bears no mark.
func TestWhatAStackMakesBearsItsMark(t *testing.T) {
	specText, worldText := full(t)
	w := open(t, specText, worldText)
	w.settle()
	types, marks := w.types(), map[string]bool{}
	for _, c := range w.plan().Changes {
		kind := types[c.Kind]
		if kind.Marked == nil {
			continue
		}
		marks[c.Kind] = true
		for stack, want := range map[string]bool{"taxi": true, "tax": false, "taxi-prod": false, "": false} {
			if marked, err := kind.Marked(stack, c.Before); marked != (want && c.Address != "catalog/prod") || err != nil {
				t.Errorf("%s bears the mark of %q: %t, %v", c.Address, stack, marked, err)
			}
		}
	}
	if got := slices.Sorted(maps.Keys(marks)); !reflect.DeepEqual(got, []string{"branch_protection", "catalog", "federation_policy", "schema"}) {
		t.Errorf("the kinds with a mark are %v", got)
	}
}

// notFound fails unless an object is absent.
func notFound(t *testing.T, kind resource.Type, what resource.Object) {
	t.Helper()
	if live, err := kind.Read(t.Context(), what); !errors.Is(err, resource.ErrNotFound) {
		t.Errorf("what was deleted is %v, %v", live, err)
	}
}
