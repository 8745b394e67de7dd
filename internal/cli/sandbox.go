package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/sandbox"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

// enterSandbox opens the stand-in for every host that the spec names. One that is only begun takes the
// file world.yaml beside the spec for its world.
func (a *app) enterSandbox(s *spec.Stack, dir string) (*sandbox.Sandbox, error) {
	const largest = 64 << 20
	file := filepath.Join(s.Dir, "world.yaml")
	world, err := readFile(file, largest)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading the sandbox's world: %w", err)
	}
	return sandbox.Open(sandbox.Options{Dir: dir, Now: a.clock.Now, Hosts: sandboxHosts(s), World: world, WorldFile: file})
}

func sandboxHosts(s *spec.Stack) sandbox.Hosts {
	h := sandbox.Hosts{GitHub: s.Git.Host, Owner: s.Git.Owner}
	if s.Account != nil {
		h.Account, h.AccountID = s.Account.Host, s.Account.ID
	}
	for _, t := range s.Targets {
		if t.Host != "" && !slices.Contains(h.Workspaces, t.Host) {
			h.Workspaces = append(h.Workspaces, t.Host)
		}
	}
	return h
}

// sandboxEnv is the environment of a run in a sandbox: its operator's login and none of the real ones;
// beside it what the spec reads its secrets' values from, and the names that are the spec's own.
func (a *app) sandboxEnv(s *spec.Stack, box *sandbox.Sandbox) func(string) (string, bool) {
	operator := box.Operator()
	own := map[string]bool{}
	for _, name := range s.EnvSources() {
		own[name] = !loginName(name)
	}
	return func(name string) (string, bool) {
		if value, ok := operator[name]; ok {
			return value, true
		}
		if strings.HasPrefix(name, "MLOPS_") || own[name] {
			return a.streams.Env(name)
		}
		return "", false
	}
}

// loginName reports whether an environment variable logs in somewhere, or says where or how.
func loginName(name string) bool {
	for _, prefix := range []string{"DATABRICKS_", "GITHUB_", "GH_", "ARM_", "AZURE_", "GOOGLE_", "ACTIONS_", "MLOPSCTL_", "XDG_"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// trustedHosts are what MLOPSCTL_TRUSTED_HOSTS lists.
func (a *app) trustedHosts() []string {
	list, _ := a.streams.Env("MLOPSCTL_TRUSTED_HOSTS")
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}
