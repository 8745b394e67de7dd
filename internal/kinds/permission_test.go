package kinds

import (
	"errors"
	"strings"
	"testing"

	"github.com/mlopsctl/mlopsctl/internal/databricks"
	"github.com/mlopsctl/mlopsctl/internal/sandbox"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

const objectWorld = `databricks:
  users: [{ name: ada@acme.com, workspaces: ["https://prod.cloud.databricks.com"] }]
  groups:
  - { name: ml, workspaces: ["https://prod.cloud.databricks.com"] }
  - { name: ops, workspaces: ["https://prod.cloud.databricks.com"] }
  - { name: elsewhere }
  directories: [{ workspace: "https://prod.cloud.databricks.com", path: /Research, owner: "user:ada@acme.com" }]
  files: [{ workspace: "https://prod.cloud.databricks.com", path: /Shared/file }]
  jobs:
  - { workspace: "https://prod.cloud.databricks.com", name: nightly, owner: "user:ada@acme.com" }
  - { workspace: "https://prod.cloud.databricks.com", name: twice }
  - { workspace: "https://prod.cloud.databricks.com", name: Twice }
  access:
  - { workspace: "https://prod.cloud.databricks.com", on: "job:nightly", principal: "group:ops", level: CAN_MANAGE_RUN }
  - { workspace: "https://prod.cloud.databricks.com", on: "directory:/Research", principal: "group:ml", level: CAN_READ }
`

// mayOn is a wish for a level of a group on an object of prod.
func mayOn(on, group, level string) permission {
	kind, object, _ := strings.Cut(on, ":")
	return permission{
		Host: prodHost, ObjectType: kind, Object: object, PrincipalType: ofGroup, Principal: resource.Known(group), Levels: upTo(kind, []string{level}),
	}
}

func (r *rig) seen(p permission) permission {
	r.t.Helper()
	have, err := readPermission(r.t.Context(), r.fleet(reading()), p)
	if err != nil {
		r.t.Fatal(err)
	}
	return have
}

func (r *rig) writes(changes ...resource.Change[permission]) {
	r.t.Helper()
	for _, err := range writePermissions(r.t.Context(), r.fleet(writing()), changes) {
		if err != nil {
			r.t.Fatal(err)
		}
	}
}

// access is what somebody was given on an object of prod.
func (r *rig) access(on, kind, name string) string {
	r.t.Helper()
	f := r.fleet(reading())
	o, err := objectOf(r.t.Context(), f, mayOn(on, "", ""))
	if err != nil {
		r.t.Fatal(err)
	}
	list, err := f.Access(r.t.Context(), prodHost, o)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, a := range list {
		if a.Is(kind, name) {
			return strings.Join(a.Direct, ", ")
		}
	}
	return ""
}

func changesAccess(q sandbox.Request) bool {
	return q.Mutating && strings.Contains(q.Path, "/permissions/")
}

func TestALevelThatWasThereBeforeIsLeftWhenAHigherOneGoes(t *testing.T) {
	r := newRig(t, objectWorld, head)
	want := mayOn("directory:/Research", "ml", "CAN_EDIT")
	have := r.seen(want)
	same(t, "what was there", []string{"CAN_READ"}, have.Levels)
	r.writes(resource.Change[permission]{Have: have, Want: want})
	same(t, "what is there", "CAN_EDIT", r.access("directory:/Research", databricks.AccessGroup, "ml"))

	made := r.seen(want)
	made.Levels = beyond(made.Levels, have.Levels) // what the ledger says that the stack gave
	gone := r.seen(made)
	same(t, "what is taken away", []string{"CAN_RUN", "CAN_EDIT"}, gone.Levels)
	r.writes(resource.Change[permission]{Have: gone, Want: gone, Gone: true})
	same(t, "what is left", "CAN_READ", r.access("directory:/Research", databricks.AccessGroup, "ml"))
	same(t, "what its owner has", "CAN_MANAGE", r.access("directory:/Research", databricks.AccessUser, "ada@acme.com"))
	same(t, "requests that replace the list", 1, len(r.sent(to("PUT", "/api/2.0/permissions/"))))
}

func TestAHigherLevelSatisfiesALowerWishAndIsNotTakenAway(t *testing.T) {
	r := newRig(t, objectWorld, head)
	want := mayOn("job:nightly", "ops", "CAN_VIEW")
	have := r.seen(want)
	same(t, "what is seen", []string{"CAN_VIEW"}, have.Levels)
	r.writes(resource.Change[permission]{Have: have, Want: have, Gone: true})
	same(t, "what is left", "CAN_MANAGE_RUN", r.access("job:nightly", databricks.AccessGroup, "ops"))
	same(t, "requests", 0, len(r.sent(changesAccess)))
}

func TestAllChangesOfAnObjectGoOutInOneRequest(t *testing.T) {
	r := newRig(t, objectWorld, head)
	ops := r.seen(mayOn("job:nightly", "ops", "CAN_MANAGE_RUN"))
	r.writes(
		resource.Change[permission]{Want: mayOn("job:nightly", "ml", "CAN_VIEW")},
		resource.Change[permission]{Have: ops, Want: mayOn("job:nightly", "ops", "CAN_VIEW")},
	)
	same(t, "of the one", "CAN_VIEW", r.access("job:nightly", databricks.AccessGroup, "ml"))
	same(t, "of the other", "CAN_VIEW", r.access("job:nightly", databricks.AccessGroup, "ops"))
	same(t, "of the owner", "IS_OWNER", r.access("job:nightly", databricks.AccessUser, "ada@acme.com"))
	same(t, "requests", 1, len(r.sent(changesAccess)))
}

func TestWhatIsInheritedIsEnoughAndNeverTakenAway(t *testing.T) {
	r := newRig(t, objectWorld, head)
	same(t, "what everybody may do below /Shared", []string{"CAN_READ"}, r.seen(mayOn("directory:/Shared", "users", "CAN_READ")).Levels)
	f := r.fleet(writing())
	if err := f.MakeDirectory(t.Context(), prodHost, "/Shared/x"); err != nil {
		t.Fatal(err)
	}
	want := mayOn("directory:/Shared/x", "users", "CAN_RUN")
	have := r.seen(want)
	same(t, "what is inherited", []string{"CAN_READ", "CAN_RUN"}, have.Levels)
	if live, err := readPermission(t.Context(), r.fleet(reading()), have); !errors.Is(err, resource.ErrNotFound) {
		t.Errorf("what could be taken away: %v, %v", live, err)
	}
}

func TestAListThatIsTakenOverShowsWhoGoes(t *testing.T) {
	r := newRig(t, objectWorld, head)
	want := mayOn("job:nightly", "ml", "CAN_VIEW")
	want.Exclusive, want.Among = "prod/job:nightly", []listed{{ofGroup, resource.Known("ml")}}
	others, err := otherPermissions(t.Context(), r.fleet(reading()), want)
	if err != nil || len(others) != 1 {
		t.Fatalf("the others are %v, %v", others, err)
	}
	same(t, "who goes", "permission/prod/job:nightly/group:ops", others[0].Addr.String())
	same(t, "and what", []string{"CAN_VIEW", "CAN_MANAGE_RUN"}, others[0].Want.Levels)

	shared := mayOn("directory:/Shared", "ml", "CAN_READ")
	shared.Exclusive, shared.Among = "prod/directory:/Shared", []listed{{ofGroup, resource.Known("ml")}}
	if others, err = otherPermissions(t.Context(), r.fleet(reading()), shared); err != nil || len(others) != 0 {
		t.Errorf("a group through which this program manages the object goes: %v, %v", others, err)
	}
}

func TestWhatCannotBeGivenIsBlockedWithItsReason(t *testing.T) {
	r := newRig(t, objectWorld, head)
	for _, c := range []struct {
		want permission
		says string
	}{
		{mayOn("directory:/Nowhere", "ml", "CAN_READ"), "directory /Nowhere does not exist in"},
		{mayOn("directory:/Shared/file", "ml", "CAN_READ"), "is a file there"},
		{mayOn("experiment:/Shared/fares", "ml", "CAN_READ"), "experiment /Shared/fares does not exist in"},
		{mayOn("job:weekly", "ml", "CAN_VIEW"), "job weekly does not exist in"},
		{mayOn("job:12", "ml", "CAN_VIEW"), "job 12 does not exist in"},
		{mayOn("cluster_policy:small", "ml", "CAN_USE"), "cluster policy small does not exist in"},
		{mayOn("job:nightly", "elsewhere", "CAN_VIEW"), `does not know the group "elsewhere"`},
	} {
		_, err := readPermission(t.Context(), r.fleet(reading()), c.want)
		var blocked *resource.Blocked
		if !errors.As(err, &blocked) || !strings.Contains(blocked.Reason, c.says) {
			t.Errorf("%s for %s: %v, want it to say %q", c.want.object(), c.want.Principal.Value, err, c.says)
		}
	}
	_, err := readPermission(t.Context(), r.fleet(reading()), mayOn("job:twice", "ml", "CAN_VIEW"))
	if err == nil || !strings.Contains(err.Error(), "2 jobs in") || !strings.Contains(err.Error(), "job:ID") {
		t.Errorf("two jobs of one name: %v", err)
	}
}

func TestADirectoryIsNeverDeletedWithWhatIsInIt(t *testing.T) {
	r := newRig(t, objectWorld, head)
	want := directory{Host: prodHost, Path: "/Shared/x"}
	made, err := createDirectory(t.Context(), r.fleet(writing()), want)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := createDirectory(t.Context(), r.fleet(writing()), want); !errors.Is(err, resource.ErrExists) {
		t.Errorf("one that is there: %v", err)
	}
	if err := r.fleet(writing()).MakeDirectory(t.Context(), prodHost, "/Shared/x/y"); err != nil {
		t.Fatal(err)
	}
	if err := deleteDirectory(t.Context(), r.fleet(writing()), made); err == nil || !strings.Contains(err.Error(), "move or delete what is in it") {
		t.Errorf("deleting what holds something: %v", err)
	}
	if _, err := readDirectory(t.Context(), r.fleet(reading()), directory{Host: prodHost, Path: "/Shared/file"}); err == nil || !strings.Contains(err.Error(), "is a file there") {
		t.Errorf("a file in its place: %v", err)
	}
}
