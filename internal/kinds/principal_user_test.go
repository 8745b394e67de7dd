package kinds

import (
	"slices"
	"strings"
	"testing"

	"github.com/mlopsctl/mlopsctl/internal/databricks"
	"github.com/mlopsctl/mlopsctl/internal/sandbox"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
)

const usersSpec = `
version: 1
name: demo
git: { repository: acme/demo }
account: { host: "https://accounts.cloud.databricks.com", id: 11111111-2222-3333-4444-555555555555 }
targets:
  staging: { host: "https://staging.cloud.databricks.com", service_principal: demo-staging, environment: {} }
  prod: { host: "https://prod.cloud.databricks.com", service_principal: demo-prod, environment: {} }
service_principals:
  demo-prod:
    entitlements: [workspace-access, allow-cluster-create]
    users: ["group:ops", "user:ada@acme.com", "service_principal:demo-staging", "service_principal:watcher", "group:new"]
groups:
  new: {}
`

// rulesOf returns the rule set of a principal as text.
func (r *rig) ruleSet(name string) (users []string, application string) {
	r.t.Helper()
	f := r.fleet(reading())
	live, err := f.Principals(r.t.Context(), "", name)
	if err != nil || len(live) != 1 {
		r.t.Fatal(live, err)
	}
	users, err = f.PrincipalUsers(r.t.Context(), live[0].ApplicationID)
	if err != nil {
		r.t.Fatal(err)
	}
	return users, live[0].ApplicationID
}

func TestAllUsersOfAPrincipalAreAddedInOneRequestAndOthersStay(t *testing.T) {
	r := newRig(t, groupWorld, usersSpec)
	r.mustApply()
	same(t, "requests that write the rule set", 1, len(r.sent(to("PUT", "/rule-sets"))))
	users, _ := r.ruleSet("demo-prod")
	same(t, "who may use it", 5, len(users))
	if p, _ := r.plan(); len(actions(p)) > 0 {
		t.Errorf("the second plan has %v", actions(p))
	}
	f := r.fleet(writing())
	have := declarePrincipalUsersOf(t, r, "group:ops")
	if err := principalUserKind.Delete(t.Context(), f, have); err != nil {
		t.Fatal(err)
	}
	left, _ := r.ruleSet("demo-prod")
	same(t, "who may still use it", slices.DeleteFunc(users, func(u string) bool { return u == "groups/ops" }), left)
	if err := principalUserKind.Delete(t.Context(), f, have); err != nil {
		t.Error(err)
	}
}

func declarePrincipalUsersOf(t *testing.T, r *rig, name string) principalUser {
	t.Helper()
	_, application := r.ruleSet("demo-prod")
	_, user, _ := strings.Cut(name, ":")
	u := principalUser{Principal: "demo-prod", UserType: ofGroup, Holder: "groups/" + user}
	u.ApplicationID.Value, u.User.Value = application, user
	return u
}

// Somebody else writes the rule set between our read and our write: nothing of theirs is lost.
func TestARuleSetThatSomebodyElseWroteIsReadAgain(t *testing.T) {
	r := newRig(t, groupWorld, strings.Replace(usersSpec, `"group:ops", `, "", 1))
	r.mustApply()
	if err := r.box.Inject(sandbox.Fault{Method: "PUT", Path: "*/rule-sets", Times: 2, Action: sandbox.FaultStatus, Status: 409, Body: `{"error_code":"RESOURCE_CONFLICT","message":"stale"}`}); err != nil {
		t.Fatal(err)
	}
	r.stack = parse(t, usersSpec)
	r.mustApply()
	same(t, "reads of the rule set", 4, len(r.sent(to("GET", "/rule-sets")))) // the plan's, and one before each write
	users, _ := r.ruleSet("demo-prod")
	same(t, "who may use it", 5, len(users))
}

func TestEntitlementsAreAddedAndTheStacksOwnTakenAway(t *testing.T) {
	r := newRig(t, groupWorld, usersSpec)
	r.mustApply()
	f := r.fleet(writing())
	live, err := f.Principals(t.Context(), "", "demo-prod")
	if err != nil {
		t.Fatal(err)
	}
	id := live[0].ID
	if err := f.Entitle(t.Context(), prodHost, id, databricks.EntitlementChange{Add: []string{"databricks-sql-access"}}); err != nil {
		t.Fatal(err)
	}
	p, _ := r.plan()
	same(t, "what a plan does about somebody else's", 0, len(actions(p)))
	want := entitlement{Host: prodHost, Principal: "demo-prod", Entitlements: []string{"workspace-access"}}
	want.PrincipalID.Value = id
	want = entitlementKind.Shrink(want, entitlement{Entitlements: []string{"allow-cluster-create", "workspace-access"}})
	have, err := readEntitlement(t.Context(), f, want)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "what counts", []string{"allow-cluster-create", "workspace-access"}, have.Entitlements)
	if _, err := entitlementKind.Update(t.Context(), f, have, want); err != nil {
		t.Fatal(err)
	}
	left, err := r.fleet(reading()).Entitlements(t.Context(), prodHost, "demo-prod", id)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "what is left", []string{"databricks-sql-access", "workspace-access"}, left)
	for range 2 { // the second finds none at all
		if err := f.Entitle(t.Context(), prodHost, id, databricks.EntitlementChange{Remove: left}); err != nil {
			t.Error(err)
		}
	}
}

func TestAUserWhoDoesNotExistIsBlocked(t *testing.T) {
	r := newRig(t, groupWorld, strings.NewReplacer("group:ops", "group:none", "ada@", "eve@", "watcher", "nobody").Replace(usersSpec))
	p, failures := r.plan()
	if len(failures) > 0 {
		t.Fatalf("%+v", failures)
	}
	for address, want := range map[string]plan.Action{
		"principal_user/demo-prod/group:none": plan.Blocked, "principal_user/demo-prod/user:eve@acme.com": plan.Blocked,
		"principal_user/demo-prod/service_principal:nobody": plan.Blocked, "principal_user/demo-prod/demo-staging": plan.Create,
		"principal_user/demo-prod/group:new": plan.Create,
	} {
		if c := p.Find(address); c.Action != want {
			t.Errorf("%s is %s: %s", address, c.Action, c.Reason)
		}
	}
}
