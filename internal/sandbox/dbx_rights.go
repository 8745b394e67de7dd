package sandbox

import (
	"cmp"
	"slices"
	"strings"
)

// metastoreHere is the metastore of the workspace that was asked.
func (c *dbxCall) metastoreHere() (*dbxMetastore, error) {
	if m := c.d.metastore(c.at.Metastore); m != nil {
		return m, nil
	}
	return nil, dbxMissing("METASTORE_DOES_NOT_EXIST", "No metastore assigned for the current workspace.")
}

// called says whether name is the caller or a group that the caller is in.
func (c *dbxCall) called(name string) bool {
	return slices.ContainsFunc(c.d.names(c.me), func(n string) bool { return strings.EqualFold(n, name) })
}

func (c *dbxCall) metastoreAdmin(id string) bool {
	m := c.d.metastore(id)
	return m != nil && c.called(m.Owner)
}

// chain is a securable and what holds it, the catalog last.
func (d *Databricks) chain(s *dbxSecurable) []*dbxSecurable {
	var list []*dbxSecurable
	for ; s != nil; s = d.parent(s) {
		list = append(list, s)
	}
	return list
}

// granted says whether the caller was granted a privilege on exactly this securable. ALL_PRIVILEGES
// stands for all but the three that the services except.
func (c *dbxCall) granted(metastore, kind, name, privilege string) bool {
	g := c.d.grants(metastore, kind, name)
	if g == nil {
		return false
	}
	excepted := privilege == "MANAGE" || privilege == "EXTERNAL_USE_SCHEMA"
	return slices.ContainsFunc(g.Rows, func(row *dbxGrant) bool {
		return c.called(row.Principal) && (slices.Contains(row.Privileges, privilege) ||
			(!excepted && slices.Contains(row.Privileges, allPrivileges)))
	})
}

// holds says whether the caller has a privilege on s: as its owner, by a grant on it, or by one on
// what holds it. Grants on a metastore do not come down.
func (c *dbxCall) holds(s *dbxSecurable, privilege string) bool {
	if c.called(s.Owner) {
		return true
	}
	return slices.ContainsFunc(c.d.chain(s), func(up *dbxSecurable) bool {
		return c.granted(up.Metastore, up.Type, up.Name, privilege)
	})
}

// manages says whether the caller may grant on s and change it: its owner, the owner of what holds
// it, holders of MANAGE, metastore admins.
func (c *dbxCall) manages(s *dbxSecurable) bool {
	return c.metastoreAdmin(s.Metastore) || c.holds(s, "MANAGE") || slices.ContainsFunc(c.d.chain(s), func(up *dbxSecurable) bool {
		return c.called(up.Owner)
	})
}

// uses says whether the caller can reach into s: USE_CATALOG on the catalog and, below it,
// USE_SCHEMA on the schema.
func (c *dbxCall) uses(s *dbxSecurable) bool {
	chain := c.d.chain(s)
	if !c.holds(chain[len(chain)-1], "USE_CATALOG") {
		return false
	}
	return len(chain) == 1 || c.holds(chain[len(chain)-2], "USE_SCHEMA")
}

// sees says whether the caller may read what s is.
func (c *dbxCall) sees(s *dbxSecurable) bool {
	if c.manages(s) || c.holds(s, "BROWSE") {
		return true
	}
	if !c.uses(s) {
		return false
	}
	switch s.Type {
	case tableType:
		return c.holds(s, "SELECT")
	case volumeType:
		return c.holds(s, "READ_VOLUME") || c.holds(s, "WRITE_VOLUME")
	case functionType:
		return c.holds(s, "EXECUTE")
	default:
		return true
	}
}

// reachable says whether s can be used from this workspace: an isolated catalog only from those that
// it is bound to.
func (c *dbxCall) reachable(s *dbxSecurable) bool {
	chain := c.d.chain(s)
	catalog := chain[len(chain)-1]
	return !catalog.Isolated || slices.ContainsFunc(catalog.Bindings, func(b bindingWire) bool { return b.Workspace == c.at.ID })
}

// find returns a securable of this workspace's metastore that the caller may see. What is not there
// is 404, what may not be seen is 403.
func (c *dbxCall) find(kind, name string) (*dbxSecurable, error) {
	m, err := c.metastoreHere()
	if err != nil {
		return nil, err
	}
	s, err := c.d.lookUp(m.ID, kind, name)
	if err != nil {
		return nil, err
	}
	if !c.reachable(s) {
		chain := c.d.chain(s)
		return nil, dbxForbidden("Catalog '%s' is not accessible in current workspace.", chain[len(chain)-1].Name)
	}
	if !c.sees(s) {
		return nil, c.unseen(s)
	}
	return s, nil
}

// unseen says which privilege the caller lacks to see s.
func (c *dbxCall) unseen(s *dbxSecurable) *failure {
	chain := c.d.chain(s)
	catalog := chain[len(chain)-1]
	switch {
	case !c.holds(catalog, "USE_CATALOG"):
		return dbxForbidden("User does not have USE CATALOG on Catalog '%s'.", catalog.Name)
	case len(chain) > 1 && !c.holds(chain[len(chain)-2], "USE_SCHEMA"):
		return dbxForbidden("User does not have USE SCHEMA on Schema '%s'.", chain[len(chain)-2].Name)
	default:
		return dbxForbidden("User does not have the privilege to read %s '%s'.", title(s.Type), s.Name)
	}
}

// lookUp says what is missing: the securable, or what would have to hold it.
func (d *Databricks) lookUp(metastore, kind, name string) (*dbxSecurable, error) {
	if s := d.securable(metastore, kind, name); s != nil {
		return s, nil
	}
	name = strings.ToLower(name)
	parts := strings.Split(name, ".")
	if len(parts) != cmp.Or(map[string]int{catalogType: 1, schemaType: 2}[kind], 3) {
		return nil, dbxInvalid("%q is not a valid name for a %s.", name, kind)
	}
	for i, holder := range []string{catalogType, schemaType} {
		if above := strings.Join(parts[:min(i+1, len(parts))], "."); len(parts) > i+1 && d.securable(metastore, holder, above) == nil {
			return nil, absent(holder, above)
		}
	}
	return nil, absent(kind, name)
}

func absent(kind, name string) *failure {
	return dbxMissing(strings.ToUpper(kind)+"_DOES_NOT_EXIST", "%s '%s' does not exist.", title(kind), name)
}

func title(kind string) string { return strings.ToUpper(kind[:1]) + kind[1:] }

// addSecurable fills in what the service does and keeps s.
func (s *Sandbox) addSecurable(o *dbxSecurable) *dbxSecurable {
	o.ID, o.Created = s.state.nextUUID(), s.now().UTC()
	o.Updated, o.Optimize = o.Created, "INHERIT"
	o.CreatedBy, o.UpdatedBy = cmp.Or(o.CreatedBy, o.Owner), cmp.Or(o.CreatedBy, o.Owner)
	d := s.state.Databricks
	d.Securables = append(d.Securables, o)
	if o.Type == catalogType {
		for _, name := range []string{"default", "information_schema"} {
			owner := o.Owner
			if name == "information_schema" {
				owner = "System user"
			}
			s.addSecurable(&dbxSecurable{Metastore: o.Metastore, Type: schemaType, Name: o.Name + "." + name, Owner: owner})
		}
	}
	return o
}

// removeSecurable forgets s, what it holds and the grants on all of it.
func (d *Databricks) removeSecurable(s *dbxSecurable) {
	gone := append(d.below(s), s)
	d.Securables = slices.DeleteFunc(d.Securables, func(o *dbxSecurable) bool { return slices.Contains(gone, o) })
	d.Grants = slices.DeleteFunc(d.Grants, func(g *dbxGrants) bool {
		return slices.ContainsFunc(gone, func(o *dbxSecurable) bool {
			return g.Metastore == o.Metastore && g.Type == o.Type && g.Name == o.Name
		})
	})
}

// common are the fields that every securable shows.
func (c *dbxCall) common(s *dbxSecurable) dbxObject {
	o := dbxObject{
		"name": s.Name[strings.LastIndexByte(s.Name, '.')+1:], "full_name": s.Name, "owner": s.Owner, "metastore_id": s.Metastore,
		"created_at": s.Created.UnixMilli(), "updated_at": s.Updated.UnixMilli(), "created_by": s.CreatedBy, "updated_by": s.UpdatedBy,
	}
	set(o, "comment", s.Comment)
	return o
}
