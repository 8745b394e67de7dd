package sandbox

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// scimPage is the most that one SCIM listing answers, and what it answers unless told otherwise.
const scimPage = 10_000

// scimList answers a SCIM listing: what the filter leaves, from startIndex (which counts from 1) on.
func (c *dbxCall) scimList(all []dbxObject) (any, error) {
	query := c.req.URL.Query()
	matches, err := scimFilter(query.Get("filter"))
	if err != nil {
		return nil, err
	}
	start, err := scimNumber(query.Get("startIndex"), 1)
	if err != nil {
		return nil, err
	}
	count, err := scimNumber(query.Get("count"), scimPage)
	if err != nil {
		return nil, err
	}
	found := filter(all, matches)
	total, start := len(found), max(1, start)
	found = found[min(start-1, total):]
	found = found[:min(len(found), count, scimPage)]
	for i, o := range found {
		found[i] = scimSelect(o, query.Get("attributes"), query.Get("excludedAttributes"))
	}
	if found == nil {
		found = []dbxObject{}
	}
	o := dbxObject{"totalResults": total, "startIndex": start, "itemsPerPage": len(found), "Resources": found}
	if c.at != nil {
		o["schemas"] = []string{"urn:ietf:params:scim:api:messages:2.0:ListResponse"}
	}
	return o, nil
}

func scimNumber(given string, otherwise int) (int, error) {
	if given == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(given)
	if err != nil || n < 0 {
		return 0, scimInvalid("invalidValue", "startIndex and count are numbers.")
	}
	return n, nil
}

// scimSelect keeps the attributes that are asked for; the id is always one of them.
func scimSelect(o dbxObject, wanted, unwanted string) dbxObject {
	listed := func(list, name string) bool {
		return slices.ContainsFunc(strings.Split(list, ","), func(a string) bool {
			a, _, _ = strings.Cut(strings.TrimSpace(a), ".")
			return strings.EqualFold(a, name)
		})
	}
	out := dbxObject{}
	for name, value := range o {
		if name == "id" || ((wanted == "" || listed(wanted, name)) && !listed(unwanted, name)) {
			out[name] = value
		}
	}
	return out
}

func scimInvalid(kind, message string) *failure {
	return &failure{status: http.StatusBadRequest, code: kind, message: message, scim: true}
}

func scimConflict(message string) *failure {
	return &failure{status: http.StatusConflict, code: "uniqueness", message: message, scim: true}
}

func scimMissing(kind, id string) *failure {
	return &failure{status: http.StatusNotFound, message: kind + " with id " + id + " not found.", scim: true}
}

// scimValues writes a list of values in the form that SCIM has for them; absent where there is none.
func scimValues(o dbxObject, name string, values []string) {
	if len(values) == 0 {
		return
	}
	list := make([]dbxObject, len(values))
	for i, v := range values {
		list[i] = dbxObject{"value": v}
	}
	o[name] = list
}

func set(o dbxObject, name, value string) {
	if value != "" {
		o[name] = value
	}
}

func numeral(id int64) string { return strconv.FormatInt(id, 10) }
