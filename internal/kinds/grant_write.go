package kinds

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/mlopsctl/mlopsctl/internal/databricks"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// allPrivileges stands for nearly every privilege. To take it away takes every other one away, too; the
// service does so before it adds what the same request adds.
const allPrivileges = "ALL_PRIVILEGES"

// writeGrants gives all principals of one securable what they lack, and takes away what they must not
// have, in one request, and holds the service to what it answers.
func writeGrants(ctx context.Context, f *databricks.Fleet, changes []resource.Change[grant]) []error {
	errs := make([]error, len(changes))
	var sent []databricks.GrantChange
	var of []int // the change that each belongs to
	for i, c := range changes {
		change, err := grantChange(ctx, f, c)
		if err != nil {
			errs[i] = err
			continue
		}
		if len(change.Add)+len(change.Remove) > 0 {
			sent, of = append(sent, change), append(of, i)
		}
	}
	if len(sent) == 0 {
		return errs
	}
	made, err := f.ChangeGrants(ctx, changes[0].Want.Host, changes[0].Want.securable(), sent)
	for n, i := range of {
		switch {
		case isGone(err, changes):
		case err != nil:
			errs[i] = err
		default:
			errs[i] = tookPlace(made, sent[n])
		}
	}
	return errs
}

// isGone reports whether a request that only takes away was refused because what it takes from is gone:
// the securable, or a principal that held something and so was known.
func isGone(err error, changes []resource.Change[grant]) bool {
	if slices.ContainsFunc(changes, func(c resource.Change[grant]) bool { return !c.Gone }) {
		return false
	}
	if errors.Is(err, resource.ErrNotYet) { // of several, nothing says which principal is gone
		return len(changes) == 1
	}
	return errors.Is(err, resource.ErrNotFound)
}

// grantChange returns what a change sends. What would go with ALL_PRIVILEGES and is to stay is given back
// in the same request.
func grantChange(ctx context.Context, f *databricks.Fleet, c resource.Change[grant]) (databricks.GrantChange, error) {
	principal, err := principalOf(ctx, f, c.Want)
	if err == nil && principal == "" {
		err = fmt.Errorf("the principal of a grant on %s has no id", c.Want.securable())
	}
	if err != nil {
		return databricks.GrantChange{}, err
	}
	change := databricks.GrantChange{Principal: principal, Remove: c.Have.Privileges}
	stays := []string{}
	if !c.Gone {
		change.Add, change.Remove = beyond(c.Want.Privileges, c.Have.Privileges), beyond(c.Have.Privileges, c.Want.Privileges)
		stays = c.Want.Privileges
	}
	if !slices.Contains(change.Remove, allPrivileges) {
		return change, nil
	}
	f.ForgetGrants()
	grants, err := f.Grants(ctx, c.Want.Host, c.Want.securable())
	if errors.Is(err, resource.ErrNotFound) {
		err = nil // the change itself says so
	}
	stays = append(beyond(granted(grants, principal), change.Remove), stays...)
	change.Add = sortedSet(append(change.Add, stays...))
	return change, err
}

// tookPlace holds the grants that a request was answered with to what it asked for.
func tookPlace(made []databricks.Grant, sent databricks.GrantChange) error {
	held := holds(made, sent.Principal, sent.Add)
	for _, p := range sent.Add {
		if !slices.Contains(held, p) {
			return fmt.Errorf("the service accepted the grant to %s but does not show %s", sent.Principal, p)
		}
	}
	if still := common(sent.Remove, granted(made, sent.Principal)); len(still) > 0 {
		return fmt.Errorf("the service accepted to revoke %s from %s but still shows it", still[0], sent.Principal)
	}
	return nil
}

func writeGrant(ctx context.Context, f *databricks.Fleet, c resource.Change[grant]) (grant, error) {
	if err := writeGrants(ctx, f, []resource.Change[grant]{c})[0]; err != nil {
		return grant{}, err
	}
	made := c.Want
	if made.MetastoreID == "" {
		m, err := f.Metastore(ctx, made.Host)
		if err != nil {
			return grant{}, err
		}
		made.MetastoreID = m.ID
	}
	return made, nil
}
