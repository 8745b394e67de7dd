package cli

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/mlopsctl/mlopsctl/pkg/diag"
)

// writtenCases are those of testdata/bad: an archive for each class, a spec for each case. In a spec
// ⟦CODE⟧ or ⟦CODE|ADVICE⟧ stands where that must be reported, ⟦warning CODE⟧ where a warning must, and
// ⟦CODE@0⟧ for a report without a line. {{…}} stands for what cannot be written, or is long; lines that
// begin with #: say what is around the spec.
func writtenCases(t *testing.T) []badCase {
	t.Helper()
	archives, err := filepath.Glob("testdata/bad/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatalf("no bad input: %v", err)
	}
	var all []badCase
	for _, name := range archives {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range archive.Files {
			c := badCase{class: strings.TrimSuffix(filepath.Base(name), ".txtar"), name: f.Name, env: map[string]string{}, exit: -1}
			c.file, c.want = marks(t, expand(t, string(f.Data)))
			c.around(t)
			all = append(all, c)
		}
	}
	return all
}

// expand puts what cannot be written in its place.
func expand(t *testing.T, text string) string {
	t.Helper()
	pairs := []string{
		"{{head}}", "version: 1\nname: demo\ngit: { repository: acme/demo }\n",
		"{{prod}}", "targets:\n  prod: { host: https://prod.cloud.databricks.com, service_principal: demo-prod, environment: {} }\n",
		"{{account}}", "account: { host: https://accounts.cloud.databricks.com, id: 11111111-2222-3333-4444-555555555555 }\n",
	}
	for _, name := range slices.Sorted(maps.Keys(canaries())) {
		pairs = append(pairs, "{{"+name+"}}", canaries()[name])
	}
	text = strings.NewReplacer(pairs...).Replace(text)
	text = regexp.MustCompile(`\{\{repeat (\d+) ((?s:.*?))\}\}`).ReplaceAllStringFunc(text, func(s string) string {
		count, what, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(s, "{{repeat "), "}}"), " ")
		n, err := strconv.Atoi(count)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.ContainsAny(what, "#$") {
			return strings.Repeat(what, n)
		}
		var b strings.Builder
		for i := range n {
			b.WriteString(strings.NewReplacer("#", strconv.Itoa(i), "$+", strconv.Itoa(i+1)).Replace(what))
		}
		return b.String()
	})
	return regexp.MustCompile(`\{\{[xu][0-9a-f]+\}\}`).ReplaceAllStringFunc(text, func(s string) string {
		n, err := strconv.ParseUint(s[3:len(s)-2], 16, 32)
		if err != nil {
			t.Fatal(err)
		}
		if s[2] == 'x' {
			return string([]byte{byte(n)})
		}
		return string(rune(n))
	})
}

var mark = regexp.MustCompile(`⟦(?s:(.*?))⟧`)

// marks takes the marks out of a spec and returns what they want.
func marks(t *testing.T, text string) (string, []wanted) {
	t.Helper()
	var plain strings.Builder
	all := []wanted{}
	for text != "" {
		at := mark.FindStringSubmatchIndex(text)
		if at == nil {
			plain.WriteString(text)
			break
		}
		plain.WriteString(text[:at[0]])
		before := strings.TrimPrefix(plain.String(), "\ufeff")
		w := wanted{severity: diag.Error, line: strings.Count(before, "\n") + 1}
		w.column = len([]rune(before[strings.LastIndexByte(before, '\n')+1:])) + 1
		w.code, w.advice, _ = strings.Cut(text[at[2]:at[3]], "|")
		if code, ok := strings.CutPrefix(w.code, "warning "); ok {
			w.code, w.severity = code, diag.Warning
		}
		if code, ok := strings.CutSuffix(w.code, "@0"); ok {
			w.code, w.line, w.column = code, 0, 0
		}
		all, text = append(all, w), text[at[1]:]
	}
	return plain.String(), all
}

// around reads the lines that begin with #: and settles how the run must end.
func (c *badCase) around(t *testing.T) {
	t.Helper()
	given := c.file
	c.args = []string{"plan", "-f", "@/mlops.yaml", "-o", "json"}
	for line := range strings.Lines(given) {
		line, ok := strings.CutPrefix(line, "#: ")
		if !ok {
			continue
		}
		word, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		name, value, _ := strings.Cut(rest, "=")
		switch word {
		case "env":
			c.env[name] = unescape(value)
		case "trust":
			c.env["MLOPSCTL_TRUSTED_HOSTS"] = rest
		case "var":
			c.args = append(c.args, "--var", name+"="+unescape(value))
		case "allow":
			c.args = append(c.args, "--allow-env", rest)
		case "exit":
			c.exit, _ = strconv.Atoi(rest)
			c.sandbox = true
		case "symlink", "put":
			c.before = together(c.before, func(t *testing.T, dir string) {
				path := filepath.Join(dir, name)
				if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
					t.Fatal(err)
				}
				if word == "put" {
					put(t, path, value)
				} else if err := os.Symlink(strings.ReplaceAll(value, "@", dir), path); err != nil {
					t.Fatal(err)
				}
			})
		default:
			t.Fatalf("%s: unknown line %q", c.name, line)
		}
	}
	if c.exit < 0 {
		c.exit = 0
		if slices.ContainsFunc(c.want, func(w wanted) bool { return w.severity == diag.Error }) {
			c.exit = 3
		} else {
			c.args[0] = "validate"
		}
	}
}

// unescape reads \n, \e and the names of canaries, which stand in no file.
func unescape(value string) string {
	if name, ok := strings.CutPrefix(value, "canary:"); ok {
		return canaries()[name]
	}
	return strings.NewReplacer(`\n`, "\n", `\e`, "\x1b").Replace(value)
}

func together(first, then func(*testing.T, string)) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		if first != nil {
			first(t, dir)
		}
		then(t, dir)
	}
}

// canaries are texts in the form of credentials. They are joined here, so that nobody's scanner finds
// them in this repository.
func canaries() map[string]string {
	hex := "0123456789abcdef0123456789abcdef"
	return map[string]string{
		"databricks":          "da" + "pi" + hex,
		"oauth":               "do" + "se" + hex,
		"github":              "gh" + "p_" + hex + "ABCD",
		"github fine-grained": "github" + "_pat_11AAAAAAA0_" + hex,
		"github app":          "gh" + "s_" + hex + "ABCD",
		"gitlab":              "gl" + "pat-" + "abcdefghij0123456789",
		"aws":                 "AK" + "IA" + "ABCDEFGHIJKLMNOP",
		"google":              "AI" + "za" + "SyA1234567890abcdefghijklmnopqrstuv",
		"slack":               "xo" + "xb-" + "123456789012-abcdefghij",
		"jwt":                 "ey" + "JhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxIn0.c2ln",
		"key":                 "-----BEGIN RSA PRIVATE" + " KEY-----",
		"url":                 "https://ada:" + "s3cr3tcanary@example.com",
	}
}
