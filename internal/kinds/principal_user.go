package kinds

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/databricks"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// principalUserKind is who may use a service principal: run jobs as it. Others who may are left alone.
var principalUserKind = resource.Kind[*databricks.Fleet, principalUser]{
	Name:         "principal_user",
	Doc:          "Who may use a service principal: run jobs as it.",
	Identity:     []string{"principal", "application_id", "user_type", "user", "made", "account"},
	LiveIdentity: []string{"application_id", "user_type", "user"},
	ReadsOpen:    true, // whether there is such a user does not depend on the principal
	Declare:      declarePrincipalUsers,
	Read:         readPrincipalUser,
	Create: func(ctx context.Context, f *databricks.Fleet, want principalUser) (principalUser, error) {
		if err := writePrincipalUsers(ctx, f, []resource.Change[principalUser]{{Want: want}})[0]; err != nil {
			return principalUser{}, err
		}
		return readPrincipalUser(ctx, f, want)
	},
	Delete: func(ctx context.Context, f *databricks.Fleet, have principalUser) error {
		return writePrincipalUsers(ctx, f, []resource.Change[principalUser]{{Have: have, Want: have, Gone: true}})[0]
	},
	Foreign: func(want principalUser) bool { return want.Account == "none" },
	Batch:   func(u principalUser) string { return u.Principal },
	Write:   writePrincipalUsers,
}

type principalUser struct {
	Principal     string        `json:"principal"`
	ApplicationID resource.Text `json:"application_id"`
	UserType      string        `json:"user_type"`
	User          resource.Text `json:"user"`              // a name; of a principal that the spec makes, its application id
	Made          bool          `json:"made,omitempty"`    // the spec makes the user, too
	Account       string        `json:"account,omitempty"` // "none": rule sets lie in the account
	Holder        string        `json:"holder,omitempty"`  // as the rule set calls it; of one that was seen
}

func declarePrincipalUsers(w resource.Wishes) []resource.Decl[principalUser] {
	var decls []resource.Decl[principalUser]
	for _, p := range w.ServicePrincipals {
		for i, text := range p.Users {
			kind, name, _ := strings.Cut(text, ":")
			want := principalUser{
				Principal: p.Name, ApplicationID: resource.From(principalAddr(p.Name), "application_id"), UserType: kind, User: resource.Known(name),
			}
			if w.Account == nil {
				want.Account = "none"
			}
			called := text
			switch of := w.Group(name); {
			case kind == ofSpec && makesPrincipal(w, name):
				want.User, want.Made, called = resource.From(principalAddr(name), "application_id"), true, name
			case kind == ofSpec:
				want.UserType = ofOther
			case kind == ofGroup && of != nil && !of.Exists:
				want.User, want.Made = resource.From(groupAddr(of.Name), "name"), true
			}
			decls = append(decls, resource.Decl[principalUser]{
				Addr: resource.Addr{Kind: "principal_user", Scope: p.Name, Name: called}, Want: want,
				At: w.At("service_principals", p.Name, "users", fmt.Sprint(i)),
			})
		}
	}
	return decls
}

func readPrincipalUser(ctx context.Context, f *databricks.Fleet, want principalUser) (principalUser, error) {
	if !f.HasAccount() {
		return principalUser{}, &resource.Blocked{Reason: fmt.Sprintf(
			"who may use a service principal lies in the Databricks account, which the spec does not name (`account:`); ask an administrator of the account: "+
				"give the %s %q the role Service Principal: User on the service principal %q (application id %s)",
			strings.ReplaceAll(want.UserType, "_", " "), want.User.Value, want.Principal, want.ApplicationID.Value)}
	}
	if want.Holder == "" {
		var err error
		if want.Holder, err = holderOf(ctx, f, want); err != nil {
			return principalUser{}, err
		}
	}
	if want.ApplicationID.Value == "" || want.Holder == "" {
		return want, resource.ErrNotFound // one of the two is still to be made
	}
	users, err := f.PrincipalUsers(ctx, want.ApplicationID.Value)
	if err != nil {
		return principalUser{}, err
	}
	if slices.ContainsFunc(users, func(u string) bool { return strings.EqualFold(u, want.Holder) }) {
		return want, nil
	}
	return want, resource.ErrNotFound
}

// holderOf returns how a rule set calls a user, "" for one that is still to be made.
func holderOf(ctx context.Context, f *databricks.Fleet, u principalUser) (string, error) {
	var exists bool
	var err error
	name := u.User.Value
	if name == "" {
		return "", nil
	}
	switch u.UserType {
	case ofSpec:
		return "servicePrincipals/" + name, nil
	case ofGroup:
		if exists = u.Made; !exists {
			exists, err = f.HasGroup(ctx, "", name)
		}
		name = "groups/" + name
	case ofUser:
		exists, err = f.HasUser(ctx, "", name)
		name = "users/" + name
	default:
		var live []databricks.Principal
		live, err = livePrincipals(ctx, f, servicePrincipal{DisplayName: name})
		if len(live) > 1 {
			return "", ambiguous(name, live)
		}
		if exists = len(live) == 1; exists {
			name = "servicePrincipals/" + live[0].ApplicationID
		}
	}
	if err == nil && !exists {
		err = &resource.Blocked{Reason: fmt.Sprintf("%s %q does not exist in the Databricks account; check its name, or have it made there", u.UserType, u.User.Value)}
	}
	return name, err
}

// writePrincipalUsers makes all changes of one rule set in one request.
func writePrincipalUsers(ctx context.Context, f *databricks.Fleet, changes []resource.Change[principalUser]) []error {
	holder := func(u principalUser) (string, error) {
		if u.Holder != "" {
			return u.Holder, nil
		}
		return holderOf(ctx, f, u)
	}
	return writeList(changes, holder, func(add, remove []string) error {
		return f.ChangePrincipalUsers(ctx, changes[0].Want.ApplicationID.Value, databricks.UserChange{Add: add, Remove: remove})
	})
}
