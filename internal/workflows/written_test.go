package workflows_test

import (
	"bytes"
	"testing"

	"github.com/mlopsctl/mlopsctl/internal/workflows"
)

// Every generated file says of itself whether it is as it was written, and no edit goes unnoticed.
func TestAnEditOfAGeneratedFileIsSeen(t *testing.T) {
	files, err := workflows.GenerateControl(controls()["control"])
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range variants() {
		more, err := workflows.Generate(v.repo)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, more...)
	}
	for _, f := range files {
		if ours, unedited := workflows.Written(f.Content); !ours || !unedited {
			t.Errorf("%s as it was written: ours %t, unedited %t", f.Path, ours, unedited)
		}
		if !workflows.MayWrite(f.Path) {
			t.Errorf("%s is written, and nobody would know it again", f.Path)
		}
		lines := bytes.SplitAfter(f.Content, []byte("\n"))
		for i := 1; i < len(lines); i++ {
			edited := bytes.Join(append(append([][]byte{}, lines[:i]...), lines[i+1:]...), nil)
			if len(lines[i]) == 0 {
				continue
			}
			if ours, unedited := workflows.Written(edited); !ours || unedited {
				t.Fatalf("%s without line %d: ours %t, unedited %t", f.Path, i+1, ours, unedited)
			}
		}
		if ours, _ := workflows.Written(bytes.Join(lines[1:], nil)); ours {
			t.Errorf("%s without its first line is taken for one that was generated", f.Path)
		}
	}
	for _, other := range []string{".github/workflows/lint.yml", "deploy/x-deploy.yml", ".github/workflows/x/y-deploy.yml", "README.md"} {
		if workflows.MayWrite(other) {
			t.Errorf("%s may be written", other)
		}
	}
}
