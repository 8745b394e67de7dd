package rights

import (
	"strings"

	"github.com/mlopsctl/mlopsctl/pkg/plan"
)

func (at Places) accountAdmin() []Right { return []Right{{Host: at.Account, Sort: AccountAdmin}} }

// onAccount: without an account such an object is looked at, or blocked, and never written.
func onAccount(d deed) []Right {
	if d.at.Account == "" {
		return nil
	}
	return d.at.accountAdmin()
}

// principalReads looks principals up in the account, or in the workspaces where there is none.
func principalReads(d deed) []Right {
	if d.at.Account != "" {
		return d.at.accountAdmin()
	}
	var list []Right
	for _, host := range d.texts("hosts") {
		list = append(list, Right{Host: host, Sort: Member})
	}
	return list
}

// assignmentReads: the workspace itself tells its id, and the account who is assigned to it.
func assignmentReads(d deed) []Right { return append(onAccount(d), inWorkspace(d)...) }

func managesPrincipal(d deed) []Right {
	if d.at.Account == "" {
		return nil
	}
	return []Right{{Host: d.at.Account, Sort: Manager, On: d.text("principal")}}
}

// managesGit: what a principal logs in to Git with is shown, and set, to whoever manages it, in the workspace.
func managesGit(d deed) []Right { return append(managesPrincipal(d), inWorkspace(d)...) }

func inWorkspace(d deed) []Right { return []Right{{Host: d.host, Sort: Member}} }

func administersWorkspace(d deed) []Right { return []Right{{Host: d.host, Sort: WorkspaceAdmin}} }

func managesObject(d deed) []Right {
	return []Right{{Host: d.host, Sort: Object, On: d.text("object_type") + ":" + d.text("object")}}
}

// directoryWrites: /Shared is open to every user of a workspace; elsewhere the folder above has to be managed.
func directoryWrites(d deed) []Right {
	path := d.text("path")
	if strings.HasPrefix(path, "/Shared/") && d.action == plan.Create {
		return inWorkspace(d)
	}
	if i := strings.LastIndex(path, "/"); i > 0 && d.action == plan.Create {
		path = path[:i]
	}
	return []Right{{Host: d.host, Sort: Object, On: "directory:" + path}}
}

// catalogOf and schemaOf are what rights call a securable of a change.
func catalogOf(d deed, field string) string { return "catalog:" + called(d, field) }

func schemaOf(d deed) string { return "schema:" + called(d, "catalog") + "." + called(d, "name") }

// called is a name as Unity Catalog spells it, until a change gives another one.
func called(d deed, field string) string {
	name, _ := d.named[field].(string)
	return strings.ToLower(name)
}

func (d deed) on(sort Sort, securable, level string) Right {
	return Right{Host: d.host, Sort: sort, On: securable, Level: level}
}

func manages(field string) func(deed) []Right {
	return func(d deed) []Right { return []Right{d.on(Manage, catalogOf(d, field), "")} }
}

func catalogWrites(d deed) []Right {
	if d.action != plan.Create {
		return manages("name")(d)
	}
	list := []Right{d.on(Privilege, "metastore", "CREATE_CATALOG")}
	if root := d.text("storage_root"); root != "" {
		list = append(list, d.on(Privilege, "external_location:"+root, "CREATE_MANAGED_STORAGE"))
	}
	return list
}

// bindingWrites: a catalog's isolation is a setting of the catalog.
func bindingWrites(d deed) []Right { return manages("catalog")(d) }

func schemaWrites(d deed) []Right {
	if d.action != plan.Create {
		return []Right{d.on(Manage, schemaOf(d), "")}
	}
	return []Right{d.on(Privilege, catalogOf(d, "catalog"), "USE_CATALOG"), d.on(Privilege, catalogOf(d, "catalog"), "CREATE_SCHEMA")}
}

// grantsOn: to whoever does not manage a securable only their own grants are shown.
func grantsOn(d deed) []Right {
	securable := d.text("securable_type")
	if name := d.text("securable"); name != "" {
		securable += ":" + strings.ToLower(name)
	}
	return []Right{d.on(Grants, securable, "")}
}
