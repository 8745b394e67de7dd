package sandbox

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

func (s *Sandbox) grantRoutes() {
	s.onWorkspace(http.MethodGet, catalogBelow+"/permissions/{type}/{name}", (*dbxCall).getGrants)
	s.onWorkspace(http.MethodPatch, catalogBelow+"/permissions/{type}/{name}", (*dbxCall).patchGrants)
	s.onWorkspace(http.MethodGet, catalogBelow+"/effective-permissions/{type}/{name}", (*dbxCall).effectiveGrants)
}

// grantee finds who may be granted something: an account group, a user, a service principal by its
// application id, everybody. Display names of principals and a workspace's own groups are nobody.
func (d *Databricks) grantee(name string) (string, error) {
	if strings.EqualFold(name, allUsers) {
		return allUsers, nil
	}
	if p := d.byLogin(name); p != nil {
		return p.login(), nil
	}
	if g := d.groupNamed(name); g != nil {
		return g.Name, nil
	}
	return "", dbxMissing("PRINCIPAL_DOES_NOT_EXIST", "Could not find principal with name %s", name)
}

// grantsOn are the grants on a securable, made where there are none yet.
func (d *Databricks) grantsOn(metastore, kind, name string) *dbxGrants {
	if g := d.grants(metastore, kind, name); g != nil {
		return g
	}
	g := &dbxGrants{Metastore: metastore, Type: kind, Name: strings.ToLower(name)}
	d.Grants = append(d.Grants, g)
	return g
}

// onSecurable is what a permissions operation is about: whose metastore, which type and name, and
// whether the caller may manage its grants.
type onSecurable struct {
	metastore, kind, name string
	manages               bool
	securable             *dbxSecurable // nil for the metastore itself
}

func (c *dbxCall) onSecurable() (onSecurable, error) {
	m, err := c.metastoreHere()
	if err != nil {
		return onSecurable{}, err
	}
	kind := strings.ToLower(c.vars["type"])
	on := onSecurable{metastore: m.ID, kind: kind, name: c.vars["name"]}
	switch kind {
	case metastoreType:
		if on.name != m.ID {
			return on, dbxMissing("METASTORE_DOES_NOT_EXIST", "Metastore '%s' does not exist.", on.name)
		}
		on.manages = c.metastoreAdmin(m.ID)
		return on, nil
	case catalogType, schemaType, tableType, volumeType, functionType:
		s, err := c.d.lookUp(m.ID, kind, on.name)
		if err != nil {
			return on, err
		}
		if !c.reachable(s) {
			return on, dbxForbidden("Catalog '%s' is not accessible in current workspace.", strings.Split(s.Name, ".")[0])
		}
		if !c.sees(s) {
			return on, c.unseen(s)
		}
		on.name, on.securable, on.manages = s.Name, s, c.manages(s)
		return on, nil
	default:
		return on, dbxInvalid("%q is not a securable type that the sandbox knows.", c.vars["type"])
	}
}

// grantRows are the rows that the caller may read: all for who manages the securable, otherwise only
// what is granted to the caller and the caller's groups.
func (c *dbxCall) grantRows(on onSecurable, rows []*dbxGrant) []*dbxGrant {
	wanted := c.req.URL.Query().Get("principal")
	return filter(rows, func(row *dbxGrant) bool {
		return (on.manages || c.called(row.Principal)) && (wanted == "" || strings.EqualFold(wanted, row.Principal))
	})
}

func (c *dbxCall) getGrants() (any, error) {
	on, err := c.onSecurable()
	if err != nil {
		return nil, err
	}
	g := c.d.grants(on.metastore, on.kind, on.name)
	if g == nil {
		g = &dbxGrants{}
	}
	rows := g.Rows
	if g.Lag > 0 {
		g.Lag--
		rows, c.changed = g.Old, true
	}
	rows, next, err := c.grantPage(shuffled(c.grantRows(on, rows), g.Version))
	if err != nil {
		return nil, err
	}
	o := c.d.assignments(rows)
	set(o, "next_page_token", next)
	return o, nil
}

// grantPage: without max_results everything is one page, 0 is the service's own size, and 1 to 149
// are refused.
func (c *dbxCall) grantPage(rows []*dbxGrant) ([]*dbxGrant, string, error) {
	query := c.req.URL.Query()
	if !query.Has("max_results") {
		return page(rows, query.Get("page_token"), max(1, len(rows)))
	}
	size, err := strconv.Atoi(query.Get("max_results"))
	if err != nil || size < 0 || (size > 0 && size < 150) {
		return nil, "", dbxInvalid("max_results must be 0 or at least 150.")
	}
	if size == 0 {
		size = 150
	}
	return page(rows, query.Get("page_token"), size)
}

// assignments writes rows as the service does. A principal that was deleted has no name any more.
func (d *Databricks) assignments(rows []*dbxGrant) dbxObject {
	list := []dbxObject{}
	for _, row := range rows {
		o := dbxObject{"privileges": row.Privileges}
		if _, err := d.grantee(row.Principal); err == nil {
			o["principal"] = row.Principal
		}
		list = append(list, o)
	}
	if len(list) == 0 {
		return dbxObject{}
	}
	return dbxObject{"privilege_assignments": list}
}

// shuffled puts rows in an order that means nothing and changes with every write, as the service's
// does, but is the same in every run.
func shuffled(rows []*dbxGrant, version int64) []*dbxGrant {
	key := func(row *dbxGrant) string { return hashed(fmt.Sprint(version, row.Principal)) }
	slices.SortFunc(rows, func(a, b *dbxGrant) int { return strings.Compare(key(a), key(b)) })
	return rows
}

type grantChange struct {
	principal   string
	add, remove []string
}

// grant applies one change to the grants on a securable; what is removed goes before what is added
// comes, and removing ALL_PRIVILEGES removes everything.
func (s *State) grant(g *dbxGrants, change grantChange) {
	row := first(g.Rows, func(r *dbxGrant) bool { return strings.EqualFold(r.Principal, change.principal) })
	if row == nil {
		row = &dbxGrant{Principal: change.principal}
		g.Rows = append(g.Rows, row)
	}
	held := slices.DeleteFunc(slices.Clone(row.Privileges), func(p string) bool {
		return slices.Contains(change.remove, p) || slices.Contains(change.remove, allPrivileges)
	})
	held = append(held, change.add...)
	slices.Sort(held)
	row.Privileges = slices.Compact(held)
	g.Rows = slices.DeleteFunc(g.Rows, func(r *dbxGrant) bool { return len(r.Privileges) == 0 })
	g.Version++
}

func (c *dbxCall) patchGrants() (any, error) {
	on, err := c.onSecurable()
	if err != nil {
		return nil, err
	}
	if !on.manages {
		return nil, dbxForbidden("User does not have MANAGE on %s '%s'.", title(on.kind), on.name)
	}
	changes, err := c.grantChanges(on)
	if err != nil {
		return nil, err
	}
	g := c.d.grantsOn(on.metastore, on.kind, on.name)
	old := make([]*dbxGrant, len(g.Rows))
	for i, row := range g.Rows {
		old[i] = &dbxGrant{Principal: row.Principal, Privileges: slices.Clone(row.Privileges)}
	}
	for _, change := range changes {
		c.state.grant(g, change)
	}
	if c.d.Delays.GrantReads > 0 {
		g.Old, g.Lag = old, c.d.Delays.GrantReads
	}
	c.changed = true
	return c.d.assignments(shuffled(slices.Clone(g.Rows), g.Version)), nil
}

// grantChanges reads and checks every change before the first is applied.
func (c *dbxCall) grantChanges(on onSecurable) ([]grantChange, error) {
	var b struct {
		Changes []struct {
			Principal string   `json:"principal"`
			Add       []string `json:"add"`
			Remove    []string `json:"remove"`
		} `json:"changes"`
	}
	if err := c.read(&b); err != nil {
		return nil, err
	}
	var changes []grantChange
	for _, given := range b.Changes {
		if p := c.d.byLogin(given.Principal); p != nil && p.Ungrantable > 0 {
			p.Ungrantable--
			c.changed = true
			return nil, dbxMissing("PRINCIPAL_DOES_NOT_EXIST", "Could not find principal with name %s", given.Principal)
		}
		name, err := c.d.grantee(given.Principal)
		if err != nil {
			return nil, err
		}
		add, err := c.d.applicable(on.metastore, on.kind, on.name, given.Add)
		if err != nil {
			return nil, err
		}
		remove, err := c.d.applicable(on.metastore, on.kind, on.name, given.Remove)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(add, func(p string) bool { return slices.Contains(remove, p) }) {
			return nil, dbxInvalid("Duplicate privileges to add and delete for principal %s.", given.Principal)
		}
		changes = append(changes, grantChange{principal: name, add: add, remove: remove})
	}
	return changes, nil
}

// effectiveGrants shows what is granted on a securable and on what holds it, and where it comes from.
func (c *dbxCall) effectiveGrants() (any, error) {
	on, err := c.onSecurable()
	if err != nil {
		return nil, err
	}
	places := []onSecurable{on}
	if on.securable != nil {
		for _, up := range c.d.chain(on.securable)[1:] {
			places = append(places, onSecurable{metastore: up.Metastore, kind: up.Type, name: up.Name, manages: on.manages})
		}
	}
	byPrincipal, order := map[string][]dbxObject{}, []string{}
	for i, place := range places {
		g := c.d.grants(place.metastore, place.kind, place.name)
		if g == nil {
			continue
		}
		for _, row := range c.grantRows(place, g.Rows) {
			if byPrincipal[row.Principal] == nil {
				order = append(order, row.Principal)
			}
			for _, p := range row.Privileges {
				o := dbxObject{"privilege": p}
				if i > 0 {
					o["inherited_from_type"], o["inherited_from_name"] = strings.ToUpper(place.kind), place.name
				}
				byPrincipal[row.Principal] = append(byPrincipal[row.Principal], o)
			}
		}
	}
	list := []dbxObject{}
	for _, principal := range order {
		list = append(list, dbxObject{"principal": principal, "privileges": byPrincipal[principal]})
	}
	return dbxObject{"privilege_assignments": list}, nil
}
