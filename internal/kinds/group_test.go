package kinds

import (
	"slices"
	"strings"
	"testing"

	"github.com/mlopsctl/mlopsctl/internal/sandbox"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

const groupWorld = `
databricks:
  users: [{name: ada@acme.com}, {name: bob@acme.com}]
  service_principals: [{name: watcher}, {name: robot}]
  groups:
    - {name: ml-engineers}
    - {name: ops, members: ["user:bob@acme.com", "service_principal:robot", "group:ml-engineers", "user:ada@acme.com"]}
`

const groupSpec = `
version: 1
name: demo
git: { repository: acme/demo }
account: { host: "https://accounts.cloud.databricks.com", id: 11111111-2222-3333-4444-555555555555 }
targets:
  prod: { host: "https://prod.cloud.databricks.com", service_principal: demo-prod, environment: {} }
service_principals:
  demo-prod: { groups: [Demo, ml-engineers] }
groups:
  demo: { members: ["user:ada@acme.com", "group:ops", "service_principal:watcher"] }
  ops: { members: ["user:ADA@acme.com"], exclusive: true }
  ml-engineers: { exists: true }
`

// memberships are the addresses of all that a plan says of members.
func memberships(p *plan.Plan, action plan.Action) []string {
	var list []string
	for _, c := range p.Changes {
		if c.Kind == "group_member" && c.Action == action {
			list = append(list, c.Address)
		}
	}
	slices.Sort(list)
	return list
}

func TestAllMembersOfOneGroupAreAddedInOneRequest(t *testing.T) {
	r := newRig(t, groupWorld, groupSpec)
	p, _ := r.plan()
	same(t, "new members", []string{
		"group_member/demo/demo-prod", "group_member/demo/group:ops", "group_member/demo/service_principal:watcher",
		"group_member/demo/user:ada@acme.com", "group_member/ml-engineers/demo-prod",
	}, memberships(p, plan.Create))
	same(t, "members already", []string{"group_member/ops/user:ADA@acme.com"}, memberships(p, plan.None))
	r.mustApply()
	same(t, "the requests for members", 2, len(r.sent(to("PATCH", "/scim/v2/Groups/"))))
	same(t, "groups that were made", 1, len(r.sent(to("POST", "/scim/v2/Groups"))))
	if p, _ := r.plan(); len(actions(p)) > 0 {
		t.Errorf("the second plan has %v", actions(p))
	}
	same(t, "requests that replace", 0, len(r.sent(to("PUT", "/"))))
}

func TestAnExclusiveGroupShowsEverybodyWhoGoes(t *testing.T) {
	r := newRig(t, groupWorld, groupSpec)
	f := r.fleet(reading())
	for _, d := range declareGroups(resource.Wishes{Stack: r.stack}) {
		others, err := otherMembers(t.Context(), f, d.Want)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, o := range others {
			name, _, _ := strings.Cut(o.Addr.String(), " (")
			names = append(names, name)
		}
		var want []string
		if d.Want.Name == "ops" {
			want = []string{"group_member/ops/group:ml-engineers", "group_member/ops/service_principal:robot", "group_member/ops/user:bob@acme.com"}
		}
		same(t, d.Want.Name, want, names)
	}
}

// What the operator is a member of may be what it administers by.
func TestAnExclusiveGroupKeepsTheOperator(t *testing.T) {
	r := newRig(t, groupWorld, groupSpec)
	f := r.fleet(writing())
	g, err := f.GroupNamed(t.Context(), "", "ops")
	if err != nil {
		t.Fatal(err)
	}
	operator, err := f.Principals(t.Context(), "", "sandbox operator")
	if err != nil || len(operator) != 1 {
		t.Fatal(operator, err)
	}
	r.call("PATCH", accountHost+"/api/2.0/accounts/"+accountID+"/scim/v2/Groups/"+g.ID,
		`{"Operations":[{"op":"add","path":"members","value":[{"value":"`+operator[0].ID+`"}]}]}`)
	others, err := otherMembers(t.Context(), r.fleet(reading()), declareGroups(resource.Wishes{Stack: r.stack})[1].Want)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range others {
		if o.Want["principal_id"] == operator[0].ID {
			t.Errorf("%s would go", o.Addr)
		}
	}
	same(t, "who goes", 3, len(others))
}

func TestAMemberWhoDoesNotExistIsBlocked(t *testing.T) {
	r := newRig(t, groupWorld, strings.NewReplacer("ada@", "eve@", "ADA@", "eve@", "watcher", "nobody", "group:ops", "group:none").Replace(groupSpec))
	p, failures := r.plan()
	if len(failures) > 0 {
		t.Fatalf("%+v", failures)
	}
	same(t, "who is not there", []string{
		"group_member/demo/group:none", "group_member/demo/service_principal:nobody", "group_member/demo/user:eve@acme.com", "group_member/ops/user:eve@acme.com",
	}, memberships(p, plan.Blocked))
}

func TestAGroupOfSomebodyElseIsNeverMade(t *testing.T) {
	r := newRig(t, "databricks: {}", strings.NewReplacer("  ops: {", "  more: {", `, "group:ops"`, "", "user:ada", "user:x", "user:ADA", "user:x").Replace(groupSpec))
	p, _ := r.plan()
	c := p.Find("group/ml-engineers")
	if c.Action != plan.Blocked || !strings.Contains(c.Reason, "exists: true") {
		t.Errorf("it is %s: %s", c.Action, c.Reason)
	}
	if c := p.Find("group_member/ml-engineers/demo-prod"); c.Action != plan.Blocked {
		t.Errorf("its member is %s: %s", c.Action, c.Reason)
	}
}

func TestWithoutAnAccountGroupsAreLookedAtInTheWorkspace(t *testing.T) {
	const inside = `
databricks:
  service_principals: [{name: demo-prod, workspaces: ["https://prod.cloud.databricks.com"]}]
  groups: [{name: demo, members: ["service_principal:demo-prod"], workspaces: ["https://prod.cloud.databricks.com"]}, {name: ml-engineers, workspaces: ["https://prod.cloud.databricks.com"]}]
`
	text := strings.Replace(groupSpec, `account: { host: "https://accounts.cloud.databricks.com", id: 11111111-2222-3333-4444-555555555555 }`, "", 1)
	text = strings.Replace(text, `members: ["user:ada@acme.com", "group:ops", "service_principal:watcher"]`, "", 1)
	r := newRig(t, inside, text)
	p, failures := r.plan()
	if len(failures) > 0 {
		t.Fatalf("%+v", failures)
	}
	for address, want := range map[string]string{
		"group/demo": "", "group_member/demo/demo-prod": "",
		"group/ops":                           `ask an administrator of the Databricks account: create the group "ops"`,
		"group_member/ml-engineers/demo-prod": `ask an administrator of the Databricks account: add the service principal "demo-prod" (id `,
	} {
		c := p.Find(address)
		if blocked := c.Action == plan.Blocked; blocked != (want != "") || !strings.Contains(c.Reason, want) {
			t.Errorf("%s is %s: %s", address, c.Action, c.Reason)
		}
	}
	same(t, "requests to the account", 0, len(r.sent(func(q sandbox.Request) bool { return strings.Contains(accountHost, q.Host) })))
}

func TestAGroupKeepsItsIdUnderANewName(t *testing.T) {
	r := newRig(t, groupWorld, groupSpec)
	f := r.fleet(writing())
	g, err := f.GroupNamed(t.Context(), "", "ops")
	if err != nil {
		t.Fatal(err)
	}
	want := groupKind.Moved(group{Name: "operations"}, group{Name: "ops", ID: g.ID})
	have, err := readGroup(t.Context(), f, want)
	if err != nil || have.Called != "ops" {
		t.Fatalf("it is %+v, %v", have, err)
	}
	if _, err := renameGroup(t.Context(), f, have, want); err != nil {
		t.Fatal(err)
	}
	again, err := r.fleet(reading()).GroupNamed(t.Context(), "", "operations")
	if err != nil || again.ID != g.ID {
		t.Errorf("it is %+v, %v", again, err)
	}
}
