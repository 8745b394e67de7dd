package spec_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/mlopsctl/mlopsctl/pkg/diag"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

// FuzzSpec holds that no file makes the reader panic, that every refusal says why, what to do, and where
// in the file, that a second reader sees what was accepted in the same way, and that no credential is
// echoed.
func FuzzSpec(f *testing.F) {
	files, err := filepath.Glob("testdata/broken/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(section(archive, "mlops.yaml")))
	}
	data, err := os.ReadFile("testdata/full.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	secret := withCredentials("{{github}}")
	f.Add([]byte(shortest + "# " + secret))
	f.Add([]byte("0" + secret + ": 0A"))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, list := spec.Parse("mlops.yaml", data, spec.Options{})
		placed(t, data, list)
		if strings.Contains(string(data), "${") || !utf8.Valid(data) {
			return
		}
		agree(t, data)
		_, list = spec.Parse("mlops.yaml", append(data, "\n# "+secret...), spec.Options{})
		if report := told(list); !list.HasErrors() || strings.Contains(report, secret) {
			t.Errorf("a credential was accepted or echoed:\n%s", report)
		}
	})
}

// placed holds that each report stands in the file: on one of its lines, at one of its characters or at
// the line's end.
func placed(t *testing.T, data []byte, list diag.List) {
	t.Helper()
	lines := strings.Split(strings.TrimPrefix(string(data), "\ufeff"), "\n")
	for _, d := range list {
		switch at := d.Source; {
		case d.Code == "" || d.Summary == "" || d.Detail == "" || strings.Contains(d.Summary, "\n"):
			t.Errorf("not a report: %+v", d)
		case at == nil || at.File != "mlops.yaml" || at.Line < 1 || at.Line > len(lines):
			t.Errorf("%v is no line of the file's %d: %+v", at, len(lines), d)
		case at.Column < 1 || at.Column > utf8.RuneCountInString(lines[at.Line-1])+1:
			t.Errorf("%s is no column of %q: %+v", at, lines[at.Line-1], d)
		}
	}
}

// interpolated are specs with a place for a value, of many kinds; %[1]s is where it stands.
func interpolated() []string {
	const prod = "targets: { prod: { host: https://prod.cloud.databricks.com, service_principal: p, environment: {} } }\n"
	return []string{
		shortest + "variables: { A: %[1]s }\n",
		"version: 1\nname: %[1]s\ngit: { repository: acme/demo }\n",
		"version: %[1]s\nname: demo\ngit: { repository: acme/demo }\n",
		"version: 1\nname: demo\ngit: { repository: %[1]s }\n",
		"version: 1\nname: demo\ngit: { repository: acme/demo, host: %[1]s }\n",
		"version: 1\nname: demo\ngit: { repository: acme/demo, visibility: %[1]s }\n",
		shortest + "branches: { main: { from: %[1]s } }\n",
		shortest + "targets: { prod: { host: %[1]s, branch: %[1]s, service_principal: %[1]s, profile: %[1]s, environment: { reviewers: [%[1]s] } } }\n",
		shortest + prod + "catalogs: { prod: { comment: %[1]s, storage_root: %[1]s, isolated_to: [%[1]s] } }\n",
		shortest + prod + "catalogs: { prod: {} }\npermissions: [{ principal: %[1]s, on: %[1]s, privileges: [%[1]s] }]\n",
		shortest + prod + "secrets: { A: { env: %[1]s }, B: { file: %[1]s }, C: { oauth_secret: { target: %[1]s, lifetime: %[1]s }, overlap: %[1]s } }\n",
		shortest + "moved: [{ from: %[1]s, to: branch/x }, { from: branch/y, to: %[1]s }]\n",
	}
}

// FuzzInterpolation holds that a reference stands for its value and for nothing else, that nothing of the
// environment is asked for but what is open to a spec, and that no value from there is shown.
func FuzzInterpolation(f *testing.F) {
	for i := range interpolated() {
		for _, value := range []string{
			"${env.MLOPS_X}", "${var.X}", "a-${var.X}-${env.MLOPS_X}", "$${env.MLOPS_X}", "$$${var.X}", "${", "${}", "${var.}", "${var.X", "${env.HOME}",
			"${env.MLOPS_SECRET}", "${var.${var.X}}", "${{ secrets.X }}", "${var.x-y}", "x$", "$x", "$${", "${env.MLOPS_X}${env.MLOPS_X}", "branch/${env.MLOPS_X}",
		} {
			f.Add(uint8(i), value, "demo", "demo")
			f.Add(uint8(i), value, "${env.MLOPS_SECRET}", "https://prod.cloud.databricks.com")
		}
	}
	f.Fuzz(func(t *testing.T, place uint8, value, fromVar, fromEnv string) {
		const canary = "zqcanaryqz"
		quoted, err := json.Marshal(value)
		if err != nil || strings.Contains(value+fromVar, canary) {
			return
		}
		at := int(place) % len(interpolated())
		text := fmt.Sprintf(interpolated()[at], quoted)
		if !strings.Contains(text, "secrets:") {
			text += "secrets: { Z: { env: MLOPS_SECRET } }\n"
		}
		o := spec.Options{Vars: map[string]string{"X": fromVar}, LookupEnv: func(name string) (string, bool) {
			if !strings.HasPrefix(name, "MLOPS_") || name == "MLOPS_SECRET" && strings.Contains(text, "MLOPS_SECRET }") {
				t.Errorf("%s was asked for", name)
			}
			return fromEnv + canary, name == "MLOPS_X"
		}}
		stack, list := spec.Parse("mlops.yaml", []byte(text), o)
		placed(t, []byte(text), list)
		if report := told(list); strings.Contains(report, canary) {
			t.Errorf("a value of the environment is shown:\n%s", report)
		}
		want, sound := expanded(value, map[string]string{"${var.X}": fromVar, "${env.MLOPS_X}": fromEnv + canary})
		if stack != nil && at == 0 && utf8.ValidString(value) && (!sound || stack.Variables[0].Value != want) {
			t.Errorf("%q became %q, want %q (%v)", value, stack.Variables[0].Value, want, sound)
		}
	})
}

// expanded is what a text with references means, found in another way than the reader's.
func expanded(text string, values map[string]string) (string, bool) {
	var b strings.Builder
	for text != "" {
		if rest, ok := strings.CutPrefix(text, "$${"); ok {
			b.WriteString("${")
			text = rest
			continue
		}
		if !strings.HasPrefix(text, "${") {
			b.WriteByte(text[0])
			text = text[1:]
			continue
		}
		end := strings.IndexByte(text, '}')
		value, ok := values[text[:end+1]]
		if !ok {
			return "", false
		}
		b.WriteString(value)
		text = text[end+1:]
	}
	return b.String(), true
}

// FuzzExplain holds that whatever is asked to be explained is, or is refused in one line.
func FuzzExplain(f *testing.F) {
	for _, path := range []string{"", "git", "targets.*.branch", `targets."eu.prod".branch`, "permissions[0].on", "spec/unknown-key", `a"`, "[", "..", "secrets.x.y.z", "moved[].from"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		e, err := spec.Explain(path)
		if (err == nil) != (e.Description != "") {
			t.Errorf("%q: %+v, %v", path, e, err)
		}
	})
}
