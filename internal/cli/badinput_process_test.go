package cli

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// processCases are those that are about more than a spec's text: files, flags, values, live state.
func processCases(t *testing.T) []badCase {
	t.Helper()
	return slices.Concat(fileCases(), planFileCases(), flagCases(), valueCases(), liveCases())
}

// fileCases are about what -f names. None of them may hang, or take a file's whole size.
func fileCases() []badCase {
	return []badCase{
		named("a FIFO", "@/mlops.yaml", "not a regular file [spec/file]", fifo("mlops.yaml")),
		named("a folder with a FIFO in it", "@", "not a regular file [spec/file]", fifo("mlops.yml")),
		named("a socket", "@/mlops.yaml", "not a regular file", func(t *testing.T, dir string) {
			l, err := net.Listen("unix", filepath.Join(dir, "mlops.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := l.Close(); err != nil {
					t.Error(err)
				}
			})
		}),
		named("a device that never ends", "/dev/zero", "not a regular file", nil),
		named("a device of chance", "/dev/urandom", "not a regular file", nil),
		named("a file that cannot be read", "/proc/self/mem", "[spec/file]", nil),
		named("a hundred megabytes", "@/mlops.yaml", "larger than 1048576 bytes", func(t *testing.T, dir string) {
			put(t, filepath.Join(dir, "mlops.yaml"), minimalSpec)
			if err := os.Truncate(filepath.Join(dir, "mlops.yaml"), 100<<20); err != nil {
				t.Fatal(err)
			}
		}),
		named("stdin", "-", "a spec is read from a file", nil),
		named("an empty folder", "@", "holds no mlops.yaml", nil),
		named("a file that is not there", "@/nothing.yaml", "no such file", nil),
		named("a file below a file", "@/mlops.yaml/mlops.yaml", "not a directory", holding("mlops.yaml", minimalSpec)),
		named("a link to nothing", "@/mlops.yaml", "no such file", link("nothing", "mlops.yaml")),
		named("a link to itself", "@/mlops.yaml", "too many levels", link("mlops.yaml", "mlops.yaml")),
		named("a link out of the folder", "@/mlops.yaml", "inside its folder", link("/etc/passwd", "mlops.yaml")),
		named("a link to the environment", "@/mlops.yaml", "inside its folder", link("/proc/self/environ", "mlops.yaml")),
		named("a link out of the folder by dots", "@/in/mlops.yaml", "inside its folder",
			together(holding("other.yaml", minimalSpec), together(folder("in"), link("../other.yaml", "in/mlops.yaml")))),
		named("a nul byte in the path", "mlops\x00.yaml", "invalid argument", nil),
		named("a path that is too long", strings.Repeat("x", 5000), "[spec/file]", nil),
		named("a glob of two files", "@/*.yaml", "means 2 files", together(holding("a.yaml", minimalSpec), holding("b.yaml", minimalSpec))),
		named("an empty path", "", "[spec/file]", nil),
	}
}

func named(name, path, says string, before func(*testing.T, string)) badCase {
	return badCase{class: "B19", name: name, args: []string{"plan", "-f", path}, exit: 3, says: says, before: before}
}

func link(to, name string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
}

func fifo(name string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		if err := syscall.Mkfifo(filepath.Join(dir, name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func folder(name string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
}

func holding(name, text string) func(*testing.T, string) {
	return func(t *testing.T, dir string) { put(t, filepath.Join(dir, name), text) }
}

// planFileCases are about a plan file, and about a spec that changes between its plan and its apply.
func planFileCases() []badCase {
	spec := holding("mlops.yaml", minimalSpec)
	saved := func(then func(t *testing.T, dir string)) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			put(t, filepath.Join(dir, "mlops.yaml"), minimalSpec)
			var errs bytes.Buffer
			args := []string{"plan", "-f", dir, "--sandbox=" + filepath.Join(dir, ".box"), "--out", filepath.Join(dir, "plan.json")}
			if code := Run(t.Context(), args, Streams{Out: &errs, Err: &errs, Env: nothingSet}); code != 0 {
				t.Fatalf("exit code %d:\n%s", code, errs.String())
			}
			then(t, dir)
		}
	}
	rewrite := func(name, from, to string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			data, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil || !strings.Contains(string(data), from) {
				t.Fatalf("%s holds no %q: %v", name, from, err)
			}
			put(t, filepath.Join(dir, name), strings.ReplaceAll(string(data), from, to))
		}
	}
	apply := func(class, name string, exit int, says string, before func(*testing.T, string)) badCase {
		return badCase{class: class, name: name, args: []string{"apply", "@/plan.json", "-f", "@"}, sandbox: true, exit: exit, says: says, before: before}
	}
	return []badCase{
		apply("B20", "the spec wishes something else than the plan", 5, "apply/stale-plan", saved(rewrite("mlops.yaml", "fares-prod", "fares-production"))),
		apply("B20", "the spec is about another repository than the plan", 5, "apply/stale-plan", saved(rewrite("mlops.yaml", "acme/fares", "acme/other"))),
		apply("B20", "the spec became invalid after the plan", 3, "spec/unknown-key", saved(rewrite("mlops.yaml", "targets:", "tragets:"))),
		apply("B20", "the spec became a link out of the folder after the plan", 3, "inside its folder", saved(together(func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, "mlops.yaml")); err != nil {
				t.Fatal(err)
			}
		}, link("/etc/passwd", "mlops.yaml")))),
		apply("B20", "the plan was edited", 5, "apply/stale-plan", saved(rewrite("plan.json", `"owner": "acme"`, `"owner": "evil"`))),
		apply("B19", "a plan that is no plan", 3, "is no plan", together(spec, holding("plan.json", "{}"))),
		apply("B19", "a plan that is not JSON", 3, "is no plan", together(spec, holding("plan.json", minimalSpec))),
		apply("B19", "a plan that is not there", 3, "no such file", spec),
		apply("B19", "a plan that is a FIFO", 3, "regular file", together(spec, fifo("plan.json"))),
	}
}

// flagCases are command lines that cannot be understood.
func flagCases() []badCase {
	spec := holding("mlops.yaml", minimalSpec)
	var all []badCase
	for _, c := range []struct{ line, says string }{
		{"plan --bogus", "unknown flag: --bogus"},
		{"plan -z", "unknown shorthand flag"},
		{"pln", `did you mean "plan"?`},
		{"plan extra", "unknown command"},
		{"apply one two", "accepts at most 1 arg"},
		{"plan -f @ -f @", "give --file once"},
		{"plan -f @ --parallelism 0", "at least 1"},
		{"plan -f @ --parallelism -5", "at least 1"},
		{"plan -f @ --parallelism many", "invalid argument"},
		{"plan -f @ --timeout -1s", "a time to come"},
		{"plan -f @ --timeout soon", "invalid argument"},
		{"plan -f @ --timeout 90", "missing unit"},
		{"plan -f @ --log-level loud", "it is debug, info, warn or error"},
		{"plan -f @ -o html", "has no output"},
		{"plan -f @ --output=", "has no output"},
		{"plan -f @ --only=", "need a value"},
		{"plan -f @ --target=", "need a value"},
		{"plan -f @ --target prd", "no target"},
		{"plan -f @ --only nothing/*", "nothing/*"},
		{"plan -f @ --sandbox=", "names no folder"},
		{"plan -f @ --var novalue", "NAME=VALUE"},
		{"plan -f @ --var =value", "NAME=VALUE"},
		{"plan -f @ --out", "flag needs an argument"},
		{"plan -f @ --out @", "no regular file"},
		{"plan -f @ --out @/no/such/folder", "there is no folder"},
		{"validate -f @ --target prod", "narrow plan, apply and graph"},
		{"apply @/plan.json -f @ --only repository", "leave --target and --only out"},
		{"apply -f @ --auto-approve=perhaps", "invalid argument"},
		{"apply -f @ --lock-timeout soon", "invalid argument"},
		{"apply -f @ --lock-timeout -1s", "a time to come"},
		{"plan -f @ --allow-destroy catalg", `did you mean "catalog"?`},
		{"plan -f @ --allow-destroy nonsense/x", "it is a kind or an address of a plan"},
		{"destroy -f @ --allow-destroy=", "it is a kind or an address of a plan"},
		{"destroy -f @ --allow-destroy catalog/", "it is a kind or an address of a plan"},
		{"apply -f @ --prune=perhaps", "invalid argument"},
		{"destroy extra", "unknown command"},
		{"state bogus", "there is no command"},
		{"state release", "requires at least 1 arg"},
		{"plan -f @ --detailed-exitcode=2", "invalid argument"},
		{"explain no/such-code", "unknown diagnostic code"},
		{"explain targets.prod.hots", `did you mean "host"?`},
	} {
		all = append(all, badCase{class: "B39", name: c.line, args: strings.Fields(c.line), exit: 3, says: c.says, before: spec})
	}
	return all
}

// valueCases are about the values of secrets: an apply that cannot have one begins nothing.
func valueCases() []badCase {
	at := func(name, secret, says string, env map[string]string, before func(*testing.T, string)) badCase {
		return badCase{
			class: "B29", name: name, file: minimalSpec + "secrets: { A: { " + secret + " } }\n", before: before, env: env,
			args: []string{"apply", "-f", "@", "--auto-approve"}, sandbox: true, exit: 4, says: says,
		}
	}
	return []badCase{
		at("not set", "env: MLOPS_A", "MLOPS_A is not set [plan/cannot-be-done-here]", nil, nil),
		at("empty", "env: MLOPS_A", "MLOPS_A is empty", map[string]string{"MLOPS_A": ""}, nil),
		at("too long", "env: MLOPS_A", "at most 48 KB", map[string]string{"MLOPS_A": strings.Repeat("x", 48<<10+1)}, nil),
		at("a file that is not there", "file: token", "no such file", nil, nil),
		at("an empty file", "file: token", "is empty", nil, holding("token", "")),
		at("a file with a line's end alone", "file: token", "is empty", nil, holding("token", "\n")),
		at("a file that is too long", "file: token", "at most 48 KB", nil, holding("token", strings.Repeat("x", 48<<10+3))),
		at("a file that is a folder", "file: token", "no regular file", nil, folder("token")),
		at("a file that is a FIFO", "file: token", "no regular file", nil, fifo("token")),
		at("a command that is not here", "command: [no-such-command-here]", "is not here", nil, nil),
	}
}

// liveCases are right by themselves; only live state shows that what they name is not there, or is there
// twice. What somebody else must make first is blocked, which no exit code but that of
// --detailed-exitcode shows.
func liveCases() []badCase {
	const twice = `databricks:
  service_principals:
    - { name: fares-prod, application_id: 5f0c1a52-7a3e-4a5b-9d2f-0123456789ab }
    - { name: fares-prod, application_id: 5f0c1a52-7a3e-4a5b-9d2f-0123456789ac }
`
	grant := func(to string) string {
		return minimalSpec + "catalogs: { prod: {} }\npermissions: [{ principal: \"" + to + "\", on: \"catalog:prod\", privileges: [BROWSE] }]\n"
	}
	at := func(class, name, spec, says string, before func(*testing.T, string)) badCase {
		return badCase{
			class: class, name: name, file: spec, args: []string{"plan", "-f", "@", "--detailed-exitcode"}, sandbox: true, exit: 2, says: says, before: before,
		}
	}
	ambiguous := at("B32", "two principals of one name", minimalSpec, "set `service_principals.fares-prod.id`", holding("world.yaml", twice))
	ambiguous.exit = 1
	return []badCase{
		ambiguous,
		at("B32", "a group that is not there", grant("group:nobody"), `group "nobody" does not exist`, nil),
		at("B32", "a user that is not there", grant("user:nobody@acme.com"), `user "nobody@acme.com" does not exist`, nil),
		at("B32", "a principal that is not there", grant("service_principal:nobody"), `service principal "nobody" does not exist`, nil),
		at("B18", "a first commit of what is not there", strings.Replace(minimalSpec, "repository: acme/fares", "repository: acme/fares, first_commit: { paths: [no.md] }", 1),
			"not there to be committed: no.md", nil),
		at("B18", "a first commit of a pattern that is no file", strings.Replace(minimalSpec, "repository: acme/fares", "repository: acme/fares, first_commit: { paths: [\"*.md\"] }", 1),
			"not there to be committed: *.md", nil),
		at("B33", "somebody else's catalog that is not there", minimalSpec+"catalogs: { shared: { exists: true, target: prod } }\n", "catalog shared is not there", nil),
		at("B37", "a team that is not there", strings.Replace(minimalSpec, "environment: {}", "environment: { reviewers: [\"team:none\"] }", 1), "has no team none", nil),
		at("B40", "a value that would be a command of a workflow", minimalSpec+"variables: { A: \"::set-output name=x::y\", B: \"x\\n::error::y\" }\n", "+ variable/A", nil),
		at("B40", "a value of markdown and HTML", minimalSpec+"variables: { A: \"</details><img src=x> | [x](https://evil.example)\" }\n", "+ variable/A", nil),
	}
}
