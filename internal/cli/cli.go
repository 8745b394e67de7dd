// Package cli is the command line: each command turns flags into options, asks the engine, hands the
// answer to render, and ends with the exit code that the contract names for it.
package cli

import (
	"context"
	"io"
	"net/http"
	"os"
	"sync"

	"github.com/spf13/cobra"

	"github.com/mlopsctl/mlopsctl/internal/transport"
)

// Streams is the world around a run of the program: what it reads, where it writes, its environment,
// the folder that holds the configuration of other tools ("" is nowhere), and what sends its requests
// and tells it the time (nil is the machine's network and its clock).
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
	Env      func(string) (string, bool)
	Home     string
	Base     http.RoundTripper
	Clock    transport.Clock
}

// Process returns the streams of this process.
func Process() Streams {
	home, err := os.UserHomeDir()
	if err != nil {
		home = "" // without a home there is nothing of other tools to find
	}
	return Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Env: os.LookupEnv, Home: home}
}

// Run carries out one command line, without the program's name, and returns its exit code.
func Run(ctx context.Context, args []string, s Streams) int {
	if s.Clock == nil {
		s.Clock = transport.System()
	}
	a := &app{streams: s, clock: s.Clock, scrub: func(text string) string { return text }}
	ctx, a.stop = listen(ctx)
	defer a.stop.close()
	root := a.root()
	a.completeFlags(root, args)
	root.SetArgs(joinSandbox(args, isFile))
	cmd, err := root.ExecuteContextC(ctx)
	return int(a.conclude(cmd, args, err))
}

// app is one run of the program.
type app struct {
	streams Streams
	flags   flags
	clock   transport.Clock
	stop    *stopper
	scrub   func(string) string // takes out the secrets that this run has come to know
	broken  error               // the first write to stdout that failed

	answered bool // something stands on stdout
	speaking sync.Mutex
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "mlopsctl",
		Short: "One file, mlops.yaml, becomes the set-up of an MLOps Stacks project",
		Long: "mlopsctl turns one file, mlops.yaml, into the set-up of an MLOps Stacks project on GitHub and\n" +
			"Databricks: repository, environments, principals, catalogs, grants and credentials.",
		Example: "  mlopsctl validate                 # is the file right? sends nothing\n" +
			"  mlopsctl plan --sandbox           # what would it make? on a local stand-in\n" +
			"  mlopsctl plan --out plan.json && mlopsctl apply plan.json",
		SilenceErrors: true, SilenceUsage: true, SuggestionsMinimumDistance: 2,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
				return misuse("unknown command %q; did you mean %q?", args[0], near[0])
			}
			return misuse("unknown command %q", args[0])
		},
	}
	root.SetIn(a.streams.In)
	root.SetOut(checked{a})
	root.SetErr(a.streams.Err)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return misuse("%v", err) })
	a.flags.define(root)
	root.AddCommand(a.validateCommand(), a.planCommand(), a.applyCommand(), a.destroyCommand(), a.graphCommand(), a.promoteCommand(),
		a.ciCommand(), a.secretsCommand(), a.ledgerCommand(), a.doctorCommand(), a.verifyCommand(), a.sandboxCommand(), a.schemaCommand(), a.explainCommand(), a.versionCommand())
	root.AddCommand(topics()...)
	root.SetHelpCommand(helpCommand(root))
	root.Version = build().String()
	root.SetVersionTemplate("{{.Version}}\n")
	a.complete(root)
	return root
}
