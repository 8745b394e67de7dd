package proposal

import (
	"regexp"
	"runtime/debug"

	"github.com/mlopsctl/mlopsctl/internal/workflows"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

// release is the release that this program is: what its own action can be pinned to. A program that was
// built otherwise has none.
type release struct{ commit, version string }

var released = regexp.MustCompile(`^v[0-9]+\.[0-9]+\.[0-9]+$`)

// releaseOf reads how the program was built: from a tag, and with nothing beside its commit.
func releaseOf(info *debug.BuildInfo) release {
	if info == nil || !released.MatchString(info.Main.Version) {
		return release{}
	}
	r := release{version: info.Main.Version}
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			r.commit = s.Value
		case s.Key == "vcs.modified" && s.Value != "false":
			return release{}
		}
	}
	if r.commit == "" {
		return release{}
	}
	return r
}

// control are the workflows that check, apply and watch the spec itself, where the spec says as whom. They
// use mlopsctl's own action, so only a release can write them: there is nothing else to pin. What is merged
// into base is applied.
func control(s *spec.Stack, r release, base string) ([]workflows.File, error) {
	if s.CI == nil || r == (release{}) {
		return nil, nil
	}
	c := workflows.ControlOf(s)
	c.Commit, c.Version, c.Branch = r.commit, r.version, base
	return workflows.GenerateControl(c)
}
