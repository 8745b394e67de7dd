package sandbox

import (
	"cmp"
	"fmt"
	"strings"
)

func (b *worldBuilder) catalogs(w *DatabricksWorld) error {
	for _, given := range w.Catalogs {
		c, err := b.make(catalogType, "", WorldSecurable{Name: given.Name, Metastore: given.Metastore, Owner: given.Owner, Comment: given.Comment})
		if err != nil {
			return err
		}
		c.StorageRoot = given.StorageRoot
		c.Isolated = given.IsolatedTo != nil
		for _, host := range given.IsolatedTo {
			ws, err := b.workspaceOf(host)
			if err != nil {
				return fmt.Errorf("catalog %q: %w", given.Name, err)
			}
			c.Bindings = append(c.Bindings, bindingWire{Workspace: ws.ID, Type: readWrite})
		}
		for _, name := range given.Schemas {
			child := WorldSecurable{Name: given.Name + "." + name, Metastore: given.Metastore, Owner: given.Owner}
			if _, err := b.make(schemaType, "", child); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *worldBuilder) securables(w *DatabricksWorld) error {
	for _, family := range []struct {
		kind, detail string
		list         []WorldSecurable
	}{
		{schemaType, "", w.Schemas},
		{tableType, "MANAGED", w.Tables},
		{tableType, "VIEW", w.Views},
		{volumeType, "MANAGED", w.Volumes},
		{functionType, "FUNCTION", w.Functions},
		{functionType, "MODEL", w.Models},
	} {
		for _, given := range family.list {
			if _, err := b.make(family.kind, family.detail, given); err != nil {
				return err
			}
		}
	}
	return nil
}

// make adds a securable and what must hold it.
func (b *worldBuilder) make(kind, detail string, given WorldSecurable) (*dbxSecurable, error) {
	metastore, err := b.metastoreOf(given.Metastore)
	if err != nil {
		return nil, fmt.Errorf("%s %q: %w", kind, given.Name, err)
	}
	name := strings.ToLower(given.Name)
	depth := map[string]int{catalogType: 1, schemaType: 2}[kind]
	if parts := strings.Split(name, "."); len(parts) != cmp.Or(depth, 3) || strings.Contains("."+name+".", "..") {
		return nil, fmt.Errorf("%s %q: its full name has %d parts", kind, given.Name, cmp.Or(depth, 3))
	}
	if b.d.securable(metastore, kind, name) != nil {
		return nil, fmt.Errorf("%s %q is there twice", kind, given.Name)
	}
	owner, err := b.owner(given.Owner)
	if err != nil {
		return nil, fmt.Errorf("%s %q: %w", kind, given.Name, err)
	}
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		parent := schemaType
		if kind == schemaType {
			parent = catalogType
		}
		if b.d.securable(metastore, parent, name[:i]) == nil {
			if _, err := b.make(parent, "", WorldSecurable{Name: name[:i], Metastore: given.Metastore, Owner: given.Owner}); err != nil {
				return nil, err
			}
		}
	}
	s := b.addSecurable(&dbxSecurable{Metastore: metastore, Type: kind, Kind: detail, Name: name, Owner: owner, Comment: given.Comment})
	return s, nil
}

func (b *worldBuilder) metastoreOf(name string) (string, error) {
	for _, m := range b.d.Metastores {
		if name == "" || m.Name == name {
			return m.ID, nil
		}
	}
	return "", fmt.Errorf("no metastore %q", name)
}

// owner is what Unity Catalog calls somebody that a world file names; the operator where it names
// nobody.
func (b *worldBuilder) owner(name string) (string, error) {
	kind, value, _ := strings.Cut(name, ":")
	switch {
	case name == "":
		return operatorID, nil
	case kind == "group" && value == allUsers:
		return allUsers, nil
	}
	id, err := b.member(name)
	if err != nil {
		return "", err
	}
	if kind == "group" {
		return b.d.group(id).Name, nil
	}
	return b.d.principal(id).login(), nil
}

func (b *worldBuilder) grants(w *DatabricksWorld) error {
	for _, given := range w.Grants {
		if err := b.grant(given); err != nil {
			return fmt.Errorf("grant on %q: %w", given.On, err)
		}
	}
	return nil
}

func (b *worldBuilder) grant(given WorldGrant) error {
	metastore, err := b.metastoreOf(given.Metastore)
	if err != nil {
		return err
	}
	kind, name, _ := strings.Cut(given.On, ":")
	switch kind {
	case metastoreType:
		name = metastore
	case "model":
		kind = functionType
	}
	if kind != metastoreType && b.d.securable(metastore, kind, name) == nil {
		return fmt.Errorf("there is none; declare it in the world file")
	}
	who, err := b.owner(given.Principal)
	if err != nil {
		return err
	}
	privileges, err := b.d.applicable(metastore, kind, name, given.Privileges)
	if err != nil {
		return err
	}
	b.state.grant(b.d.grantsOn(metastore, kind, name), grantChange{principal: who, add: privileges})
	return nil
}
