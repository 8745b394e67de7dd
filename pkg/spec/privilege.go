package spec

import (
	"fmt"
	"slices"
	"strings"
)

// privilegesOf lists what can be granted on each kind of securable. A privilege that is inherited
// can be granted on the parents too. Views go as tables, so REFRESH of a materialized view is there.
func privilegesOf() map[string][]string {
	below := []string{"EXECUTE", "MODIFY", "READ_VOLUME", "REFRESH", "SELECT", "WRITE_VOLUME"}
	inSchema := []string{
		"CREATE_FUNCTION", "CREATE_MATERIALIZED_VIEW", "CREATE_MODEL", "CREATE_TABLE", "CREATE_VOLUME",
		"EXTERNAL_USE_SCHEMA", "USE_SCHEMA",
	}
	every := []string{"ALL_PRIVILEGES", "MANAGE"}
	return map[string][]string{
		"metastore": {
			"CREATE_CATALOG", "CREATE_CLEAN_ROOM", "CREATE_CONNECTION", "CREATE_EXTERNAL_LOCATION", "CREATE_PROVIDER",
			"CREATE_RECIPIENT", "CREATE_SERVICE_CREDENTIAL", "CREATE_SHARE", "CREATE_STORAGE_CREDENTIAL", "MANAGE_ALLOWLIST",
			"SET_SHARE_PERMISSION", "USE_MARKETPLACE_ASSETS", "USE_PROVIDER", "USE_RECIPIENT", "USE_SHARE",
		},
		"catalog":  sorted(every, below, inSchema, []string{"APPLY_TAG", "BROWSE", "CREATE_SCHEMA", "USE_CATALOG"}),
		"schema":   sorted(every, below, inSchema, []string{"APPLY_TAG"}),
		"table":    sorted(every, []string{"APPLY_TAG", "MODIFY", "REFRESH", "SELECT"}),
		"volume":   sorted(every, []string{"APPLY_TAG", "READ_VOLUME", "WRITE_VOLUME"}),
		"model":    sorted(every, []string{"APPLY_TAG", "EXECUTE"}),
		"function": sorted(every, []string{"EXECUTE"}),
	}
}

func sorted(lists ...[]string) []string {
	all := slices.Concat(lists...)
	slices.Sort(all)
	return all
}

// checkPrivilege holds a privilege against what its securable takes, in the spelling that Unity
// Catalog answers with.
func (r *reading) checkPrivilege(n *node, kind string) {
	value, ok := n.value()
	if !ok {
		return
	}
	allowed := privilegesOf()[kind]
	if slices.Contains(allowed, value) {
		return
	}
	spelled := strings.ToUpper(strings.Join(strings.FieldsFunc(value, func(c rune) bool { return c == ' ' || c == '-' || c == '_' }), "_"))
	f := finding{code: "spec/privilege", summary: fmt.Sprintf("%s is no privilege on a %s", n.quote(), kind)}
	switch {
	case spelled == "USAGE":
		f.advice = "it has another name today: " + map[bool]string{true: "USE_CATALOG", false: "USE_SCHEMA"}[kind == "catalog"]
		if kind != "catalog" && kind != "schema" {
			f.advice = "it has other names today: USE_CATALOG on the catalog, USE_SCHEMA on the schema"
		}
	case spelled == "CREATE":
		f.advice = "say what may be created: CREATE_TABLE, CREATE_MODEL, CREATE_FUNCTION, CREATE_VOLUME or CREATE_SCHEMA"
	case slices.Contains(allowed, spelled):
		f.summary = fmt.Sprintf("%s is not how Unity Catalog spells it", n.quote())
		f.advice = fmt.Sprintf("write %s", spelled)
	default:
		f.advice = elsewhere(spelled, kind, allowed)
	}
	r.fail(n, f)
}

// elsewhere returns what to do about a privilege that a securable of that kind does not take.
func elsewhere(privilege, kind string, allowed []string) string {
	var takers []string
	for other, list := range privilegesOf() {
		if other != kind && slices.Contains(list, privilege) {
			takers = append(takers, other)
		}
	}
	if len(takers) > 0 {
		slices.Sort(takers)
		return fmt.Sprintf("it is granted on a %s", strings.Join(takers, ", "))
	}
	return orNearest("it takes "+oneOf(allowed), privilege, allowed)
}
