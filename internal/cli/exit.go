package cli

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mlopsctl/mlopsctl/pkg/diag"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

// exitCode is how a run ended, for scripts.
type exitCode int

const (
	exitDone        exitCode = 0
	exitError       exitCode = 1
	exitChanges     exitCode = 2
	exitInvalid     exitCode = 3
	exitCredentials exitCode = 4
	exitRefused     exitCode = 5
	exitPartly      exitCode = 6
	exitInterrupted exitCode = 130
)

// failure is the end of a run that is not exitDone: its code and what is to be said of it. A failure
// that was told already has its document on stdout and its words on stderr.
type failure struct {
	code exitCode
	list diag.List
	told bool
}

// Error is the first thing to be said.
func (f *failure) Error() string {
	if len(f.list) == 0 {
		return fmt.Sprintf("exit code %d", f.code)
	}
	return f.list[0].Summary
}

// told ends a run with a code when everything has been said; exitDone is no failure.
func told(code exitCode) error {
	if code == exitDone {
		return nil
	}
	return &failure{code: code, told: true}
}

func misuse(format string, args ...any) error {
	return &failure{code: exitInvalid, list: problem("cli/usage", fmt.Sprintf(format, args...), "")}
}

func problem(code, summary, detail string) diag.List {
	return diag.List{{Severity: diag.Error, Code: code, Summary: summary, Detail: detail}}
}

// asFailure says how a run ends because of an error of the world.
func (a *app) asFailure(err error) *failure {
	var f *failure
	switch {
	case errors.As(err, &f):
		return f
	case a.stop.interrupted():
		return &failure{code: exitInterrupted, list: problem("cli/interrupted", "interrupted; nothing was changed", "")}
	case a.stop.expired():
		return &failure{code: exitError, list: problem("cli/timeout", "the time of --timeout is over; nothing was changed", "give it more")}
	case errors.Is(err, resource.ErrUnauthorized):
		return &failure{code: exitCredentials, list: problem("plan/unauthorized", err.Error(), "")}
	default:
		return &failure{code: exitError, list: problem("cli/failed", err.Error(), "")}
	}
}

// closing ends a run that has something to close: what goes wrong then is said beside err.
func closing(err error, shut func() error) error {
	broken := shut()
	if broken == nil {
		return err
	}
	var f *failure
	if !errors.As(err, &f) {
		if err != nil {
			return errors.Join(err, broken)
		}
		f = &failure{code: exitError, told: true} // the command is through
	}
	f.list = append(f.list, problem("cli/failed", broken.Error(), "")...)
	return f
}

// codeOf is how a run ends whose plan has these diagnostics.
func codeOf(list diag.List) exitCode {
	code := exitDone
	for _, d := range list {
		switch {
		case d.Severity != diag.Error:
		case d.Code == "plan/unauthorized":
			return exitCredentials
		case strings.HasPrefix(d.Code, "spec/"), d.Code == "plan/contradiction":
			code = exitInvalid
		case spec.IsPolicy(d.Code):
			code = cmp.Or(code, exitRefused)
		case code == exitDone, code == exitRefused:
			code = exitError
		}
	}
	return code
}

// run makes a command's function out of one that may return any error.
func (a *app) run(f func(cmd *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		if err := a.flags.check(cmd); err != nil {
			return err
		}
		if err := f(cmd, args); err != nil {
			return a.asFailure(err)
		}
		return nil
	}
}

// conclude says what is left to say and returns the exit code. What is no *failure by now comes from
// the parsing of the command line.
func (a *app) conclude(cmd *cobra.Command, args []string, err error) exitCode {
	var f *failure
	switch {
	case err == nil:
		f = &failure{code: exitDone, told: true}
	case !errors.As(err, &f):
		f = &failure{code: exitInvalid, list: problem("cli/usage", err.Error(), "")}
	}
	if !f.told && !a.answered && wantsJSON(args) {
		a.printJSON(a.emptyDocument(cmd, f.list))
	}
	a.complain(f.list, excerpts(f.list))
	if f.code == exitInvalid && len(f.list) > 0 && f.list[0].Code == "cli/usage" {
		a.say(fmt.Sprintf("usage: %s\nMore: %s --help\n", cmd.UseLine(), cmd.CommandPath()))
	}
	if a.broken != nil && f.code == exitDone {
		a.say(fmt.Sprintf("error: writing to stdout: %v\n", a.broken))
		return exitError
	}
	return f.code
}

// wantsJSON reports whether a command line asks for JSON, even one that cannot be parsed.
func wantsJSON(args []string) bool {
	for i, arg := range args {
		switch {
		case arg == "--":
			return false
		case slices.Contains([]string{"-ojson", "-o=json", "--output=json"}, arg):
			return true
		case (arg == "-o" || arg == "--output") && i+1 < len(args) && args[i+1] == "json":
			return true
		}
	}
	return false
}
