package databricks

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/memo"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// Group is a group of the account. Its name is its own there, in any case.
type Group struct {
	ID   string `json:"id"`
	Name string `json:"displayName"`
}

// Member is who belongs to a group, by the numeric id of a user, a service principal or another group. Ref says
// which of these it is: Users/ID, ServicePrincipals/ID or Groups/ID.
type Member struct {
	ID      string `json:"value"`
	Display string `json:"display"`
	Ref     string `json:"$ref"`
}

// MemberChange is what one request does to the members of a group, by their ids.
type MemberChange struct{ Add, Remove []string }

// everyone is the account's group of all its users and service principals. No directory lists it.
const everyone = "account users"

// HasGroup reports whether the account has a group of that name; without an account, whether the
// workspace shows one.
func (f *Fleet) HasGroup(ctx context.Context, host, name string) (bool, error) {
	if name == everyone {
		return true, nil
	}
	_, err := f.GroupNamed(ctx, host, name)
	if errors.Is(err, resource.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// GroupNamed returns the account's group of that name, or resource.ErrNotFound; without an account, the one that
// the workspace shows. The names that the spec mentions are asked for together.
func (f *Fleet) GroupNamed(ctx context.Context, host, name string) (Group, error) {
	host = f.directory(host)
	key, names := together("groups/"+host, f.opt.Groups, name)
	found, err := memo.Recall(ctx, &f.memo, key, func(ctx context.Context) ([]Group, error) {
		return scim[Group](ctx, f, host, lookup{resource: "Groups", by: "displayName", names: names, attributes: "id,displayName"})
	})
	if err != nil {
		return Group{}, fmt.Errorf("looking for group %s: %w", name, misplaced(err))
	}
	i := slices.IndexFunc(found, func(g Group) bool { return strings.EqualFold(g.Name, name) })
	if i < 0 {
		return Group{}, fmt.Errorf("group %s: %w", name, resource.ErrNotFound)
	}
	return found[i], nil
}

// Group returns the account's group of that numeric id and its members, or resource.ErrNotFound; without an
// account, the one that the workspace shows. Listings leave members out, so that each group is asked for itself.
func (f *Fleet) Group(ctx context.Context, host, id string) (Group, []Member, error) {
	type answer struct {
		Group
		Members []Member `json:"members"`
	}
	host = f.directory(host)
	a, err := memo.Recall(ctx, &f.memo, "members/"+host+"/"+id, func(ctx context.Context) (answer, error) {
		var a answer
		if _, err := number("group", id); err != nil {
			return a, err
		}
		c, err := f.directoryClient(host)
		if err != nil {
			return a, err
		}
		err = send(ctx, c, request{method: http.MethodGet, path: f.scimPath(host)}.below("Groups", id), &a)
		return a, err
	})
	if err != nil {
		return Group{}, nil, fmt.Errorf("reading group %s: %w", id, err)
	}
	return a.Group, a.Members, nil
}

// ForgetGroups makes the next look for a group, or at its members, one at live state.
func (f *Fleet) ForgetGroups() { f.memo.Drop("groups/", "members/") }

// CreateGroup makes a group in the account; one of that name there is resource.ErrExists.
func (f *Fleet) CreateGroup(ctx context.Context, name string) (Group, error) {
	c, err := f.onAccount()
	if err != nil {
		return Group{}, err
	}
	defer f.ForgetGroups()
	var made Group
	body := map[string]any{"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:Group"}, "displayName": name}
	err = send(ctx, c, request{method: http.MethodPost, path: f.scimPath(""), body: body}.below("Groups"), &made)
	if err != nil {
		return Group{}, fmt.Errorf("creating group %s: %w", name, err)
	}
	return made, nil
}

// RenameGroup gives a group of the account another name. What it was granted stays its own.
func (f *Fleet) RenameGroup(ctx context.Context, id, name string) error {
	err := f.patchGroup(ctx, id, []map[string]any{{"op": "replace", "path": "displayName", "value": name}})
	if err != nil {
		return fmt.Errorf("renaming group %s: %w", id, err)
	}
	return nil
}

// ChangeMembers makes all changes of one group's members in one request: parallel ones get lost, and a PUT would
// take away everybody that it does not name.
func (f *Fleet) ChangeMembers(ctx context.Context, id string, change MemberChange) error {
	var operations []map[string]any
	if len(change.Add) > 0 {
		values := make([]map[string]string, 0, len(change.Add))
		for _, m := range change.Add {
			values = append(values, map[string]string{"value": m})
		}
		operations = append(operations, map[string]any{"op": "add", "path": "members", "value": values})
	}
	for _, m := range change.Remove {
		if _, err := number("member", m); err != nil {
			return err // it stands in the path of the operation
		}
		operations = append(operations, map[string]any{"op": "remove", "path": fmt.Sprintf("members[value eq %s]", quoted(m))})
	}
	if err := f.patchGroup(ctx, id, operations); err != nil {
		return fmt.Errorf("changing the members of group %s: %w", id, err)
	}
	return nil
}

func (f *Fleet) patchGroup(ctx context.Context, id string, operations []map[string]any) error {
	c, err := f.onAccount()
	if err != nil {
		return err
	}
	if _, err := number("group", id); err != nil {
		return err
	}
	defer f.ForgetGroups()
	body := map[string]any{"schemas": []string{patchOp}, "Operations": operations}
	return send(ctx, c, request{method: http.MethodPatch, path: f.scimPath(""), body: body}.below("Groups", id), nil)
}

// patchOp is the schema of SCIM's PATCH.
const patchOp = "urn:ietf:params:scim:api:messages:2.0:PatchOp"

// DeleteGroup deletes a group of the account, with what it was granted. It cannot be undone.
func (f *Fleet) DeleteGroup(ctx context.Context, id string) error {
	c, err := f.onAccount()
	if err != nil {
		return err
	}
	if _, err := number("group", id); err != nil {
		return err
	}
	defer f.memo.Drop("groups/", "members/", "grants/")
	err = send(ctx, c, request{method: http.MethodDelete, path: f.scimPath("")}.below("Groups", id), nil)
	if ignoreMissing(err) != nil {
		return fmt.Errorf("deleting group %s: %w", id, err)
	}
	return nil
}

// User is a user of the account, by the e-mail address.
type User struct {
	ID   string `json:"id"`
	Name string `json:"userName"`
}

// HasUser reports whether the account has a user of that name; without an account, whether the
// workspace shows one.
func (f *Fleet) HasUser(ctx context.Context, host, name string) (bool, error) {
	_, err := f.UserNamed(ctx, host, name)
	if errors.Is(err, resource.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// UserNamed returns the account's user of that name, or resource.ErrNotFound; without an account, the one that
// the workspace shows. The names that the spec mentions are asked for together.
func (f *Fleet) UserNamed(ctx context.Context, host, name string) (User, error) {
	host = f.directory(host)
	key, names := together("users/"+host, f.opt.Users, name)
	found, err := memo.Recall(ctx, &f.memo, key, func(ctx context.Context) ([]User, error) {
		return scim[User](ctx, f, host, lookup{resource: "Users", by: "userName", names: names, attributes: "id,userName"})
	})
	if err != nil {
		return User{}, fmt.Errorf("looking for user %s: %w", name, misplaced(err))
	}
	i := slices.IndexFunc(found, func(u User) bool { return strings.EqualFold(u.Name, name) })
	if i < 0 {
		return User{}, fmt.Errorf("user %s: %w", name, resource.ErrNotFound)
	}
	return found[i], nil
}

// User returns the account's user of that numeric id, or resource.ErrNotFound.
func (f *Fleet) User(ctx context.Context, id string) (User, error) {
	c, err := f.onAccount()
	if err != nil {
		return User{}, err
	}
	if _, err := number("user", id); err != nil {
		return User{}, err
	}
	return memo.Recall(ctx, &f.memo, "users/by id/"+id, func(ctx context.Context) (User, error) {
		var u User
		err := send(ctx, c, request{method: http.MethodGet, path: f.scimPath("")}.below("Users", id), &u)
		if err != nil {
			return User{}, fmt.Errorf("reading user %s: %w", id, err)
		}
		return u, nil
	})
}
