package kinds

import (
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/github"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

// compared are the folders of the projects, for a branch that one of their targets is deployed from and that comes
// off another one.
func compared(s *spec.Stack, b spec.Branch) []string {
	if b.Default || b.From == "" {
		return nil
	}
	var folders []string
	for _, p := range s.Projects {
		folders = append(folders, path.Clean(p.Path))
	}
	return folders
}

// measureBranch counts what the branch lacks of the one that it was created off.
func measureBranch(ctx context.Context, c *github.Client, want branch, have *branch) error {
	if len(want.Compared) == 0 || want.From.Value == "" {
		return nil
	}
	heads, err := c.Branches(ctx)
	if err != nil || heads[want.From.Value] == "" || heads[want.From.Value] == heads[want.Name] {
		return err
	}
	d, err := c.Distance(ctx, want.Name, want.From.Value)
	if err != nil {
		return err
	}
	have.Behind, have.Off = d.Ahead, want.From.Value
	for _, file := range d.Files {
		if ofProjects(want.Compared, file) {
			have.Differs = append(have.Differs, file)
		}
	}
	return nil
}

// ofProjects reports whether a file is one of the projects', or of what deploys them.
func ofProjects(folders []string, file string) bool {
	if strings.HasPrefix(file, ".github/workflows/") {
		return true
	}
	for _, folder := range folders {
		if folder == "." || strings.HasPrefix(file, folder+"/") {
			return true
		}
	}
	return false
}

// warnOfDistance tells how far a branch is behind: that is no difference from the spec, as people decide when it
// is promoted.
func warnOfDistance(_ branch, have *branch) *resource.Warning {
	if have == nil || have.Behind == 0 {
		return nil
	}
	const most = 10
	differs := "none of the projects' files differ"
	if n := len(have.Differs); n > most {
		differs = fmt.Sprintf("%s and %d more differ", strings.Join(have.Differs[:most], ", "), n-most)
	} else if n > 0 {
		differs = strings.Join(have.Differs, ", ") + " differ"
	}
	return &resource.Warning{Code: "plan/branch-behind",
		Summary: fmt.Sprintf("%s is %d commits ahead of %s; %s", have.Off, have.Behind, have.Name, differs),
		Detail:  "`mlopsctl promote` opens the pull request that brings them"}
}
