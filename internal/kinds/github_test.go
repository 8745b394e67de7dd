package kinds

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mlopsctl/mlopsctl/internal/github"
	"github.com/mlopsctl/mlopsctl/internal/sandbox"
	"github.com/mlopsctl/mlopsctl/internal/transport"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// forge is a GitHub in the sandbox and a client of the repository acme/taxi on it.
type forge struct {
	*github.Client
	sandbox *sandbox.Sandbox
	wire    http.RoundTripper
	token   string
	dir     string
}

func openForge(t *testing.T, world string) *forge {
	t.Helper()
	now := func() time.Time { return time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC) }
	s, err := sandbox.Open(sandbox.Options{Now: now, World: []byte(world), Hosts: sandbox.Hosts{
		Account: "https://accounts.cloud.databricks.com", AccountID: "11111111-2222-3333-4444-555555555555",
		Workspaces: []string{"https://prod.cloud.databricks.com"}, GitHub: "https://github.com", Owner: "acme",
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	guard := &transport.Guard{}
	guard.AllowWrites()
	f := &forge{sandbox: s, token: s.Operator()["GITHUB_TOKEN"], dir: t.TempDir(), wire: transport.New(transport.Options{
		Base: s.RoundTripper(), Guard: guard, Trusted: func(host string) bool { return strings.HasSuffix(host, "github.com") },
	})}
	f.write(t, "README.md", "# Taxi\n")
	f.renew(t)
	return f
}

// renew opens a client that has seen nothing yet, as the next run's would be.
func (f *forge) renew(t *testing.T) {
	t.Helper()
	c, err := github.New(github.Options{
		Host: "https://github.com", Owner: "acme", Repo: "taxi", Dir: f.dir, Transport: f.wire,
		Token: func(context.Context) (string, error) { return f.token, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	f.Client = c
}

func (f *forge) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(f.dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// outside makes a request as somebody else would.
func (f *forge) outside(t *testing.T, method, path, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "https://api.github.com/repos/acme/taxi"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+f.token)
	resp, err := f.wire.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close() // in memory
	f.renew(t)
}

const (
	aRepository = "github: {repositories: [{name: acme/taxi, files: {README.md: x}}], teams: [{slug: ml-leads}, {slug: ml-engineers}], users: [{login: ada, role: member}]}"
	anEmptyOne  = "github: {repositories: [{name: acme/taxi}]}"
	noWorld     = "github: {}"
)

var id = resource.Known("1")

func wantBlocked(t *testing.T, err error, part string) {
	t.Helper()
	var blocked *resource.Blocked
	if !errors.As(err, &blocked) || !strings.Contains(blocked.Reason, part) {
		t.Errorf("the answer is %v, want it blocked with %q", err, part)
	}
}

func same[T any](t *testing.T, what string, want, got T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestRepositoryIsMadePrivateUnlessTheSpecSaysOtherwise(t *testing.T) {
	f := openForge(t, noWorld)
	want := repository{Host: "https://github.com", Owner: "acme", Name: "taxi"}
	if _, err := readRepository(t.Context(), f.Client, want); !errors.Is(err, resource.ErrNotFound) {
		t.Fatalf("a missing repository is %v", err)
	}
	made, err := createRepository(t.Context(), f.Client, want)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "visibility", "private", made.Visibility)
	live, err := readRepository(t.Context(), f.Client, want)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "what a read says", made, live)
	text := "Taxi fare model"
	want.Description, want.Visibility = &text, "internal"
	changed, err := updateRepository(t.Context(), f.Client, live, want)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "changes", [2]string{text, "internal"}, [2]string{*changed.Description, changed.Visibility})
}

func TestAnArchivedRepositoryIsBlocked(t *testing.T) {
	f := openForge(t, "github: {repositories: [{name: acme/taxi, archived: true}]}")
	_, err := readRepository(t.Context(), f.Client, repository{})
	wantBlocked(t, err, "archived")
}

func TestTheFirstCommitIsPushedOnce(t *testing.T) {
	f := openForge(t, anEmptyOne)
	want := firstCommit{Repository: id, Branch: "trunk", Message: "Begin", Paths: []string{"README.md", "LICENSE"}}
	_, err := readFirstCommit(t.Context(), f.Client, want)
	wantBlocked(t, err, "LICENSE")
	f.write(t, "LICENSE", "Apache-2.0")
	if absent, err := readFirstCommit(t.Context(), f.Client, want); !errors.Is(err, resource.ErrNotFound) || absent.Branch != "" {
		t.Fatalf("an empty repository is %v, %v", absent, err)
	}
	if _, err := createFirstCommit(t.Context(), f.Client, want); err != nil {
		t.Fatal(err)
	}
	if ready, err := firstCommitReady(t.Context(), f.Client, want); !ready || err != nil {
		t.Errorf("ready is %v, %v", ready, err)
	}
	if err := os.Remove(filepath.Join(f.dir, "LICENSE")); err != nil {
		t.Fatal(err)
	}
	f.renew(t)
	done, err := readFirstCommit(t.Context(), f.Client, want)
	if err != nil {
		t.Fatalf("once it is done, a file that is missing matters no more: %v", err)
	}
	same(t, "its branch", "trunk", done.Branch)
	if _, err := createFirstCommit(t.Context(), f.Client, want); err == nil {
		t.Error("it is pushed a second time")
	}
}

func TestABranchIsCreatedOnceAndNeverMoved(t *testing.T) {
	f := openForge(t, anEmptyOne)
	release := branch{Repository: id, Name: "release", From: resource.Known("main")}
	_, err := readBranch(t.Context(), f.Client, branch{Repository: id, Name: "main"})
	wantBlocked(t, err, "first commit")
	coming := branch{Repository: id, Name: "main", From: resource.From(firstCommitAddr, "branch")}
	if _, err := readBranch(t.Context(), f.Client, coming); !errors.Is(err, resource.ErrNotFound) {
		t.Errorf("a branch that the first commit will make is %v", err)
	}
	if _, err := createFirstCommit(t.Context(), f.Client, firstCommit{Branch: "main", Message: "Begin", Paths: []string{"README.md"}}); err != nil {
		t.Fatal(err)
	}
	main, err := createBranch(t.Context(), f.Client, branch{Repository: id, Name: "main", Default: true, From: resource.Known("main")})
	if err != nil || !main.Default {
		t.Fatalf("what the first commit made is %+v, %v", main, err)
	}
	made, err := createBranch(t.Context(), f.Client, release)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "release", branch{Repository: id, Name: "release", Ref: "refs/heads/release"}, made)
	live, err := readBranch(t.Context(), f.Client, release)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "what a read says", made, live)
	release.Default = true
	live, err = updateBranch(t.Context(), f.Client, live, release)
	if err != nil {
		t.Fatal(err)
	}
	f.renew(t)
	again, err := readBranch(t.Context(), f.Client, release)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "the new default", live, again)
}

func TestOwnRulesetLeavesOtherRulesAlone(t *testing.T) {
	f := openForge(t, aRepository)
	one, two, no, yes := 1, 2, false, true
	want := branchProtection{
		Repository: id, Branch: "main", Name: "mlopsctl/taxi: main", Enforcement: "active", Refs: []string{"refs/heads/main"}, ExceptRefs: []string{},
		RequiredApprovals: &one, RequiredChecks: []string{"gate"}, AllowForcePush: &no,
	}
	if _, err := readBranchProtection(t.Context(), f.Client, want); !errors.Is(err, resource.ErrNotFound) {
		t.Fatalf("a missing ruleset is %v", err)
	}
	made, err := createBranchProtection(t.Context(), f.Client, want)
	if err != nil {
		t.Fatal(err)
	}
	expected := want
	expected.ID, expected.BypassActors = made.ID, []string{} // seen, if not wished
	same(t, "made", expected, made)

	if _, err := createBranchProtection(t.Context(), f.Client, want); !errors.Is(err, resource.ErrExists) {
		t.Errorf("a second one of its name is %v; want that it is there", err)
	}

	r, err := f.Ruleset(t.Context(), want.Name)
	if err != nil {
		t.Fatal(err)
	}
	r.SetRule("deletion", nil) // somebody tightens it
	parameters, _ := r.Rule(rulePullRequest)
	parameters["require_code_owner_review"] = true
	r.SetRule(rulePullRequest, parameters)
	if err := f.ReplaceRuleset(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	want.RequiredApprovals, want.RequiredChecks, want.AllowForcePush = &two, []string{}, &yes
	changed, err := updateBranchProtection(t.Context(), f.Client, made, want)
	if err != nil {
		t.Fatal(err)
	}
	expected = want
	expected.ID, expected.BypassActors = made.ID, []string{}
	same(t, "changed", expected, changed)
	r, err = f.Ruleset(t.Context(), want.Name)
	if err != nil {
		t.Fatal(err)
	}
	parameters, _ = r.Rule(rulePullRequest)
	if _, kept := r.Rule("deletion"); !kept || parameters["require_code_owner_review"] != true {
		t.Error("an update undid what the spec does not speak of")
	}
}

func TestAPlanWithoutTheFeatureBlocks(t *testing.T) {
	free := openForge(t, "github: {plan: free, repositories: [{name: acme/taxi, files: {README.md: x}}]}")
	_, err := readBranchProtection(t.Context(), free.Client, branchProtection{Repository: id, Branch: "main"})
	wantBlocked(t, err, `"free"`)
	team := openForge(t, "github: {plan: team, repositories: [{name: acme/taxi, files: {README.md: x}}], users: [{login: ada, role: member}]}")
	_, err = readEnvironment(t.Context(), team.Client, environment{Repository: id, Name: "prod", Reviewers: []string{"user:ada"}})
	wantBlocked(t, err, "required reviewers")
	if _, err := readEnvironment(t.Context(), team.Client, environment{Repository: id, Name: "prod", Branches: []string{"main"}}); !errors.Is(err, resource.ErrNotFound) {
		t.Errorf("branch policies on the plan team are %v", err)
	}
	none := openForge(t, "github: {plan: free}")
	_, err = readEnvironment(t.Context(), none.Client, environment{Name: "prod", Branches: []string{"main"}})
	wantBlocked(t, err, `"free"`)
	if _, err := readEnvironment(t.Context(), none.Client, environment{Name: "prod", Branches: []string{"main"}, Visibility: "public"}); !errors.Is(err, resource.ErrNotFound) {
		t.Errorf("a public repository to be is %v", err)
	}
}

func TestATeamGetsItsRole(t *testing.T) {
	f := openForge(t, aRepository)
	want := team{Repository: id, Slug: "ml-leads", Role: "read"}
	if _, err := readTeam(t.Context(), f.Client, want); !errors.Is(err, resource.ErrNotFound) {
		t.Fatalf("a team without a role is %v", err)
	}
	for _, role := range []string{"read", "triage", "push", "maintain", "admin"} {
		want.Role = role
		got, err := createTeam(t.Context(), f.Client, want)
		if err != nil {
			t.Fatal(err)
		}
		same(t, role, team{Repository: id, Slug: "ml-leads", Role: role, TeamID: got.TeamID}, got)
	}
	_, err := readTeam(t.Context(), f.Client, team{Repository: id, Slug: "nobody", Role: "read"})
	wantBlocked(t, err, "nobody")
	_, err = readTeam(t.Context(), openForge(t, "github: {owner_type: user}").Client, team{Slug: "ml-leads"})
	wantBlocked(t, err, "is a user")
}

func TestOnlyTheSettingThatDiffersIsSent(t *testing.T) {
	f := openForge(t, "github: {workflow_permissions: {default: read, create_pull_requests: true, locked: true}, repositories: [{name: acme/taxi}]}")
	yes := true
	want := workflowPermissions{Repository: id, Default: "read", CreatePullRequests: &yes}
	have, err := workflowPermissionsKind.Create(t.Context(), f.Client, want)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "what a locked organisation allows", want, have)
	want.Default = "write"
	if _, err := updateWorkflowPermissions(t.Context(), f.Client, have, want); err == nil || !strings.Contains(err.Error(), "the organisation acme gives its workflows read permissions") {
		t.Errorf("a setting that the organisation forbids is %v", err)
	}
}

func TestAnEnvironmentsBranchesAreManagedAsAWhole(t *testing.T) {
	f := openForge(t, aRepository)
	want := environment{Repository: id, Name: "prod", Reviewers: []string{"team:ml-leads", "user:ada"}, Branches: []string{"release"}}
	made, err := saveEnvironment(t.Context(), f.Client, want)
	if err != nil {
		t.Fatal(err)
	}
	right := want
	right.ID = made.ID
	same(t, "made", right, made)
	f.outside(t, "PUT", "/environments/prod", `{"wait_timer":30,"prevent_self_review":true,"deployment_branch_policy":{"protected_branches":false,"custom_branch_policies":true}}`)
	f.outside(t, "POST", "/environments/prod/deployment-branch-policies", `{"name":"v*","type":"tag"}`)
	f.outside(t, "POST", "/environments/prod/deployment-branch-policies", `{"name":"feature/*"}`)
	have, err := readEnvironment(t.Context(), f.Client, want)
	if err != nil {
		t.Fatal(err)
	}
	drifted := right
	drifted.Reviewers, drifted.Branches = []string{}, []string{"feature/*", "release", "tag:v*"}
	same(t, "what somebody changed", drifted, have)
	if got := closedBranches(have, want); got != resource.AccessLoss {
		t.Errorf("closing branches is %s", got)
	}
	back, err := saveEnvironment(t.Context(), f.Client, want)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "brought back", right, back)
	live, err := f.FreshEnvironment(t.Context(), "prod")
	if err != nil {
		t.Fatal(err)
	}
	if live.WaitTimer != 30 {
		t.Errorf("the wait timer, which the spec does not speak of, became %d", live.WaitTimer)
	}
}

func TestAnEnvironmentNamesAMissingReviewer(t *testing.T) {
	f := openForge(t, aRepository)
	for _, who := range []string{"team:nobody", "user:nobody"} {
		for _, repository := range []resource.Text{id, {}} {
			_, err := readEnvironment(t.Context(), f.Client, environment{Repository: repository, Name: "prod", Reviewers: []string{who}})
			wantBlocked(t, err, "nobody")
		}
	}
}

// TestTheSubjectIsTheOneInTheToken holds what is derived to what the issuer mints.
func TestTheSubjectIsTheOneInTheToken(t *testing.T) {
	for name, c := range map[string]struct{ world, customise string }{
		"immutable":                 {world: aRepository},
		"plain":                     {world: "github: {repositories: [{name: acme/taxi, created: 2025-01-01, files: {README.md: x}}]}"},
		"customised":                {world: "github: {repositories: [{name: acme/taxi, created: 2025-01-01, files: {README.md: x}}]}", customise: `{"use_default":false,"include_claim_keys":["repository_owner","repository_visibility","context"]}`},
		"customised, immutable":     {world: aRepository, customise: `{"use_default":false,"include_claim_keys":["repo","context","ref"]}`},
		"as the organisation wants": {world: "github: {oidc_subject_keys: [repository_id, context], repositories: [{name: acme/taxi, files: {README.md: x}}]}", customise: `{"use_default":false}`},
	} {
		t.Run(name, func(t *testing.T) {
			f := openForge(t, c.world)
			if c.customise != "" {
				f.outside(t, "PUT", "/actions/oidc/customization/sub", c.customise)
			}
			e, err := readEnvironment(t.Context(), f.Client, environment{Repository: id, Name: "prod", Branch: "main", OIDC: true})
			if !errors.Is(err, resource.ErrNotFound) {
				t.Fatal(err)
			}
			issuer, subject := f.minted(t, sandbox.MintRequest{Repository: "acme/taxi", Environment: "prod", Ref: "main"})
			same(t, "environment", [2]string{issuer, subject}, [2]string{e.OIDCIssuer, e.OIDCSubject})
			b, err := readBranch(t.Context(), f.Client, branch{Repository: id, Name: "main", OIDC: true})
			if err != nil {
				t.Fatal(err)
			}
			issuer, subject = f.minted(t, sandbox.MintRequest{Repository: "acme/taxi", Ref: "main"})
			same(t, "branch", [2]string{issuer, subject}, [2]string{b.OIDCIssuer, b.OIDCSubject})
		})
	}
}

func (f *forge) minted(t *testing.T, m sandbox.MintRequest) (issuer, subject string) {
	t.Helper()
	token, err := f.sandbox.Mint(m)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(token, ".")
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims struct{ Iss, Sub string }
	if err := json.Unmarshal(text, &claims); err != nil {
		t.Fatal(err)
	}
	return claims.Iss, claims.Sub
}

func TestAVariableIsCreatedAndChanged(t *testing.T) {
	f := openForge(t, aRepository)
	if _, err := saveEnvironment(t.Context(), f.Client, environment{Repository: id, Name: "prod"}); err != nil {
		t.Fatal(err)
	}
	for _, scope := range []resource.Text{{}, resource.Known("prod")} {
		want := variable{Repository: id, Environment: scope, Name: "MODEL_OWNER", Value: resource.Known("ml")}
		if _, err := readVariable(t.Context(), f.Client, want); !errors.Is(err, resource.ErrNotFound) {
			t.Fatalf("a missing variable is %v", err)
		}
		if _, err := variableKind.Create(t.Context(), f.Client, want); err != nil {
			t.Fatal(err)
		}
		want.Value = resource.Known("others")
		if _, err := variableKind.Update(t.Context(), f.Client, want, want); err != nil {
			t.Fatal(err)
		}
		live, err := readVariable(t.Context(), f.Client, want)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "the variable", want, live)
	}
	missing := variable{Repository: id, Environment: resource.Known("staging"), Name: "X"}
	if _, err := readVariable(t.Context(), f.Client, missing); !errors.Is(err, resource.ErrNotFound) {
		t.Errorf("in a missing environment it is %v", err)
	}
}
