package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mlopsctl/mlopsctl/internal/render"
	"github.com/mlopsctl/mlopsctl/internal/sandbox"
)

func (a *app) sandboxCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "sandbox",
		Short: "The local stand-in: serve, reset, state, do",
		Long:  "The commands of the local stand-in that --sandbox answers from. More: mlopsctl help sandboxes",
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return misuse("there is no command %q below sandbox; it has serve, reset, state and do", args[0])
			}
			return cmd.Help()
		},
	}
	cmd.AddCommand(a.serveCommand(), a.resetCommand(), a.stateCommand(), a.doCommand())
	return cmd
}

func (a *app) serveCommand() *cobra.Command {
	var listen []string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve the sandbox on loopback ports, for other tools",
		Long: "serve answers for each host of the spec on a port of 127.0.0.1, until Ctrl-C. It prints which address\n" +
			"stands for which host, and the logins of the sandbox's operator as lines for a shell.",
		Example:     "  mlopsctl sandbox serve\n  mlopsctl sandbox serve --listen 127.0.0.1:8080",
		Args:        cobra.NoArgs,
		Annotations: takes("text,json", wholeStack),
		RunE:        a.run(func(cmd *cobra.Command, _ []string) error { return a.serve(cmd.Context(), listen) }),
	}
	cmd.Flags().StringArrayVar(&listen, "listen", nil, "`address` to listen on: one for all hosts, or one for each in the order of the list (default: a free port each)")
	a.dirFlag(cmd)
	return cmd
}

// dirFlag is the name that --sandbox has where the sandbox goes without saying.
func (a *app) dirFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&a.flags.sandbox, "dir", "", "the sandbox's `folder` (default "+defaultSandbox+"), as --sandbox")
}

func (a *app) sandboxDir() string {
	if a.flags.sandbox == "" {
		return defaultSandbox
	}
	return a.flags.sandbox
}

func (a *app) serve(ctx context.Context, listen []string) (err error) {
	stack, warnings, err := a.load()
	if err != nil {
		return err
	}
	a.stop.within(a.flags.timeout)
	a.complain(warnings, excerpts(warnings))
	box, err := a.enterSandbox(stack, a.sandboxDir())
	if err != nil {
		return err
	}
	defer func() { err = closing(err, box.Close) }()
	server, err := box.Serve(ctx, sandbox.ServeOptions{Listen: listen})
	if err != nil {
		return err
	}
	if a.flags.output == "json" {
		a.printJSON(render.JSON(struct {
			Addresses   []sandbox.Served  `json:"addresses"`
			Environment map[string]string `json:"environment"`
		}{server.Addresses, box.Operator()}))
	} else {
		a.print(servedText(server.Addresses, box.Operator()))
	}
	a.remark("Ctrl-C ends it.\n")
	return server.Wait(ctx)
}

func servedText(addresses []sandbox.Served, operator map[string]string) string {
	var b strings.Builder
	for _, s := range addresses {
		fmt.Fprintf(&b, "# %s is served at %s\n", render.Clean(s.Host), s.URL)
	}
	for _, name := range slices.Sorted(maps.Keys(operator)) {
		fmt.Fprintf(&b, "export %s=%s\n", name, quoted(operator[name]))
	}
	return b.String()
}

func (a *app) resetCommand() *cobra.Command {
	world := ""
	cmd := &cobra.Command{
		Use:   "reset",
		Short: "Forget everything that the sandbox holds, and begin it anew",
		Long: "reset begins the sandbox anew with what the guide presumes and what the world file adds: the one\n" +
			"that is named, else world.yaml beside the spec.",
		Args:        cobra.NoArgs,
		Annotations: takes("text", wholeStack),
		RunE:        a.run(func(*cobra.Command, []string) error { return a.reset(world) }),
	}
	cmd.Flags().StringVar(&world, "world", "", "the world `file` to begin with")
	a.dirFlag(cmd)
	return cmd
}

func (a *app) reset(worldFile string) error {
	stack, _, err := a.load()
	if err != nil {
		return err
	}
	var world []byte
	beside := filepath.Join(stack.Dir, "world.yaml")
	if worldFile != "" {
		if world, err = os.ReadFile(worldFile); err != nil {
			return misuse("the sandbox's world: %v", err)
		}
	} else if world, err = os.ReadFile(beside); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading the sandbox's world: %w", err)
	}
	dir := a.sandboxDir()
	if err := isSandbox(dir); err != nil {
		return err
	}
	box, err := sandbox.Renew(sandbox.Options{Dir: dir, Now: a.clock.Now, Hosts: sandboxHosts(stack), World: world, WorldFile: cmp.Or(worldFile, beside)})
	if err != nil {
		return err
	}
	a.remark(sentence("The sandbox in %s begins anew.", render.Clean(dir)))
	return box.Close()
}

// isSandbox refuses a folder that holds something else: what is in it would be removed.
func isSandbox(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return misuse("the sandbox's folder: %v", err)
	}
	if len(entries) > 0 && !isFile(filepath.Join(dir, "state.json")) && !sandbox.Is(dir) {
		return misuse("%s is a folder, and no sandbox: it holds no state.json", dir)
	}
	return nil
}

func (a *app) stateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:         "state",
		Short:       "Show what the sandbox holds",
		Args:        cobra.NoArgs,
		Annotations: takes("text,json", wholeStack),
		RunE:        a.run(func(*cobra.Command, []string) error { return a.state() }),
	}
	a.dirFlag(cmd)
	return cmd
}

func (a *app) state() (err error) {
	stack, _, err := a.load()
	if err != nil {
		return err
	}
	dir := a.sandboxDir()
	if !isFile(filepath.Join(dir, "state.json")) {
		return misuse("there is no sandbox in %s yet; `mlopsctl apply --sandbox` begins one", dir)
	}
	box, err := a.enterSandbox(stack, dir)
	if err != nil {
		return err
	}
	defer func() { err = closing(err, box.Close) }()
	if a.flags.output == "json" {
		a.printJSON(render.JSON(box.Describe()))
		return nil
	}
	for _, line := range box.Describe().Lines() {
		a.print(render.Clean(line) + "\n")
	}
	return nil
}
