package killtest

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// run is a run of the program that has ended.
type run struct {
	args     []string
	code     int
	out, err string
	points   []point
}

// String is what a run said, without its requests.
func (r run) String() string {
	var b strings.Builder
	for line := range strings.Lines(r.out + r.err) {
		if !strings.HasPrefix(line, "debug: ") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// do runs the program under a strike, or alone, and searches what it left behind for secrets.
func (w *world) do(s *strike, args ...string) run {
	w.t.Helper()
	if s != nil {
		s.running = make(chan struct{})
	}
	w.gate.under(s, nil)
	c := w.start(w.spec(), "", args)
	if s != nil {
		s.against(c)
	}
	r := w.finish(c)
	w.site.quiet()
	r.points = w.gate.arrived()
	return r
}

// start starts a run in the folder of a spec; it may have a name.
func (w *world) start(dir, name string, args []string) *child {
	w.t.Helper()
	return begin(w.t, dir, append(w.environment(), asProgram+"="+w.later.String(), asWhom+"="+name, asWhere+"="+w.site.hosts.GitHub), slices.Concat(args, []string{"--log-level", "debug"}))
}

// finish waits for a run and searches what it said.
func (w *world) finish(c *child) run {
	w.t.Helper()
	r := run{args: c.args, code: c.wait(), out: c.out.String(), err: c.err.String()}
	what := strings.Join(c.args, " ")
	w.secrets.search("the command line of "+what, []byte(c.told))
	w.secrets.search("stdout of "+what, []byte(r.out))
	w.secrets.search("stderr of "+what, []byte(r.err))
	return r
}

// copied is the same world again, as if nothing had happened in this one since.
func (w *world) copied(t *testing.T, by login) *world {
	t.Helper()
	again := &world{t: t, site: w.site, root: t.TempDir(), login: by, later: w.later, earlier: w.earlier}
	again.must(os.CopyFS(again.root, os.DirFS(w.root)))
	again.open(nil)
	for _, i := range w.gate.given() {
		again.gate.issued = append(again.gate.issued, i)
		again.secrets.add("a credential of an earlier run", i.value, atDatabricks)
	}
	return again
}

// leave closes the world, after a last search of every file that it leaves behind.
func (w *world) leave() {
	w.t.Helper()
	w.searchFiles()
	w.must(w.sandbox.Close())
}

// searchFiles looks for the secrets in every file but those in which they were planted, and in every
// object of every git repository.
func (w *world) searchFiles() {
	w.t.Helper()
	planted := []string{w.spec("values/file"), w.spec("values/command"), w.spec("values/git"), w.home(".databrickscfg"), w.home(".config/gh/hosts.yml")}
	w.must(filepath.WalkDir(w.root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || slices.Contains(planted, path) {
			return err
		}
		if d.IsDir() && strings.HasSuffix(path, ".git") {
			w.secrets.search("the objects of "+path, []byte(w.gitIn(path, "cat-file", "--batch-all-objects", "--batch", "--unordered")))
			return nil
		}
		if d.IsDir() {
			return nil
		}
		data, err := os.ReadFile(path)
		w.secrets.search("the file "+path, data)
		return err
	}))
}

// wait lets time pass for the services and for the runs to come.
func (w *world) wait(d time.Duration) { w.later += d }
