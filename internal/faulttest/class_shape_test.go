package faulttest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/sandbox"
)

// shape is how a service puts an answer that means the same.
type shape struct {
	class, name string
	change      func(any) any
}

func shapes() []faultCase {
	var list []faultCase
	kinds := []shape{
		{"F28", "in_another_order", func(v any) any { return each(v, reversed) }},
		{"F28", "with_white_space", nil},
		{"F29", "with_new_fields", func(v any) any { return each(v, grown) }},
		{"F29", "without_empty_fields", func(v any) any { return each(v, without(isEmpty)) }},
		{"F29", "without_null_fields", func(v any) any { return each(v, without(isNull)) }},
	}
	for _, r := range reads() {
		for _, s := range kinds {
			c := lookCase(s.class, r.name+"/"+s.name)
			c.codes = []int{0}
			if s.class == "F29" && s.name == "without_empty_fields" {
				c.codes = []int{0, 1, 4}
			}
			c.arrange = func(w *world) { w.rephrase(r.path, s.change) }
			list = append(list, c)
		}
		c := lookCase("F29", r.name+"/another_type")
		c.codes, c.lies = []int{0, 1, 4}, true
		c.arrange = func(w *world) { w.rephrase(r.path, func(v any) any { return []any{[]any{v}} }) }
		list = append(list, c)
	}
	for name, change := range map[string]func(any) any{
		"ids_as_text": func(v any) any { return each(v, idsAs(func(id string) any { return id })) },
		"ids_as_numbers": func(v any) any {
			return each(v, idsAs(func(id string) any { return json.Number(id) }))
		},
	} {
		for _, r := range reads() {
			if r.github() && name == "ids_as_text" || r.name != "service_principal" && r.name != "workspace_assignment" && r.name != "branch_protections" {
				continue
			}
			c := lookCase("F30", r.name+"/"+name)
			c.arrange = func(w *world) { w.rephrase(r.path, change) }
			list = append(list, c)
		}
	}
	return append(list, hugeIDs()...)
}

// hugeIDs are beyond what a float64 holds: the one that comes back must be the one that went out.
func hugeIDs() []faultCase {
	const huge = "9007199254740993"
	c := faultCase{class: "F30", name: "create/branch_protection/beyond_2^53", codes: []int{0}, lies: true, remade: "the ids are others in the end"}
	c.arrange = func(w *world) {
		id := "none"
		w.wire.add(&rule{path: "api.github.com/*/rulesets*", times: -1, do: func(r *http.Request, _ func() (*http.Response, error)) (*http.Response, error) {
			if tail := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]; tail != "rulesets" && tail != huge {
				w.t.Errorf("the ruleset %s was asked for as %s", huge, tail)
			}
			real := r.Clone(r.Context())
			real.URL.Path = strings.Replace(r.URL.Path, huge, id, 1)
			resp, err := w.wire.send(real)
			if err != nil {
				return resp, err
			}
			return reworded(resp, func(body []byte) []byte {
				if found := anyNumber.FindSubmatch(body); found != nil && id == "none" {
					id = string(found[1])
				}
				return bytes.ReplaceAll(body, []byte(`"id":`+id), []byte(`"id":`+huge))
			})
		}})
	}
	c.act = func(w *world) outcome {
		o := w.apply()
		if p, look := w.plan(); look.code != 0 {
			w.t.Errorf("a plan ends with %d: %q", look.code, p.acting())
		}
		return o
	}
	return []faultCase{c}
}

var anyNumber = regexp.MustCompile(`"id":([0-9]+)`)

// rephrase changes every answer to a GET; without a change it is indented and nothing else.
func (w *world) rephrase(path string, change func(any) any) {
	w.wire.add(&rule{method: "GET", path: path, times: -1, do: func(_ *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
		resp, err := send()
		if err != nil || resp.StatusCode != http.StatusOK {
			return resp, err
		}
		return reworded(resp, func(body []byte) []byte {
			d := json.NewDecoder(bytes.NewReader(body))
			d.UseNumber()
			var v any
			if d.Decode(&v) != nil {
				return body
			}
			if change != nil {
				v = change(v)
			}
			out, err := json.MarshalIndent(v, "\t", "    ")
			if err != nil {
				return body
			}
			return out
		})
	}})
}

// each changes a value's parts, and then the value.
func each(v any, change func(any) any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = each(v[i], change)
		}
	case map[string]any:
		for key := range v {
			v[key] = each(v[key], change)
		}
	}
	return change(v)
}

func reversed(v any) any {
	if list, ok := v.([]any); ok {
		slices.Reverse(list)
	}
	return v
}

func grown(v any) any {
	if o, ok := v.(map[string]any); ok && len(o) > 1 {
		o["a_field_of_tomorrow"] = map[string]any{"kind": "NEW_KIND", "values": []any{1, nil, "x"}}
	}
	return v
}

func isNull(v any) bool { return v == nil }

func isEmpty(v any) bool {
	list, ok := v.([]any)
	return ok && len(list) == 0 || v == nil || v == ""
}

func without(gone func(any) bool) func(any) any {
	return func(v any) any {
		if o, ok := v.(map[string]any); ok {
			for key := range o {
				if gone(o[key]) {
					delete(o, key)
				}
			}
		}
		return v
	}
}

func idsAs(put func(string) any) func(any) any {
	return func(v any) any {
		o, ok := v.(map[string]any)
		if !ok {
			return v
		}
		for _, key := range []string{"id", "principal_id"} {
			switch id := o[key].(type) {
			case string:
				if strings.Trim(id, "0123456789") == "" {
					o[key] = put(id)
				}
			case json.Number:
				o[key] = put(id.String())
			}
		}
		return v
	}
}

// twins are two live objects of one name.
func twins() []faultCase {
	var list []faultCase
	const principals = "service_principals: [{name: somebody-elses}"
	for _, name := range []string{"taxi-prod", "taxi-staging"} {
		both := strings.Replace(worldText, principals, principals+", {name: "+name+"}, {name: "+name+"}", 1)
		for word, act := range map[string]func(*world) outcome{
			"apply": nil,
			"plan":  func(w *world) outcome { _, o := w.plan(); return o },
		} {
			list = append(list, faultCase{class: "F26", name: "create/" + name + "/" + word, world: both, act: act, remade: name, codes: []int{1},
				says: []string{`2 service principals are called "` + name + `"`, "set `service_principals." + name + ".id`"},
				repair: func(w *world) {
					w.send("DELETE", account+"/scim/v2/ServicePrincipals/"+w.principals(name)[0], nil)
				}})
		}
	}
	list = append(list, faultCase{class: "F26", name: "read/taxi-prod", start: quiet, codes: []int{1}, remade: "taxi-prod", says: []string{"service principals are called"},
		arrange: func(w *world) {
			w.send("POST", account+"/scim/v2/ServicePrincipals", map[string]any{"displayName": "taxi-prod"})
		},
		repair: func(w *world) {
			ids := w.principals("taxi-prod")
			w.send("DELETE", account+"/scim/v2/ServicePrincipals/"+ids[len(ids)-1], nil)
		}})
	return list
}

// lies are successes that changed nothing.
func lies(rows []row) []faultCase {
	var list []faultCase
	for _, r := range rows {
		if strings.Contains(r.path, ".git/") || r.issues() {
			continue
		}
		list = append(list, faultCase{class: "F27", name: r.String(), row: r, lies: true, faults: []sandbox.Fault{r.fault(sandbox.FaultIgnore)}})
	}
	return list
}
