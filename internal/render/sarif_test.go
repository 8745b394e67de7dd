package render

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"
	"github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/mlopsctl/mlopsctl/pkg/diag"
)

// official is the schema of SARIF 2.1.0 as OASIS has published it. go-sarif holds it in a constant that it keeps to itself, and
// judges by it only what went through its own types, which forget what they do not know: so it is read from its source.
var official = sync.OnceValues(func() (*jsonschema.Schema, error) {
	const name = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
	made := runtime.FuncForPC(reflect.ValueOf(sarif.NewReport).Pointer())
	beside, _ := made.FileLine(made.Entry())
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(filepath.Dir(beside), "schema.go"), nil, 0)
	if err != nil {
		return nil, err
	}
	text := ""
	ast.Inspect(file, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			text, err = strconv.Unquote(lit.Value)
		}
		return err == nil
	})
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.Draft, c.AssertFormat = jsonschema.Draft4, true
	if err := c.AddResource(name, strings.NewReader(text)); err != nil {
		return nil, err
	}
	return c.Compile(name)
})

// conforms holds a log against that schema.
func conforms(t *testing.T, data []byte) error {
	t.Helper()
	schema, err := official()
	if err != nil {
		t.Fatal(err)
	}
	var log any
	if err := json.Unmarshal(data, &log); err != nil {
		t.Fatal(err)
	}
	return schema.Validate(log)
}

func TestSARIFConformsToItsSchema(t *testing.T) {
	for name, list := range map[string]diag.List{
		"nothing":       nil,
		"no place":      {{Severity: diag.Error, Code: "plan/x", Summary: "s"}},
		"a file alone":  {{Severity: diag.Warning, Code: "plan/x", Summary: "s", Detail: "d", Source: &diag.Pos{File: "a b/mlops.yaml"}}},
		"a line":        {{Severity: diag.Warning, Code: "plan/x", Summary: "s", Source: &diag.Pos{File: "mlops.yaml", Line: 3}}},
		"a code twice":  {{Severity: diag.Error, Code: "plan/x", Summary: "s"}, {Severity: diag.Error, Code: "plan/x", Summary: "t"}},
		"no sound text": {{Severity: diag.Error, Code: "plan/x", Summary: "\xff\x1b[31m\u202e", Source: &diag.Pos{File: "\xff%", Line: 1, Column: 1}}},
	} {
		t.Run(name, func(t *testing.T) {
			data, err := SARIF(list, "mlops.yaml", "")
			if err != nil {
				t.Fatal(err)
			}
			if err := conforms(t, data); err != nil {
				t.Errorf("%#v:\n%s", err, data)
			}
		})
	}
	sound, err := SARIF(diag.List{{Severity: diag.Error, Code: "plan/x", Summary: "s", Source: &diag.Pos{File: "mlops.yaml", Line: 3, Column: 1}}}, "mlops.yaml", "1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	for _, pair := range [][2]string{{`"2.1.0",`, `"2.0.0",`}, {`"error"`, `"fatal"`}, {`"startLine": 3`, `"startLine": 0`}, {`"ruleIndex": 0`, `"ruleIndex": -2`}, {`"driver"`, `"drivers"`}} {
		broken := strings.Replace(string(sound), pair[0], pair[1], 1)
		if broken == string(sound) || conforms(t, []byte(broken)) == nil {
			t.Errorf("%s in place of %s is taken", pair[1], pair[0])
		}
	}
}

func TestSARIFNamesRulesAndPlaces(t *testing.T) {
	data, err := SARIF(Findings(checked()), "mlops.yaml", "1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "check.sarif", string(data))
	if err := conforms(t, data); err != nil {
		t.Errorf("%#v", err)
	}
	var log sarifLog
	if err := json.Unmarshal(data, &log); err != nil {
		t.Fatal(err)
	}
	for _, r := range log.Runs[0].Results {
		if log.Runs[0].Tool.Driver.Rules[r.RuleIndex].ID != r.RuleID || r.Level != "error" && r.Level != "warning" || r.Message.Text == "" || len(r.Locations) != 1 ||
			r.Locations[0].Physical.Artifact.URI == "" || r.Locations[0].Physical.Region.Line < 1 {
			t.Errorf("a result without its rule or its place: %+v", r)
		}
	}
}
