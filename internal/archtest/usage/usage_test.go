// Package usage runs what the documents show: every command that they name exists, every spec in them
// is valid, and what they show of the program is what it prints.
package usage

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mlopsctl/mlopsctl/internal/cli"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

var update = flag.Bool("update", false, "write what the program prints into the README")

const root = "../../.."

func document(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// run carries out a command line as a user without any account would, in the present folder. The time
// that it took is left out of what it printed.
func run(t *testing.T, args ...string) (printed string, code int) {
	t.Helper()
	var out bytes.Buffer
	code = cli.Run(t.Context(), args, cli.Streams{In: strings.NewReader(""), Out: &out, Err: &out, Env: environment})
	return tookTime.ReplaceAllString(out.String(), "requests in 0.04s"), code
}

var tookTime = regexp.MustCompile(`requests in [0-9.]+m?s`)

func environment(name string) (string, bool) {
	if name == "MLOPS_WORKFLOW_TOKEN" {
		return "made-up", true
	}
	return "", false
}

// shown is a block of a document that the program printed: where, by which commands (in the block
// itself, after a dollar sign, or beside it).
var shown = regexp.MustCompile("(?s)<!-- (?:\\$ (mlopsctl [^\n]*), )?in (examples/[a-z-]+) -->\n```[a-z]+\n(.*?)```")

func TestTheReadmeShowsWhatTheProgramPrints(t *testing.T) {
	before := document(t, "README.md")
	if len(shown.FindAllString(before, -1)) < 2 {
		t.Fatal("the README shows nothing of the program any more")
	}
	after := shown.ReplaceAllStringFunc(before, func(block string) string {
		m := shown.FindStringSubmatch(block)
		beside, folder, inside := m[1], m[2], m[3]
		return strings.TrimSuffix(block, inside+"```") + printedIn(t, folder, commands(beside, inside)) + "```"
	})
	if *update {
		if err := os.WriteFile(filepath.Join(root, "README.md"), []byte(after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("`make golden` writes the README anew (-shown +printed):\n%s", diff)
	}
}

// session is a list of commands; those of a console are shown with what they print.
type session struct {
	lines   []string
	console bool
}

func commands(beside, inside string) session {
	if beside != "" {
		return session{lines: []string{beside}}
	}
	s := session{console: true}
	for _, line := range strings.Split(inside, "\n") {
		if command, ok := strings.CutPrefix(line, "$ "); ok {
			s.lines = append(s.lines, command)
		}
	}
	return s
}

// printedIn runs commands in a copy of an example's folder.
func printedIn(t *testing.T, folder string, s session) string {
	t.Helper()
	home, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	copied := t.TempDir()
	if err := os.CopyFS(copied, os.DirFS(filepath.Join(root, folder))); err != nil {
		t.Fatal(err)
	}
	t.Chdir(copied)
	defer t.Chdir(home)
	var b strings.Builder
	for _, line := range s.lines {
		args := words(strings.TrimPrefix(line, "mlopsctl "))
		printed, code := run(t, args...)
		if code != 0 {
			t.Errorf("%s: exit code %d:\n%s", line, code, printed)
		}
		if s.console {
			b.WriteString("$ " + line + "\n")
		} else {
			printed, _, _ = strings.Cut(printed, "mlops.yaml:") // what is said beside the result
		}
		b.WriteString(printed)
	}
	return b.String()
}

var word = regexp.MustCompile(`'([^']*)'|(\S+)`)

// words splits a command line as a shell does, as far as the documents need it.
func words(line string) []string {
	var out []string
	for _, m := range word.FindAllStringSubmatch(line, -1) {
		out = append(out, m[1]+m[2])
	}
	return out
}

var (
	yamlBlock = regexp.MustCompile("(?s)```yaml\n(.*?)```")
	named     = regexp.MustCompile("(?:`|^\\s+|\\$ )mlopsctl ([a-z][a-z-]*)")
)

func TestSpecsInTheDocumentsAreValid(t *testing.T) {
	for _, path := range []string{"README.md", "examples/minimal/mlops.yaml", "examples/mlops-stack-demo/mlops.yaml"} {
		specs := []string{document(t, path)}
		if strings.HasSuffix(path, ".md") {
			specs = nil
			for _, m := range yamlBlock.FindAllStringSubmatch(document(t, path), -1) {
				specs = append(specs, m[1])
			}
		}
		if len(specs) == 0 {
			t.Errorf("%s shows no spec", path)
		}
		for _, text := range specs {
			if _, list := spec.Parse(path, []byte(text), spec.Options{}); len(list) > 0 {
				t.Errorf("%s: %s: %s", path, list[0].Source, list[0].Summary)
			}
		}
	}
}

func TestCommandsInTheDocumentsExist(t *testing.T) {
	asked := map[string]bool{}
	for _, path := range []string{"README.md", "docs/tour.md", "examples/minimal/README.md", "examples/mlops-stack-demo/docs/mlops-setup.md"} {
		for _, line := range strings.Split(document(t, path), "\n") {
			for _, m := range named.FindAllStringSubmatch(line, -1) {
				asked[m[1]] = true
			}
		}
	}
	for command := range asked {
		code := cli.Run(t.Context(), []string{command, "--help"}, cli.Streams{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard, Env: environment})
		if code != 0 {
			t.Errorf("a document names `mlopsctl %s`, which exits with %d", command, code)
		}
	}
	if len(asked) < 5 {
		t.Errorf("only %d commands were found in the documents", len(asked))
	}
}
