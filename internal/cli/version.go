package cli

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/mlopsctl/mlopsctl/internal/render"
)

// release is set when the program is linked: -ldflags "-X github.com/mlopsctl/mlopsctl/internal/cli.release=v1.2.3".
var release string

// buildInfo says which program this is.
type buildInfo struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Date     string `json:"date,omitempty"`
	Modified bool   `json:"modified"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func build() buildInfo {
	b := buildInfo{Version: release, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		b.Version = cmp.Or(b.Version, "unknown")
		return b
	}
	b.Version = cmp.Or(b.Version, info.Main.Version, "(devel)")
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.time":
			b.Date = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

// String says it in one line.
func (b buildInfo) String() string {
	commit := cmp.Or(b.Commit, "unknown")
	if b.Modified {
		commit += ", modified"
	}
	return fmt.Sprintf("mlopsctl %s (commit %s, %s, %s)", b.Version, commit, b.Go, b.Platform)
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:         "version",
		Short:       "Say which version this is, and what it was built from",
		Args:        cobra.NoArgs,
		Annotations: takes("text,json", wholeStack),
		RunE: a.run(func(*cobra.Command, []string) error {
			b := build()
			if a.flags.output == "json" {
				a.printJSON(render.JSON(b))
				return nil
			}
			a.print(b.String() + "\n")
			return nil
		}),
	}
}
