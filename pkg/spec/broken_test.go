package spec_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mlopsctl/mlopsctl/pkg/diag"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write what the program says into the golden files")

// minimum is how many ways to write a broken spec the corpus promises to hold.
const minimum = 60

func TestEveryBrokenSpecIsReportedWholeAtItsCauses(t *testing.T) {
	files, err := filepath.Glob("testdata/broken/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < minimum {
		t.Fatalf("%d broken specs, want at least %d", len(files), minimum)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			stack, list := loadArchive(t, archive)
			got := told(list)
			for _, d := range list {
				if d.Detail == "" || d.Source == nil || d.Source.Line == 0 || d.Source.Column == 0 {
					t.Errorf("no advice or no place: %+v", d)
				}
			}
			if (stack == nil) != list.HasErrors() {
				t.Errorf("a stack that is %v with errors %v", stack, list.HasErrors())
			}
			if *update {
				rewrite(t, file, archive, got)
				return
			}
			if diff := cmp.Diff(section(archive, "want"), got); diff != "" {
				t.Errorf("diagnostics (-want +got):\n%s", diff)
			}
		})
	}
}

// loadArchive loads the archive's mlops.yaml with what its first lines give: var NAME=VALUE,
// env NAME=VALUE, allow NAME, trust HOST, symlink NAME TARGET.
func loadArchive(t *testing.T, archive *txtar.Archive) (*spec.Stack, diag.List) {
	t.Helper()
	dir := t.TempDir()
	for _, f := range archive.Files {
		if f.Name != "want" {
			write(t, filepath.Join(dir, f.Name), []byte(withCredentials(string(f.Data))))
		}
	}
	o := spec.Options{Vars: map[string]string{}}
	env := map[string]string{}
	o.LookupEnv = func(name string) (string, bool) { value, ok := env[name]; return value, ok }
	for line := range strings.Lines(string(archive.Comment)) {
		word, rest, _ := strings.Cut(strings.TrimSpace(withCredentials(line)), " ")
		name, value, _ := strings.Cut(rest, "=")
		switch word {
		case "var":
			o.Vars[name] = value
		case "env":
			env[name] = strings.ReplaceAll(value, `\n`, "\n")
		case "allow":
			o.AllowEnv = append(o.AllowEnv, name)
		case "trust":
			o.TrustedHosts = append(o.TrustedHosts, rest)
		case "symlink":
			name, target, _ := strings.Cut(rest, " ")
			if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		case "", "#":
		default:
			t.Fatalf("unknown line %q", line)
		}
	}
	return spec.Load(filepath.Join(dir, "mlops.yaml"), o)
}

// withCredentials puts texts in the form of credentials in their places. They are joined here, so that
// nobody's scanner finds them in this repository.
func withCredentials(text string) string {
	hex := "0123456789abcdef0123456789abcdef"
	return strings.NewReplacer(
		"{{databricks}}", "da"+"pi"+hex,
		"{{escaped}}", "dap"+`\u0069`+hex,
		"{{oauth}}", "do"+"se"+hex,
		"{{github}}", "gh"+"p_"+hex+"ABCD",
		"{{github fine-grained}}", "github"+"_pat_11AAAAAAA0_"+hex,
		"{{aws}}", "AK"+"IA"+"ABCDEFGHIJKLMNOP",
		"{{jwt}}", "ey"+"JhbGciOiJIUzI1NiJ9."+"eyJzdWIiOiIxIn0.c2ln",
		"{{key}}", "-----BEGIN RSA PRIVATE"+" KEY-----",
		"{{url}}", "https://ada:"+"s3cr3t@example.com",
	).Replace(text)
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// told renders diagnostics as the corpus keeps them: line:column code summary, and the advice below.
func told(list diag.List) string {
	var b strings.Builder
	for _, d := range list {
		warning := ""
		if d.Severity == diag.Warning {
			warning = "warning "
		}
		fmt.Fprintf(&b, "%d:%d %s%s %s\n    %s\n", d.Source.Line, d.Source.Column, warning, d.Code, d.Summary, d.Detail)
	}
	return b.String()
}

func section(archive *txtar.Archive, name string) string {
	for _, f := range archive.Files {
		if f.Name == name {
			return string(f.Data)
		}
	}
	return ""
}

func rewrite(t *testing.T, path string, archive *txtar.Archive, want string) {
	t.Helper()
	files := archive.Files[:0]
	for _, f := range archive.Files {
		if f.Name != "want" {
			files = append(files, f)
		}
	}
	archive.Files = append(files, txtar.File{Name: "want", Data: []byte(want)})
	if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
		t.Fatal(err)
	}
}
