package spec_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/mlopsctl/mlopsctl/pkg/spec"
	"github.com/santhosh-tekuri/jsonschema/v5"
)

// everyPath returns each key of the spec by its path, with * for names and items.
func everyPath(t *testing.T) []string {
	t.Helper()
	var all []string
	var walk func(path string)
	walk = func(path string) {
		e, err := spec.Explain(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range e.Keys {
			below := strings.TrimPrefix(path+"."+k.Name, ".")
			all = append(all, below)
			walk(below)
		}
	}
	walk("")
	if len(all) < 50 {
		t.Fatalf("only %d keys", len(all))
	}
	return all
}

func TestEveryKeyIsExplainedWithItsDefaultAndAnExample(t *testing.T) {
	for _, path := range everyPath(t) {
		e, err := spec.Explain(path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if e.Description == "" || !strings.HasSuffix(e.Description, ".") {
			t.Errorf("%s: description %q", path, e.Description)
		}
		if e.Type == "" || len(e.Examples) == 0 {
			t.Errorf("%s: type %q, examples %q", path, e.Type, e.Examples)
		}
		if name := path[strings.LastIndex(path, ".")+1:]; name != "*" && !e.Required && e.Default == "" {
			t.Errorf("%s: neither required nor a default", path)
		}
	}
}

func TestAnExampleOfAKeyIsValidThere(t *testing.T) {
	c := jsonschema.NewCompiler()
	c.AssertFormat = true
	const id = "mlops.schema.json"
	if err := c.AddResource(id, strings.NewReader(string(spec.JSONSchema()))); err != nil {
		t.Fatal(err)
	}
	var root map[string]any
	if err := json.Unmarshal(spec.JSONSchema(), &root); err != nil {
		t.Fatal(err)
	}
	checked := 0
	var walk func(pointer string, v any)
	walk = func(pointer string, v any) {
		m, ok := v.(map[string]any)
		if !ok {
			return
		}
		if examples, ok := m["examples"].([]any); ok {
			s, err := c.Compile(id + "#" + pointer)
			if err != nil {
				t.Fatal(err)
			}
			if def, ok := m["default"]; ok {
				examples = append(slices.Clone(examples), def)
			}
			for _, x := range examples {
				checked++
				if err := s.Validate(x); err != nil {
					t.Errorf("%s: %v is not valid: %v", pointer, x, err)
				}
			}
		}
		for key, c := range m {
			if key != "examples" && key != "default" {
				walk(pointer+"/"+key, c)
			}
		}
	}
	walk("", root)
	if checked < 100 {
		t.Errorf("only %d examples were checked", checked)
	}
}

func TestExplainTakesNamesStarsAndItems(t *testing.T) {
	want, err := spec.Explain("targets.*.branch")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"targets.prod.branch", `targets."eu.prod".branch`, "targets.*.branch"} {
		got, err := spec.Explain(path)
		if err != nil || got.Description != want.Description || got.Path != path {
			t.Errorf("%s: %+v, %v", path, got, err)
		}
	}
	for _, path := range []string{"permissions[].on", "permissions[0].on", "permissions.*.on", "permissions.3.on"} {
		if e, err := spec.Explain(path); err != nil || !strings.Contains(e.Description, "privileges are on") {
			t.Errorf("%s: %+v, %v", path, e, err)
		}
	}
}

// TestExplainTakesAPathWithoutItsNames: who asks what a key means need not say of which target.
func TestExplainTakesAPathWithoutItsNames(t *testing.T) {
	for path, whole := range map[string]string{
		"targets.ci_auth":               "targets.*.ci_auth",
		"targets.environment.reviewers": "targets.*.environment.reviewers",
		"permissions.level":             "permissions.*.level",
		"policy.deny":                   "policy.*.deny",
		"catalogs.schemas.comment":      "catalogs.*.schemas.*.comment",
		"catalogs.prod.schemas.comment": "catalogs.prod.schemas.*.comment",
		"targets.host.branch":           "targets.host.branch", // a target may be called like a key
	} {
		want, err := spec.Explain(whole)
		if err != nil {
			t.Fatal(err)
		}
		got, err := spec.Explain(path)
		if err != nil || got.Path != whole || got.Description != want.Description || got.Type != want.Type {
			t.Errorf("%s: %+v, %v; want what %s is", path, got, err, whole)
		}
	}
}

func TestExplainNamesWhatIsNear(t *testing.T) {
	for path, want := range map[string]string{
		"targts":            `did you mean "targets"?`,
		"git.repo":          "the keys there are",
		"targets.prod.hots": `did you mean "host"?`,
		"spec/unknown-kye":  `did you mean "spec/unknown-key"?`,
		"no/such-code":      "explain",
	} {
		if _, err := spec.Explain(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
}

func TestEveryCodeIsExplained(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range spec.Codes() {
		if seen[c.Code] {
			t.Errorf("%s stands twice in the catalogue", c.Code)
		}
		seen[c.Code] = true
		if c.Summary == "" || c.Cause == "" || c.Fix == "" || c.Example == "" {
			t.Errorf("%s is not documented whole: %+v", c.Code, c)
		}
		if e, err := spec.Explain(c.Code); err != nil || e.Code == nil || *e.Code != c {
			t.Errorf("explain %s: %+v, %v", c.Code, e, err)
		}
	}
}

// Every code that a source file of the project or the schema gives is in the catalogue, and none is in
// it that nothing gives.
func TestTheCatalogueOfCodesIsWhatTheProgramUses(t *testing.T) {
	code := regexp.MustCompile(`(?:"x-code": |Code: +)"([a-z]+/[a-z0-9-]+)"|"((?:spec|plan|apply|cli|ledger|ci|policy)/[a-z0-9]+(?:-[a-z0-9]+)*)"`)
	used := map[string]string{}
	for _, dir := range []string{".", "../../schemas", "../plan", "../apply", "../policy", "../../internal"} {
		err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			source := strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") || strings.HasSuffix(path, ".schema.json")
			if err != nil || d.IsDir() || !source || strings.HasPrefix(filepath.Base(path), "codes") {
				return err
			}
			data, err := os.ReadFile(path)
			for _, m := range code.FindAllStringSubmatch(string(data), -1) {
				used[m[1]+m[2]] = path
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, what := range []string{"target", "branch", "catalog"} { // joined from a section's name
		used["spec/unknown-"+what] = "check.go"
	}
	known := map[string]bool{}
	for _, c := range spec.Codes() {
		known[c.Code] = true
		if strings.HasPrefix(c.Code, "spec/") && used[c.Code] == "" {
			t.Errorf("nothing gives %s", c.Code)
		}
	}
	for c, path := range used {
		if !known[c] {
			t.Errorf("%s: %s is not in the catalogue", path, c)
		}
	}
}

func TestTheSchemaAndTheFullSpecKnowTheSameKeys(t *testing.T) {
	data, err := os.ReadFile("testdata/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	inFile := map[string]bool{}
	for _, p := range places(parseYAML(t, data), place{}) {
		inFile[strings.Join(wild(t, p.path), ".")] = true
	}
	for _, path := range everyPath(t) {
		if !inFile[path] {
			t.Errorf("testdata/full.yaml has no %s", path)
		}
	}
}

// wild replaces the names that a spec gives by *.
func wild(t *testing.T, path []string) []string {
	t.Helper()
	out := []string{}
	for _, key := range path {
		e, err := spec.Explain(strings.Join(out, "."))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(e.Keys, func(k spec.Key) bool { return k.Name == key }) {
			key = "*"
		}
		out = append(out, key)
	}
	return out
}

func TestTheExplanationOfAKey(t *testing.T) {
	e, err := spec.Explain("targets.prod.ci_auth")
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("%s|%s|%v|%v|%v", e.Type, e.Default, e.Allowed, e.Examples, e.Required)
	if want := "text|oidc|[oidc oauth_secret access_token personal_access_token]|[oidc]|false"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	e, err = spec.Explain("git")
	if err != nil {
		t.Fatal(err)
	}
	if !e.Required || e.Default != "" || len(e.Keys) != 8 || e.Type != "a mapping" {
		t.Errorf("%+v", e)
	}
}

// A kind that moved does not know could not be renamed, and nobody would hear why.
func TestEveryKindCanBeMovedOrIsToldWhyNot(t *testing.T) {
	files, err := filepath.Glob("../../internal/kinds/*.go")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile(`resource\.Kind\[[^]]*\]+[^{]*\{\s+Name:\s+"([a-z_]+)"`)
	seen := 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range named.FindAllStringSubmatch(string(data), -1) {
			seen++
			text := shortest + "moved: [{ from: " + m[1] + "/?, to: " + m[1] + "/! }]\n"
			if _, list := spec.Parse("mlops.yaml", []byte(text), spec.Options{}); strings.Contains(told(list), "the kinds are") || strings.Contains(told(list), "did you mean") {
				t.Errorf("%s: moved does not know the kind %s:\n%s", file, m[1], told(list))
			}
		}
	}
	if seen < 15 {
		t.Errorf("only %d kinds", seen)
	}
}
