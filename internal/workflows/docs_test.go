package workflows_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/mlopsctl/mlopsctl/internal/workflows"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
	"github.com/rhysd/actionlint"
)

const guide = "docs/ci.md"

var (
	yamlBlock = regexp.MustCompile("(?ms)^(<!-- generated: (\\w+) -->\n)?```yaml\n(.*?)^```$")
	fileName  = regexp.MustCompile(`^# (\S+\.ya?ml)\n`)
)

// block is one YAML block of the guide.
type block struct {
	file string // that it is a copy of
	text string
}

// blocks reads the guide. Some of its blocks are what the program generates; they are kept so.
func blocks(t *testing.T) []block {
	t.Helper()
	at := filepath.Join(root(t), guide)
	text, err := os.ReadFile(at)
	if err != nil {
		t.Fatal(err)
	}
	generated := generatedBlocks(t)
	if *update {
		text = yamlBlock.ReplaceAllFunc(text, func(b []byte) []byte {
			m := yamlBlock.FindSubmatch(b)
			if content, ok := generated[string(m[2])]; ok {
				return []byte(string(m[1]) + "```yaml\n" + content + "```")
			}
			return b
		})
		if err := os.WriteFile(at, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var list []block
	for _, m := range yamlBlock.FindAllStringSubmatch(string(text), -1) {
		if m[2] != "" && m[3] != generated[m[2]] {
			t.Errorf("the block %q is not what is generated: run this test with -update", m[2])
		}
		name := fileName.FindStringSubmatch(m[3])
		if name == nil {
			t.Errorf("a block does not begin with its file's name:\n%.60s", m[3])
			continue
		}
		list = append(list, block{name[1], strings.ReplaceAll(m[3], placeholder, strings.Repeat("0123456789", 4))})
	}
	return list
}

const placeholder = "COMMIT_OF_V1_2_3"

// generatedBlocks are the control's workflows, with the name of the file instead of what only the file says.
func generatedBlocks(t *testing.T) map[string]string {
	t.Helper()
	c := controls()["control"]
	files, err := workflows.GenerateControl(c)
	if err != nil {
		t.Fatal(err)
	}
	blocks := map[string]string{}
	for _, f := range files {
		_, text, _ := strings.Cut(string(f.Content), "name: ")
		key := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(f.Path), "mlopsctl-"), ".yml")
		blocks[key] = "# " + f.Path + "\nname: " + strings.ReplaceAll(text, c.Commit, placeholder)
	}
	return blocks
}

// Every block is what it says that it is: GitHub would take it, and it has none of the defects; or it is a
// spec without an error; or another system's file whose scripts a shell can read.
func TestEveryBlockOfTheGuideIsSound(t *testing.T) {
	seen := map[string]int{}
	for _, b := range blocks(t) {
		switch {
		case strings.HasPrefix(b.file, ".github/workflows/"):
			seen["workflow"]++
			soundWorkflow(t, b)
		case b.file == "mlops.yaml":
			seen["spec"]++
			if _, found := spec.Parse(b.file, []byte(b.text), spec.Options{}); len(found) > 0 {
				t.Errorf("%s: %+v", b.file, found)
			}
		case b.file == ".gitlab-ci.yml":
			seen["other"]++
			soundScripts(t, b)
		default:
			t.Errorf("nobody knows how to check %s", b.file)
		}
	}
	if seen["workflow"] < 5 || seen["spec"] < 1 || seen["other"] < 1 {
		t.Errorf("the guide was read wrongly: %v", seen)
	}
}

// soundWorkflow lints a workflow as if the action lay beside it, so that its inputs are checked, too.
func soundWorkflow(t *testing.T, b block) {
	t.Helper()
	local := regexp.MustCompile(`mlopsctl/mlopsctl@[0-9a-f]{40} # v[0-9.]+`).ReplaceAllString(b.text, "./")
	if local == b.text {
		t.Errorf("%s does not use the action", b.file)
	}
	project, err := actionlint.NewProject(root(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range lintIn(t, project, local) {
		t.Errorf("%s: %v", b.file, e)
	}
	r := read(t, []workflows.File{{Path: b.file, Content: []byte(b.text)}})
	for _, n := range []int{2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 17, 19, 21} {
		for _, found := range defects()[n-1].find(r) {
			t.Errorf("%d, %s: %s", n, defects()[n-1].name, found)
		}
	}
}

func soundScripts(t *testing.T, b block) {
	t.Helper()
	var jobs map[string]struct {
		BeforeScript []string `yaml:"before_script"`
		Script       []string
	}
	if err := yaml.Unmarshal([]byte(b.text), &jobs); err != nil {
		t.Fatalf("%s: %v", b.file, err)
	}
	lines := 0
	for name, j := range jobs {
		code := strings.Join(append(j.BeforeScript, j.Script...), "\n")
		lines += len(j.BeforeScript) + len(j.Script)
		cmd := exec.CommandContext(t.Context(), "bash", "-n")
		cmd.Stdin = strings.NewReader(code)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %s: %s", b.file, name, out)
		}
		if pipedToShell.MatchString(code) {
			t.Errorf("%s: %s: a download goes straight into a shell", b.file, name)
		}
	}
	if lines == 0 {
		t.Errorf("%s has no scripts", b.file)
	}
}
