package cli

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mlopsctl/mlopsctl/internal/render"
	"github.com/mlopsctl/mlopsctl/internal/sandbox"
)

func (a *app) doCommand() *cobra.Command {
	var d sandbox.Deed
	from := ""
	cmd := &cobra.Command{
		Use:   "do " + strings.Join(sandbox.Deeds(), "|") + " [WHAT]",
		Short: "Do in the sandbox what a person does on GitHub, or a runner of Actions",
		Long: "do plays the people that an apply waits for, and the runners that the sandbox does not have. WHAT is a\n" +
			"pull request's number or branch for merge, review, close and reopen; a run's id, its workflow's file or\n" +
			"its branch for finish, approve and reject (finish without it ends every run); a branch for commit.\n" +
			"all does whatever an apply may wait for, until nothing is left.\n" +
			"Whoever does it has to be allowed to: the rules of the branch and of the environment hold. A sandbox\n" +
			"that is served takes the same as JSON: POST /_sandbox/do.",
		Example: "  mlopsctl sandbox do review add-ml-code --as ada\n  mlopsctl sandbox do finish\n  mlopsctl sandbox do merge add-ml-code\n" +
			"  mlopsctl sandbox do commit main --path README.md --text '# Taxi fares'",
		Args:        cobra.RangeArgs(1, 2),
		Annotations: takes("text", wholeStack),
		RunE: a.run(func(cmd *cobra.Command, args []string) error {
			d.Do, d.On = args[0], strings.Join(args[1:], "")
			if !slices.Contains(sandbox.Deeds(), d.Do) {
				return misuse("sandbox do %q: it is one of %s", d.Do, strings.Join(sandbox.Deeds(), ", "))
			}
			if from != "" {
				data, err := os.ReadFile(from)
				if err != nil {
					return misuse("the text of a commit: %v", err)
				}
				d.Text = string(data)
			}
			return a.doInSandbox(cmd.Context(), d)
		}),
	}
	cmd.Flags().StringVar(&d.As, "as", "", "the `login` of who does it (default: the operator, or who may review)")
	cmd.Flags().StringVar(&d.Conclusion, "conclusion", "", "how a run ends: success, failure, cancelled or timed_out; of a review, APPROVE, REQUEST_CHANGES or COMMENT (default: success, APPROVE)")
	cmd.Flags().StringVar(&d.Message, "message", "", "the `text` of a review, an approval or a commit")
	cmd.Flags().StringVar(&d.Path, "path", "", "the `file` of a commit")
	cmd.Flags().StringVar(&d.Text, "text", "", "what is in the file of a commit")
	cmd.Flags().StringVar(&from, "text-file", "", "the `file` that holds what is in the file of a commit")
	a.dirFlag(cmd)
	return cmd
}

func (a *app) doInSandbox(ctx context.Context, d sandbox.Deed) (err error) {
	stack, _, err := a.load()
	if err != nil {
		return err
	}
	if dir := a.sandboxDir(); !isFile(filepath.Join(dir, "state.json")) {
		return misuse("there is no sandbox in %s yet; `mlopsctl apply --sandbox` begins one", dir)
	}
	box, err := a.enterSandbox(stack, a.sandboxDir())
	if err != nil {
		return err
	}
	defer func() { err = closing(err, box.Close) }()
	d.Repository = stack.Git.Owner + "/" + stack.Git.Name
	done, err := box.Do(ctx, d)
	if err != nil {
		return err
	}
	a.print(render.Clean(done) + "\n")
	return nil
}
