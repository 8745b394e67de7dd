package forgetest

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// edit is what somebody does to a saved plan, and how an apply of it ends.
type edit struct {
	name string
	edit func(p map[string]any)
	raw  func(good string) string // instead
	code int
	says string
}

// step returns the change of an address in a plan.
func step(p map[string]any, address string) map[string]any {
	for _, item := range changes(p) {
		if c, _ := item.(map[string]any); c["address"] == address {
			return c
		}
	}
	panic("the plan has no " + address)
}

func changes(p map[string]any) []any { list, _ := p["changes"].([]any); return list }

func set(address, key string, value any) func(map[string]any) {
	return func(p map[string]any) { step(p, address)[key] = value }
}

const (
	changed = "variable/MODEL_OWNER" // what the saved plan updates
	madeNew = "variable/NEW"         // what it makes
	same    = "catalog/prod"         // what it leaves as it is
)

// editedPlans change a plan that updates one variable and makes another.
func editedPlans() []edit {
	const stale = "apply/stale-plan"
	remove := func(p map[string]any) { act(p, same, "delete") }
	return []edit{
		{name: "an update turned into a delete", code: 5, says: stale, edit: set(changed, "action", "delete")},
		{name: "an unchanged catalog turned into a delete", code: 5, says: stale, edit: remove},
		{name: "an unchanged catalog turned into a release", code: 5, says: stale, edit: func(p map[string]any) { act(p, same, "release") }},
		{name: "another value", code: 5, says: stale, edit: func(p map[string]any) {
			step(p, changed)["after"] = map[string]any{"name": "MODEL_OWNER", "repository": "1", "value": "mallory"}
		}},
		{name: "another value before", code: 5, says: stale, edit: set(changed, "before", map[string]any{})},
		{name: "another field", code: 5, says: stale, edit: set(changed, "fields", []any{map[string]any{"path": "name", "before": "x", "after": "y"}})},
		{name: "another danger", code: 5, says: stale, edit: set(changed, "danger", "data_loss")},
		{name: "another host", code: 5, says: stale, edit: set(changed, "host", "https://elsewhere.example")},
		{name: "another batch", code: 5, says: stale, edit: set(changed, "batch", "all")},
		{name: "another kind", code: 5, says: stale, edit: set(changed, "kind", "secret")},
		{name: "a dependency more", code: 5, says: stale, edit: set(changed, "depends_on", []any{"repository", same})},
		{name: "no dependency", code: 5, says: stale, edit: set(changed, "depends_on", []any{})},
		{name: "two addresses swapped", code: 5, says: stale, edit: func(p map[string]any) {
			a, b := step(p, changed), step(p, madeNew)
			a["address"], b["address"] = madeNew, changed
		}},
		{name: "a step for what nothing wishes", code: 5, says: stale, edit: func(p map[string]any) {
			p["changes"] = append(changes(p), map[string]any{"address": "catalog/finance", "kind": "catalog", "action": "delete", "danger": "none",
				"before": map[string]any{"host": prod, "name": "finance"}, "depends_on": []any{}, "needs": []any{}, "fields": []any{}})
		}},
		{name: "escapes in an address", code: 5, says: stale, edit: func(p map[string]any) {
			p["changes"] = append(changes(p), map[string]any{"address": nasty, "kind": nasty, "action": "delete", "reason": nasty, "depends_on": []any{nasty}})
		}},
		{name: "an action that there is none of", code: 3, says: "which this version does not know", edit: set(changed, "action", "destroy_everything")},
	}
}

// harmlessEdits leave steps that stand, or no plan at all.
func harmlessEdits() []edit {
	const stale = "apply/stale-plan"
	return []edit{
		{name: "a step twice", code: 0, edit: func(p map[string]any) { p["changes"] = append(changes(p), step(p, changed)) }},
		{name: "a step less", code: 0, edit: func(p map[string]any) {
			kept := []any{}
			for _, c := range changes(p) {
				if m, _ := c.(map[string]any); m["address"] != madeNew {
					kept = append(kept, c)
				}
			}
			p["changes"] = kept
		}},
		{name: "the steps turned round", code: 0, edit: func(p map[string]any) {
			list := changes(p)
			for i, j := 0, len(list)-1; i < j; i, j = i+1, j-1 {
				list[i], list[j] = list[j], list[i]
			}
		}},
		{name: "escapes in a reason", code: 0, edit: func(p map[string]any) { step(p, changed)["reason"], step(p, same)["reason"] = nasty, nasty }},
		{name: "the plan of another stack", code: 0, edit: func(p map[string]any) {
			p["specs"] = []any{map[string]any{"path": "/etc/passwd", "sha256": "0", "name": nasty}}
		}},
		{name: "a newer format", code: 3, says: "format_version", edit: func(p map[string]any) { p["format_version"] = "2.0" }},
		{name: "cut in the middle", code: 3, says: "is no plan", raw: func(good string) string { return good[:len(good)/2] }},
		{name: "two documents", code: 3, says: "is no plan", raw: func(good string) string { return good + good }},
		{name: "no object", code: 3, says: "is no plan", raw: func(string) string { return "[]" }},
		{name: "empty", code: 3, says: "is no plan", raw: func(string) string { return "" }},
		{name: "nested deeply", code: 3, says: "is no plan", raw: func(string) string { return `{"changes":` + strings.Repeat("[", 100_000) }},
		{name: "a key twice, the second for worse", code: 5, says: stale, raw: func(good string) string {
			return strings.ReplaceAll(good, `"action": "update"`, `"action": "update", "action": "delete"`)
		}},
		{name: "a key in another case", code: 5, says: stale, raw: func(good string) string {
			return strings.ReplaceAll(good, `"action": "update"`, `"action": "update", "Action": "delete"`)
		}},
		{name: "of twenty megabytes", code: 0, raw: func(good string) string { return good + strings.Repeat(" ", 20<<20) }},
	}
}

// act turns a step that does nothing into one that does.
func act(p map[string]any, address, action string) {
	c := step(p, address)
	c["action"], c["reason"] = action, "it left the spec"
}

// TestAnEditedPlanIsRefusedOrRight applies plans that somebody edited: either nothing is changed, or only what a plan
// made now says, too.
func TestAnEditedPlanIsRefusedOrRight(t *testing.T) {
	w := install(t)
	spec := strings.Replace(read(t, "testdata/mlops.yaml"), "variables:\n", "variables:\n  NEW: x\n", 1)
	before := w.others()
	for i, e := range slices.Concat(editedPlans(), harmlessEdits()) {
		t.Run(e.name, func(t *testing.T) {
			w.t = t
			w.write("mlops.yaml", strings.Replace(spec, "MODEL_OWNER: ml-engineers", fmt.Sprintf("MODEL_OWNER: owner-%d", i), 1))
			file := filepath.Join(w.dir, "plan.json")
			if r := w.run("plan", "--out", file); r.code != 0 {
				t.Fatalf("the plan ends with %d:\n%s", r.code, r.text)
			}
			w.write("plan.json", e.made(t, read(t, file)))
			r := w.run("apply", file)
			harmless(t, r)
			if r.code != e.code || !strings.Contains(r.text, e.says) {
				t.Errorf("the apply ends with %d, want %d and %q:\n%.3000s", r.code, e.code, e.says, r.text)
			}
			w.onlyPlanned(t, r, e.code)
			if hosts := w.network.strangers(); len(hosts) > 0 {
				t.Errorf("something was sent to %v", hosts)
			}
			after := w.others()
			for what := range before {
				if before[what] != after[what] {
					t.Errorf("%s was %s, and is %s", what, before[what], after[what])
				}
			}
			w.retract()
		})
	}
}

// made is the file that is applied.
func (e edit) made(t *testing.T, good string) string {
	t.Helper()
	if e.raw != nil {
		return e.raw(good)
	}
	var p map[string]any
	if err := json.Unmarshal([]byte(good), &p); err != nil {
		t.Fatal(err)
	}
	e.edit(p)
	data, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// onlyPlanned holds that a run that was refused sent nothing, and another one no more than the two steps and the ledger.
func (w *world) onlyPlanned(t *testing.T, r ended, code int) {
	t.Helper()
	for _, sent := range r.sent {
		planned := strings.HasSuffix(sent, "/git-receive-pack") || sent == "PATCH api.github.com/repos/acme/taxi/actions/variables/MODEL_OWNER" ||
			sent == "POST api.github.com/repos/acme/taxi/actions/variables"
		if code != 0 || !planned {
			t.Errorf("it sent %s", sent)
		}
	}
}

// retract takes the new variable back, so that the next plan makes it, too.
func (w *world) retract() {
	w.t.Helper()
	list, _ := w.send("GET", api+"/actions/variables?per_page=30", nil)["variables"].([]any)
	for _, item := range list {
		if v, _ := item.(map[string]any); v["name"] == "NEW" {
			w.send("DELETE", api+"/actions/variables/NEW", nil)
		}
	}
}
