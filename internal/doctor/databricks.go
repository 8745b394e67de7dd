package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/databricks"
	"github.com/mlopsctl/mlopsctl/internal/rights"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// accountUser is who this program is in the account: the client that logs in there, else, where a workspace
// is logged in to in the same way, who it is on that.
func (x Examiner) accountUser(ctx context.Context) string {
	if x.Account == nil {
		return ""
	}
	login, err := x.Login(*x.Account)
	if err != nil {
		return ""
	}
	if login.Client != "" {
		return login.Client
	}
	for _, w := range x.Workspaces {
		other, err := x.Login(w)
		if err != nil || other.Method != login.Method {
			continue
		}
		if p, err := x.Fleet.Who(ctx, w.URL); err == nil {
			return p.User
		}
	}
	return ""
}

func (x Examiner) onAccount(ctx context.Context, p *plan.Plan, f *rights.Finding) {
	user := x.accountUser(ctx)
	f.What = f.Right.String()
	s, err := x.Fleet.AdministersAccount(ctx, user)
	if id := principalID(p, f.Right.On); s != databricks.May && f.Right.Sort == rights.Manager && id != "" {
		s, err = x.Fleet.ManagesPrincipal(ctx, id)
	}
	fix := fmt.Sprintf("an account admin gives %s the role: User management, its Roles, Account admin, at %s", cmp.Or(user, "it"), f.Host)
	switch {
	case errors.Is(err, resource.ErrForbidden), s == databricks.MayNot:
		missing(f, cmp.Or(user, "this login")+" is none: the account does not let it read what admins read", fix)
	case err != nil:
		undecided(f, err)
	case s == databricks.May:
		fine(f, cmp.Or(user, "this login")+" is one")
	default:
		f.Why, f.Fix = cmp.Or(user, "this login")+" does not have the role itself; it may come through a group, which the account does not show", fix
	}
}

// principalID is the numeric id of a principal of the plan, "" where it is not there yet.
func principalID(p *plan.Plan, name string) string {
	for _, c := range p.Changes {
		if c.Kind == "service_principal" && c.Before["display_name"] == name {
			id, _ := c.Before["id"].(string)
			return id
		}
	}
	return ""
}

func (x Examiner) onWorkspace(ctx context.Context, p *plan.Plan, f *rights.Finding) {
	f.What = f.Right.String()
	me, err := x.Fleet.Who(ctx, f.Host)
	switch {
	case errors.Is(err, resource.ErrForbidden):
		f.What = rights.Right{Sort: rights.Member}.String()
		missing(f, "the workspace does not let it in", fmt.Sprintf(
			"an account admin assigns it: Workspaces, %s, Permissions, Add permissions, at the account console; or `databricks account workspace-assignment update`", f.Host))
		return
	case err != nil:
		undecided(f, err)
		return
	}
	s := securable(f.Right.On)
	var may databricks.Standing
	switch f.Right.Sort {
	case rights.Member:
		fine(f, me.User+" is assigned to it")
		return
	case rights.WorkspaceAdmin:
		x.adminRight(me, f)
		return
	case rights.Object:
		x.objectRight(ctx, p, me, f)
		return
	case rights.Manage:
		may, err = x.Fleet.Manages(ctx, f.Host, s)
	case rights.Grants:
		may, err = x.Fleet.MayGrant(ctx, f.Host, s)
	default:
		if s.Type == "external_location" {
			f.Why = "who may use an external location is not read here"
			f.Fix = fmt.Sprintf("its owner runs: GRANT CREATE MANAGED STORAGE ON EXTERNAL LOCATION the_location TO `%s`", me.User)
			return
		}
		may, err = x.Fleet.Holds(ctx, f.Host, s, f.Right.Level)
	}
	x.judge(me, f, may, err)
}

func (x Examiner) judge(me databricks.Person, f *rights.Finding, may databricks.Standing, err error) {
	switch {
	case may == databricks.May:
		fine(f, me.User+" has it")
	case may == databricks.MayNot:
		missing(f, me.User+" has it neither by itself nor through a group", grantFix(*f.Right, me.User))
	case err != nil:
		undecided(f, err)
	default:
		f.Why, f.Fix = me.User+" does not have it itself; it may come through a group whose members are not shown to it", grantFix(*f.Right, me.User)
	}
}

// grantFix is the statement that helps, and who may run it.
func grantFix(r rights.Right, user string) string {
	s := securable(r.On)
	on := strings.ToUpper(s.Type)
	if s.Type == "model" {
		on = "FUNCTION"
	}
	if s.Name != "" {
		on += " " + s.Name
	}
	privilege, who := "MANAGE", "its owner"
	if r.Sort == rights.Privilege {
		privilege = strings.ReplaceAll(r.Level, "_", " ")
	}
	if s.Type == "metastore" {
		who = "a metastore admin"
	}
	if s.Type == "metastore" && r.Sort != rights.Privilege {
		return "an account admin puts it into the group that owns the metastore: Catalog, the metastore, Metastore admin"
	}
	return fmt.Sprintf("%s runs: GRANT %s ON %s TO `%s`", who, privilege, on, user)
}

func (x Examiner) adminRight(me databricks.Person, f *rights.Finding) {
	if me.Admin {
		fine(f, me.User+" is a workspace admin")
		return
	}
	missing(f, me.User+" is a user of the workspace", fmt.Sprintf(
		"a workspace admin puts it into the group admins: Settings, Identity and access, Groups, at %s; or an account admin assigns it as Admin", f.Host))
}

func securable(on string) databricks.Securable {
	kind, name, _ := strings.Cut(on, ":")
	return databricks.Securable{Type: kind, Name: name}
}

func (x Examiner) introduceAccount(ctx context.Context, h *rights.Host) {
	h.Login.What = "a login"
	login, err := x.Login(*x.Account)
	if err != nil {
		refusedLogin(&h.Login, err)
		return
	}
	user := x.accountUser(ctx)
	s, err := x.Fleet.AdministersAccount(ctx, user)
	if err != nil && !errors.Is(err, resource.ErrForbidden) {
		refusedLogin(&h.Login, err)
		return
	}
	fine(&h.Login, fmt.Sprintf("%s, by %s (%s)", cmp.Or(user, "somebody whom the account does not name"), login.Origin, login.Method))
	h.Facts = append(h.Facts, rights.Fact{Name: "account admin", Value: yes(s)})
}

func yes(s databricks.Standing) string {
	switch s {
	case databricks.May:
		return "yes"
	case databricks.MayNot:
		return "no"
	default:
		return "not by itself; perhaps through a group"
	}
}

func (x Examiner) introduceWorkspace(ctx context.Context, h *rights.Host) {
	h.Login.What = "a login"
	var login databricks.Login
	var err error
	for _, w := range x.Workspaces {
		if w.URL == h.URL {
			login, err = x.Login(w)
			break
		}
	}
	if err != nil {
		refusedLogin(&h.Login, err)
		return
	}
	me, err := x.Fleet.Who(ctx, h.URL)
	if err != nil {
		refusedLogin(&h.Login, err)
		if errors.Is(err, resource.ErrForbidden) || x.knownToAccount(ctx, login) {
			h.Login.Fix = "it is known to the account, and most likely not assigned to this workspace: an account admin assigns it (Workspaces, Permissions, Add permissions)"
		}
		return
	}
	fine(&h.Login, fmt.Sprintf("%s, by %s (%s)", me.User, login.Origin, login.Method))
	say := func(name, value string) { h.Facts = append(h.Facts, rights.Fact{Name: name, Value: value}) }
	admin := databricks.MayNot
	if me.Admin {
		admin = databricks.May
	}
	say("workspace admin", yes(admin))
	m, err := x.Fleet.MetastoreSummary(ctx, h.URL)
	switch {
	case errors.Is(err, resource.ErrNotFound):
		say("metastore", "none is assigned")
		return
	case err != nil:
		say("metastore", "it could not be read: "+err.Error())
		return
	}
	text := m.Name + ", owned by " + m.Owner
	if owns, err := x.Fleet.AdministersMetastore(ctx, h.URL); err == nil && owns {
		text += ": a metastore admin"
	}
	say("metastore", text)
	x.tellCatalogs(ctx, h)
}

// knownToAccount reports whether the client of a login that a workspace refuses logs in to the account.
func (x Examiner) knownToAccount(ctx context.Context, refused databricks.Login) bool {
	if x.Account == nil || refused.Client == "" {
		return false
	}
	login, err := x.Login(*x.Account)
	if err != nil || login.Client != refused.Client {
		return false
	}
	_, err = x.Fleet.AdministersAccount(ctx, login.Client)
	return err == nil
}

// tellCatalogs says how this program stands to the spec's catalogs that are there.
func (x Examiner) tellCatalogs(ctx context.Context, h *rights.Host) {
	for _, name := range x.Catalogs[h.URL] {
		c, err := x.Fleet.Catalog(ctx, h.URL, name)
		if err != nil {
			continue // it is not there yet, or the rights say what is missing to see it
		}
		text := "owned by " + c.Owner
		if may, err := x.Fleet.Manages(ctx, h.URL, databricks.Securable{Type: "catalog", Name: strings.ToLower(name)}); err == nil && may == databricks.May {
			text += ": it may be changed"
		}
		h.Facts = append(h.Facts, rights.Fact{Name: "catalog " + name, Value: text})
	}
}
