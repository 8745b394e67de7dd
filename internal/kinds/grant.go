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

// grantKind is what one principal is given on one securable. It only ever adds: privileges that the
// spec does not name, and other principals, are not looked at.
var grantKind = resource.Kind[*databricks.Fleet, grant]{
	Name:      "grant",
	Doc:       "The privileges that a principal is granted on an object of Unity Catalog.",
	Identity:  []string{"host", "securable_type", "securable", "principal_type", "principal", "when_missing"},
	ReadsOpen: true, // whether a table is there does not depend on who is to read it
	Declare:   declareGrants,
	Read:      readGrant,
	Create: func(ctx context.Context, f *databricks.Fleet, want grant) (grant, error) {
		return writeGrant(ctx, f, resource.Change[grant]{Want: want})
	},
	Update: func(ctx context.Context, f *databricks.Fleet, have, want grant) (grant, error) {
		return writeGrant(ctx, f, resource.Change[grant]{Have: have, Want: want})
	},
	Delete: revokeGrant,
	Batch:  func(g grant) string { return g.Host + " " + g.securable().String() },
	Write:  writeGrants,
}

type grant struct {
	Host          string        `json:"host"`
	SecurableType string        `json:"securable_type"`
	Securable     string        `json:"securable,omitempty"` // absent: the host's metastore
	PrincipalType string        `json:"principal_type"`
	Principal     resource.Text `json:"principal"`
	Privileges    []string      `json:"privileges"`
	WhenMissing   string        `json:"when_missing"`
}

// Who a principal is, and so what its name means.
const (
	ofSpec  = "service_principal"       // an application id, from a principal that the spec makes
	ofOther = "other_service_principal" // a display name, looked up
	ofGroup = "group"
	ofUser  = "user"
)

// What it means that the securable is not there.
const (
	madeFirst = "made_first" // the spec makes it, too
	blocks    = "blocks"     // somebody else has to make it
	moot      = "moot"       // then nothing is wished
)

func (g grant) securable() databricks.Securable {
	return databricks.Securable{Type: g.SecurableType, Name: g.Securable}
}

func readGrant(ctx context.Context, f *databricks.Fleet, want grant) (grant, error) {
	grants, err := f.Grants(ctx, want.Host, want.securable())
	absent := errors.Is(err, resource.ErrNotFound)
	switch {
	case absent && want.WhenMissing != madeFirst:
		return grant{}, want.unplaced()
	case err != nil && !absent:
		return grant{}, err
	}
	principal, err := principalOf(ctx, f, want)
	if err != nil {
		return grant{}, err
	}
	held := holds(grants, principal, want.Privileges)
	if len(held) < len(want.Privileges) && principal != "" && !absent {
		held, err = heldOtherwise(ctx, f, want, holder{principal, grants, held})
		if err != nil {
			return grant{}, err
		}
	}
	if len(held) < len(want.Privileges) {
		if err := mustBeSomebody(ctx, f, want); err != nil {
			return grant{}, err
		}
	}
	if len(held) == 0 {
		return grant{}, resource.ErrNotFound
	}
	want.Privileges = held
	return want, nil
}

// unplaced says what it means that a securable is not there which the spec does not make.
func (g grant) unplaced() error {
	switch g.WhenMissing {
	case moot:
		return &resource.Moot{Reason: fmt.Sprintf("%s %s is not there: whoever makes it owns it and needs no grant", g.SecurableType, g.Securable)}
	case blocks:
		return &resource.Blocked{Reason: fmt.Sprintf("%s %s does not exist yet; it can be granted on once somebody has made it", g.SecurableType, g.Securable)}
	default:
		return fmt.Errorf("%q is not a way to meet a missing securable", g.WhenMissing)
	}
}

// principalOf returns the principal as grants name it, "" for one that is still to be made.
func principalOf(ctx context.Context, f *databricks.Fleet, g grant) (string, error) {
	if g.PrincipalType != ofOther {
		return g.Principal.Value, nil
	}
	want := servicePrincipal{DisplayName: g.Principal.Value, Hosts: []string{g.Host}}
	live, err := livePrincipals(ctx, f, want)
	switch {
	case err != nil:
		return "", err
	case len(live) == 0:
		return "", &resource.Blocked{Reason: fmt.Sprintf("service principal %q does not exist, and the spec does not make it", g.Principal.Value)}
	case len(live) > 1:
		return "", ambiguous(g.Principal.Value, live)
	default:
		return live[0].ApplicationID, nil
	}
}

// holds returns those of the privileges that the principal holds by a grant on the securable itself.
func holds(grants []databricks.Grant, principal string, privileges []string) []string {
	held := []string{}
	for _, g := range grants {
		if !strings.EqualFold(g.Principal, principal) { // the service may echo another case
			continue
		}
		for _, p := range privileges {
			all := slices.Contains(g.Privileges, "ALL_PRIVILEGES") && !beyondAll(p)
			if (all || slices.Contains(g.Privileges, p)) && !slices.Contains(held, p) {
				held = append(held, p)
			}
		}
	}
	slices.Sort(held)
	return held
}

// beyondAll reports whether ALL_PRIVILEGES leaves a privilege out.
func beyondAll(privilege string) bool {
	return privilege == "MANAGE" || privilege == "EXTERNAL_USE_SCHEMA" || privilege == "EXTERNAL_USE_LOCATION"
}

// holder is a principal with what is seen of its grants.
type holder struct {
	principal string
	grants    []databricks.Grant // everybody's
	held      []string
}

// heldOtherwise returns what the principal holds all in all, given what it is seen to hold by a grant:
// an owner holds everything. What is not seen must be known to be absent.
func heldOtherwise(ctx context.Context, f *databricks.Fleet, want grant, h holder) ([]string, error) {
	owner, err := f.Owner(ctx, want.Host, want.securable())
	if err != nil {
		return nil, err
	}
	if owner != "" && strings.EqualFold(owner, h.principal) {
		return want.Privileges, nil
	}
	return h.held, f.AllGrants(ctx, want.Host, want.securable(), h.grants)
}

// mustBeSomebody says of a group or a user that does not exist that it can be given nothing. Whoever
// holds something already is not asked for.
func mustBeSomebody(ctx context.Context, f *databricks.Fleet, g grant) error {
	var exists bool
	var err error
	switch g.PrincipalType {
	case ofGroup:
		exists, err = f.HasGroup(ctx, g.Host, g.Principal.Value)
	case ofUser:
		exists, err = f.HasUser(ctx, g.Host, g.Principal.Value)
	default:
		return nil
	}
	if err == nil && !exists {
		err = &resource.Blocked{Reason: fmt.Sprintf("%s %q does not exist in the Databricks account; check its name, or have it made there", g.PrincipalType, g.Principal.Value)}
	}
	return err
}

// writeGrants gives all principals of one securable what they lack in one request, and holds the
// service to what it answers.
func writeGrants(ctx context.Context, f *databricks.Fleet, changes []resource.Change[grant]) []error {
	errs := make([]error, len(changes))
	var sent []databricks.GrantChange
	for i, c := range changes {
		principal, err := principalOf(ctx, f, c.Want)
		if err == nil && principal == "" {
			err = fmt.Errorf("the principal that is to be granted on %s has no id", c.Want.securable())
		}
		if err != nil {
			errs[i] = err
			continue
		}
		missing := slices.DeleteFunc(slices.Clone(c.Want.Privileges), func(p string) bool { return slices.Contains(c.Have.Privileges, p) })
		sent = append(sent, databricks.GrantChange{Principal: principal, Add: missing})
	}
	if len(sent) == 0 {
		return errs
	}
	made, err := f.ChangeGrants(ctx, changes[0].Want.Host, changes[0].Want.securable(), sent)
	next := 0
	for i := range changes {
		if errs[i] != nil {
			continue
		}
		errs[i] = err
		if err == nil {
			errs[i] = granted(made, sent[next])
		}
		next++
	}
	return errs
}

func granted(made []databricks.Grant, sent databricks.GrantChange) error {
	held := holds(made, sent.Principal, sent.Add)
	for _, p := range sent.Add {
		if !slices.Contains(held, p) {
			return fmt.Errorf("the service accepted the grant to %s but does not show %s", sent.Principal, p)
		}
	}
	return nil
}

func writeGrant(ctx context.Context, f *databricks.Fleet, c resource.Change[grant]) (grant, error) {
	if err := writeGrants(ctx, f, []resource.Change[grant]{c})[0]; err != nil {
		return grant{}, err
	}
	return c.Want, nil
}

// revokeGrant takes away the privileges that it is given, and leaves the principal's others.
func revokeGrant(ctx context.Context, f *databricks.Fleet, have grant) error {
	principal, err := principalOf(ctx, f, have)
	if err != nil {
		return err
	}
	_, err = f.ChangeGrants(ctx, have.Host, have.securable(), []databricks.GrantChange{{Principal: principal, Remove: have.Privileges}})
	if errors.Is(err, resource.ErrNotFound) && !errors.Is(err, resource.ErrNotYet) {
		return nil
	}
	return err
}
