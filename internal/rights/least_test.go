package rights

import (
	"slices"
	"strings"
	"testing"

	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

const hub, account, prod = "https://github.com", "https://accounts.cloud.databricks.com", "https://prod.cloud.databricks.com"

func at() Places { return Places{GitHub: hub, Owner: "acme", Account: account} }

func change(address string, action plan.Action, want resource.Object) plan.Change {
	kind, _, _ := strings.Cut(address, "/")
	c := plan.Change{Address: address, Kind: kind, Action: action, Want: want, Host: prod}
	if action != plan.Create {
		c.Before = want
	}
	return c
}

func words(needs []Need) string {
	var all []string
	for _, n := range needs {
		all = append(all, n.String())
	}
	return strings.Join(all, "; ")
}

func TestWhatAPlanMakesItselfTakesNoRightOnIt(t *testing.T) {
	grant := resource.Object{"securable_type": "schema", "securable": "prod.taxi"}
	schema := resource.Object{"catalog": "prod", "name": "taxi"}
	made := &plan.Plan{Changes: []plan.Change{
		change("catalog/prod", plan.Create, resource.Object{"name": "prod"}), change("schema/prod.taxi", plan.Create, schema),
		change("grant/schema:prod.taxi/x", plan.Create, grant),
	}}
	if got := words(at().OfWrites(made)); got != "CREATE_CATALOG on metastore; the token's permission Contents: write; the role write on the repository" {
		t.Errorf("it takes %s", got)
	}
	there := &plan.Plan{Changes: []plan.Change{change("schema/prod.taxi", plan.Create, schema), change("grant/schema:prod.other/x", plan.Create,
		resource.Object{"securable_type": "schema", "securable": "prod.other"})}}
	want := "USE_CATALOG on catalog:prod; CREATE_SCHEMA on catalog:prod; to grant on schema:prod.other; the token's permission Contents: write; " +
		"the role write on the repository"
	if got := words(at().OfWrites(there)); got != want {
		t.Errorf("it takes %s, want %s", got, want)
	}
}

func TestARightIsAskedForByTheNameThatAThingHasNow(t *testing.T) {
	c := change("schema/prod.new", plan.Update, resource.Object{"catalog": "prod", "name": "new", "former": "old"})
	c.Before = resource.Object{"catalog": "prod", "name": "old"}
	if got := words(at().OfWrites(&plan.Plan{Changes: []plan.Change{c}})); !strings.HasPrefix(got, "to own schema:prod.old") {
		t.Errorf("it takes %s", got)
	}
}

func TestARunIsStartedByWhoMayWriteTheRepository(t *testing.T) {
	for _, address := range []string{"deployment/prod", "workflow_run/deploy-cicd/taxi"} {
		needs := at().OfWrites(&plan.Plan{Changes: []plan.Change{change(address, plan.Create, resource.Object{"host": prod})}})
		for _, r := range []Right{at().role("write"), at().token("actions", "write")} {
			if i := slices.IndexFunc(needs, func(n Need) bool { return n.Right == r }); i < 0 || !slices.Contains(needs[i].For, address) {
				t.Errorf("%s does not take %s, but %+v", address, r, needs)
			}
		}
		if strings.Contains(words(needs), "admin") {
			t.Errorf("what was seen already is asked for again by %s: %s", address, words(needs))
		}
	}
}

func TestAnEmptyPlanTakesNothing(t *testing.T) {
	p := &plan.Plan{Changes: []plan.Change{change("catalog/prod", plan.None, resource.Object{"name": "prod"})}}
	if got := at().OfWrites(p); len(got) > 0 {
		t.Errorf("it takes %s", words(got))
	}
}

func TestAStrongerRightStandsForAWeakerOne(t *testing.T) {
	read, write := at().token("secrets", "read"), at().token("secrets", "write")
	on := func(sort Sort, securable string) Right { return Right{Host: prod, Sort: sort, On: securable} }
	list := allowances([]Need{
		{Right: read, For: []string{"secret/A"}}, {Right: write, For: []string{"secret/B"}},
		{Right: on(Grants, "table:prod.x.t"), For: []string{"grant/t"}}, {Right: on(Grants, "catalog:prod"), For: []string{"grant/c"}},
		{Right: on(Manage, "catalog:prod"), For: []string{"catalog_binding/prod"}},
	})
	if len(list) != 2 || words(list[0].Needs) != write.String() || words(list[1].Needs) != "to own catalog:prod, or MANAGE on it" {
		t.Fatalf("it takes %+v", list)
	}
	if got := strings.Join(list[1].Needs[0].For, " "); got != "grant/t grant/c catalog_binding/prod" {
		t.Errorf("for %s", got)
	}
}
