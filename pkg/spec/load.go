// Package spec turns mlops.yaml into a Stack: it reads YAML strictly, holds it against the JSON schema
// and against what the schema cannot say, and reports everything that is wrong in one run, each thing
// once, at the key or value that causes it. It sends no request and runs no command.
package spec

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/mlopsctl/mlopsctl/pkg/diag"
)

// maxSize bounds a spec. The longest that a person keeps by hand is far below it.
const maxSize = 1 << 20

// Options is what a spec may depend on besides its own text. The zero Options give it nothing.
type Options struct {
	// Vars are the values of ${var.NAME}.
	Vars map[string]string
	// LookupEnv answers ${env.NAME}, for the names that a spec may read. nil: nothing is set.
	LookupEnv func(string) (string, bool)
	// AllowEnv are names that ${env.…} may read besides those that begin with MLOPS_.
	AllowEnv []string
	// TrustedHosts are hosts that a credential may go to besides the services' own: a name, a name
	// with a port, or *.DOMAIN.
	TrustedHosts []string
}

// Load reads the spec at path, or the mlops.yaml or mlops.yml of the folder at path. The Stack is
// nil when the list holds an error; the list is every diagnostic of the file, sorted.
func Load(path string, o Options) (*Stack, diag.List) {
	file, data, err := readSpec(path)
	if err != nil {
		return nil, diag.List{{
			Severity: diag.Error, Code: "spec/file", Summary: err.Error(),
			Detail: "name a spec with -f; examples/minimal is the shortest useful one", Source: &diag.Pos{File: file},
		}}
	}
	r := read(file, data, o)
	r.checkSymlinks()
	r.checkProjectFiles()
	return r.result()
}

// Parse is Load for a spec whose bytes are at hand; it reads no file.
func Parse(file string, data []byte, o Options) (*Stack, diag.List) {
	return read(file, data, o).result()
}

// readSpec returns the path of the spec that path means and its bytes. Only a regular file is
// opened: a FIFO would hang and a device never ends. A link may not lead out of its folder: in a pull
// request it may be anybody's, and what is wrong with a file is told by showing its lines.
func readSpec(path string) (string, []byte, error) {
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		path, info, err = specIn(path)
	}
	switch {
	case err != nil:
		return path, nil, fmt.Errorf("reading the spec: %w", err)
	case !info.Mode().IsRegular():
		return path, nil, fmt.Errorf("reading the spec: %s is not a regular file", path)
	case info.Size() > maxSize:
		return path, nil, tooLarge(path)
	}
	f, err := os.OpenInRoot(filepath.Dir(path), filepath.Base(path))
	if err != nil {
		return path, nil, fmt.Errorf("reading the spec: %s, or what it links to, cannot be opened inside its folder: %w", path, err)
	}
	defer f.Close() //nolint:errcheck // it was only read

	data, err := io.ReadAll(io.LimitReader(f, maxSize+1)) // it may have grown since
	if err != nil {
		return path, nil, fmt.Errorf("reading the spec: %w", err)
	}
	if len(data) > maxSize {
		return path, nil, tooLarge(path)
	}
	return path, data, nil
}

func specIn(folder string) (string, os.FileInfo, error) {
	for _, name := range []string{"mlops.yaml", "mlops.yml"} {
		path := filepath.Join(folder, name)
		info, err := os.Stat(path)
		if err == nil || !os.IsNotExist(err) {
			return path, info, err
		}
	}
	return folder, nil, fmt.Errorf("the folder %s holds no mlops.yaml and no mlops.yml", folder)
}

func tooLarge(path string) error {
	return fmt.Errorf("reading the spec: %s is larger than %d bytes", path, maxSize)
}

// reading is one spec on its way to a Stack. Every step adds what it finds to diags; a node that was
// reported is broken, and no later step speaks of it or of what follows from it.
type reading struct {
	file  string
	data  []byte
	o     Options
	stack *Stack
	root  *node
	diags diag.List
	// meant holds the keys, by pointer, that a misspelt key stands for: they are not missing.
	meant map[string]bool
	// deferred are violations of the schema that a check says better.
	deferred []violation
}

func read(file string, data []byte, o Options) *reading {
	sum := sha256.Sum256(data)
	r := &reading{file: file, data: data, o: o, meant: map[string]bool{}}
	r.stack = &Stack{File: file, Dir: filepath.Dir(file), SHA256: hex.EncodeToString(sum[:])}
	r.checkText()
	if r.diags.HasErrors() {
		return r
	}
	r.root = r.parse()
	r.refuseCredentials()
	if r.root == nil {
		return r
	}
	r.interpolate()
	r.validate()
	r.decode()
	r.check()
	r.reportDeferred()
	return r
}

func (r *reading) result() (*Stack, diag.List) {
	for i := range r.diags {
		r.diags[i].Summary = oneLine(redact(r.diags[i].Summary))
		r.diags[i].Detail = oneLine(redact(r.diags[i].Detail))
	}
	list := r.diags.Sorted()
	if list.HasErrors() {
		return nil, list
	}
	return r.stack, list
}

// finding is a diagnostic before it has a place.
type finding struct{ code, summary, advice string }

func found(code, summary, advice string) finding {
	return finding{code: code, summary: summary, advice: advice}
}

func (r *reading) failAt(at diag.Pos, f finding) {
	r.diags = append(r.diags, diag.Diagnostic{
		Severity: diag.Error, Code: f.code, Summary: f.summary, Detail: f.advice, Source: &at,
	})
}

// fail reports a value. What is broken already is not reported again, nor is what an alias repeats.
func (r *reading) fail(n *node, f finding) {
	if n == nil || n.broken {
		return
	}
	n.broken = true
	r.failOnce(n, n.at, f)
}

// failKey reports the key of a value, or the item of a list, in the same way.
func (r *reading) failKey(n *node, f finding) {
	if n == nil || n.broken {
		return
	}
	n.broken = true
	r.failOnce(n, n.keyAt, f)
}

// failName reports a key whose value may be sound.
func (r *reading) failName(n *node, f finding) {
	if n.misnamed {
		return
	}
	n.misnamed = true
	r.failOnce(n, n.keyAt, f)
}

func (r *reading) failOnce(n *node, at diag.Pos, f finding) {
	said := func(d diag.Diagnostic) bool { return d.Code == f.code && *d.Source == at }
	if !n.repeated || !slices.ContainsFunc(r.diags, said) {
		r.failAt(at, f)
	}
}

// warn reports a value that may be meant so.
func (r *reading) warn(n *node, f finding) {
	if n == nil || n.broken {
		return
	}
	at := n.at
	r.diags = append(r.diags, diag.Diagnostic{
		Severity: diag.Warning, Code: f.code, Summary: f.summary, Detail: f.advice, Source: &at,
	})
}

// Locate returns the path of the spec that path means: itself, or the mlops.yaml or mlops.yml of the folder at path.
func Locate(path string) (string, error) {
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		path, _, err = specIn(path)
	}
	if err != nil {
		return path, fmt.Errorf("reading the spec: %w", err)
	}
	return path, nil
}
