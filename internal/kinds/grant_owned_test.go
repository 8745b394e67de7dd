package kinds

import (
	"errors"
	"testing"

	"github.com/mlopsctl/mlopsctl/internal/databricks"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

const grantWorld = `databricks:
  groups: [{ name: ml }, { name: ops }]
  users: [{ name: ada@acme.com }]
  service_principals: [{ name: watcher, application_id: 99999999-0000-4000-8000-000000000001 }]
  catalogs: [{ name: prod, schemas: [demo] }]
  grants:
  - { on: "schema:prod.demo", principal: "group:ml", privileges: [USE_SCHEMA, EXECUTE, SELECT] }
  - { on: "schema:prod.demo", principal: "group:ops", privileges: [ALL_PRIVILEGES, MANAGE] }
  - { on: "schema:prod.demo", principal: "user:ada@acme.com", privileges: [SELECT] }
  - { on: "schema:prod.demo", principal: "service_principal:watcher", privileges: [SELECT] }
  - { on: "schema:prod.demo", principal: "group:account users", privileges: [APPLY_TAG, USE_SCHEMA] }
`

// onDemo is a wish for privileges of a group on the schema prod.demo.
func onDemo(group string, privileges ...string) grant {
	return grant{
		Host: prodHost, SecurableType: "schema", Securable: "prod.demo", PrincipalType: ofGroup,
		Principal: resource.Known(group), Privileges: privileges, WhenMissing: madeFirst,
	}
}

func (r *rig) read(g grant) grant {
	r.t.Helper()
	have, err := readGrant(r.t.Context(), r.fleet(reading()), g)
	if err != nil {
		r.t.Fatal(err)
	}
	return have
}

// holds returns what a principal is granted on the schema prod.demo.
func (r *rig) granted(principal string) []string {
	r.t.Helper()
	grants, err := r.fleet(reading()).Grants(r.t.Context(), prodHost, databricks.Securable{Type: "schema", Name: "prod.demo"})
	if err != nil {
		r.t.Fatal(err)
	}
	return granted(grants, principal)
}

func TestAPrivilegeThatLeftTheSpecIsRevokedAndNoOther(t *testing.T) {
	r := newRig(t, grantWorld, head)
	want := grantKind.Shrink(onDemo("ml", "USE_SCHEMA"), onDemo("ml", "USE_SCHEMA", "EXECUTE", "MODIFY"))
	have := r.read(want)
	same(t, "what is held of it", []string{"EXECUTE", "USE_SCHEMA"}, have.Privileges)
	same(t, "the danger", resource.AccessLoss, grantKind.Danger(have, want))
	made, err := grantKind.Update(t.Context(), r.fleet(writing()), have, want)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "what is made of it", []string{"USE_SCHEMA"}, made.Privileges)
	same(t, "what was there before", []string{"SELECT", "USE_SCHEMA"}, r.granted("ml"))
	have = r.read(want)
	same(t, "what is held then", want.Privileges, have.Privileges)
	same(t, "the danger then", resource.Unguarded, grantKind.Danger(have, want))
}

func TestTakingAllPrivilegesAwayKeepsTheOthers(t *testing.T) {
	r := newRig(t, grantWorld, head)
	want := grantKind.Shrink(onDemo("ops", "SELECT"), onDemo("ops", "ALL_PRIVILEGES"))
	have := r.read(want)
	same(t, "what is held", []string{"ALL_PRIVILEGES", "SELECT"}, have.Privileges)
	if _, err := grantKind.Update(t.Context(), r.fleet(writing()), have, want); err != nil {
		t.Fatal(err)
	}
	same(t, "what is left", []string{"MANAGE", "SELECT"}, r.granted("ops"))
}

func TestWhatGoesAndWhatComesTakesOneRequest(t *testing.T) {
	r := newRig(t, grantWorld, head)
	gone := onDemo("ml", "EXECUTE", "SELECT")
	gone.MetastoreID = r.read(onDemo("ml", "EXECUTE")).MetastoreID
	r.before = len(r.box.Log())
	errs := writeGrants(t.Context(), r.fleet(writing()), []resource.Change[grant]{
		{Have: gone, Want: gone, Gone: true},
		{Want: onDemo("ops", "APPLY_TAG")},
		{Have: onDemo("account users", "APPLY_TAG", "USE_SCHEMA"), Want: onDemo("account users", "USE_SCHEMA")},
	})
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	same(t, "the requests", 1, len(r.sent(mutating)))
	same(t, "what goes", []string{"USE_SCHEMA"}, r.granted("ml"))
	same(t, "what comes", []string{"ALL_PRIVILEGES", "APPLY_TAG", "MANAGE"}, r.granted("ops"))
	same(t, "what changes", []string{"USE_SCHEMA"}, r.granted("account users"))
	if err := grantKind.Delete(t.Context(), r.fleet(writing()), gone); err != nil {
		t.Errorf("to revoke what is not held: %v", err)
	}
	if _, err := readGrant(t.Context(), r.fleet(reading()), gone); !errors.Is(err, resource.ErrNotFound) {
		t.Errorf("what is gone is %v", err)
	}
}

const exclusiveSpec = head + `catalogs: { prod: { exists: true } }
permissions:
  - { principal: "group:ml", on: "schema:prod.demo", privileges: [USE_SCHEMA, EXECUTE], exclusive: true }
  - { principal: "service_principal:watcher", on: "schema:prod.demo", privileges: [SELECT] }
  - { principal: "service_principal:demo-prod", on: "schema:prod.demo", privileges: [SELECT] }
  - { principal: "group:ml", on: "catalog:prod", privileges: [USE_CATALOG] }
`

func TestAnExclusiveEntryTakesTheWholeListOver(t *testing.T) {
	r := newRig(t, grantWorld, exclusiveSpec)
	decls := declareGrants(resource.Wishes{Stack: r.stack})
	var others []string
	f := r.fleet(reading())
	for _, d := range decls {
		same(t, d.Addr.String()+" is exclusive", d.Want.SecurableType == "schema", d.Want.Exclusive != "")
		list, err := otherGrants(t.Context(), f, d.Want)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range list {
			others = append(others, o.Addr.String())
			same(t, o.Addr.String(), r.granted(o.Want.Principal.Value), o.Want.Privileges)
		}
	}
	same(t, "who else is on the list", []string{
		"grant/schema:prod.demo/group:account users", "grant/schema:prod.demo/group:ops", "grant/schema:prod.demo/user:ada@acme.com",
	}, others)
	have := r.read(decls[0].Want)
	same(t, "all that the group holds", []string{"EXECUTE", "SELECT", "USE_SCHEMA"}, have.Privileges)
	if _, err := grantKind.Update(t.Context(), r.fleet(writing()), have, decls[0].Want); err != nil {
		t.Fatal(err)
	}
	same(t, "what is left of it", []string{"EXECUTE", "USE_SCHEMA"}, r.granted("ml"))
}

// What the operator holds, and how it manages the securable, stays: the next apply needs it.
func TestAnExclusiveListLeavesTheOperatorAndTheOwner(t *testing.T) {
	r := newRig(t, grantWorld, exclusiveSpec)
	self := r.login["DATABRICKS_CLIENT_ID"]
	on := onProd + "/permissions/schema/prod.demo"
	r.call("PATCH", on, `{"changes":[{"principal":"`+self+`","add":["MANAGE","SELECT"]},{"principal":"account users","add":["MANAGE"]}]}`)
	r.call("PATCH", onProd+"/schemas/prod.demo", `{"owner":"ada@acme.com"}`)
	var others []string
	for _, d := range declareGrants(resource.Wishes{Stack: r.stack}) {
		list, err := otherGrants(t.Context(), r.fleet(reading()), d.Want)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range list {
			others = append(others, o.Want.Principal.Value)
		}
	}
	same(t, "who else is on the list", []string{"ops"}, others)
	own := onDemo(self, "SELECT")
	own.PrincipalType, own.Exclusive = ofSpec, "schema:prod.demo"
	same(t, "what the operator may keep", []string{"SELECT"}, r.read(own).Privileges)
}
