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

// grantKind is what one principal is given on one securable. It adds, and takes away what the stack gave:
// other privileges, and other principals, are not looked at unless the spec takes the whole list over.
var grantKind = resource.Kind[*databricks.Fleet, grant]{
	Name: "grant",
	Doc:  "The privileges that a principal is granted on an object of Unity Catalog.",
	Identity: []string{
		"host", "securable_type", "securable", "principal_type", "principal", "when_missing", "revoke", "exclusive", "among",
	},
	LiveIdentity: []string{"metastore_id", "securable_type", "securable", "principal"},
	Items:        "privileges",
	ReadsOpen:    true, // whether a table is there does not depend on who is to read it
	Declare:      declareGrants,
	Read:         readGrant,
	Create: func(ctx context.Context, f *databricks.Fleet, want grant) (grant, error) {
		return writeGrant(ctx, f, resource.Change[grant]{Want: want})
	},
	Update: func(ctx context.Context, f *databricks.Fleet, have, want grant) (grant, error) {
		return writeGrant(ctx, f, resource.Change[grant]{Have: have, Want: want})
	},
	Delete: func(ctx context.Context, f *databricks.Fleet, have grant) error {
		return writeGrants(ctx, f, []resource.Change[grant]{{Have: have, Want: have, Gone: true}})[0]
	},
	Danger: func(have, want grant) resource.Guard {
		if len(beyond(have.Privileges, want.Privileges)) > 0 {
			return resource.AccessLoss
		}
		return resource.Unguarded
	},
	Shrink: func(want, made grant) grant {
		want.Revoke = beyond(made.Privileges, want.Privileges)
		return want
	},
	Others: func(ctx context.Context, f *databricks.Fleet, want grant) ([]resource.Wish, error) {
		decls, err := otherGrants(ctx, f, want)
		if err != nil {
			return nil, err
		}
		return resource.ToWishes(decls)
	},
	Batch: func(g grant) string { return g.Host + " " + g.securable().String() },
	Write: writeGrants,
}

type grant struct {
	Host          string        `json:"host"`
	SecurableType string        `json:"securable_type"`
	Securable     string        `json:"securable,omitempty"` // in lower case; absent: the host's metastore
	PrincipalType string        `json:"principal_type"`
	Principal     resource.Text `json:"principal"`
	Privileges    []string      `json:"privileges"`
	WhenMissing   string        `json:"when_missing"`
	// Revoke are privileges that are to go if the principal holds them.
	Revoke []string `json:"revoke,omitempty"`
	// Exclusive is set where the spec takes over the list of who holds what on the securable: how addresses
	// call the securable. The first wish on it has all that are on the list in Among, as grants name them.
	Exclusive   string          `json:"exclusive,omitempty"`
	Among       []resource.Text `json:"among,omitempty"`
	MetastoreID string          `json:"metastore_id,omitempty"`
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
	if want.MetastoreID != "" {
		return readRecordedGrant(ctx, f, want)
	}
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
	m, err := f.Metastore(ctx, want.Host)
	if errors.Is(err, resource.ErrNotFound) && !absent {
		err = fmt.Errorf("%w to see which metastore %s has, though it shows %s, which lies in one: %v", resource.ErrForbidden, want.Host, want.securable(), err)
	}
	if err != nil {
		return grant{}, err
	}
	tooMuch, err := surplus(ctx, f, want, holder{principal, grants, held})
	if err != nil {
		return grant{}, err
	}
	if len(held)+len(tooMuch) == 0 {
		return grant{MetastoreID: m.ID, Privileges: []string{}}, resource.ErrNotFound
	}
	have := want
	have.MetastoreID, have.Privileges = m.ID, sortedSet(append(held, tooMuch...))
	return have, nil
}

// readRecordedGrant looks at what was granted once, and counts only what is granted to the principal here:
// that an owner holds it as well is nothing that could be taken away.
func readRecordedGrant(ctx context.Context, f *databricks.Fleet, want grant) (grant, error) {
	var err error
	if want.Host, err = f.Reach(ctx, want.Host, want.MetastoreID); err != nil {
		return grant{}, err
	}
	grants, err := f.Grants(ctx, want.Host, want.securable())
	if err != nil {
		return grant{}, err
	}
	m, err := f.Metastore(ctx, want.Host)
	if err != nil {
		return grant{}, err
	}
	principal, err := principalOf(ctx, f, want)
	var nobody *resource.Blocked
	if err != nil && !errors.As(err, &nobody) {
		return grant{}, err
	}
	want.MetastoreID, want.Revoke, want.Exclusive, want.Among = m.ID, nil, "", nil
	want.Privileges = common(want.Privileges, granted(grants, principal))
	if len(want.Privileges) > 0 {
		return want, nil
	}
	if err := f.AllGrants(ctx, want.Host, want.securable(), grants); err != nil {
		return grant{}, err
	}
	return grant{}, resource.ErrNotFound
}

// surplus returns what a principal is granted on the securable and must not be: what left the spec, or all
// that the spec does not name where it takes the list over. What is needed to go on is left to this program.
func surplus(ctx context.Context, f *databricks.Fleet, want grant, h holder) ([]string, error) {
	direct := granted(h.grants, h.principal)
	if want.Exclusive == "" {
		return common(direct, want.Revoke), nil
	}
	self, _, err := f.Stands(ctx, want.Host, h.principal)
	if self || err != nil {
		return nil, err
	}
	return beyond(direct, want.Privileges), nil
}

// granted returns the privileges that stand in the principal's grants.
func granted(grants []databricks.Grant, principal string) []string {
	direct := []string{}
	for _, g := range grants {
		if principal != "" && strings.EqualFold(g.Principal, principal) { // the service may echo another case
			direct = append(direct, g.Privileges...)
		}
	}
	return sortedSet(direct)
}

// common returns what of a list is in the other, too.
func common(list, other []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return !slices.Contains(other, s) })
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
	if g.Principal.Value == "" {
		return nil // the spec makes it
	}
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
