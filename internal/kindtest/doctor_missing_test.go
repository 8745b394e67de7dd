package kindtest

import (
	"crypto/rsa"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mlopsctl/mlopsctl/internal/engine"
	"github.com/mlopsctl/mlopsctl/internal/rights"
	"github.com/mlopsctl/mlopsctl/internal/virtual"
)

const smallSpec = `version: 1
name: taxi
git:
  repository: acme/taxi
  visibility: private
  first_commit: { message: Adding project README, paths: [README.md] }
  teams: { ml-engineers: push }
account: { host: https://accounts.cloud.databricks.com, id: 11111111-2222-3333-4444-555555555555 }
branches:
  main: { default: true, protection: { required_approvals: 1 } }
targets:
  prod: { host: https://prod.cloud.databricks.com, service_principal: taxi-prod, environment: { branches: [main] } }
catalogs:
  prod: { schemas: { taxi: {} } }
permissions:
  - { grant: training, targets: [prod], schema: taxi }
secrets:
  WORKFLOW_TOKEN: { env: MLOPS_WORKFLOW_TOKEN }
variables:
  MODEL_OWNER: ml-engineers
  FEATURE_TABLE: { environment: prod, value: prod.taxi.features }
`

// shortage is a world in which one thing is missing, and how doctor names it: what it is, and why.
type shortage struct {
	name, what, why string
	party           func(*party)
	world           func(map[string]map[string]any)
	env             func(map[string]string)
	replace         [2]string // in the spec
	existing        bool      // the operator has installed it before
	then            func(*world)
	aim             engine.Aim
}

// without takes a permission of the App's.
func without(permission string) func(*party) {
	return func(p *party) { p.sort = "app"; delete(p.permissions, permission) }
}

func scopes(list ...string) func(*party) { return func(p *party) { p.scopes = list } }

// others is a catalog of somebody else's, on which the party holds some privileges.
func others(privileges ...any) func(map[string]map[string]any) {
	return func(w map[string]map[string]any) {
		d := w["databricks"]
		delete(d, "tables")
		d["catalogs"] = []any{map[string]any{"name": "prod", "schemas": []any{}}}
		grants, _ := d["grants"].([]any)
		d["grants"] = append(grants, map[string]any{"on": "catalog:prod", "principal": "service_principal:deployer", "privileges": privileges})
	}
}

func shortagesOnGitHub() []shortage {
	hub := func(key string, value any) func(map[string]map[string]any) {
		return func(w map[string]map[string]any) { w["github"][key] = value }
	}
	dev := func(role string) func(map[string]map[string]any) {
		return func(w map[string]map[string]any) {
			users, _ := w["github"]["users"].([]any)
			u, _ := users[len(users)-1].(map[string]any)
			u["role"] = role
		}
	}
	return []shortage{
		{name: "a classic token that sees no repository", what: "the token's scope repo", party: scopes("read:org", "workflow")},
		{name: "a classic token that sees no teams", what: "the token's scope read:org", party: scopes("repo", "workflow")},
		{name: "a classic token for a first commit with workflows", what: "the token's scope workflow", party: scopes("repo", "read:org"), replace: [2]string{"[README.md]", "[README.md, .github]"}},
		{name: "a classic token for a destroy", what: "the token's scope delete_repo", existing: true, party: scopes("repo", "read:org"),
			aim: engine.Aim{Destroy: true, Allow: []string{"repository", "branch", "environment", "catalog", "schema", "service_principal"}}, world: dev("owner")},
		{name: "somebody outside the organisation", what: "to create private repositories in acme", why: "is no member of acme", world: dev("none")},
		{name: "an organisation whose owners alone create repositories", what: "to create private repositories in acme", why: "only its owners", world: hub("members_can_create_repositories", false)},
		{name: "a user's name space", what: "to create private repositories in acme", why: "the token belongs to dev", world: func(w map[string]map[string]any) {
			w["github"]["owner_type"] = "user"
			delete(w["github"], "teams")
			dev("none")(w)
		}, replace: [2]string{"  teams: { ml-engineers: push }\n", ""}},
		{name: "a reader of the repository", what: "the role admin on the repository", existing: true, why: "it has the role pull"},
		{name: "a reader of the repository that the ledger lies in", what: "the role write on the repository", existing: true, why: "it has the role pull",
			aim: engine.Aim{Only: []string{"service_principal/*"}}, then: func(w *world) {
				id, _ := w.principal("taxi-prod")
				w.send("PATCH", account+"/scim/v2/ServicePrincipals/"+id, deactivated())
			}},
		{name: "an App without administration", what: "the token's permission Administration: write", party: without("administration")},
		{name: "an App without contents", what: "the token's permission Contents: write", party: without("contents")},
		{name: "an App without secrets", what: "the token's permission Secrets: write", party: without("secrets")},
		{name: "an App without variables", what: "the token's permission Variables: write", party: without("actions_variables")},
		{name: "an App without environments", what: "the token's permission Environments: write", party: without("environments")},
		{name: "an App without members", what: "the token's permission Members: read", party: without("members")},
		{name: "an App without actions", what: "the token's permission Actions: read", party: without("actions")},
		{name: "an App without workflows", what: "the token's permission Workflows: write", party: without("workflows"), replace: [2]string{"[README.md]", "[README.md, .github]"}},
		{name: "no login for GitHub", what: "a login", why: "no credentials for https://github.com", env: func(e map[string]string) { delete(e, "GITHUB_TOKEN") }},
		{name: "a token of GitHub's that has expired", what: "a login", why: "401", env: func(e map[string]string) { e["GITHUB_TOKEN"] = "another" }},
		{name: "a plan without rules", what: "what branch_protection/main waits for", why: `the GitHub plan "free"`, world: hub("plan", "free")},
		{name: "a team that is not there", what: "what team/ml-engineers waits for", why: "has no team ml-engineers", world: hub("teams", []any{})},
		{name: "an archived repository", what: "what repository waits for", why: "is archived", world: hub("repositories", []any{map[string]any{"name": "acme/taxi", "archived": true, "files": map[string]any{"README.md": "x"}}})},
	}
}

func shortagesOnDatabricks() []shortage {
	return []shortage{
		{name: "no account admin", what: "to be an account admin", party: func(p *party) { p.admin = false }},
		{name: "somebody whom the workspace does not let in", what: "a login", why: "asking https://prod.cloud.databricks.com who this is", party: func(p *party) { p.hosts = nil }},
		{name: "nobody who makes catalogs", what: "CREATE_CATALOG on metastore", party: func(p *party) { p.privileges = nil }, world: func(w map[string]map[string]any) { delete(w["databricks"], "tables") }},
		{name: "nobody who makes schemas", what: "CREATE_SCHEMA on catalog:prod", world: others("USE_CATALOG", "BROWSE")},
		{name: "nobody who uses the catalog", what: "USE_CATALOG on catalog:prod", world: others("CREATE_SCHEMA", "BROWSE")},
		{name: "a catalog that is somebody else's", what: "to own catalog:prod, or MANAGE on it", world: others("USE_CATALOG", "CREATE_SCHEMA", "BROWSE"),
			replace: [2]string{"prod: { schemas", "prod: { comment: Production, schemas"}},
		{name: "grants on what is somebody else's", what: "to grant on catalog:prod", world: others("USE_CATALOG", "CREATE_SCHEMA", "BROWSE")},
		{name: "an object that is somebody else's", what: "to read it", why: "does not have Manage permissions on", world: withJob(""), replace: onJob},
		{name: "no login for Databricks", what: "a login", why: "no credentials for https://accounts.cloud.databricks.com", env: func(e map[string]string) { delete(e, "DATABRICKS_CLIENT_SECRET") }},
		{name: "a client secret that is wrong", what: "a login", why: "the login was refused", env: func(e map[string]string) { e["DATABRICKS_CLIENT_SECRET"] = "another" }},
		{name: "a workspace without a metastore", what: "what catalog/prod waits for", why: "has no Unity Catalog metastore", world: func(w map[string]map[string]any) {
			w["databricks"] = map[string]any{"service_principals": w["databricks"]["service_principals"], "metastores": []any{map[string]any{"name": "elsewhere", "workspaces": []any{}}}}
		}},
		{name: "a metastore without storage", what: "what catalog/prod waits for", why: "has no storage of its own", world: func(w map[string]map[string]any) {
			delete(w["databricks"], "tables")
			w["databricks"]["metastores"] = []any{map[string]any{"name": "primary", "storage_root": "none", "workspaces": []any{"https://prod.cloud.databricks.com"}}}
		}},
		{name: "an input table that is not there", what: "what grant/table:prod.taxi.trips/taxi-prod waits for", why: "does not exist yet", replace: [2]string{"schema: taxi }", "schema: taxi, input: taxi.trips }"}},
		{name: "a value that is not set", what: "what secret/WORKFLOW_TOKEN is made from", why: "MLOPS_OTHER", replace: [2]string{"MLOPS_WORKFLOW_TOKEN", "MLOPS_OTHER"}},
	}
}

// onJob lets the spec give access to a job, which is there.
var onJob = [2]string{"secrets:", "  - { principal: \"group:ml-engineers\", target: prod, on: \"job:nightly\", level: CAN_VIEW }\nsecrets:"}

// withJob has the job of an owner, the operator for "". The party may look at it.
func withJob(owner string) func(map[string]map[string]any) {
	return func(w map[string]map[string]any) {
		job := map[string]any{"workspace": "https://prod.cloud.databricks.com", "name": "nightly"}
		w["databricks"]["jobs"] = []any{job}
		if owner != "" {
			job["owner"] = owner
			return
		}
		w["databricks"]["access"] = []any{map[string]any{"workspace": job["workspace"], "on": "job:nightly", "principal": "service_principal:deployer", "level": "CAN_VIEW"}}
	}
}

// TestAnObjectOfOnesOwnMayBeChanged: the list that a plan reads of an object tells who manages it.
func TestAnObjectOfOnesOwnMayBeChanged(t *testing.T) {
	specText, key := strings.Replace(smallSpec, onJob[0], onJob[1], 1), signingKey(t)
	p := partyWith("classic", least(t, smallSpec).Operator)
	w := open(t, specText, p.worldWith(t, key, withJob("service_principal:deployer")))
	report, live, err := w.engineAs(p.env(key)).Doctor(ctx(), engine.Aim{})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(report.Findings(), func(f rights.Finding) bool { return f.What == "CAN_MANAGE on job:nightly" })
	if i < 0 || report.Findings()[i].State != rights.OK {
		t.Errorf("it says %+v of the job; the plan %+v", report.Findings(), live.Find("permission/prod/job:nightly/group:ml-engineers"))
	}
}

// TestEachThingThatIsMissingIsNamed has one thing missing in each world: doctor says which, in words of its own, and
// how to get it.
func TestEachThingThatIsMissingIsNamed(t *testing.T) {
	key := signingKey(t)
	said := map[string]string{}
	for _, s := range slices.Concat(shortagesOnGitHub(), shortagesOnDatabricks()) {
		t.Run(s.name, func(t *testing.T) {
			f := s.examined(t, key)
			text := f.What + " " + f.Why
			if other, twice := said[text]; twice {
				t.Errorf("it is told in the same words as %s: %s", other, text)
			}
			said[text] = s.name
			if f.Fix == "" && len(f.For) == 0 && f.What != "a login" {
				t.Errorf("nothing says what to do about %s: %s", f.What, f.Why)
			}
		})
	}
	if len(said) < 20 {
		t.Errorf("only %d kinds of missing rights are told apart", len(said))
	}
}

// examined opens the world and returns the finding that names what is missing.
func (s shortage) examined(t *testing.T, key *rsa.PrivateKey) rights.Finding {
	t.Helper()
	specText := smallSpec
	if s.replace[0] != "" {
		specText = strings.Replace(specText, s.replace[0], s.replace[1], 1)
	}
	p := partyWith("classic", least(t, specText).Operator)
	p.permissions["actions"], p.permissions["workflows"] = "read", "write"
	if s.party != nil {
		s.party(&p)
	}
	patch := s.world
	if patch == nil {
		patch = func(map[string]map[string]any) {}
	}
	w := withWorkflows(t, open(t, specText, p.worldWith(t, key, patch)))
	if s.existing {
		w.apply()
		w.send("PATCH", repo, map[string]any{"description": "it differs", "visibility": "internal"})
		if s.then != nil {
			s.then(w)
		}
	}
	env := maps.Clone(p.env(key))
	if s.env != nil {
		s.env(env)
	}
	report, _, err := w.engineAs(env).Doctor(ctx(), s.aim)
	if err != nil {
		t.Fatal(err)
	}
	var missing []string
	for _, f := range report.Findings() {
		if f.Why == "" || strings.Contains(f.Why, "it is found through") {
			t.Errorf("%s is %s, because of %q", f.What, f.State, f.Why)
		}
		if f.State == rights.Missing && f.What == s.what && strings.Contains(f.Why, s.why) {
			return f
		}
		if f.State != rights.OK {
			missing = append(missing, string(f.State)+" "+f.What+": "+f.Why)
		}
	}
	t.Fatalf("doctor does not say that %q is missing, as %q; it says\n%s", s.what, s.why, strings.Join(missing, "\n"))
	return rights.Finding{}
}

// TestWhatMayComeThroughAGroupSaysSo: an account that shows no groups leaves open whether a metastore's owners are one's own.
func TestWhatMayComeThroughAGroupSaysSo(t *testing.T) {
	key := signingKey(t)
	p := partyWith("classic", least(t, smallSpec).Operator)
	p.admin, p.privileges = false, nil
	w := open(t, smallSpec, p.worldWith(t, key, func(w map[string]map[string]any) { delete(w["databricks"], "tables") }))
	report, _, err := w.engineAs(p.env(key)).Doctor(ctx(), engine.Aim{})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(report.Findings(), func(f rights.Finding) bool { return f.What == "CREATE_CATALOG on metastore" })
	if i < 0 {
		t.Fatalf("nothing is said of it: %+v", report.Findings())
	}
	f := report.Findings()[i]
	if f.State != rights.Unchecked || !strings.Contains(f.Why, "through a group") || !strings.Contains(f.Fix, "GRANT CREATE CATALOG ON METASTORE TO") {
		t.Errorf("it says %+v", f)
	}
}

// TestAClockThatIsWrongIsNamed runs the program a quarter of an hour ahead of the services.
func TestAClockThatIsWrongIsNamed(t *testing.T) {
	w := open(t, smallSpec, "")
	ahead := virtual.NewClock(w.clock.Now().Add(15*time.Minute), time.Millisecond)
	e, err := engine.Connect(w.stack, engine.Options{Base: w.sandbox.RoundTripper(), Clock: ahead,
		Env: func(name string) (string, bool) { value, ok := w.sandbox.Operator()[name]; return value, ok }})
	if err != nil {
		t.Fatal(err)
	}
	report, _, err := e.Doctor(ctx(), engine.Aim{})
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range report.Hosts {
		if !slices.ContainsFunc(h.Rights, func(f rights.Finding) bool {
			return f.What == "a clock that is right" && f.State == rights.Missing && strings.Contains(f.Why, "ahead of the host's")
		}) {
			t.Errorf("%s: nothing is said of the clock: %+v", h.URL, h.Facts)
		}
	}
}

// TestAFineGrainedTokensRightsAreNotMadeUp: what GitHub does not show is no finding of either kind.
func TestAFineGrainedTokensRightsAreNotMadeUp(t *testing.T) {
	key := signingKey(t)
	p := partyWith("fine", least(t, smallSpec).Operator)
	w := open(t, smallSpec, p.world(t, key))
	report, live, err := w.engineAs(p.env(key)).Doctor(ctx(), engine.Aim{})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range report.Hosts[0].Rights {
		if f.Right.Sort == rights.Token && (f.State != rights.Unchecked || f.Fix == "") {
			t.Errorf("%s is %s: %s", f.What, f.State, f.Why)
		}
	}
	if lacking := w.engineAs(p.env(key)).Lacking(ctx(), live); len(lacking) > 0 {
		t.Errorf("an apply is refused for what nobody can check: %+v", lacking)
	}
}

// TestTheChecksBeforeAnApplyCostLittle counts what they ask for beyond the plan: little for a first install, and
// nothing where there is nothing to do.
func TestTheChecksBeforeAnApplyCostLittle(t *testing.T) {
	specText, worldText := full(t)
	w := open(t, specText, worldText)
	asked := func() int {
		e := w.engine()
		p := w.planWith(e)
		before := len(w.sandbox.Log())
		if lacking := e.Lacking(ctx(), p); len(lacking) > 0 {
			t.Errorf("the operator lacks %+v", lacking)
		}
		return len(w.sandbox.Log()) - before
	}
	const forEachHost = 2 // who, and roles or owners
	first := asked()
	if hosts := 4; first > hosts*forEachHost {
		t.Errorf("a first install asks for %d answers more", first)
	}
	t.Logf("a first install: %d requests more than its plan", first)
	w.settle()
	if again := asked(); again != 0 {
		t.Errorf("a plan with nothing to do asks for %d answers more", again)
	}
}
