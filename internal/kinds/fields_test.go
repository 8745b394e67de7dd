package kinds

import (
	"encoding/json"
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

var update = flag.Bool("update", false, "write what the program says into the golden files")

// What a team's rules can read is what the kinds have.
func TestRulesKnowTheFieldsOfEveryKind(t *testing.T) {
	const file = "../../pkg/rule/fields.json"
	fields := map[string]map[string]string{}
	for _, k := range All(Clients{}, &spec.Stack{}) {
		fields[k.Name] = k.Fields
	}
	want, err := json.MarshalIndent(fields, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	if *update {
		if err := os.WriteFile(file, want, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s is not what the kinds have (-want +got), `make golden` writes it:\n%s", file, diff)
	}
}
