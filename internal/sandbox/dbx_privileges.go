package sandbox

import (
	"slices"
	"strings"
)

const allPrivileges = "ALL_PRIVILEGES"

// privilegesOf are the privileges that can be granted on a securable: its own, and those that it
// hands down to what it holds. Source: the tables of the Terraform provider's
// docs/resources/grants.md and the privilege reference of the Databricks documentation.
func privilegesOf(kind, detail string) []string {
	inSchema := []string{"EXECUTE", "MODIFY", "REFRESH", "SELECT", "READ_VOLUME", "WRITE_VOLUME"}
	schema := append([]string{
		allPrivileges, "APPLY_TAG", "MANAGE", "USE_SCHEMA", "CREATE_TABLE", "CREATE_MODEL", "CREATE_FUNCTION", "CREATE_VOLUME",
		"CREATE_MATERIALIZED_VIEW", "EXTERNAL_USE_SCHEMA",
	}, inSchema...)
	switch {
	case kind == metastoreType:
		return []string{
			"CREATE_CATALOG", "CREATE_CLEAN_ROOM", "CREATE_CONNECTION", "CREATE_EXTERNAL_LOCATION", "CREATE_PROVIDER", "CREATE_RECIPIENT",
			"CREATE_SHARE", "CREATE_SERVICE_CREDENTIAL", "CREATE_STORAGE_CREDENTIAL", "SET_SHARE_PERMISSION", "USE_MARKETPLACE_ASSETS",
			"USE_PROVIDER", "USE_RECIPIENT", "USE_SHARE", "MANAGE_ALLOWLIST",
		}
	case kind == catalogType:
		return append([]string{"BROWSE", "CREATE_SCHEMA", "USE_CATALOG"}, schema...)
	case kind == schemaType:
		return schema
	case kind == tableType && detail == "VIEW":
		return []string{allPrivileges, "APPLY_TAG", "MANAGE", "SELECT"}
	case kind == tableType:
		return []string{allPrivileges, "APPLY_TAG", "MANAGE", "SELECT", "MODIFY"}
	case kind == volumeType:
		return []string{allPrivileges, "APPLY_TAG", "MANAGE", "READ_VOLUME", "WRITE_VOLUME"}
	case kind == functionType && detail == "MODEL":
		return []string{allPrivileges, "APPLY_TAG", "MANAGE", "EXECUTE"}
	case kind == functionType:
		return []string{allPrivileges, "MANAGE", "EXECUTE"}
	default:
		return nil
	}
}

// applicable normalises privileges as the service does (spaces or underscores, any case) and refuses
// those that a securable does not have. USAGE, of the old model, still stands for USE_CATALOG and
// USE_SCHEMA.
func (d *Databricks) applicable(metastore, kind, name string, privileges []string) ([]string, error) {
	detail := ""
	if s := d.securable(metastore, kind, name); s != nil {
		detail = s.Kind
	}
	known := privilegesOf(kind, detail)
	var list []string
	for _, given := range privileges {
		p := strings.ReplaceAll(strings.ToUpper(strings.TrimSpace(given)), " ", "_")
		if p == "USAGE" && (kind == catalogType || kind == schemaType) {
			p = "USE_" + strings.ToUpper(kind)
		}
		if !slices.Contains(known, p) {
			return nil, dbxInvalid("Privilege %s is not applicable to this entity [%s:%s/%s].", p, name, strings.ToUpper(kind), strings.ToUpper(kind))
		}
		list = append(list, p)
	}
	return list, nil
}
