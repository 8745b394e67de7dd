package proposal

import (
	"runtime/debug"
	"strings"
	"testing"

	"github.com/mlopsctl/mlopsctl/internal/workflows"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

func built(version, commit, modified string) *debug.BuildInfo {
	return &debug.BuildInfo{Main: debug.Module{Version: version}, Settings: []debug.BuildSetting{
		{Key: "vcs.revision", Value: commit}, {Key: "vcs.modified", Value: modified},
	}}
}

// A workflow that runs the program is pinned to the release that wrote it, so only a release writes one.
func TestOnlyAReleaseWritesWorkflowsThatUseItsAction(t *testing.T) {
	commit := strings.Repeat("0123456789", 4)
	stack := func(ci *spec.CI) *spec.Stack {
		return &spec.Stack{
			File: "mlops.yaml", Dir: ".", Git: spec.Git{Host: "https://github.com", Source: "."}, CI: ci,
		}
	}
	both := &spec.CI{Reader: "taxi-ci", Operator: "mlopsctl"}
	cases := map[string]struct {
		ci   *spec.CI
		info *debug.BuildInfo
		want []string
	}{
		"a release":               {both, built("v1.2.3", commit, "false"), []string{workflows.ApplyFile, workflows.CheckFile, workflows.DriftFile}},
		"nobody applies":          {&spec.CI{Reader: "taxi-ci"}, built("v1.2.3", commit, "false"), []string{workflows.CheckFile}},
		"the spec says nothing":   {nil, built("v1.2.3", commit, "false"), nil},
		"no release":              {both, built("(devel)", commit, "false"), nil},
		"between two releases":    {both, built("v1.2.4-0.20260101000000-0123456789ab", commit, "false"), nil},
		"with changes beside it":  {both, built("v1.2.3", commit, "true"), nil},
		"without a commit":        {both, built("v1.2.3", "", "false"), nil},
		"nobody knows what it is": {both, nil, nil},
	}
	for name, c := range cases {
		files, err := control(stack(c.ci), releaseOf(c.info), "main")
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var got []string
		for _, f := range files {
			got = append(got, f.Path)
			if !strings.Contains(string(f.Content), "uses: mlopsctl/mlopsctl@"+commit+" # v1.2.3\n") {
				t.Errorf("%s: %s is not pinned", name, f.Path)
			}
		}
		if strings.Join(got, " ") != strings.Join(c.want, " ") {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
