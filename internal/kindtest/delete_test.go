package kindtest

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

func text(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// TestWhatIsDeletedIsGoneAndCanBeMadeAgain deletes an object of each kind by what was seen of it: it is
// gone for the clients that deleted it and for others, a second delete is fine, and one that is made in
// its place is another where the service has ids. To delete the first once more leaves that one alone.
func TestWhatIsDeletedIsGoneAndCanBeMadeAgain(t *testing.T) {
	t.Parallel()
	specText, worldText := full(t)
	for _, o := range owned {
		t.Run(o.kind, func(t *testing.T) {
			w := open(t, specText, worldText)
			w.settle()
			p := w.plan()
			w.empties(t, o.address)
			types := w.types()
			kind, was := types[o.kind], p.Find(o.address).Before
			for range 2 {
				if err := kind.Delete(t.Context(), was); err != nil {
					t.Fatal(err)
				}
				notFound(t, kind, was)
			}
			notFound(t, w.types()[o.kind], was)

			made, err := w.types()[o.kind].Create(t.Context(), wish(p, o.address))
			if err != nil {
				t.Fatal(err)
			}
			if same := identity(kind, made) == identity(kind, was); same == o.hasID {
				t.Errorf("what was made again is the same one: %t\n%s\n%s", same, identity(kind, was), identity(kind, made))
			}
			if o.hasID {
				w.keeps(t, kindOf(w, o.kind), was, made)
			}
			if err := w.types()[o.kind].Delete(t.Context(), made); err != nil {
				t.Error(err)
			}
			notFound(t, w.types()[o.kind], made)
		})
	}
}

func kindOf(w *world, name string) resource.Type { return w.types()[name] }

// keeps deletes what is gone once more, which must leave what has its place.
func (w *world) keeps(t *testing.T, kind resource.Type, was, made resource.Object) {
	t.Helper()
	if err := kind.Delete(t.Context(), was); err != nil && !errors.Is(err, resource.ErrConflict) {
		t.Errorf("deleting what has another in its place: %v", err)
	}
	live, err := kindOf(w, kind.Name).Read(t.Context(), made)
	if err != nil || identity(kind, live) != identity(kind, made) {
		t.Errorf("what was made in its place is %v, %v", live, err)
	}
	if live, err := kindOf(w, kind.Name).Read(t.Context(), was); err == nil && identity(kind, live) == identity(kind, was) {
		t.Errorf("what is gone is found: %v", live)
	}
}

// empties deletes what lies in an object and would keep it from being deleted.
func (w *world) empties(t *testing.T, address string) {
	t.Helper()
	if address != "catalog/test" {
		return
	}
	types, p := w.types(), w.plan()
	err := types["catalog"].Delete(t.Context(), p.Find(address).Before)
	if err == nil || !strings.Contains(err.Error(), "not empty") || !strings.Contains(err.Error(), "never deleted with it") {
		t.Errorf("deleting a catalog that holds a schema: %v", err)
	}
	if err := types["schema"].Delete(t.Context(), p.Find("schema/test.taxi").Before); err != nil {
		t.Fatal(err)
	}
}

func TestTheDefaultBranchIsNeverDeleted(t *testing.T) {
	specText, worldText := full(t)
	w := open(t, specText, worldText)
	w.settle()
	err := w.types()["branch"].Delete(t.Context(), w.plan().Find("branch/main").Before)
	if err == nil || !strings.Contains(err.Error(), "make another one the default first") {
		t.Errorf("deleting the default branch: %v", err)
	}
}

// TestWhatGoesWithItsParentIsGone deletes what others lie in or hang on: they are absent then, whatever
// their listing says, and to delete them is fine.
func TestWhatGoesWithItsParentIsGone(t *testing.T) {
	specText, worldText := full(t)
	parents := map[string][]string{
		"service_principal/taxi-prod": {"federation_policy/taxi-prod/prod", "workspace_assignment/prod/taxi-prod", "group_member/ml-engineers/taxi-prod", "entitlement/prod/taxi-prod", "git_credential/prod/taxi-prod", "principal_user/taxi-prod/group:ml-engineers", "grant/schema:prod.taxi/taxi-prod"},
		"environment/prod":            {"variable/prod/FEATURE_TABLE", "variable/prod/DATABRICKS_HOST", "secret/prod/PROD_CLIENT_SECRET"},
		"group/taxi-principals":       {"group_member/taxi-principals/taxi-prod", "group_member/taxi-principals/user:ada@acme.com"},
		"directory/prod/Shared/taxi":  {"permission/prod/directory:/Shared/taxi/taxi-prod", "permission/prod/directory:/Shared/taxi/group:ml-engineers"},
		"schema/prod.taxi":            {"grant/schema:prod.taxi/taxi-prod", "grant/schema:prod.taxi/group:account users"},
	}
	for parent, below := range parents {
		t.Run(parent, func(t *testing.T) {
			w := open(t, specText, worldText)
			w.settle()
			p := w.plan()
			types := w.types()
			was := func(address string) (resource.Type, resource.Object) {
				c := find(t, p, address)
				return types[c.Kind], c.Before
			}
			kind, live := was(parent)
			if err := kind.Delete(t.Context(), live); err != nil {
				t.Fatal(err)
			}
			for _, address := range below {
				kind, live := was(address)
				notFound(t, kind, live)
				if err := kind.Delete(t.Context(), live); err != nil {
					t.Errorf("deleting %s: %v", address, err)
				}
			}
		})
	}
}

func find(t *testing.T, p *plan.Plan, address string) *plan.Change {
	t.Helper()
	c := p.Find(address)
	if c == nil || c.Before == nil {
		t.Fatalf("%s is not there", address)
	}
	return c
}
