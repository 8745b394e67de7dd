package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/mlopsctl/mlopsctl/pkg/diag"
)

// badCase is one input that must be refused: a spec, or a command line, with what is around it.
type badCase struct {
	class, name string // B01 to B40, and what is wrong
	file        string // mlops.yaml; "" leaves the folder without one
	before      func(t *testing.T, dir string)
	args        []string          // "" is `plan`; @ in them is the folder
	env         map[string]string // of the run
	sandbox     bool              // only live state shows it: every host is a sandbox
	exit        int
	want        []wanted // all that must be reported
	says        string   // where want is nil: what must be said
}

// wanted is a report that must come. Advice is a part of what it must say to do.
type wanted struct {
	severity     diag.Severity
	code         string
	line, column int
	advice       string
}

// classes is how many cases each class of bad input has at least: what the project set out to hold.
var classes = map[string]int{
	"B01": 5, "B02": 10, "B03": 8, "B04": 3, "B05": 6, "B06": 14, "B07": 8, "B08": 8, "B09": 4, "B10": 80,
	"B11": 20, "B12": 12, "B13": 12, "B14": 40, "B15": 12, "B16": 6, "B17": 4, "B18": 8, "B19": 8, "B20": 2,
	"B21": 12, "B22": 5, "B23": 9, "B24": 6, "B25": 10, "B26": 14, "B27": 10, "B28": 9, "B29": 4, "B30": 12,
	"B31": 12, "B32": 8, "B33": 10, "B34": 7, "B35": 2, "B36": 2, "B37": 5, "B38": 4, "B39": 14, "B40": 12,
}

// fewest is how many cases there are at least; warnings are not counted, as they refuse nothing.
const fewest = 400

// TestBadInput holds that every bad input ends the run in the right way, at the right place, and that
// nothing was sent; or, where only live state shows it, nothing that could change something.
func TestBadInput(t *testing.T) {
	cases := slices.Concat(writtenCases(t), schemaCases(t), processCases(t))
	byClass := map[string][]badCase{}
	for _, c := range cases {
		byClass[c.class] = append(byClass[c.class], c)
	}
	summary := tally{}
	for _, class := range slices.Sorted(maps.Keys(byClass)) {
		t.Run(class, func(t *testing.T) {
			for _, c := range byClass[class] {
				t.Run(c.name, func(t *testing.T) {
					c.run(t)
					summary.add(c)
					if t.Failed() {
						summary[c.class]["failed"]++
					}
				})
			}
		})
	}
	t.Logf("bad input:\n%s", summary)
	for class, least := range classes {
		if got := len(byClass[class]); got < least {
			t.Errorf("%s has %d cases, at least %d are promised", class, got, least)
		}
	}
	if refused := len(cases) - summary.total("warned"); refused < fewest {
		t.Errorf("%d cases are refused, at least %d are promised", refused, fewest)
	}
}

// tally counts cases by class and by how they end.
type tally map[string]map[string]int

func (s tally) add(c badCase) {
	if s[c.class] == nil {
		s[c.class] = map[string]int{}
	}
	how := map[int]string{0: "warned", 3: "exit 3"}[c.exit]
	if how == "" {
		how = "at plan"
	}
	s[c.class][how]++
}

func (s tally) total(how string) (n int) {
	for _, of := range s {
		n += of[how]
	}
	return n
}

// String is a table with a line for each class.
func (s tally) String() string {
	var b strings.Builder
	columns := []string{"exit 3", "at plan", "warned", "failed"}
	fmt.Fprintf(&b, "class %8s %8s %8s %8s\n", columns[0], columns[1], columns[2], columns[3])
	for _, class := range slices.Sorted(maps.Keys(s)) {
		fmt.Fprintf(&b, "%-5s", class)
		for _, c := range columns {
			fmt.Fprintf(&b, " %8d", s[class][c])
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "all  ")
	for _, c := range columns {
		fmt.Fprintf(&b, " %8d", s.total(c))
	}
	return b.String()
}

// refusing is a network that nothing may be sent to.
type refusing struct{ sent atomic.Int64 }

// RoundTrip implements http.RoundTripper.
func (r *refusing) RoundTrip(*http.Request) (*http.Response, error) {
	r.sent.Add(1)
	return nil, errors.New("nothing may be sent")
}

func (c badCase) run(t *testing.T) {
	dir := t.TempDir()
	if c.file != "" {
		put(t, filepath.Join(dir, "mlops.yaml"), c.file)
	}
	if c.before != nil {
		c.before(t, dir)
	}
	network, box := &refusing{}, filepath.Join(dir, ".box")
	var out, errs bytes.Buffer
	streams := Streams{In: strings.NewReader(""), Out: &out, Err: &errs, Base: network, Env: func(name string) (string, bool) {
		v, ok := c.env[name]
		return v, ok
	}}
	earlier := requests(box)
	code := Run(t.Context(), c.commandLine(dir, box), streams)
	if code != c.exit {
		t.Errorf("exit code %d, want %d", code, c.exit)
	}
	if n := network.sent.Load(); n > 0 {
		t.Errorf("%d requests were sent", n)
	}
	c.judgeRequests(t, strings.TrimPrefix(requests(box), earlier))
	c.judgeReports(t, out.Bytes(), errs.String())
	judgeText(t, out.String()+errs.String())
	if t.Failed() {
		t.Logf("stdout:\n%.3000s\nstderr:\n%.3000s", out.String(), errs.String())
	}
}

func (c badCase) commandLine(dir, box string) []string {
	args := slices.Clone(c.args)
	if args == nil {
		args = []string{"plan", "-f", "@/mlops.yaml", "-o", "json"}
		if c.exit == 0 && !c.sandbox {
			args[0] = "validate"
		}
	}
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "@", dir)
	}
	if c.sandbox {
		args = append(args, "--sandbox="+box)
	}
	return args
}

// judgeRequests holds that no request that could change something reached the sandbox, and that a spec
// that is refused does not even begin one.
func (c badCase) judgeRequests(t *testing.T, log string) {
	switch {
	case c.exit == 3 && log != "":
		t.Errorf("requests reached the sandbox:\n%.500s", log)
	case strings.Contains(log, `"mutating":true`):
		t.Errorf("something was changed:\n%.500s", log)
	}
}

// requests is the sandbox's log of them.
func requests(box string) string {
	log, err := os.ReadFile(filepath.Join(box, "requests.jsonl"))
	if err != nil {
		return "" // nobody went there
	}
	return string(log)
}

// judgeReports holds stdout's document, and what stands on stderr, against what is wanted.
func (c badCase) judgeReports(t *testing.T, out []byte, errs string) {
	if c.want == nil {
		if c.says == "" || !strings.Contains(errs, c.says) && (c.exit != 2 || !strings.Contains(string(out), c.says)) {
			t.Errorf("the run does not say %q", c.says)
		}
		return
	}
	var document struct{ Diagnostics diag.List }
	if err := json.Unmarshal(out, &document); err != nil {
		t.Errorf("stdout is no document: %v", err)
		return
	}
	var got, want []string
	for _, d := range document.Diagnostics {
		if d.Detail == "" || d.Summary == "" {
			t.Errorf("no advice: %+v", d)
		}
		if d.Source == nil {
			d.Source = &diag.Pos{}
		}
		got = append(got, fmt.Sprintf("%d:%d %s %s", d.Source.Line, d.Source.Column, d.Severity, d.Code))
		if c.exit != 0 && d.Source.Line > 0 && !strings.Contains(errs, fmt.Sprintf("mlops.yaml:%d:%d: ", d.Source.Line, d.Source.Column)) {
			t.Errorf("stderr does not say %s", d.Source)
		}
	}
	for _, w := range c.want {
		want = append(want, fmt.Sprintf("%d:%d %s %s", w.line, w.column, w.severity, w.code))
		if !slices.ContainsFunc(document.Diagnostics, func(d diag.Diagnostic) bool {
			return d.Code == w.code && strings.Contains(d.Summary+" "+d.Detail, w.advice)
		}) {
			t.Errorf("%s does not say %q", w.code, w.advice)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("reported\n    %s\nwant\n    %s", strings.Join(got, "\n    "), strings.Join(want, "\n    "))
	}
}

// judgeText holds that what a spec says does nothing to a terminal or a workflow's log, and that no
// credential that stands in it is shown.
func judgeText(t *testing.T, text string) {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "::") || strings.HasPrefix(line, "##[") {
			t.Errorf("a line is a command to a workflow's runner: %.200q", line)
		}
	}
	for _, c := range text {
		if c == '\x1b' || c == '\u202e' || c == '\u200b' || c == '\u2028' || c == 0 || c == '\r' || c == '\a' {
			t.Errorf("%U is shown as it is", c)
		}
	}
	for name, secret := range canaries() {
		if strings.Contains(text, secret) {
			t.Errorf("%s is shown", name)
		}
	}
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
