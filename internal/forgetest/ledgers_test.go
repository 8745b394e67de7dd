package forgetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mlopsctl/mlopsctl/pkg/ledger"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// forgery is a ledger that somebody wrote, and what a plan says of it.
type forgery struct {
	name  string
	forge func(*world, *ledger.Ledger)
	raw   func(*world) []byte // instead: what is pushed as it is
	code  int                 // of the apply; -1 is any
	stays bool                // what was forged is blocked, plan after plan
	says  string
}

const unwitnessed = "only the ledger says that this stack made it"

// forgedObjects claim what other people have.
func forgedObjects() []forgery {
	return []forgery{
		{name: "the catalog of another team", says: "catalog/finance", forge: func(w *world, l *ledger.Ledger) { l.Put(w.finance()) }},
		{name: "a schema of another team", says: "schema/finance.salaries", forge: func(w *world, l *ledger.Ledger) { l.Put(w.salaries()) }},
		{name: "the federation policy of another stack", says: "federation_policy/payroll/prod", forge: func(w *world, l *ledger.Ledger) {
			l.Put(w.policy("federation_policy/payroll/prod", "payroll", "prod"))
		}},
		{name: "the same as one of ours", says: "federation_policy/taxi-prod/payroll-prod", forge: func(w *world, l *ledger.Ledger) {
			l.Put(w.policy("federation_policy/taxi-prod/payroll-prod", "taxi-prod", "payroll-prod"))
		}},
		{name: "a variable that was made by hand", says: "variable/BY_HAND", forge: func(w *world, l *ledger.Ledger) {
			l.Put(made("variable/BY_HAND", resource.Object{"repository": l.Repository.ID, "name": "BY_HAND", "value": "x"}))
		}},
		{name: "a ruleset that was made by hand", says: "branch_protection/hand", forge: func(w *world, l *ledger.Ledger) {
			o := *l.Find("branch_protection/main")
			o.Address, o.Live = "branch_protection/hand", with(o.Live, "id", w.ruleset, "branch", "hand", "name", "mlopsctl/taxi: hand")
			l.Put(o)
		}},
		{name: "a grant to somebody else on what the stack uses", says: "grant/catalog:prod/payroll", forge: func(_ *world, l *ledger.Ledger) {
			l.Put(grantOn(l, "grant/catalog:prod/payroll", "prod", payrollApp))
		}},
		{name: "a grant on the catalog of another team", says: "grant/catalog:finance/payroll", forge: func(_ *world, l *ledger.Ledger) {
			l.Put(grantOn(l, "grant/catalog:finance/payroll", "finance", payrollApp))
		}},
		{name: "the principal of another team", says: "service_principal/payroll", forge: func(w *world, l *ledger.Ledger) {
			l.Put(w.bot("service_principal/payroll", "payroll"))
		}},
		{name: "another principal under a name that was wished once", says: "service_principal/old-bot", forge: func(w *world, l *ledger.Ledger) {
			l.Put(w.bot("service_principal/old-bot", "old-bot"))
		}},
		{name: "a grant to another principal under a name that was wished once", says: "grant/catalog:prod/old-bot", forge: func(w *world, l *ledger.Ledger) {
			l.Put(w.bot("service_principal/old-bot", "old-bot"))
			l.Put(grantOn(l, "grant/catalog:prod/old-bot", "prod", payrollApp))
		}},
		{name: "a variable of an environment under the name of one of the repository", says: "variable/OLD_VARIABLE", forge: func(_ *world, l *ledger.Ledger) {
			l.Put(made("variable/OLD_VARIABLE", resource.Object{"repository": l.Repository.ID, "environment": "prod", "name": "OLD_VARIABLE", "value": "x"}))
		}},
		{name: "a variable of the repository under the name of one of an environment", says: "variable/prod/OLD_SETTING", forge: func(w *world, l *ledger.Ledger) {
			w.send("POST", api+"/actions/variables", map[string]any{"name": "OLD_SETTING", "value": "of somebody else"})
			l.Put(made("variable/prod/OLD_SETTING", resource.Object{"repository": l.Repository.ID, "name": "OLD_SETTING", "value": "x"}))
		}},
		{name: "another repository", forge: func(w *world, l *ledger.Ledger) {
			id := fmt.Sprintf("%.0f", w.send("GET", payroll, nil)["id"])
			l.Put(made("repository/payroll", with(l.Find("repository").Live, "name", "payroll", "id", id, "full_name", "acme/payroll")))
		}},
		{name: "an intent for what is there", says: "variable/BY_HAND", forge: func(_ *world, l *ledger.Ledger) {
			l.Intents = append(l.Intents, ledger.Intent{Address: "variable/BY_HAND", Kind: "variable", Run: "another", At: "2026-11-01T12:00:00Z", DependsOn: []string{},
				Want: resource.Object{"repository": l.Repository.ID, "name": "BY_HAND", "value": "x"}})
		}},
		{name: "a cycle", says: unwitnessed, forge: func(w *world, l *ledger.Ledger) {
			catalog, schema := w.finance(), w.salaries()
			catalog.DependsOn, schema.DependsOn = []string{schema.Address}, []string{catalog.Address}
			l.Put(catalog)
			l.Put(schema)
		}},
	}
}

// misplacedObjects name places to which nothing may be sent.
func misplacedObjects() []forgery {
	elsewhere := "https://elsewhere.cloud.databricks.com"
	return []forgery{
		{name: "a catalog on a host that the spec does not name", says: "the spec no longer names", stays: true, forge: func(w *world, l *ledger.Ledger) {
			o := w.finance()
			o.Live = with(o.Live, "host", elsewhere, "metastore_id", "00000000-0000-4000-8000-00000000ffff")
			l.Put(o)
		}},
		{name: "a grant on such a host", says: "the spec no longer names", stays: true, forge: func(_ *world, l *ledger.Ledger) {
			o := grantOn(l, "grant/catalog:prod/payroll", "prod", payrollApp)
			o.Live = with(o.Live, "host", elsewhere, "metastore_id", "00000000-0000-4000-8000-00000000ffff")
			l.Put(o)
		}},
		{name: "an assignment to such a host", code: -1, forge: func(w *world, l *ledger.Ledger) {
			l.Put(made("workspace_assignment/elsewhere/payroll", resource.Object{"host": elsewhere, "principal": "payroll", "principal_id": w.ids["payroll"], "permissions": []any{"USER"}}))
		}},
		{name: "a credential for such a host", code: -1, forge: func(w *world, l *ledger.Ledger) {
			o := *l.Find("secret/prod/PROD_CLIENT_SECRET")
			o.Address, o.Live = "secret/BY_HAND", with(o.Live, "name", "WORKFLOW_TOKEN", "environment", nil, "workspace", elsewhere, "principal", "payroll", "principal_id", w.ids["payroll"])
			l.Put(o)
		}},
		{name: "a principal whose id is a path", code: -1, forge: func(w *world, l *ledger.Ledger) {
			o := w.bot("service_principal/x", "x")
			o.Live = with(o.Live, "id", "../../../servicePrincipals/"+w.ids["payroll"])
			l.Put(o)
		}},
		{name: "a policy whose principal is a path", code: -1, forge: func(w *world, l *ledger.Ledger) {
			o := w.policy("federation_policy/taxi-prod/x", "taxi-prod", "x")
			o.Live = with(o.Live, "principal_id", w.ids["taxi-prod"]+"/../"+w.ids["payroll"])
			l.Put(o)
		}},
		{name: "a ruleset whose id is a path", code: -1, forge: func(_ *world, l *ledger.Ledger) {
			o := *l.Find("branch_protection/main")
			o.Address, o.Live = "branch_protection/x", with(o.Live, "id", "../../../acme/payroll", "branch", "x")
			l.Put(o)
		}},
	}
}

// forgedFacts twist what the ledger says of what the spec wishes.
func forgedFacts() []forgery {
	return []forgery{
		{name: "a run of a project that there is not", says: "workflow_run/deploy-cicd/ghost", forge: func(_ *world, l *ledger.Ledger) {
			l.Put(made("workflow_run/deploy-cicd/ghost", resource.Object{"repository": l.Repository.ID, "project": "ghost"}))
			l.Intents = append(l.Intents, ledger.Intent{Address: "workflow_run/deploy-cicd/spirit", Kind: "workflow_run", Run: "another", At: "2026-11-01T12:00:00Z",
				DependsOn: []string{}, Want: resource.Object{"repository": l.Repository.ID, "project": "spirit"}})
		}},
		{name: "the ids of two principals swapped", forge: func(_ *world, l *ledger.Ledger) {
			a, b := l.Find("service_principal/taxi-prod"), l.Find("service_principal/taxi-staging")
			a.Live, b.Live = with(a.Live, "id", b.Live["id"], "application_id", b.Live["application_id"]), with(b.Live, "id", a.Live["id"], "application_id", a.Live["application_id"])
		}},
		{name: "adopted turned into made", forge: func(_ *world, l *ledger.Ledger) { l.Find("catalog/prod").Origin = ledger.Made }},
		{name: "everything adopted", forge: func(_ *world, l *ledger.Ledger) {
			for i := range l.Objects {
				l.Objects[i].Origin = ledger.Adopted
			}
		}},
		{name: "an addition that the stack never made", forge: func(_ *world, l *ledger.Ledger) {
			o := l.Find("grant/catalog:prod/group:ml-engineers")
			l.Intents = append(l.Intents, ledger.Intent{Address: o.Address, Kind: o.Kind, Run: "another", At: "2026-11-01T12:00:00Z", DependsOn: []string{},
				Items: []string{"BROWSE"}, Want: with(o.Live, "privileges", []any{"BROWSE"})})
		}},
		{name: "a privilege that the stack never gave", forge: func(_ *world, l *ledger.Ledger) {
			o := l.Find("grant/catalog:prod/group:ml-engineers")
			o.Live, o.Kept = with(o.Live, "privileges", []any{"BROWSE", "USE_CATALOG"}), nil
		}},
		{name: "all of ours intended and not made", forge: func(_ *world, l *ledger.Ledger) {
			for _, o := range l.Objects {
				l.Intents = append(l.Intents, ledger.Intent{Address: o.Address, Kind: o.Kind, Want: o.Live, DependsOn: []string{}, Run: "another", At: "2026-11-01T12:00:00Z"})
			}
			l.Objects = nil
		}},
	}
}

func made(address string, live resource.Object) ledger.Object {
	kind, _, _ := strings.Cut(address, "/")
	return ledger.Object{Address: address, Kind: kind, Origin: ledger.Made, Live: live, DependsOn: []string{}, Since: "2026-11-01T12:00:00Z", By: "sandbox-operator"}
}

// with is an object with other values in some fields; nil takes a field out.
func with(o resource.Object, pairs ...any) resource.Object {
	out := resource.Object{}
	for k, v := range o {
		out[k] = v
	}
	for i := 0; i < len(pairs); i += 2 {
		key := fmt.Sprint(pairs[i])
		if out[key] = pairs[i+1]; pairs[i+1] == nil {
			delete(out, key)
		}
	}
	return out
}

func grantOn(l *ledger.Ledger, address, catalog, principal string) ledger.Object {
	o := *l.Find("grant/catalog:prod/taxi-prod")
	o.Address, o.Live = address, with(o.Live, "securable", catalog, "principal", principal, "privileges", []any{"USE_CATALOG", "USE_SCHEMA", "SELECT"})
	return o
}

func (w *world) finance() ledger.Object {
	c := w.send("GET", uc+"/catalogs/finance", nil)
	return made("catalog/finance", resource.Object{"host": prod, "name": "finance", "metastore_id": c["metastore_id"], "created_at": c["created_at"], "comment": "", "stack": "taxi"})
}

func (w *world) salaries() ledger.Object {
	s := w.send("GET", uc+"/schemas/finance.salaries", nil)
	return made("schema/finance.salaries", resource.Object{"host": prod, "catalog": "finance", "name": "salaries", "metastore_id": s["metastore_id"], "schema_id": s["schema_id"], "stack": "taxi"})
}

// bot is payroll's principal under another name.
func (w *world) bot(address, name string) ledger.Object {
	return made(address, resource.Object{"display_name": name, "id": w.ids["payroll"], "application_id": payrollApp, "active": true})
}

// policy is payroll's federation policy.
func (w *world) policy(address, principal, target string) ledger.Object {
	list, _ := w.send("GET", w.principal("payroll")+"/federationPolicies", nil)["policies"].([]any)
	p, _ := list[0].(map[string]any)
	return made(address, resource.Object{
		"principal": principal, "principal_id": w.ids["payroll"], "policy_id": "mlopsctl-payroll-prod", "target": target, "uid": p["uid"],
		"description": "GitHub Actions of acme/taxi for target prod, by mlopsctl", "issuer": "x", "subject": "x", "subject_claim": "sub", "audiences": []any{"x"},
	})
}

// TestAForgedLedgerTakesNothingAway has a ledger that claims what it must not. All that protects by being asked
// for is given: no question, no limit, every guarded kind named.
func TestAForgedLedgerTakesNothingAway(t *testing.T) {
	for _, f := range slices.Concat(forgedObjects(), misplacedObjects(), forgedFacts()) {
		t.Run(f.name, func(t *testing.T) { f.attack(t) })
	}
}

func (f forgery) attack(t *testing.T) {
	w := install(t)
	if f.raw != nil {
		w.push(ledger.StateRef, "ledger.json", f.raw(w))
	} else {
		w.forge(func(l *ledger.Ledger) { f.forge(w, l) })
	}
	before := w.others()
	shown := w.run("plan")
	harmless(t, shown)
	if !strings.Contains(shown.text, f.says) {
		t.Errorf("the plan does not say %q:\n%s", f.says, shown.text)
	}
	done := w.run(append([]string{"apply", "--auto-approve", "--allow-mass-delete"}, allowed()...)...)
	harmless(t, done)
	if done.code != f.code && f.code >= 0 {
		t.Errorf("the apply ends with %d, want %d:\n%s", done.code, f.code, done.text)
	}
	w.unharmed(t, before, done)
	if f.code == 0 && !f.stays {
		if again := w.run("plan", "--detailed-exitcode"); again.code != 0 {
			t.Errorf("the plan after it ends with %d:\n%s", again.code, again.text)
		}
	}
	if t.Failed() {
		t.Logf("the plan:\n%s\nthe apply (%d):\n%s\n%v", shown.text, done.code, done.text, done.sent)
	}
}

// allowed names every guarded kind but the repository.
func allowed() []string {
	var flags []string
	for _, kind := range []string{"branch", "environment", "service_principal", "catalog", "schema"} {
		flags = append(flags, "--allow-destroy", kind)
	}
	return flags
}

// unharmed holds that other people have what they had, and that a run asked nobody whom the spec does not name.
func (w *world) unharmed(t *testing.T, before map[string]string, r ended) {
	t.Helper()
	for what, was := range w.others() {
		if was != before[what] {
			t.Errorf("%s was %s, and is %s", what, before[what], was)
		}
	}
	if hosts := w.network.strangers(); len(hosts) > 0 {
		t.Errorf("something was sent to %v", hosts)
	}
	for _, sent := range r.sent {
		if !strings.HasSuffix(sent, "/acme/taxi.git/git-receive-pack") {
			t.Errorf("the run sent %s", sent)
		}
	}
}

// harmless holds that nothing of what was forged reaches a terminal raw, and no secret is shown.
func harmless(t *testing.T, r ended) {
	t.Helper()
	for _, bad := range []string{"\x1b", "\u202e", "\u2066", "\x07", "\r", canary} {
		if strings.Contains(r.text, bad) {
			t.Errorf("%q stands in\n%s", bad, r.text)
		}
	}
	if strings.Contains(r.text, "panic") {
		t.Errorf("it panicked:\n%s", r.text)
	}
}
