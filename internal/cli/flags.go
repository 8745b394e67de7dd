package cli

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// defaultSandbox is the sandbox's folder where --sandbox names none.
const defaultSandbox = ".mlopsctl/sandbox"

// flags are those that every command understands.
type flags struct {
	files       []string
	output      string
	target      string
	only        []string
	vars        []string
	allowEnv    []string
	parallelism int
	timeout     time.Duration
	sandbox     string // "" is none
	noColor     bool
	logLevel    string
	quiet       bool

	changed func(name string) bool
}

func (f *flags) define(root *cobra.Command) {
	p := root.PersistentFlags()
	p.SortFlags = false
	p.StringArrayVarP(&f.files, "file", "f", nil, "the spec, or the `folder` that holds it (default: mlops.yaml, then mlops.yml, here)")
	p.StringVarP(&f.output, "output", "o", "", "the `format` of the result: text, json, or what else the command has")
	p.StringVar(&f.target, "target", "", "only what belongs to this `target`, with all that it depends on")
	p.StringArrayVar(&f.only, "only", nil, "only the addresses that match this `glob`, with all that they depend on (repeatable)")
	p.StringArrayVar(&f.vars, "var", nil, "the value of ${var.NAME}, as `NAME=VALUE` (repeatable)")
	p.StringArrayVar(&f.allowEnv, "allow-env", nil, "let the spec read ${env.NAME} of this `name`, besides those that begin with MLOPS_ (repeatable)")
	p.IntVar(&f.parallelism, "parallelism", 10, "steps of an apply at a time; given, reads of a plan, too")
	p.DurationVar(&f.timeout, "timeout", 0, "end the run after this `time`, as Ctrl-C would (default: never)")
	p.StringVar(&f.sandbox, "sandbox", "", "answer every host of the spec from the local stand-in kept in `DIR` (default "+defaultSandbox+")")
	p.Lookup("sandbox").NoOptDefVal = defaultSandbox
	p.BoolVar(&f.noColor, "no-color", false, "no colours (as NO_COLOR, or a stdout that is no terminal)")
	p.StringVar(&f.logLevel, "log-level", "warn", "`level` of what is said on stderr: error, warn, info (what a run works with) or debug (every request)")
	p.BoolVarP(&f.quiet, "quiet", "q", false, "no progress: results, warnings and errors alone")
}

// formats are what a command can write, the default first.
func formats(cmd *cobra.Command) []string {
	return strings.Split(cmd.Annotations["formats"], ",")
}

// takes notes on a command what it can write, and whether it can be narrowed to a part of the stack.
func takes(output string, narrow narrowing) map[string]string {
	return map[string]string{"formats": output, "narrow": string(narrow)}
}

type narrowing string

const (
	wholeStack  narrowing = "whole"
	partOfStack narrowing = "part"
)

// check refuses values that no command takes, and flags that this one could only ignore.
func (f *flags) check(cmd *cobra.Command) error {
	f.changed = func(name string) bool { return cmd.Flags().Changed(name) }
	known := formats(cmd)
	if f.output == "" && !f.changed("output") {
		f.output = known[0]
	}
	switch {
	case !slices.Contains(known, f.output):
		return misuse("%s has no output %q; it has %s", cmd.CommandPath(), f.output, strings.Join(known, ", "))
	case f.parallelism < 1:
		return misuse("--parallelism %d: at least 1 is needed to do anything", f.parallelism)
	case negative(cmd, "lock-timeout"):
		return misuse("--lock-timeout: a time to come is needed; 0s waits for nobody")
	case f.timeout < 0:
		return misuse("--timeout %s: a time to come is needed", f.timeout)
	case !slices.Contains([]string{"debug", "info", "warn", "error"}, f.logLevel):
		return misuse("--log-level %q: it is debug, info, warn or error", f.logLevel)
	case f.changed("sandbox") && f.sandbox == "":
		return misuse("--sandbox= names no folder; leave the = out for %s", defaultSandbox)
	case cmd.Annotations["narrow"] != string(partOfStack) && (f.target != "" || len(f.only) > 0):
		return misuse("%s is about the whole spec: --target and --only narrow plan, apply and graph", cmd.CommandPath())
	case f.changed("target") && f.target == "" || slices.Contains(f.only, ""):
		return misuse("--target and --only need a value")
	}
	return nil
}

// negative reports whether a command has a flag of that name and it is below zero.
func negative(cmd *cobra.Command, flag string) bool {
	d, err := cmd.Flags().GetDuration(flag)
	return err == nil && d < 0
}

// variables are the values of --var.
func (f *flags) variables() (map[string]string, error) {
	vars := map[string]string{}
	for _, v := range f.vars {
		name, value, ok := strings.Cut(v, "=")
		if !ok || name == "" {
			return nil, misuse("--var %q: it is NAME=VALUE", name)
		}
		vars[name] = value
	}
	return vars, nil
}

// file is the one spec of the run.
func (f *flags) file() (string, error) {
	switch {
	case len(f.files) == 0:
		return ".", nil
	case len(f.files) > 1:
		return "", misuse("this version plans one stack at a time: give --file once, not %d times", len(f.files))
	case f.files[0] == "-":
		return "", misuse("--file -: a spec is read from a file, as the paths in it are relative to that; stdin has none")
	}
	name := f.files[0]
	if found, err := filepath.Glob(name); err == nil && len(found) == 1 {
		return found[0], nil
	} else if len(found) > 1 {
		return "", misuse("this version plans one stack at a time: --file %s means %d files", name, len(found))
	}
	return name, nil
}

// joinSandbox makes `--sandbox DIR` one argument: pflag takes an optional value only behind an equals
// sign. What follows --sandbox is its folder unless it is a flag, stands before the command's name (it
// is that name then), is a regular file after `apply`, where it is the plan to apply, or is no sandbox
// after `state` and `secrets`, where it is what these are about.
func joinSandbox(args []string, isFile func(string) bool) []string {
	var out []string
	command := ""
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if arg == "--" {
			return append(out, args[i:]...)
		}
		if command == "" && !strings.HasPrefix(arg, "-") && !isValue(args, i) {
			command = arg
		}
		out = append(out, arg)
		if arg != "--sandbox" || i+1 == len(args) || command == "" {
			continue
		}
		next := args[i+1]
		// Below state and secrets stand words of many forms, so that only a sandbox that is there is a folder.
		word := (command == "state" || command == "secrets") && !isFile(filepath.Join(next, "state.json"))
		if strings.HasPrefix(next, "-") || command == "apply" && isFile(next) || word {
			continue
		}
		out[len(out)-1] = arg + "=" + next
		i++
	}
	return out
}

// isValue reports whether the argument at i is the value of the flag before it.
func isValue(args []string, i int) bool {
	if i == 0 {
		return false
	}
	var f flags
	probe := &cobra.Command{}
	f.define(probe)
	var flag *pflag.Flag
	if name, long := strings.CutPrefix(args[i-1], "--"); long {
		flag = probe.PersistentFlags().Lookup(name)
	} else if name, short := strings.CutPrefix(args[i-1], "-"); short && len(name) == 1 {
		flag = probe.PersistentFlags().ShorthandLookup(name)
	}
	return flag != nil && flag.NoOptDefVal == ""
}

func isFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}
