package kindtest

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/mlopsctl/mlopsctl/internal/engine"
	"github.com/mlopsctl/mlopsctl/internal/rights"
	"github.com/mlopsctl/mlopsctl/pkg/apply"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
)

const (
	deployerID     = "22222222-0000-4000-8000-000000000002"
	deployerSecret = "rehearsal-client-secret"
	deployerToken  = "rehearsal-github-token"
)

// party is somebody who is given exactly some rights: as an App, as a fine-grained token or as a classic one.
type party struct {
	sort        string // app, fine or classic
	scopes      []string
	permissions map[string]string
	admin       bool
	hosts       []string
	managed     []string // the workspaces that it administers
	privileges  []string // on the metastore
}

// partyWith has what an allowance list says, and nothing more.
func partyWith(sort string, list []rights.Allowance) party {
	p := party{sort: sort, permissions: map[string]string{}}
	for _, a := range list {
		p.scopes = append(p.scopes, a.Scopes...)
		for _, n := range a.Needs {
			switch n.Sort {
			case rights.Token:
				p.permissions[n.On] = n.Level
			case rights.AccountAdmin:
				p.admin = true
			case rights.Member:
				p.hosts = append(p.hosts, n.Host)
			case rights.WorkspaceAdmin:
				p.managed = append(p.managed, n.Host)
			case rights.Privilege:
				p.privileges = append(p.privileges, n.Level)
			case rights.Repository, rights.Object: // of every member; of whoever made the object
			default:
				panic(fmt.Sprintf("a first install asks for %s", n.Right)) // impossible: who makes a thing owns it
			}
		}
	}
	slices.Sort(p.privileges)
	p.privileges = slices.Compact(p.privileges)
	return p
}

// clone is a copy to take something from.
func (p party) clone() party {
	permissions := map[string]string{}
	for k, v := range p.permissions {
		permissions[k] = v
	}
	p.permissions, p.scopes, p.hosts, p.privileges = permissions, slices.Clone(p.scopes), slices.Clone(p.hosts), slices.Clone(p.privileges)
	p.managed = slices.Clone(p.managed)
	return p
}

// world is the full spec's world file, and the party in it. What is there already is its own, as doctor
// --permissions says that it has to be.
func (p party) world(t *testing.T, key *rsa.PrivateKey) string {
	t.Helper()
	return p.worldWith(t, key, func(map[string]map[string]any) {})
}

// worldWith is world with something else put into it.
func (p party) worldWith(t *testing.T, key *rsa.PrivateKey, patch func(map[string]map[string]any)) string {
	t.Helper()
	_, text := full(t)
	var w map[string]map[string]any
	if err := yaml.Unmarshal([]byte(text), &w); err != nil {
		t.Fatal(err)
	}
	d, hub := w["databricks"], w["github"]
	deployer := map[string]any{"name": "deployer", "application_id": deployerID, "client_secret": deployerSecret, "account_admin": p.admin,
		"workspaces": p.hosts, "workspace_admin": p.managed}
	principals, _ := d["service_principals"].([]any)
	d["service_principals"] = append(principals, deployer)
	tables, _ := d["tables"].([]any)
	for _, table := range tables {
		if o, ok := table.(map[string]any); ok {
			o["owner"] = "service_principal:deployer"
		}
	}
	if len(p.privileges) > 0 {
		d["grants"] = []any{map[string]any{"on": "metastore", "principal": "service_principal:deployer", "privileges": p.privileges}}
	}
	hub["workflow_permissions"] = map[string]any{"default": "write", "create_pull_requests": true}
	dev := map[string]any{"login": "dev", "role": "member", "token": deployerToken}
	switch p.sort {
	case "app":
		der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		hub["apps"] = []any{map[string]any{"id": 7, "slug": "deployer", "installation": 70, "permissions": p.permissions,
			"public_key": string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))}}
	case "fine":
		dev["permissions"] = p.permissions
	default:
		dev["scopes"] = append([]string{}, p.scopes...)
	}
	users, _ := hub["users"].([]any)
	hub["users"] = append(users, dev)
	patch(w)
	out, err := yaml.Marshal(w)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// env logs in as the party.
func (p party) env(key *rsa.PrivateKey) map[string]string {
	env := map[string]string{"DATABRICKS_CLIENT_ID": deployerID, "DATABRICKS_CLIENT_SECRET": deployerSecret}
	if p.sort == "app" {
		env["MLOPSCTL_GITHUB_APP_ID"], env["MLOPSCTL_GITHUB_APP_INSTALLATION_ID"] = "7", "70"
		env["MLOPSCTL_GITHUB_APP_PRIVATE_KEY"] = string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
	} else {
		env["GITHUB_TOKEN"] = deployerToken
	}
	return env
}

func signingKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// least is what doctor --permissions says of a spec.
func least(t *testing.T, specText string) rights.Least {
	t.Helper()
	l, err := withWorkflows(t, open(t, specText, "")).engine().Permissions(engine.Aim{})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// withWorkflows commits a workflow file first, which takes a right of its own.
func withWorkflows(t *testing.T, w *world) *world {
	t.Helper()
	writeFile(t, w.stack.Dir, ".github/workflows/ci.yml", "on: push\n")
	return w
}

func fullWithWorkflows(t *testing.T) string {
	specText, _ := full(t)
	return strings.Replace(specText, "paths: [README.md]", "paths: [README.md, .github]", 1)
}

// TestWhatPermissionsListsIsEnough installs the full spec as somebody who has what doctor --permissions lists
// for an operator, and nothing else: the plan is whole, the apply does all of it, and nothing is left.
func TestWhatPermissionsListsIsEnough(t *testing.T) {
	specText, key := fullWithWorkflows(t), signingKey(t)
	for _, sort := range []string{"app", "fine", "classic"} {
		t.Run(sort, func(t *testing.T) {
			p := partyWith(sort, least(t, specText).Operator)
			w := withWorkflows(t, open(t, specText, p.world(t, key)))
			e := w.engineAs(p.env(key))
			report, live, err := e.Doctor(ctx(), engine.Aim{})
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range report.Findings() {
				if f.State == rights.Missing || f.State == rights.Unchecked && sort != "fine" && f.Right != nil && f.Right.Sort != rights.Limit {
					t.Errorf("%s %s: %s", f.State, f.What, f.Why)
				}
			}
			carriesOut(t, e, live)
			w.nothingLeft(t, p.env(key))
		})
	}
}

// TestEachRightThatIsTakenAwayIsMissedBeforeAnApply takes from the least each right that can be read: doctor
// misses it, an apply would not begin, and one that began all the same would not do all of the plan.
func TestEachRightThatIsTakenAwayIsMissedBeforeAnApply(t *testing.T) {
	t.Parallel()
	specText, key := fullWithWorkflows(t), signingKey(t)
	operator := least(t, specText).Operator
	for name, p := range lesser(operator) {
		t.Run(name, func(t *testing.T) {
			w := withWorkflows(t, open(t, specText, p.world(t, key)))
			e := w.engineAs(p.env(key))
			report, live, err := e.Doctor(ctx(), engine.Aim{})
			if err != nil {
				t.Fatal(err)
			}
			if report.Count(rights.Missing) == 0 {
				t.Errorf("doctor misses nothing")
			}
			hidden := slices.ContainsFunc(live.Changes, func(c plan.Change) bool { return c.Action == plan.Unknown })
			if !hidden && len(e.Lacking(ctx(), live)) == 0 && !live.Diagnostics.HasErrors() {
				t.Errorf("an apply would begin")
			}
			r, err := e.Apply(ctx(), live, engine.Run{Options: apply.Options{Parallelism: 8}})
			whole := err == nil && !hidden && r.Complete() && len(r.Results) > 0
			if whole {
				t.Errorf("nothing was amiss: an apply does all of the plan without it")
			}
		})
	}
}

// lesser are parties that each lack one thing of an operator's.
func lesser(operator []rights.Allowance) map[string]party {
	all := map[string]party{}
	app := partyWith("app", operator)
	for name, level := range app.permissions {
		if name == "metadata" {
			continue // no App is without it
		}
		p := app.clone()
		delete(p.permissions, name)
		all["app without "+name] = p
		if level == "write" {
			p = app.clone()
			p.permissions[name] = "read"
			all["app that only reads "+name] = p
		}
	}
	classic := partyWith("classic", operator)
	for _, scope := range classic.scopes {
		p := classic.clone()
		p.scopes = slices.DeleteFunc(p.scopes, func(s string) bool { return s == scope })
		all["classic without "+scope] = p
	}
	p := classic.clone()
	p.admin = false
	all["no account admin"] = p
	for _, host := range classic.hosts {
		p := classic.clone()
		p.hosts = slices.DeleteFunc(p.hosts, func(h string) bool { return h == host })
		all["not assigned to "+host] = p
	}
	for _, host := range classic.managed {
		p := classic.clone()
		p.managed = slices.DeleteFunc(p.managed, func(h string) bool { return h == host })
		all["neither a user nor an admin of "+host] = p
		p = p.clone()
		p.hosts = append(p.hosts, host)
		all["no admin of "+host] = p
	}
	for _, privilege := range classic.privileges {
		p := classic.clone()
		p.privileges = slices.DeleteFunc(p.privileges, func(s string) bool { return s == privilege })
		all["no "+privilege] = p
	}
	return all
}

// TestAReaderWithWhatPermissionsListsPlansEverything installs a spec as its operator and plans it as an App with
// the reader's permissions, whose principal manages the catalogs: nothing is unknown, and nothing could be
// written.
func TestAReaderWithWhatPermissionsListsPlansEverything(t *testing.T) {
	specText, key := fullWithWorkflows(t), signingKey(t)
	l := least(t, specText)
	reader := party{sort: "app", permissions: map[string]string{}, privileges: partyWith("app", l.Operator).privileges}
	for _, a := range l.Reader {
		for _, n := range a.Needs {
			switch n.Sort {
			case rights.Token:
				reader.permissions[n.On] = n.Level
			case rights.AccountAdmin:
				reader.admin = true
			case rights.Member:
				reader.hosts = append(reader.hosts, n.Host)
			case rights.WorkspaceAdmin:
				reader.managed = append(reader.managed, n.Host)
			}
		}
	}
	w := withWorkflows(t, open(t, specText, reader.world(t, key)))
	operator := w.sandbox.Operator()
	// The catalogs are the reader's own, which is one way to see their grants.
	mixed := reader.env(key)
	for _, name := range []string{"MLOPSCTL_GITHUB_APP_ID", "MLOPSCTL_GITHUB_APP_INSTALLATION_ID", "MLOPSCTL_GITHUB_APP_PRIVATE_KEY"} {
		delete(mixed, name)
	}
	mixed["GITHUB_TOKEN"] = operator["GITHUB_TOKEN"]
	e := w.engineAs(mixed)
	if _, err := e.Apply(ctx(), w.planWith(e), engine.Run{Options: apply.Options{Parallelism: 8}}); err != nil {
		t.Fatal(err)
	}
	w.nothingLeft(t, reader.env(key))
}

// nothingLeft plans as somebody who sees everything and finds nothing to do. An App's login is a POST.
func (w *world) nothingLeft(t *testing.T, env map[string]string) {
	t.Helper()
	p, err := w.engineAs(env).Plan(ctx(), engine.Aim{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range p.Changes {
		if c.Action != plan.None {
			t.Errorf("%s is %s: %s", c.Address, c.Action, c.Reason)
		}
	}
}

func writeFile(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestWorkflowsAreSeenInAFolderOfAnyName: a folder's name is no pattern.
func TestWorkflowsAreSeenInAFolderOfAnyName(t *testing.T) {
	w := open(t, fullWithWorkflows(t), "")
	w.stack.Dir = filepath.Join(w.stack.Dir, "odd[name")
	l, err := withWorkflows(t, w).engine().Permissions(engine.Aim{})
	if err != nil {
		t.Fatal(err)
	}
	if partyWith("app", l.Operator).permissions["workflows"] != "write" {
		t.Errorf("an operator who commits workflows needs %+v", l.Operator)
	}
}
