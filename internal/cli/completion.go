package cli

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

// complete makes `completion` refuse a shell that it does not know, which cobra answers with help.
func (a *app) complete(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	if c, _, err := root.Find([]string{"completion"}); err == nil {
		c.Args = cobra.ArbitraryArgs
		c.RunE = func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return misuse("there is no command %q below completion; it has bash, fish, powershell and zsh", args[0])
			}
			return cmd.Help()
		}
	}
}

// completeFlags tells a shell that asks what may stand after a flag. cobra keeps that for as long as the process lives, and
// with it all that the run has in hand, so that no other run tells it.
func (a *app) completeFlags(root *cobra.Command, args []string) {
	if len(args) == 0 || args[0] != cobra.ShellCompRequestCmd && args[0] != cobra.ShellCompNoDescRequestCmd {
		return
	}
	for flag, of := range map[string]func(*cobra.Command) []string{
		"output":    formats,
		"log-level": func(*cobra.Command) []string { return []string{"error", "warn", "info", "debug"} },
		"target":    func(*cobra.Command) []string { return a.targets() },
	} {
		err := root.RegisterFlagCompletionFunc(flag, func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
			return of(cmd), cobra.ShellCompDirectiveNoFileComp
		})
		if err != nil {
			panic(err) // impossible: the flags are there, and none has been registered yet
		}
	}
}

// targets are those of the spec; none where it cannot be read, as a shell has no place for what is wrong with it.
func (a *app) targets() []string {
	var names []string
	if stack, _, err := a.load(); err == nil {
		for _, t := range stack.Targets {
			names = append(names, t.Name)
		}
	}
	return names
}

// explainable are the codes, and the keys that path stands before.
func explainable(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	var all []string
	if len(args) == 0 {
		all = spec.Paths()
		for _, c := range spec.Codes() {
			all = append(all, c.Code)
		}
	}
	return all, cobra.ShellCompDirectiveNoFileComp
}

// helpable are the commands and the topics below the one that is named so far.
func helpable(root *cobra.Command) func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		var names []string
		if of, rest, err := root.Find(args); err == nil && len(rest) == 0 {
			for _, c := range of.Commands() {
				if !c.Hidden {
					names = append(names, c.Name())
				}
			}
		}
		slices.Sort(names)
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}
