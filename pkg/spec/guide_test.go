package spec_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

// The lines of docs/guide.md are one spec, and it is valid.
func TestTheGuideIsASpec(t *testing.T) {
	text, err := os.ReadFile("../../docs/guide.md")
	if err != nil {
		t.Fatal(err)
	}
	var lines strings.Builder
	for _, block := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(text, -1) {
		lines.Write(block[1])
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "mlops.yaml"), []byte(lines.String()))
	write(t, filepath.Join(dir, "mlops_stack_demo", "databricks.yml"), []byte("bundle: { name: mlops_stack_demo }\n"))
	stack, list := spec.Load(filepath.Join(dir, "mlops.yaml"), spec.Options{})
	if len(list) > 0 {
		t.Fatalf("%s", told(list))
	}
	if len(stack.Targets) != 3 || len(stack.Projects) != 1 || len(stack.Permissions) != 2 || len(stack.Groups) != 2 {
		t.Errorf("parts of the guide's spec are missing: %+v", stack)
	}
}
