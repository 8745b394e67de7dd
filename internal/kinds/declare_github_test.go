package kinds

import (
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mlopsctl/mlopsctl/pkg/resource"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

// wished maps the addresses of declarations to one text of each wish.
func wished[T any](decls []resource.Decl[T], show func(T) string) map[string]string {
	out := map[string]string{}
	for _, d := range decls {
		out[d.Addr.String()] = show(d.Want)
	}
	return out
}

func shown(t resource.Text) string {
	if t.Ref != nil {
		return "<" + t.Ref.Addr + " " + t.Ref.Field + ">"
	}
	return t.Value
}

// targets has every way to log in, with an environment and without.
func targets() []spec.Target {
	with := &spec.Environment{}
	return []spec.Target{
		{Name: "dev", Host: "https://dev"},
		{Name: "a", Host: "https://a", ServicePrincipal: "p-a", CIAuth: spec.OIDC, Environment: with},
		{Name: "b-1", Host: "https://b", ServicePrincipal: "p-b", CIAuth: spec.OIDC, Branch: "main"},
		{Name: "c", Host: "https://c", ServicePrincipal: "p-c", CIAuth: spec.OAuthSecret, Environment: with},
		{Name: "d", Host: "https://d", ServicePrincipal: "p-d", CIAuth: spec.OAuthSecret},
		{Name: "e", Host: "https://e", ServicePrincipal: "p-e", CIAuth: spec.AccessToken, Environment: with},
		{Name: "f", Host: "https://f", ServicePrincipal: "p-f", CIAuth: spec.AccessToken},
	}
}

func TestCIAuthImpliesVariables(t *testing.T) {
	stack := &spec.Stack{Targets: targets(), Variables: []spec.Variable{
		{Name: "MODEL_OWNER", Value: "ml"},
		{Name: "DATABRICKS_HOST", Environment: "A", Value: "https://mine"}, // names are the same in any case
	}}
	got := wished(declareVariables(resource.Wishes{Stack: stack}), func(v variable) string { return shown(v.Environment) + " " + shown(v.Value) })
	want := map[string]string{
		"variable/MODEL_OWNER":              " ml",
		"variable/A/DATABRICKS_HOST":        "A https://mine",
		"variable/a/DATABRICKS_CLIENT_ID":   "<environment/a name> <service_principal/p-a application_id>",
		"variable/B_1_DATABRICKS_HOST":      " https://b",
		"variable/B_1_DATABRICKS_CLIENT_ID": " <service_principal/p-b application_id>",
		"variable/c/DATABRICKS_HOST":        "<environment/c name> https://c",
		"variable/c/DATABRICKS_CLIENT_ID":   "<environment/c name> <service_principal/p-c application_id>",
		"variable/D_DATABRICKS_HOST":        " https://d",
		"variable/D_DATABRICKS_CLIENT_ID":   " <service_principal/p-d application_id>",
		"variable/e/DATABRICKS_HOST":        "<environment/e name> https://e",
		"variable/F_DATABRICKS_HOST":        " https://f",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestCIAuthImpliesSecrets(t *testing.T) {
	stack := &spec.Stack{Targets: targets(), Secrets: []spec.Secret{
		{Name: "WORKFLOW_TOKEN", Env: "MLOPS_WORKFLOW_TOKEN"},
		{Name: "D_DATABRICKS_CLIENT_SECRET", OAuthSecret: &spec.OAuthSecretSource{Target: "d", Lifetime: time.Hour}, RotateBefore: time.Minute},
	}}
	got := wished(declareSecrets(resource.Wishes{Stack: stack}), func(s secret) string {
		return shown(s.Environment) + " " + s.Env + string(s.Issue) + " " + shown(s.PrincipalID) + " " +
			(time.Duration(s.LifetimeSeconds) * time.Second).String() + " " + (time.Duration(s.RotateBeforeSeconds) * time.Second).String() + " " + (time.Duration(s.OverlapSeconds) * time.Second).String()
	})
	want := map[string]string{
		"secret/WORKFLOW_TOKEN":             " MLOPS_WORKFLOW_TOKEN  0s 0s 0s",
		"secret/D_DATABRICKS_CLIENT_SECRET": " oauth_secret <service_principal/p-d id> 1h0m0s 1m0s 0s",
		"secret/c/DATABRICKS_CLIENT_SECRET": "<environment/c name> oauth_secret <service_principal/p-c id> 2160h0m0s 336h0m0s 24h0m0s",
		"secret/e/E_WORKSPACE_TOKEN":        "<environment/e name> access_token <service_principal/p-e id> 0s 0s 0s",
		"secret/F_WORKSPACE_TOKEN":          " access_token <service_principal/p-f id> 0s 0s 0s",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSecretsAlikeCountEachOther(t *testing.T) {
	source := &spec.OAuthSecretSource{Target: "d", Lifetime: time.Hour}
	stack := &spec.Stack{Targets: targets(), Secrets: []spec.Secret{
		{Name: "ONE", OAuthSecret: source}, {Name: "TWO", OAuthSecret: source},
		{Name: "LONGER", OAuthSecret: &spec.OAuthSecretSource{Target: "d", Lifetime: 2 * time.Hour}},
	}}
	got := wished(declareSecrets(resource.Wishes{Stack: stack}), func(s secret) string { return strconv.Itoa(s.Places) })
	for address, want := range map[string]string{"secret/ONE": "2", "secret/TWO": "2", "secret/LONGER": "0", "secret/c/DATABRICKS_CLIENT_SECRET": "0"} {
		if got[address] != want {
			t.Errorf("%s counts %q places, want %s", address, got[address], want)
		}
	}
}

func TestABranchSaysWhatItIsCreatedOff(t *testing.T) {
	main := spec.Branch{Name: "main", Default: true}
	release := spec.Branch{Name: "release", From: "main"}
	hotfix := spec.Branch{Name: "hotfix"}
	commit := &spec.FirstCommit{}
	for name, c := range map[string]struct {
		stack spec.Stack
		want  map[string]string
	}{
		"a first commit": {
			spec.Stack{Git: spec.Git{FirstCommit: commit}, Branches: []spec.Branch{main, release, hotfix}},
			map[string]string{"branch/main": "<first_commit branch>", "branch/release": "<branch/main name>", "branch/hotfix": "<branch/main name>"},
		},
		"no first commit":  {spec.Stack{Branches: []spec.Branch{main, release}}, map[string]string{"branch/main": "", "branch/release": "<branch/main name>"}},
		"no default":       {spec.Stack{Branches: []spec.Branch{hotfix}}, map[string]string{"branch/hotfix": ""}},
		"no default, push": {spec.Stack{Git: spec.Git{FirstCommit: commit}, Branches: []spec.Branch{hotfix}}, map[string]string{"branch/hotfix": "<first_commit branch>"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := wished(declareBranches(resource.Wishes{Stack: &c.stack}), func(b branch) string { return shown(b.From) })
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestASubjectIsWishedOnlyWhereAPrincipalLogsInByIt(t *testing.T) {
	stack := &spec.Stack{Targets: targets(), Branches: []spec.Branch{{Name: "main"}, {Name: "release"}}}
	w := resource.Wishes{Stack: stack}
	yes := func(b bool) string { return map[bool]string{true: "yes"}[b] }
	if diff := cmp.Diff(map[string]string{"branch/main": "yes", "branch/release": ""}, wished(declareBranches(w), func(b branch) string { return yes(b.OIDC) })); diff != "" {
		t.Errorf("branches (-want +got):\n%s", diff)
	}
	want := map[string]string{"environment/a": "yes", "environment/c": "", "environment/e": ""}
	if diff := cmp.Diff(want, wished(declareEnvironments(w), func(e environment) string { return yes(e.OIDC) })); diff != "" {
		t.Errorf("environments (-want +got):\n%s", diff)
	}
}

func TestProtectionComesLastOnABranch(t *testing.T) {
	two := 2
	stack := &spec.Stack{Name: "taxi", Git: spec.Git{FirstCommit: &spec.FirstCommit{}}, Branches: []spec.Branch{
		{Name: "main", Default: true, Protection: &spec.Protection{RequiredApprovals: &two, RequiredChecks: []string{"b", "a", "b"}}},
		{Name: "release", From: "main"},
	}}
	decls := declareBranchProtection(resource.Wishes{Stack: stack})
	if len(decls) != 1 {
		t.Fatalf("%d declarations", len(decls))
	}
	var needs []string
	for _, n := range decls[0].Needs {
		needs = append(needs, n.Addr)
	}
	if diff := cmp.Diff([]string{"branch/main", "first_commit", "branch/release"}, needs); diff != "" {
		t.Error(diff)
	}
	want := branchProtection{
		Repository: inRepository(), Branch: "main", Name: "mlopsctl/taxi: main", Enforcement: "active",
		Refs: []string{"refs/heads/main"}, ExceptRefs: []string{}, RequiredApprovals: &two, RequiredChecks: []string{"a", "b"},
	}
	if diff := cmp.Diff(want, decls[0].Want); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAbsentAndEmptyListsStayApart(t *testing.T) {
	declared := func(e spec.Environment) resource.Object {
		w := resource.Wishes{Stack: &spec.Stack{Targets: []spec.Target{{Name: "prod", Environment: &e}}}}
		wishes, err := resource.Bind(environmentKind, nil).Declare(w)
		if err != nil {
			t.Fatal(err)
		}
		return wishes[0].Want
	}
	absent, empty := declared(spec.Environment{}), declared(spec.Environment{Reviewers: []string{}, Branches: []string{}})
	for _, field := range []string{"reviewers", "branches"} {
		if _, there := absent[field]; there {
			t.Errorf("%s is managed though the spec does not speak of it", field)
		}
		if list, ok := empty[field].([]any); !ok || len(list) != 0 {
			t.Errorf("empty %s are %#v", field, empty[field])
		}
	}
}

func TestALowerRoleTakesAccessAway(t *testing.T) {
	for _, c := range []struct {
		have, want string
		guard      resource.Guard
	}{
		{"read", "admin", resource.Unguarded}, {"admin", "read", resource.AccessLoss}, {"push", "push", resource.Unguarded}, {"custom", "admin", resource.AccessLoss},
	} {
		if got := loweredRole(team{Role: c.have}, team{Role: c.want}); got != c.guard {
			t.Errorf("%s to %s is %s, want %s", c.have, c.want, got, c.guard)
		}
	}
}
