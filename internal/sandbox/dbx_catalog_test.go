package sandbox

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const unity = "/api/2.1/unity-catalog"

func TestACatalogComesWithWhatTheServiceAdds(t *testing.T) {
	d := newDatabricksTest(t, "")
	o := d.do(200, "POST", prodHost+unity+"/catalogs", map[string]any{"name": "Prod", "comment": "models"})
	if o["name"] != "prod" || o["owner"] != operatorID || o["isolation_mode"] != "OPEN" || o["properties"] == nil {
		t.Errorf("the catalog is %v", o)
	}
	var names []string
	for _, s := range d.do(200, "GET", prodHost+unity+"/schemas?catalog_name=prod", nil)["schemas"].([]any) {
		names = append(names, s.(map[string]any)["name"].(string))
	}
	if diff := cmp.Diff([]string{"default", "information_schema"}, names); diff != "" {
		t.Error(diff)
	}
	d.message(d.do(400, "POST", prodHost+unity+"/catalogs", map[string]any{"name": "prod"}), "CATALOG_ALREADY_EXISTS")
	d.message(d.do(400, "POST", prodHost+unity+"/catalogs", map[string]any{"comment": "no name"}), "name is missing")
	d.message(d.do(400, "POST", prodHost+unity+"/catalogs", map[string]any{"name": "a.b"}), "not a valid name")
	d.message(d.do(400, "PATCH", prodHost+unity+"/catalogs/prod", map[string]any{}), "UpdateCatalog Nothing to update")
}

func TestACatalogNeedsStorageWhereItsMetastoreHasNone(t *testing.T) {
	d := newDatabricksTest(t, "  metastores: [{name: bare, storage_root: none, workspaces: ["+stagingHost+", "+prodHost+"]}]\n")
	d.message(d.do(400, "POST", prodHost+unity+"/catalogs", map[string]any{"name": "prod"}), "Metastore storage root URL does not exist")
	d.do(200, "POST", prodHost+unity+"/catalogs", map[string]any{"name": "prod", "storage_root": "s3://acme/prod"})
	if o := d.do(200, "GET", prodHost+unity+"/metastore_summary", nil); o["storage_root"] != nil {
		t.Errorf("the metastore shows storage: %v", o)
	}
}

func TestAWorkspaceWithoutAMetastoreSaysSo(t *testing.T) {
	d := newDatabricksTest(t, "  metastores: [{name: one, workspaces: ["+prodHost+"]}]\n")
	d.message(d.do(404, "GET", stagingHost+unity+"/current-metastore-assignment", nil), "METASTORE_DOES_NOT_EXIST")
	if o := d.do(200, "GET", prodHost+unity+"/current-metastore-assignment", nil); o["workspace_id"] != float64(workspaceID(prodHost)) {
		t.Errorf("the assignment is %v", o)
	}
}

func TestMetastoresHaveCatalogsOfTheirOwn(t *testing.T) {
	d := newDatabricksTest(t, "  metastores:\n  - {name: one, workspaces: ["+prodHost+"]}\n  - {name: two, workspaces: ["+stagingHost+"]}\n")
	d.do(200, "POST", prodHost+unity+"/catalogs", map[string]any{"name": "shared"})
	d.message(d.do(404, "GET", stagingHost+unity+"/catalogs/shared", nil), "CATALOG_DOES_NOT_EXIST")
}

func TestAnIsolatedCatalogIsUsableOnlyWhereItIsBound(t *testing.T) {
	d := newDatabricksTest(t, "  catalogs: [{name: prod}]\n")
	at := func(host string) string { return host + unity + "/catalogs/prod" }
	d.do(200, "PATCH", at(prodHost), map[string]any{"isolation_mode": "ISOLATED"})
	d.message(d.do(403, "GET", at(prodHost), nil), "not accessible in current workspace")
	d.message(d.do(403, "GET", prodHost+unity+"/permissions/catalog/prod", nil), "not accessible")
	bindings := prodHost + unity + "/bindings/catalog/prod"
	d.do(200, "PATCH", bindings, map[string]any{"add": []any{map[string]any{"workspace_id": workspaceID(prodHost)}}})
	d.do(200, "GET", at(prodHost), nil)
	d.do(403, "GET", at(stagingHost), nil)
	names := func(query string) string {
		return fmt.Sprint(d.do(200, "GET", stagingHost+unity+"/catalogs"+query, nil)["catalogs"])
	}
	if strings.Contains(names(""), "name:prod") {
		t.Error("a workspace that is not bound lists the catalog")
	}
	if !strings.Contains(names("?include_unbound=true"), "name:prod") {
		t.Error("include_unbound does not list the catalog")
	}
	d.do(400, "PATCH", bindings, map[string]any{"add": []any{map[string]any{"workspace_id": 42}}})
	o := d.do(200, "GET", bindings, nil)
	want := []any{map[string]any{"workspace_id": float64(workspaceID(prodHost)), "binding_type": "BINDING_TYPE_READ_WRITE"}}
	if diff := cmp.Diff(want, o["bindings"]); diff != "" {
		t.Error(diff)
	}
}

func TestDeletingWhatHoldsSomethingNeedsForce(t *testing.T) {
	d := newDatabricksTest(t, "  tables: [{name: prod.a.t}]\n")
	d.message(d.do(400, "DELETE", prodHost+unity+"/schemas/prod.a", nil), "not empty")
	d.message(d.do(400, "DELETE", prodHost+unity+"/catalogs/prod", nil), "not empty")
	d.do(200, "DELETE", prodHost+unity+"/catalogs/prod?force=true", nil)
	d.message(d.do(404, "GET", prodHost+unity+"/tables/prod.a.t", nil), "CATALOG_DOES_NOT_EXIST")
}

func TestTableSummariesTakeUnderscoresForAnything(t *testing.T) {
	d := newDatabricksTest(t, "  tables: [{name: prod.a.my_table}, {name: prod.a.my2table}, {name: prod.b.other}]\n  views: [{name: prod.a.v}]\n")
	summaries := func(query string) []string {
		var names []string
		for _, s := range d.do(200, "GET", prodHost+unity+"/table-summaries?catalog_name=prod"+query, nil)["tables"].([]any) {
			names = append(names, s.(map[string]any)["full_name"].(string))
		}
		return names
	}
	if diff := cmp.Diff([]string{"prod.a.my2table", "prod.a.my_table"}, summaries("&table_name_pattern=my_table")); diff != "" {
		t.Error(diff)
	}
	if got := summaries("&schema_name_pattern=a"); len(got) != 3 {
		t.Errorf("the schema holds %v", got)
	}
	for name, want := range map[string]bool{"prod.a.my_table": true, "prod.a.none": false, "prod.none.t": false, "none.a.t": false} {
		if o := d.do(200, "GET", prodHost+unity+"/tables/"+name+"/exists", nil); o["table_exists"] != want {
			t.Errorf("%s: %v, want %v", name, o, want)
		}
	}
}

func TestPrivilegesMustSuitTheirSecurable(t *testing.T) {
	d := newDatabricksTest(t, "  users: [{name: ana@acme.com}]\n  tables: [{name: prod.a.t}]\n  views: [{name: prod.a.v}]\n  models: [{name: prod.a.m}]\n  volumes: [{name: prod.a.vol}]\n")
	for _, c := range []struct {
		securable, privilege string
		status               int
		stored               string
	}{
		{"catalog/prod", "USE_CATALOG", 200, "USE_CATALOG"},
		{"CATALOG/PROD", "use catalog", 200, "USE_CATALOG"},
		{"catalog/prod", "USAGE", 200, "USE_CATALOG"},
		{"schema/prod.a", "USAGE", 200, "USE_SCHEMA"},
		{"schema/prod.a", "USE_CATALOG", 400, ""},
		{"schema/prod.a", "CREATE_SCHEMA", 400, ""},
		{"schema/prod.a", "CREATE", 400, ""},
		{"table/prod.a.t", "MODIFY", 200, "MODIFY"},
		{"table/prod.a.t", "CREATE_TABLE", 400, ""},
		{"table/prod.a.v", "MODIFY", 400, ""},
		{"function/prod.a.m", "EXECUTE", 200, "EXECUTE"},
		{"model/prod.a.m", "EXECUTE", 400, ""},
		{"volume/prod.a.vol", "READ_VOLUME", 200, "READ_VOLUME"},
		{"table/prod.a.none", "SELECT", 404, ""},
	} {
		at := prodHost + unity + "/permissions/" + c.securable
		change := func(how string) map[string]any {
			return map[string]any{"changes": []any{map[string]any{"principal": "ana@acme.com", how: []string{c.privilege}}}}
		}
		o := d.do(c.status, "PATCH", at, change("add"))
		if c.status != 200 {
			continue
		}
		want := []any{map[string]any{"principal": "ana@acme.com", "privileges": []any{c.stored}}}
		if diff := cmp.Diff(want, o["privilege_assignments"]); diff != "" {
			t.Errorf("%s on %s: %s", c.privilege, c.securable, diff)
		}
		d.do(200, "PATCH", at, change("remove"))
	}
}

func TestGrantsAreChangedAsTheServiceChangesThem(t *testing.T) {
	d := newDatabricksTest(t, "  users: [{name: Ana@acme.com}, {name: ben@acme.com}]\n  groups: [{name: ml}]\n  schemas: [{name: prod.a}]\n")
	at := prodHost + unity + "/permissions/schema/prod.a"
	change := func(status int, changes ...map[string]any) map[string]any {
		return d.do(status, "PATCH", at, map[string]any{"changes": changes})
	}
	change(200, map[string]any{"principal": "ana@ACME.com", "add": []string{"SELECT", "MODIFY", "SELECT"}}, map[string]any{"principal": "ml", "add": []string{"SELECT"}})
	change(200, map[string]any{"principal": "ana@acme.com", "add": []string{"SELECT"}})
	d.message(change(400, map[string]any{"principal": "ml", "add": []string{"SELECT"}, "remove": []string{"SELECT"}}), "Duplicate privileges")
	d.message(change(404, map[string]any{"principal": "admins", "add": []string{"SELECT"}}), "Could not find principal with name admins")
	d.message(change(404, map[string]any{"principal": "ben@acme.com", "add": []string{"SELECT"}}, map[string]any{"principal": "nobody", "add": []string{"SELECT"}}), "nobody")
	want := map[string]any{"Ana@acme.com": []any{"MODIFY", "SELECT"}, "ml": []any{"SELECT"}}
	if diff := cmp.Diff(want, d.grants(at)); diff != "" {
		t.Error("a refused change left a trace, or case matters: " + diff)
	}
	change(200, map[string]any{"principal": "Ana@acme.com", "remove": []string{"ALL_PRIVILEGES"}, "add": []string{"USE_SCHEMA"}})
	want["Ana@acme.com"] = []any{"USE_SCHEMA"}
	if diff := cmp.Diff(want, d.grants(at)); diff != "" {
		t.Error(diff)
	}
	for query, status := range map[string]int{"?max_results=0": 200, "?max_results=149": 400, "?max_results=-1": 400, "?max_results=150": 200} {
		d.do(status, "GET", at+query, nil)
	}
	if got := d.grants(at + "?principal=ML"); len(got) != 1 {
		t.Errorf("one principal's grants are %v", got)
	}
}

// grants reads every page of a securable's grants, by principal.
func (d *dbxTest) grants(at string) map[string]any {
	d.t.Helper()
	found := map[string]any{}
	o := d.do(200, "GET", at, nil)
	list, _ := o["privilege_assignments"].([]any)
	for _, row := range list {
		r := row.(map[string]any)
		found[r["principal"].(string)] = r["privileges"]
	}
	return found
}

func TestGrantsComeInPagesAndInNoOrder(t *testing.T) {
	var users, grants strings.Builder
	for i := range 200 {
		fmt.Fprintf(&users, "  - {name: u%03d@acme.com}\n", i)
		fmt.Fprintf(&grants, "  - {on: \"catalog:prod\", principal: \"user:u%03d@acme.com\", privileges: [USE_CATALOG]}\n", i)
	}
	d := newDatabricksTest(t, "  catalogs: [{name: prod}]\n  users:\n"+users.String()+"  grants:\n"+grants.String())
	at := prodHost + unity + "/permissions/catalog/prod?max_results=150"
	o := d.do(200, "GET", at, nil)
	first := o["privilege_assignments"].([]any)
	rest := d.do(200, "GET", at+"&page_token="+url.QueryEscape(o["next_page_token"].(string)), nil)
	if len(first) != 150 || len(rest["privilege_assignments"].([]any)) != 50 || rest["next_page_token"] != nil {
		t.Errorf("pages of %d and %v", len(first), rest)
	}
	names := func(list []any) []string {
		var all []string
		for _, row := range list {
			all = append(all, row.(map[string]any)["principal"].(string))
		}
		return all
	}
	if slices.IsSorted(names(first)) {
		t.Error("the assignments come in order")
	}
	if again := d.do(200, "GET", at, nil); cmp.Diff(first, again["privilege_assignments"]) != "" {
		t.Error("two reads without a change between them differ")
	}
}

func TestANewGrantIsShownOnlyAfterAWhile(t *testing.T) {
	d := newDatabricksTest(t, "  users: [{name: ana@acme.com}]\n  catalogs: [{name: prod}]\n  delays: {grant_reads: 2}\n")
	d.grant(prodHost, "catalog/prod", "ana@acme.com", "USE_CATALOG")
	at := prodHost + unity + "/permissions/catalog/prod"
	for i, want := range []int{0, 0, 1} {
		if got := d.grants(at); len(got) != want {
			t.Errorf("read %d shows %v", i+1, got)
		}
	}
}

func TestEffectivePermissionsSayWhereTheyComeFrom(t *testing.T) {
	d := newDatabricksTest(t, "  users: [{name: ana@acme.com}]\n  tables: [{name: prod.a.t}]\n")
	d.grant(prodHost, "catalog/prod", "ana@acme.com", "SELECT")
	d.grant(prodHost, "table/prod.a.t", "ana@acme.com", "MODIFY")
	o := d.do(200, "GET", prodHost+unity+"/effective-permissions/table/prod.a.t", nil)
	want := []any{map[string]any{"principal": "ana@acme.com", "privileges": []any{
		map[string]any{"privilege": "MODIFY"},
		map[string]any{"privilege": "SELECT", "inherited_from_type": "CATALOG", "inherited_from_name": "prod"},
	}}}
	if diff := cmp.Diff(want, o["privilege_assignments"]); diff != "" {
		t.Error(diff)
	}
}
