package kinds

import (
	"encoding/json"
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mlopsctl/mlopsctl/pkg/resource"
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

// Each kind says of a deletion what is true of it: data that is gone, access that somebody no longer has, or
// nothing that could not be put back.
func TestEachKindSaysWhatItsDeletionTakesAway(t *testing.T) {
	want := map[string]resource.Guard{
		"repository": resource.DataLoss, "branch": resource.DataLoss, "environment": resource.DataLoss,
		"catalog": resource.DataLoss, "schema": resource.DataLoss, "directory": resource.DataLoss,
		"service_principal": resource.AccessLoss, "group": resource.AccessLoss, "group_member": resource.AccessLoss,
		"entitlement": resource.AccessLoss, "permission": resource.AccessLoss, "principal_user": resource.AccessLoss,
		"grant": resource.AccessLoss, "workspace_assignment": resource.AccessLoss, "team": resource.AccessLoss,
		"federation_policy": resource.AccessLoss, "git_credential": resource.AccessLoss, "secret": resource.AccessLoss,
		"branch_protection": resource.AccessLoss,
		"variable":          resource.Unguarded, "pull_request": resource.Unguarded,
	}
	got := map[string]resource.Guard{}
	for _, k := range All(Clients{}, &spec.Stack{}) {
		if k.Delete != nil {
			got[k.Name] = k.Takes()
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what deletions take away (-want +got):\n%s", diff)
	}
}
