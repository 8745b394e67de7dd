package kinds

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/databricks"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// groupKind is a group of the account. Its name is its own there, so that it finds it.
var groupKind = resource.Kind[*databricks.Fleet, group]{
	Name:         "group",
	Doc:          "A group of the Databricks account, which can be granted to like a principal.",
	Identity:     []string{"name", "hosts", "exists", "id", "former", "exclusive", "among", "seats"},
	LiveIdentity: []string{"id"},
	Guard:        resource.AccessLoss,
	Declare:      declareGroups,
	Read:         readGroup,
	Create: func(ctx context.Context, f *databricks.Fleet, want group) (group, error) {
		made, err := f.CreateGroup(ctx, want.Name)
		if err != nil {
			return group{}, err
		}
		return want.seen(made), nil
	},
	Update: renameGroup,
	Delete: func(ctx context.Context, f *databricks.Fleet, have group) error {
		return f.DeleteGroup(ctx, have.ID)
	},
	Find: func(ctx context.Context, f *databricks.Fleet, want group) (group, bool, error) {
		f.ForgetGroups()
		return found(readGroup(ctx, f, want))
	},
	Foreign: func(want group) bool { return want.Exists || len(want.Hosts) > 0 },
	Moved: func(want, was group) group {
		want.ID, want.Former, want.Called = was.ID, was.Name, want.Name
		return want
	},
	Others: otherMembers,
}

type group struct {
	Name   string   `json:"name"`
	Hosts  []string `json:"hosts,omitempty"`  // where it is looked up when the spec has no account
	Exists bool     `json:"exists,omitempty"` // it is somebody else's
	ID     string   `json:"id,omitempty"`
	Former string   `json:"former,omitempty"` // called so until now; then its id finds it, if it is still there
	Called string   `json:"called,omitempty"` // of one that was renamed in the spec: the name that it has
	// Exclusive is set where the spec takes over the list of its members: Among are they, as a spec names them.
	// Seats are the workspaces that can say who this program is.
	Exclusive bool     `json:"exclusive,omitempty"`
	Among     []string `json:"among,omitempty"`
	Seats     []string `json:"seats,omitempty"`
}

func declareGroups(w resource.Wishes) []resource.Decl[group] {
	var decls []resource.Decl[group]
	for _, g := range w.Groups {
		want := group{Name: g.Name, Exists: g.Exists, Exclusive: g.Exclusive}
		if w.Account == nil {
			want.Hosts = seatsOf(w)
		}
		if g.Exclusive {
			want.Among, want.Seats = membersOf(w, g), seatsOf(w)
		}
		decls = append(decls, resource.Decl[group]{Addr: groupAddr(g.Name), Want: want, At: w.At("groups", g.Name)})
	}
	return decls
}

// seatsOf returns the workspaces of the targets that have a principal: something is wished on them. Where none
// has, they are all that there are.
func seatsOf(w resource.Wishes) []string {
	var seats, all []string
	for _, t := range w.Targets {
		if t.Host == "" {
			continue
		}
		all = append(all, t.Host)
		if t.ServicePrincipal != "" {
			seats = append(seats, t.Host)
		}
	}
	if len(seats) == 0 {
		seats = all
	}
	return sortedSet(seats)
}

func groupAddr(name string) resource.Addr { return resource.Addr{Kind: "group", Name: name} }

func readGroup(ctx context.Context, f *databricks.Fleet, want group) (group, error) {
	if want.ID != "" && f.HasAccount() {
		g, _, err := f.Group(ctx, "", want.ID)
		if err == nil {
			if want.Former == "" {
				want.Name = g.Name // whatever was recorded: somebody else may have written that
			}
			return want.seen(g), nil
		}
		if want.Former == "" || !errors.Is(err, resource.ErrNotFound) {
			return group{}, err
		}
	}
	g, err := liveGroup(ctx, f, want.Name, want.Hosts)
	switch {
	case err == nil:
		return want.seen(g), nil
	case !errors.Is(err, resource.ErrNotFound):
		return group{}, err
	case want.Exists:
		return group{}, &resource.Blocked{Reason: fmt.Sprintf("group %q does not exist in the Databricks account, and the spec says that it is somebody else's to make (`exists: true`)", want.Name)}
	case !f.HasAccount():
		return group{}, &resource.Blocked{Reason: fmt.Sprintf(
			"%s shows no group %q, and without `account:` none is made; ask an administrator of the Databricks account: create the group %q and assign it to %s",
			strings.Join(want.Hosts, ", "), want.Name, want.Name, strings.Join(want.Hosts, " and "))}
	default:
		return group{}, resource.ErrNotFound
	}
}

// liveGroup returns the account's group of that name, or the one that the first of the workspaces shows. A
// workspace that may not be asked matters only if no other shows it.
func liveGroup(ctx context.Context, f *databricks.Fleet, name string, hosts []string) (databricks.Group, error) {
	if f.HasAccount() {
		return f.GroupNamed(ctx, "", name)
	}
	var failures []error
	for _, host := range hosts {
		g, err := f.GroupNamed(ctx, host, name)
		if err == nil {
			return g, nil
		}
		if !errors.Is(err, resource.ErrNotFound) {
			failures = append(failures, err)
		}
	}
	if len(failures) > 0 {
		return databricks.Group{}, errors.Join(failures...)
	}
	return databricks.Group{}, fmt.Errorf("group %s: %w", name, resource.ErrNotFound)
}

func (want group) seen(g databricks.Group) group {
	have := group{Name: want.Name, Hosts: want.Hosts, Exists: want.Exists, ID: g.ID}
	if want.Called != "" {
		have.Called = g.Name
	}
	return have
}

// renameGroup gives a group that was renamed in the spec its name.
func renameGroup(ctx context.Context, f *databricks.Fleet, have, want group) (group, error) {
	if err := f.RenameGroup(ctx, have.ID, want.Called); err != nil {
		return group{}, err
	}
	have.Name, have.Called = want.Called, want.Called
	return have, nil
}
