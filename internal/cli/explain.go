package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mlopsctl/mlopsctl/internal/render"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

func (a *app) explainCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "explain [PATH | CODE]",
		Short:             "Document a key of the spec, or the code of a diagnostic",
		Example:           "  mlopsctl explain\n  mlopsctl explain targets.prod.ci_auth\n  mlopsctl explain spec/unknown-key",
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: explainable,
		Annotations:       takes("text,json", wholeStack),
		RunE: a.run(func(_ *cobra.Command, args []string) error {
			what := strings.Join(args, "")
			e, err := spec.Explain(what)
			if err != nil {
				return misuse("%v", err)
			}
			if a.flags.output == "json" {
				a.printJSON(render.JSON(e))
			} else {
				a.print(explained(e))
			}
			return nil
		}),
	}
}

func explained(e spec.Explanation) string {
	var b strings.Builder
	line := func(title, text string) {
		if text != "" {
			fmt.Fprintf(&b, "%-10s%s\n", title+":", text)
		}
	}
	line("key", e.Path)
	if e.Code != nil {
		line("code", e.Code.Code)
	}
	line("type", e.Type)
	if e.Required {
		line("required", "yes")
	}
	line("default", e.Default)
	line("allowed", strings.Join(e.Allowed, ", "))
	line("example", strings.Join(e.Examples, "\n"+strings.Repeat(" ", 10)))
	if e.Code == nil {
		fmt.Fprintf(&b, "\n%s\n", e.Description)
	} else {
		line("means", e.Code.Summary)
		line("cause", e.Code.Cause)
		line("fix", e.Code.Fix)
		line("example", strings.ReplaceAll(strings.TrimRight(e.Code.Example, "\n"), "\n", "\n"+strings.Repeat(" ", 10)))
	}
	listed := func(title string, n int) {
		if n > 0 {
			b.WriteString("\n" + title + ":\n")
		}
	}
	listed("what a rule reads", len(e.Reads))
	for _, w := range e.Reads {
		fmt.Fprintf(&b, "  %s (%s)\n      %s\n", w.Name, w.Type, w.Description)
	}
	listed("built-in rules", len(e.Rules))
	for _, c := range e.Rules {
		fmt.Fprintf(&b, "  %-34s %s\n", c.Code, c.Summary)
	}
	listed("keys", len(e.Keys))
	for _, k := range e.Keys {
		name := k.Name
		if k.Required {
			name += " (required)"
		}
		fmt.Fprintf(&b, "  %-28s %s\n", name, k.Description)
	}
	return b.String()
}
