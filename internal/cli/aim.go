package cli

import (
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlopsctl/mlopsctl/internal/engine"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

// deletion are the flags that say what a plan may delete.
type deletion struct {
	prune bool
	allow []string
	mass  bool
}

func (d *deletion) define(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&d.prune, "prune", true, "delete what this stack made and the spec no longer wishes, and release what it adopted")
	d.defineAllow(cmd)
}

func (d *deletion) defineAllow(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&d.allow, "allow-destroy", nil, "let objects of this `KIND|ADDRESS` be deleted: those that hold data or access, and, by address, those that were adopted (repeatable)")
}

// defineMass is for the commands that carry a plan out.
func (d *deletion) defineMass(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&d.mass, "allow-mass-delete", false, "let more than a third of what the stack owns, or all grants of a production target, be deleted at once")
}

// aim is what the run's flags make a plan for.
func (a *app) aim(d deletion) engine.Aim {
	return engine.Aim{Only: a.flags.only, Target: a.flags.target, Keep: !d.prune, Allow: d.allow}
}

// knownKinds refuses what --allow-destroy names and no object can be called.
func knownKinds(s *session, allow []string) error {
	kinds := s.engine.Kinds()
	for _, named := range allow {
		kind, name, address := strings.Cut(named, "/")
		if slices.Contains(kinds, kind) && (!address || name != "") {
			continue
		}
		if near := spec.Nearest(kind, kinds); near != "" && near != kind {
			return misuse("--allow-destroy %q: no kind of object is called %q; did you mean %q?", named, kind, near)
		}
		return misuse("--allow-destroy %q: it is a kind or an address of a plan; the kinds are %s", named, strings.Join(kinds, ", "))
	}
	return nil
}

func lockTimeout(cmd *cobra.Command, d *time.Duration) {
	const usual = 90 * time.Second
	cmd.Flags().DurationVar(d, "lock-timeout", usual, "wait this `time` for another apply of the stack")
}
