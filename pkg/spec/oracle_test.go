package spec_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
	"sigs.k8s.io/yaml"
)

// agree holds an accepted spec against a second YAML reader, the one of Kubernetes' tools: what the two
// read differently, somebody else's tool would take for another spec.
func agree(t *testing.T, data []byte) {
	t.Helper()
	stack, list := spec.Parse("mlops.yaml", data, spec.Options{})
	if stack == nil {
		if len(list) == 0 || !list.HasErrors() {
			t.Fatalf("neither a stack nor an error: %+v", list)
		}
		return
	}
	// It takes the one unquoted `on` that the spec has for a key as the truth value that YAML 1.1 says.
	text := strings.ReplaceAll(string(data), " on:", ` "on":`)
	other, err := yaml.YAMLToJSONStrict([]byte(text))
	if err != nil {
		t.Fatalf("accepted here, refused there: %v", err)
	}
	var want any
	if err := json.Unmarshal(other, &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, spec.Canonical(data)); diff != "" {
		t.Errorf("two readers see two specs (-theirs +ours):\n%s", diff)
	}
}

func TestAnotherReaderSeesTheSameSpec(t *testing.T) {
	files, err := filepath.Glob("../../examples/*/mlops.y*ml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files, "testdata/full.yaml") {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		agree(t, data)
	}
}
