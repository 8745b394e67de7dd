package plan

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"

	"github.com/mlopsctl/mlopsctl/pkg/diag"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// planNow is a plan with a step of every sort, and one that does nothing.
func planNow() *Plan {
	policy := resource.Object{"subject": "repo:acme/demo:environment:prod", "audiences": []any{"a", "b"}, "id": "7"}
	return &Plan{Version: "1", CreatedAt: "2026-01-02T03:04:05Z", Changes: []Change{
		{Address: "repository", Kind: "repository", Action: Create, Host: "https://github.com", After: resource.Object{"owner": "acme", "private": true},
			Fields: []Field{{Path: "owner", After: "acme"}, {Path: "id", KnownAfterApply: true}}, DependsOn: []string{}, Source: diag.Pos{File: "mlops.yaml", Line: 3, Column: 1}},
		{Address: "branch/main", Kind: "branch", Action: None, Before: resource.Object{"name": "main"}, DependsOn: []string{"repository"}},
		{Address: "federation_policy/p/prod", Kind: "federation_policy", Action: Update, Before: policy, After: Merge(resource.Object{"subject": "x"}, policy),
			Fields: []Field{{Path: "subject", Before: policy["subject"], After: "x"}}, DependsOn: []string{"repository"}, Batch: "policies"},
		{Address: "grant/schema:prod.demo/p", Kind: "grant", Action: Delete, Before: resource.Object{"privileges": []any{"SELECT"}}, Danger: resource.AccessLoss},
		{Address: "catalog/prod", Kind: "catalog", Action: Delete, Before: resource.Object{"name": "prod", "count": 2.0}, Danger: resource.DataLoss},
		{Address: "secret/prod/TOKEN", Kind: "secret", Action: Rotate, Before: resource.Object{"name": "TOKEN"}, After: resource.Object{"name": "TOKEN"},
			Fields: []Field{{Path: "value", Sensitive: true, KnownAfterApply: true}}, Ageing: true, Reason: "it expires"},
	}}
}

// FuzzPlanFile holds that no plan file makes the reader panic, and that none in which a step was
// edited passes for the plan of now, whatever else stands in it. Why a step is there and where its
// wish stands in the spec may be edited: an apply goes by the plan of now.
func FuzzPlanFile(f *testing.F) {
	genuine, err := json.Marshal(planNow())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(genuine)
	for _, text := range []string{
		"", "{}", "null", `[]`, `{"format_version":"1.0"}`, `{"format_version":"2.0"}`, `{"format_version":"1.0","changes":null}`,
		`{"format_version":"1.0","changes":[{}]}`, `{"format_version":"1.0","changes":[{"address":"repository","action":"create"}]}`,
		`{"format_version":"1.0","changes":[{"address":"catalog/prod","action":"delete","before":{"name":"prod","count":2}}]}`,
		`{"format_version":"1.0","changes":[{"address":"catalog/prod","Action":"delete","action":"none"}]}`,
		`{"format_version":"1.0","changes":[{"address":"x","action":"delete","before":{"a":{"a":{"a":[{"$ref":"y","field":"z"}]}}}}]}`,
		`{"format_version":"1.0","changes":[{"address":"x","action":"delete","fields":[{"path":"a","before":1e999}]}]}`,
	} {
		f.Add([]byte(text))
	}
	for i := 0; i < len(genuine); i += 7 { // an edit of one byte, all over the file
		edited := slices.Clone(genuine)
		edited[i] ^= 1
		f.Add(edited)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var saved Plan
		if err := json.Unmarshal(data, &saved); err != nil {
			return
		}
		now := planNow()
		steps, moved := Witness(&saved, now)
		if len(moved) > 0 {
			return // refused as a whole
		}
		for _, s := range saved.Changes {
			if s.Action.Acts() {
				unedited(t, s, now.Find(s.Address))
			}
		}
		for i, c := range now.Restrict(steps).Changes {
			if c.Action.Acts() && (c.Action != now.Changes[i].Action || !slices.Contains(steps, c.Address)) {
				t.Errorf("%s would %s", c.Address, c.Action)
			}
		}
	})
}

// unedited holds every field of a saved step against the step of now.
func unedited(t *testing.T, saved Change, now *Change) {
	t.Helper()
	if now == nil {
		t.Fatalf("%s is no step of now", saved.Address)
	}
	was, is := reflect.ValueOf(saved), reflect.ValueOf(*now)
	for i := range was.NumField() {
		name := was.Type().Field(i).Name
		if slices.Contains([]string{"Reason", "Needs", "Ageing", "Source", "Want"}, name) {
			continue
		}
		if a, b := text(was.Field(i).Interface()), text(is.Field(i).Interface()); a != b {
			t.Errorf("%s passes, though its %s is %s and not %s", saved.Address, name, a, b)
		}
	}
}
