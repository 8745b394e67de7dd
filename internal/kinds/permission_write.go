package kinds

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/mlopsctl/mlopsctl/internal/databricks"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// writePermissions makes all changes of one object in one request, on top of what is there at that moment, and
// holds the service to what it answers. What only adds is a PATCH. A level can be taken away by no request but
// one that replaces the list, so that one is made from a fresh look: everybody else's entries go back as they
// were. The service cannot be asked to refuse it if somebody changed the list in between.
func writePermissions(ctx context.Context, f *databricks.Fleet, changes []resource.Change[permission]) []error {
	errs := make([]error, len(changes))
	fail := func(err error) []error {
		for i := range errs {
			errs[i] = err
		}
		return errs
	}
	o, err := objectOf(ctx, f, changes[0].Want)
	if err == nil && o.ID == "" {
		err = fmt.Errorf("%s has no id", changes[0].Want.object())
	}
	if err != nil {
		return fail(err)
	}
	f.ForgetAccess()
	list, err := f.Access(ctx, changes[0].Want.Host, o)
	switch {
	case errors.Is(err, resource.ErrNotFound) && allGone(changes):
		return errs
	case err != nil:
		return fail(err)
	}
	steps, err := accessSteps(ctx, f, changes, list)
	if err != nil || len(steps) == 0 {
		return fail(err)
	}
	if made, err := sendAccess(ctx, f, accessRequest{host: changes[0].Want.Host, object: o, list: list, steps: steps}); err != nil {
		return fail(err)
	} else {
		for _, s := range steps {
			errs[s.change] = s.tookPlace(made)
		}
	}
	return errs
}

func allGone(changes []resource.Change[permission]) bool {
	return !slices.ContainsFunc(changes, func(c resource.Change[permission]) bool { return !c.Gone })
}

// accessStep is what one change makes of one principal's entry on an object: "" is none.
type accessStep struct {
	change     int
	objectType string
	entry      databricks.AccessEntry
	lowers     bool
}

// accessSteps returns what the changes come to, given what is there.
func accessSteps(ctx context.Context, f *databricks.Fleet, changes []resource.Change[permission], list []databricks.Access) ([]accessStep, error) {
	var steps []accessStep
	for i, c := range changes {
		principal, err := principalOf(ctx, f, c.Want.who())
		if err == nil && principal == "" {
			err = fmt.Errorf("the principal of a permission on %s has no id", c.Want.object())
		}
		if err != nil {
			return nil, err
		}
		kind := c.Want.ObjectType
		direct := upTo(kind, accessOf(list, c.Want.PrincipalType, principal).Direct)
		next := beyond(direct, c.Have.Levels)
		if !c.Gone {
			next = append(beyond(direct, beyond(c.Have.Levels, c.Want.Levels)), beyond(c.Want.Levels, c.Have.Levels)...)
		}
		was, is := highest(kind, direct), highest(kind, next)
		if was == is {
			continue // somebody gave a higher level since, or took this one
		}
		steps = append(steps, accessStep{
			change: i, objectType: kind, entry: databricks.AccessEntry{Kind: accessKind(c.Want.PrincipalType), Name: principal, Level: is},
			lowers: slices.Contains(upTo(kind, []string{was}), is) || is == "",
		})
	}
	return steps, nil
}

// accessRequest is one request that changes the list of an object.
type accessRequest struct {
	host   string
	object databricks.Object
	list   []databricks.Access
	steps  []accessStep
}

func sendAccess(ctx context.Context, f *databricks.Fleet, r accessRequest) ([]databricks.Access, error) {
	var entries []databricks.AccessEntry
	for _, s := range r.steps {
		if s.entry.Level != "" {
			entries = append(entries, s.entry)
		}
	}
	if !slices.ContainsFunc(r.steps, func(s accessStep) bool { return s.lowers }) {
		return f.AddAccess(ctx, r.host, r.object, entries)
	}
	var kept []databricks.AccessEntry
	for _, a := range r.list {
		if slices.ContainsFunc(r.steps, func(s accessStep) bool { return a.Is(s.entry.Kind, s.entry.Name) }) {
			continue
		}
		for _, level := range a.Direct {
			kept = append(kept, databricks.AccessEntry{Kind: a.Kind, Name: a.Name, Level: level})
		}
	}
	return f.ReplaceAccess(ctx, r.host, r.object, append(kept, entries...))
}

// tookPlace holds the list that a request was answered with to what it asked for.
func (s accessStep) tookPlace(made []databricks.Access) error {
	i := slices.IndexFunc(made, func(a databricks.Access) bool { return a.Is(s.entry.Kind, s.entry.Name) })
	is := ""
	if i >= 0 {
		is = highest(s.objectType, made[i].Direct)
	}
	if is != s.entry.Level {
		return fmt.Errorf("the service accepted the level %q of %s but shows %q", s.entry.Level, s.entry.Name, is)
	}
	return nil
}

func writePermission(ctx context.Context, f *databricks.Fleet, c resource.Change[permission]) (permission, error) {
	if err := writePermissions(ctx, f, []resource.Change[permission]{c})[0]; err != nil {
		return permission{}, err
	}
	return readPermission(ctx, f, c.Want)
}
