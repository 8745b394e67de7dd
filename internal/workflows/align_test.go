package workflows_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mlopsctl/mlopsctl/internal/workflows"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
	"github.com/rogpeppe/go-internal/txtar"
	"go.yaml.in/yaml/v3"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Each case is a spec's targets, a databricks.yml, and what becomes of it, or the error.
func TestAlignChangesOnlyTheLinesThatHaveTo(t *testing.T) {
	paths, err := filepath.Glob("testdata/align/*.txtar")
	if err != nil || len(paths) < 30 {
		t.Fatalf("%d cases, %v", len(paths), err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			part := func(name string) []byte {
				for _, f := range archive.Files {
					if f.Name == name {
						return f.Data
					}
				}
				return nil
			}
			r, p := repositoryOf(t, part("targets"))
			out, err := workflows.Align(part("in"), r, p)
			result := txtar.File{Name: "out", Data: out}
			if err != nil {
				result = txtar.File{Name: "error", Data: []byte(err.Error() + "\n")}
			}
			if *update {
				archive.Files = append(archive.Files[:2], result)
				if err := os.WriteFile(path, txtar.Format(archive), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(string(part(result.Name)), string(result.Data)); diff != "" && !*update {
				t.Errorf("%s (-want +got):\n%s", result.Name, diff)
			}
			if err != nil {
				return
			}
			again, err := workflows.Align(out, r, p)
			if err != nil || !bytes.Equal(again, out) {
				t.Errorf("a second run changes it again: %v\n%s", err, cmp.Diff(string(out), string(again)))
			}
			windows := bytes.ReplaceAll(part("in"), []byte("\n"), []byte("\r\n"))
			got, err := workflows.Align(windows, r, p)
			if want := bytes.ReplaceAll(out, []byte("\n"), []byte("\r\n")); err != nil || !bytes.Equal(got, want) {
				t.Errorf("with the line ends of Windows: %v\n%s", err, cmp.Diff(string(want), string(got)))
			}
		})
	}
}

// repositoryOf reads the targets of a case.
func repositoryOf(t *testing.T, text []byte) (workflows.Repository, workflows.Project) {
	t.Helper()
	var given struct {
		Deploy  []string
		IDs     map[string]string
		Targets []struct{ Name, Host, Branch, Principal, Catalog, Auth string }
	}
	if err := yaml.Unmarshal(text, &given); err != nil {
		t.Fatal(err)
	}
	r := workflows.Repository{ApplicationIDs: given.IDs}
	for _, x := range given.Targets {
		target := spec.Target{
			Name: x.Name, Host: x.Host, Branch: x.Branch, ServicePrincipal: x.Principal, Catalog: x.Catalog, CIAuth: spec.OIDC,
			Environment: &spec.Environment{},
		}
		r.Targets = append(r.Targets, target)
	}
	return r, workflows.Project{Name: "taxi", Path: "taxi", Deploy: given.Deploy}
}

func TestAlignLeavesEachLineItsOwnEnd(t *testing.T) {
	r, p := repositoryOf(t, []byte("targets: [ { name: prod, host: 'https://new.example' } ]\n"))
	in := "bundle:\r\n  name: taxi\ntargets:\r\n  prod:\n    workspace:\r\n      host: https://old.example\n    mode: production\r\n"
	out, err := workflows.Align([]byte(in), r, p)
	if want := strings.Replace(in, "old", "new", 1); err != nil || string(out) != want {
		t.Errorf("%v\n%q, want\n%q", err, out, want)
	}
}
