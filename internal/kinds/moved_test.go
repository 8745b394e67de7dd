package kinds

import (
	"errors"
	"testing"

	"github.com/mlopsctl/mlopsctl/internal/databricks"
	"github.com/mlopsctl/mlopsctl/internal/github"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// renaming is a wish under its new name, and what is recorded under the old one.
type renaming[C, T any] struct {
	client    C
	want, was T
}

// renamed plans with a wish that was renamed, and applies it.
func renamed[C, T any](t *testing.T, k resource.Kind[C, T], r renaming[C, T]) (before, after T) {
	t.Helper()
	c, want := r.client, r.want
	moved := k.Moved(want, r.was)
	before, err := k.Read(t.Context(), c, moved)
	if err != nil {
		t.Fatal(err)
	}
	if fields := differ(t, k, moved, before); len(fields) != 1 || fields[0].Path != "called" {
		t.Fatalf("what was renamed differs in %+v", fields)
	}
	after, err = k.Update(t.Context(), c, before, moved)
	if err != nil {
		t.Fatal(err)
	}
	if fields := differ(t, k, moved, after); len(fields) > 0 {
		t.Errorf("once it is renamed it differs in %+v", fields)
	}
	again, err := k.Read(t.Context(), c, moved)
	if err != nil || len(differ(t, k, moved, again)) > 0 {
		t.Errorf("the entry may stay in the spec: %v, %v", again, err)
	}
	if o, err := resource.ToObject(after); err != nil || o["former"] != nil {
		t.Errorf("what is recorded still looks for the former name: %v, %v", o, err)
	}
	live, err := k.Read(t.Context(), c, want)
	if err != nil || len(differ(t, k, want, live)) > 0 {
		t.Errorf("by its new name it is %v, %v", live, err)
	}
	return before, live
}

func differ[C, T any](t *testing.T, k resource.Kind[C, T], want, have T) []plan.Field {
	t.Helper()
	w, err := resource.ToObject(want)
	if err != nil {
		t.Fatal(err)
	}
	h, err := resource.ToObject(have)
	if err != nil {
		t.Fatal(err)
	}
	return plan.Diff(w, h, append(k.Identity, k.CreateOnly...)...)
}

func TestAPrincipalThatWasRenamedKeepsItsIDs(t *testing.T) {
	r := newRig(t, "", head)
	f := r.fleet(writing())
	made, err := createServicePrincipal(t.Context(), f, servicePrincipal{DisplayName: "old", Active: true})
	if err != nil {
		t.Fatal(err)
	}
	_, after := renamed(t, servicePrincipalKind, renaming[*databricks.Fleet, servicePrincipal]{f, servicePrincipal{DisplayName: "new", Active: true}, made})
	same(t, "its ids", [2]string{made.ID, made.ApplicationID}, [2]string{after.ID, after.ApplicationID})
	if _, err := readServicePrincipal(t.Context(), f, servicePrincipal{DisplayName: "old"}); !errors.Is(err, resource.ErrNotFound) {
		t.Errorf("under its old name there is %v", err)
	}
	if live, err := readServicePrincipal(t.Context(), f, made); err != nil || live.ApplicationID != made.ApplicationID {
		t.Errorf("the record of it finds %v, %v", live, err)
	}
}

func TestACatalogAndASchemaThatWereRenamedKeepWhatIsInThem(t *testing.T) {
	r := newRig(t, "databricks: { groups: [{ name: ml }] }", head)
	f := r.fleet(writing())
	c, err := createCatalog(t.Context(), f, catalog{Host: prodHost, Name: "old", Stack: "demo"})
	if err != nil {
		t.Fatal(err)
	}
	s, err := createSchema(t.Context(), f, schema{Host: prodHost, Catalog: "old", Name: "old", Stack: "demo"})
	if err != nil {
		t.Fatal(err)
	}
	use := onDemo("ml", "USE_SCHEMA")
	use.Securable = "old.old"
	if _, err := grantKind.Create(t.Context(), f, use); err != nil {
		t.Fatal(err)
	}
	before, after := renamed(t, schemaKind, renaming[*databricks.Fleet, schema]{f, schema{Host: prodHost, Catalog: "old", Name: "new"}, s})
	same(t, "the schema", [3]string{s.ID, s.ID, "demo"}, [3]string{before.ID, after.ID, after.Stack})
	first, then := renamed(t, catalogKind, renaming[*databricks.Fleet, catalog]{f, catalog{Host: prodHost, Name: "new"}, c})
	same(t, "the catalog", [2]int64{c.CreatedAt, c.CreatedAt}, [2]int64{first.CreatedAt, then.CreatedAt})
	same(t, "the catalog's name as it is recorded", "old", first.Name)
	use.Securable = "new.new"
	if have, err := readGrant(t.Context(), f, use); err != nil || len(have.Privileges) != 1 {
		t.Errorf("the grant is %v, %v", have, err)
	}
}

func TestARulesetFollowsItsBranch(t *testing.T) {
	f := openForge(t, aRepository)
	one, two := 1, 2
	wish := func(name string, approvals *int) branchProtection {
		return branchProtection{
			Repository: id, Branch: name, Name: rulesetPrefix("demo") + name, Enforcement: "active",
			Refs: []string{"refs/heads/main"}, ExceptRefs: []string{}, RequiredApprovals: approvals,
		}
	}
	was, err := createBranchProtection(t.Context(), f.Client, wish("old", &one))
	if err != nil {
		t.Fatal(err)
	}
	_, after := renamed(t, branchProtectionKind, renaming[*github.Client, branchProtection]{f.Client, wish("new", &one), was})
	same(t, "its id", was.ID, after.ID)
	if _, err := readBranchProtection(t.Context(), f.Client, wish("old", &two)); !errors.Is(err, resource.ErrNotFound) {
		t.Errorf("under its old name there is %v", err)
	}
	if live, err := readBranchProtection(t.Context(), f.Client, was); err != nil || live.Name != "mlopsctl/demo: new" || branchProtectionKind.Marked("other", live) {
		t.Errorf("the record of it finds %v, %v", live, err)
	}
}

func TestARepositoryIsSpokenToUnderItsFormerNameUntilItIsRenamed(t *testing.T) {
	f := openForge(t, "github: {repositories: [{name: acme/rides, files: {README.md: x}}]}")
	want := repository{Host: "https://github.com", Owner: "acme", Name: "taxi"}
	if _, err := readRepository(t.Context(), f.Client, want); !errors.Is(err, resource.ErrNotFound) {
		t.Fatalf("under the new name there is %v", err)
	}
	was := want
	was.Name = "rides"
	moved := repositoryKind.Moved(want, was)
	before, err := readRepository(t.Context(), f.Client, moved)
	if err != nil {
		t.Fatal(err)
	}
	if main, err := readBranch(t.Context(), f.Client, branch{Repository: id, Name: "main"}); err != nil || !main.Default {
		t.Errorf("what is in it, before it is renamed: %v, %v", main, err)
	}
	same(t, "the one field that differs", "called", differ(t, repositoryKind, moved, before)[0].Path)
	after, err := updateRepository(t.Context(), f.Client, before, moved)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "the repository", [3]string{before.ID, "taxi", "acme/taxi"}, [3]string{after.ID, after.Called, after.FullName})
	if main, err := readBranch(t.Context(), f.Client, branch{Repository: id, Name: "main"}); err != nil || !main.Default {
		t.Errorf("what is in it, once it is renamed: %v, %v", main, err)
	}
	f.renew(t)
	if again, err := readRepository(t.Context(), f.Client, moved); err != nil || again.ID != before.ID || len(differ(t, repositoryKind, moved, again)) > 0 {
		t.Errorf("the entry may stay in the spec: %v, %v", again, err)
	}
}
