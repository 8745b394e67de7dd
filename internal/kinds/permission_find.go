package kinds

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/databricks"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// objectOf returns the object of a wish as the permissions API calls it, without an id where the spec makes it
// and has not yet.
func objectOf(ctx context.Context, f *databricks.Fleet, want permission) (databricks.Object, error) {
	o := databricks.Object{Type: databricks.ObjectType(want.ObjectType), ID: want.ObjectID.Value}
	switch {
	case o.Type == "":
		return o, fmt.Errorf("%q is not a type of object", want.ObjectType)
	case o.ID != "" || want.ObjectID.Ref != nil:
		return o, nil
	}
	var err error
	switch want.ObjectType {
	case "directory":
		o.ID, err = directoryID(ctx, f, want)
	case "experiment":
		o.ID, err = f.Experiment(ctx, want.Host, want.Object)
	case "job":
		o.ID, err = jobID(ctx, f, want)
	case "cluster_policy":
		o.ID, err = f.ClusterPolicy(ctx, want.Host, want.Object)
	}
	if errors.Is(err, resource.ErrNotFound) {
		err = want.unplaced()
	}
	return o, err
}

func (p permission) unplaced() error {
	return &resource.Blocked{Reason: fmt.Sprintf("%s %s does not exist in %s; access can be given once somebody has made it",
		strings.ReplaceAll(p.ObjectType, "_", " "), p.Object, p.Host)}
}

func directoryID(ctx context.Context, f *databricks.Fleet, want permission) (string, error) {
	n, err := f.Node(ctx, want.Host, want.Object)
	if err == nil && !n.IsDirectory() {
		err = &resource.Blocked{Reason: fmt.Sprintf("%s is a %s there, and no directory", want.Object, strings.ToLower(n.Type))}
	}
	return n.ID, err
}

// jobID returns the id of a job, which may have been said already: names of jobs are nobody's own.
func jobID(ctx context.Context, f *databricks.Fleet, want permission) (string, error) {
	if !strings.ContainsFunc(want.Object, func(r rune) bool { return r < '0' || r > '9' }) {
		return want.Object, nil
	}
	ids, err := f.Jobs(ctx, want.Host, want.Object)
	switch {
	case err != nil:
		return "", err
	case len(ids) == 0:
		return "", resource.ErrNotFound
	case len(ids) > 1:
		return "", fmt.Errorf("%d jobs in %s are called %q: %s; write `on: \"job:ID\"` with the id of the one that is meant",
			len(ids), want.Host, want.Object, strings.Join(ids, ", "))
	default:
		return ids[0], nil
	}
}

// mustBeShown says of a principal that the workspace does not know that it can be given nothing there. Whoever
// the spec lets in is known once that is done.
func mustBeShown(ctx context.Context, f *databricks.Fleet, want permission, principal string) error {
	if want.Assigned {
		return nil
	}
	name, is := want.Principal.Value, false
	var err error
	switch want.PrincipalType {
	case ofGroup:
		if want.Principal.Ref != nil { // the spec makes it, and nothing in the spec assigns a group to a workspace
			_, name, _ = strings.Cut(want.Principal.Ref.Addr, "/")
			break
		}
		is, err = f.ShowsGroup(ctx, want.Host, name)
	case ofUser:
		is, err = f.ShowsUser(ctx, want.Host, name)
	case ofOther:
		var shown []databricks.Principal
		shown, err = f.Principals(ctx, want.Host, name)
		is = slices.ContainsFunc(shown, func(p databricks.Principal) bool { return strings.EqualFold(p.ApplicationID, principal) })
	case ofSpec:
		return &resource.Blocked{Reason: fmt.Sprintf(
			"no target of the spec runs as the principal in %s, so it is not let in there; name it as the service_principal of a target with that host", want.Host)}
	default:
		return fmt.Errorf("%q is not a kind of principal", want.PrincipalType)
	}
	if err == nil && !is {
		err = &resource.Blocked{Reason: fmt.Sprintf("%s does not know the %s %q; check its name, and have it assigned to the workspace by an administrator of the account",
			want.Host, strings.ReplaceAll(strings.TrimPrefix(want.PrincipalType, "other_"), "_", " "), name)}
	}
	return err
}
