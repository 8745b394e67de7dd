package kinds

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/mlopsctl/mlopsctl/internal/databricks"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// Two targets of two stacks that share a principal never have one policy between them, and common ids are
// what they were.
func TestNoTwoTargetsHaveOnePolicyID(t *testing.T) {
	for _, c := range []struct{ stack, target, want string }{
		{"demo", "prod", "mlopsctl-demo-prod"},
		{"mlops-stack-demo", "staging", "mlopsctl-mlops-stack-demo-staging"},
	} {
		same(t, c.stack+" "+c.target, c.want, policyID(c.stack, c.target))
	}
	names := []string{"a", "b", "c", "a-b", "b-c", "a-b-c", "c-a", "0123abcd", "b-0123abcd", strings.Repeat("a", 40)}
	for _, n := range []string{"a", "a-b", "a-b-c"} { // a target that is called like a checksum of another's
		names = append(names, checksum(n+"/b-c"), checksum("mlopsctl-"+n+"-B"))
	}
	seen := map[string]string{}
	for _, stack := range names {
		for _, target := range append(names, "B", "b_c", strings.ToUpper(checksum("a/b-c"))) {
			id, of := policyID(stack, target), fmt.Sprintf("(%s, %s)", stack, target)
			if other, taken := seen[id]; taken {
				t.Errorf("%s and %s have the policy id %s", of, other, id)
			}
			if seen[id] = of; len(id) > longestPolicyID {
				t.Errorf("%s is too long", id)
			}
		}
	}
}

func TestAPolicyUnderItsFormerIDIsFoundAndKept(t *testing.T) {
	r := newRig(t, "databricks: { service_principals: [{ name: demo-prod }] }", strings.ReplaceAll(head, "  prod: {", "  prod-eu: {"))
	f := r.fleet(writing())
	p, err := f.Principals(t.Context(), "", "demo-prod")
	if err != nil || len(p) != 1 {
		t.Fatal(p, err)
	}
	want := declareFederationPolicies(resource.Wishes{Stack: r.stack})[0].Want
	want.PrincipalID, want.Issuer, want.Subject = resource.Known(p[0].ID), resource.Known("https://token.actions.githubusercontent.com"), resource.Known("repo:x")
	former := want
	former.PolicyID, former.Subject = plainPolicyID("demo", "prod-eu"), resource.Known("repo:y")
	if _, err := createFederationPolicy(t.Context(), f, former); err != nil {
		t.Fatal(err)
	}
	have, err := readFederationPolicy(t.Context(), f, want)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "its id and mark", [2]any{"mlopsctl-demo-prod-eu", true}, [2]any{have.PolicyID, federationPolicyKind.Marked("demo", have)})
	made, err := updateFederationPolicy(t.Context(), f, have, want)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "its id and subject", [2]string{have.PolicyID, "repo:x"}, [2]string{made.PolicyID, made.Subject.Value})
	made.Target, made.Description = "eu", "" // as a forged record of another stack would have it
	if federationPolicyKind.Marked("demo-prod", made) && policyID("demo-prod", "eu") != made.PolicyID {
		t.Error("it bears another stack's mark")
	}
}

func TestAWorkspaceThatLeftTheListIsUnbound(t *testing.T) {
	r := newRig(t, `databricks: { catalogs: [{ name: prod, isolated_to: ["https://prod.cloud.databricks.com", "https://staging.cloud.databricks.com"] }] }`,
		head+"  staging: { host: https://staging.cloud.databricks.com }\n")
	wish := func(hosts ...string) catalogBinding {
		return catalogBinding{Host: prodHost, Catalog: "prod", IsolationMode: isolated, Workspaces: hosts}
	}
	f := r.fleet(writing())
	kept, err := readCatalogBinding(t.Context(), f, wish(prodHost))
	if err != nil {
		t.Fatal(err)
	}
	same(t, "a workspace that somebody else bound", []string{prodHost}, kept.Workspaces)
	want := catalogBindingKind.Shrink(wish(prodHost), wish(prodHost, stagingHost))
	have, err := readCatalogBinding(t.Context(), f, want)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "the danger", resource.AccessLoss, catalogBindingKind.Danger(have, want))
	have, err = isolateCatalog(t.Context(), f, want)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "who is bound", []string{prodHost}, have.Workspaces)
	bindings, err := f.Bindings(t.Context(), prodHost, "prod")
	if err != nil || len(bindings) != 1 {
		t.Errorf("the bindings are %v, %v", bindings, err)
	}
}

func TestAnExclusiveProtectionLetsNobodyBypassIt(t *testing.T) {
	f := openForge(t, aRepository)
	one := 1
	want := branchProtection{
		Repository: id, Branch: "main", Name: rulesetPrefix("demo") + "main", Enforcement: "active",
		Refs: []string{"refs/heads/main"}, ExceptRefs: []string{}, RequiredApprovals: &one,
	}
	made, err := createBranchProtection(t.Context(), f.Client, want)
	if err != nil {
		t.Fatal(err)
	}
	f.outside(t, "PUT", "/rulesets/"+made.ID, `{"bypass_actors":[{"actor_id":5,"actor_type":"RepositoryRole","bypass_mode":"always"},{"actor_type":"OrganizationAdmin","bypass_mode":"always"}]}`)
	have, err := updateBranchProtection(t.Context(), f.Client, made, want)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "what an additive one says of them", []string{"OrganizationAdmin always", "RepositoryRole 5 always"}, have.BypassActors)
	spelled := parse(t, strings.Replace(head, "main: { default: true }", "main: { protection: { required_approvals: 1, exclusive: true } }", 1))
	want.BypassActors = declareBranchProtection(resource.Wishes{Stack: spelled})[0].Want.BypassActors
	if have, err = readBranchProtection(t.Context(), f.Client, want); err != nil {
		t.Fatal(err)
	}
	same(t, "who may bypass it", []string{"OrganizationAdmin always", "RepositoryRole 5 always"}, have.BypassActors)
	same(t, "the danger", resource.AccessLoss, branchProtectionKind.Danger(have, want))
	if have, err = updateBranchProtection(t.Context(), f.Client, have, want); err != nil {
		t.Fatal(err)
	}
	same(t, "who may bypass it then", []string{}, have.BypassActors)
}

// What lies on a workspace that left the spec is reached from one that shares its metastore.
func TestWhatIsOnAWorkspaceThatLeftTheSpecIsReachedFromAnother(t *testing.T) {
	r := newRig(t, "databricks: { catalogs: [{ name: test }] }", head)
	f := r.fleet(writing())
	have, err := readCatalog(t.Context(), f, catalog{Host: prodHost, Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	have.Host = stagingHost
	if again, err := readCatalog(t.Context(), f, have); err != nil || again.Host != prodHost {
		t.Errorf("it is read on %s: %v", again.Host, err)
	}
	have.MetastoreID = "another"
	_, err = readCatalog(t.Context(), f, have)
	wantBlocked(t, err, "no workspace of the spec shares its metastore")
	f.Admit(databricks.Host{URL: stagingHost})
	if again, err := readCatalog(t.Context(), f, have); err != nil || again.Host != stagingHost {
		t.Errorf("it is read on %s: %v", again.Host, err)
	}
}

func TestNothingIsOwnedThatSomebodyElseMakes(t *testing.T) {
	s := parse(t, strings.Replace(head, "account: { host: https://accounts.cloud.databricks.com, id: 11111111-2222-3333-4444-555555555555 }\n", "", 1)+
		"catalogs: { prod: { exists: true, schemas: { demo: {} } }, own: { target: prod } }\n")
	w := resource.Wishes{Stack: s}
	same(t, "a principal without an account", true, servicePrincipalKind.Foreign(declareServicePrincipals(w)[0].Want))
	same(t, "its assignment", true, workspaceAssignmentKind.Foreign(declareWorkspaceAssignments(w)[0].Want))
	catalogs := declareCatalogs(w)
	same(t, "catalogs", [2]bool{true, false}, [2]bool{catalogKind.Foreign(catalogs[0].Want), catalogKind.Foreign(catalogs[1].Want)})
	if _, err := readCatalog(t.Context(), nil, catalog{}); errors.Is(err, resource.ErrNotFound) {
		t.Error("a catalog of no metastore is absent")
	}
}
