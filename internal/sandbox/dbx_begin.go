package sandbox

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// The operator's credentials. They open nothing but a sandbox, and say so.
const (
	operatorID     = "0b5e55ed-0000-4000-8000-000000000001"
	operatorSecret = "sandbox-operator-client-secret"
	operatorToken  = "sandbox-operator-github-token"
)

// Operator returns the credentials that a rehearsal logs in with, by the names of the environment variables
// that usually hold them: those of somebody with every right, unless the world file gives others.
func (s *Sandbox) Operator() map[string]string {
	all := map[string]string{
		"DATABRICKS_CLIENT_ID": operatorID, "DATABRICKS_CLIENT_SECRET": operatorSecret, "GITHUB_TOKEN": s.operatorGitHubToken(),
	}
	given := s.state.Operator
	for name := range all {
		service, _, _ := strings.Cut(name, "_")
		for other := range given {
			if strings.Contains(other, service) {
				delete(all, name) // one login a service
			}
		}
	}
	maps.Copy(all, given)
	return all
}

// checkOperator refuses what is no login: the environment of a rehearsal is not a world file's to make up.
func checkOperator(given map[string]string) error {
	for name := range given {
		known := []string{"GITHUB_TOKEN", "MLOPSCTL_GITHUB_APP_", "DATABRICKS_CLIENT_", "DATABRICKS_TOKEN", "DATABRICKS_HOST"}
		if !slices.ContainsFunc(known, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) {
			return fmt.Errorf("operator: %s is no variable of a login", name)
		}
	}
	return nil
}

func (s *Sandbox) operatorGitHubToken() string { return operatorToken }

// metastoreAdmins is the group that owns every metastore.
const metastoreAdmins = "metastore-admins"

// beginDatabricks makes the account that the guide presumes: the spec's workspaces, a metastore for
// all of them, an operator who administers everything. Then it adds what a world file says.
func (s *Sandbox) beginDatabricks(w *DatabricksWorld) error {
	if w == nil {
		w = &DatabricksWorld{}
	}
	d := &Databricks{AccountID: s.opt.Hosts.AccountID}
	s.state.Databricks = d
	operator := &dbxPrincipal{
		ID: s.state.principalID(), ApplicationID: operatorID, DisplayName: "sandbox operator", Active: true,
		Roles: []string{"account_admin"}, Password: hashed(operatorSecret),
	}
	d.Principals = append(d.Principals, operator)
	d.Groups = append(d.Groups, &dbxGroup{ID: s.state.principalID(), Name: metastoreAdmins, Members: []int64{operator.ID}})
	for _, host := range s.opt.Hosts.Workspaces {
		s.addWorkspace(host)
	}
	b := &worldBuilder{Sandbox: s, d: d}
	return b.build(w)
}

// welcomeWorkspaces adds workspaces that a spec has come to name, to the first metastore.
func (s *Sandbox) welcomeWorkspaces() {
	d := s.state.Databricks
	d.AccountID = cmp.Or(s.opt.Hosts.AccountID, d.AccountID)
	for _, host := range s.opt.Hosts.Workspaces {
		if w := s.addWorkspace(host); w.Metastore == "" && len(d.Metastores) > 0 {
			w.Metastore = d.Metastores[0].ID
		}
	}
	for _, w := range d.Workspaces {
		w.plant() // a state that an older version wrote has no tree
	}
}

// addWorkspace returns the workspace of a host, and makes it where there is none yet.
func (s *Sandbox) addWorkspace(host string) *dbxWorkspace {
	d := s.state.Databricks
	if w := d.workspace(host); w != nil {
		return w
	}
	w := &dbxWorkspace{
		ID: workspaceID(host), Host: host, Admins: s.state.principalID(), Users: s.state.principalID(), Entitled: map[string][]string{},
	}
	if operator := d.byLogin(operatorID); operator != nil {
		w.Assignments = []*dbxAssignment{{Principal: operator.ID, Permissions: []string{"ADMIN"}}}
	}
	w.plant()
	d.Workspaces = append(d.Workspaces, w)
	return w
}

// worldBuilder adds what a world file says. The first thing that is wrong with it ends it.
type worldBuilder struct {
	*Sandbox
	d *Databricks
}

func (b *worldBuilder) build(w *DatabricksWorld) error {
	for _, step := range []func(*DatabricksWorld) error{
		b.metastores, b.users, b.servicePrincipals, b.groups, b.catalogs, b.securables, b.grants, b.objects, b.access,
	} {
		if err := step(w); err != nil {
			return err
		}
	}
	b.d.Delays = w.Delays
	return nil
}

func (b *worldBuilder) metastores(w *DatabricksWorld) error {
	stores := w.Metastores
	if len(stores) == 0 {
		stores = []WorldMetastore{{Name: "primary", Workspaces: b.opt.Hosts.Workspaces}}
	}
	for _, given := range stores {
		m := &dbxMetastore{
			ID: b.state.nextUUID(), Name: given.Name, Region: cmp.Or(given.Region, "us-west-2"), Owner: metastoreAdmins,
			StorageRoot: cmp.Or(given.StorageRoot, "s3://sandbox-"+given.Name+"/metastore"), Created: b.now().UTC(),
		}
		if m.Name == "" || slices.ContainsFunc(b.d.Metastores, func(o *dbxMetastore) bool { return o.Name == m.Name }) {
			return fmt.Errorf("metastore %q: a metastore has a name of its own", m.Name)
		}
		if m.StorageRoot == "none" {
			m.StorageRoot = ""
		}
		b.d.Metastores = append(b.d.Metastores, m)
		for _, host := range given.Workspaces {
			ws, err := b.workspaceOf(host)
			if err != nil {
				return fmt.Errorf("metastore %q: %w", m.Name, err)
			}
			ws.Metastore = m.ID
		}
	}
	return nil
}

func (b *worldBuilder) workspaceOf(host string) (*dbxWorkspace, error) {
	if w := b.d.workspace(strings.TrimSuffix(host, "/")); w != nil {
		return w, nil
	}
	return nil, fmt.Errorf("no workspace %q; the spec's are %s", host, strings.Join(b.opt.Hosts.Workspaces, ", "))
}

func (b *worldBuilder) users(w *DatabricksWorld) error {
	for _, u := range w.Users {
		if u.Name == "" || b.d.byLogin(u.Name) != nil {
			return fmt.Errorf("user %q: a user has a name of its own", u.Name)
		}
		p := &dbxPrincipal{ID: b.state.principalID(), UserName: u.Name, DisplayName: cmp.Or(u.DisplayName, u.Name), Active: true}
		if u.AccountAdmin {
			p.Roles = []string{"account_admin"}
		}
		b.d.Principals = append(b.d.Principals, p)
		if err := b.assign(p.ID, u.Workspaces, "USER"); err != nil {
			return fmt.Errorf("user %q: %w", u.Name, err)
		}
	}
	return nil
}

func (b *worldBuilder) servicePrincipals(w *DatabricksWorld) error {
	for _, given := range w.ServicePrincipals {
		p := &dbxPrincipal{
			ID: b.state.principalID(), ApplicationID: cmp.Or(given.ApplicationID, b.state.nextUUID()), DisplayName: given.Name, Active: !given.Inactive,
		}
		if b.d.byLogin(p.ApplicationID) != nil {
			return fmt.Errorf("service principal %q: application id %s is another one's", given.Name, p.ApplicationID)
		}
		if given.AccountAdmin {
			p.Roles = []string{"account_admin"}
		}
		if given.ClientSecret != "" {
			p.Password = hashed(given.ClientSecret)
		}
		if given.MetastoreAdmin {
			admins := b.d.groupNamed(metastoreAdmins)
			admins.Members = append(admins.Members, p.ID)
		}
		b.d.Principals = append(b.d.Principals, p)
		if err := b.assign(p.ID, given.Workspaces, "USER"); err != nil {
			return fmt.Errorf("service principal %q: %w", given.Name, err)
		}
		if err := b.assign(p.ID, given.WorkspaceAdmin, "ADMIN"); err != nil {
			return fmt.Errorf("service principal %q: %w", given.Name, err)
		}
	}
	return nil
}

func (b *worldBuilder) assign(id int64, hosts []string, permission string) error {
	for _, host := range hosts {
		ws, err := b.workspaceOf(host)
		if err != nil {
			return err
		}
		ws.assign(id, []string{permission})
	}
	return nil
}

func (b *worldBuilder) groups(w *DatabricksWorld) error {
	for _, g := range w.Groups {
		if g.Name == "" || b.d.groupNamed(g.Name) != nil {
			return fmt.Errorf("group %q: a group has a name of its own", g.Name)
		}
		b.d.Groups = append(b.d.Groups, &dbxGroup{ID: b.state.principalID(), Name: g.Name})
	}
	for _, g := range w.Groups {
		group := b.d.groupNamed(g.Name)
		for _, name := range g.Members {
			id, err := b.member(name)
			if err != nil {
				return fmt.Errorf("group %q: %w", g.Name, err)
			}
			group.Members = append(group.Members, id)
		}
		if err := b.assign(group.ID, g.Workspaces, "USER"); err != nil {
			return fmt.Errorf("group %q: %w", g.Name, err)
		}
	}
	return nil
}

// member is the id of somebody that a world file names.
func (b *worldBuilder) member(name string) (int64, error) {
	kind, value, _ := strings.Cut(name, ":")
	if kind == "group" {
		if g := b.d.groupNamed(value); g != nil {
			return g.ID, nil
		}
	} else if p := b.named(kind, value); p != nil {
		return p.ID, nil
	}
	return 0, fmt.Errorf("no %q; name it user:NAME, group:NAME or service_principal:NAME, and declare it in the world file", name)
}

func (b *worldBuilder) named(kind, value string) *dbxPrincipal {
	return first(b.d.Principals, func(p *dbxPrincipal) bool {
		return (kind == "user" && p.user() && strings.EqualFold(p.UserName, value)) ||
			(kind == "service_principal" && !p.user() && (p.DisplayName == value || p.ApplicationID == value))
	})
}
