package archtest

import (
	"strings"
	"testing"
)

// TestEachRuleFindsItsViolation keeps the rules honest: a rule that finds nothing anywhere proves
// nothing.
func TestEachRuleFindsItsViolation(t *testing.T) {
	long := "func long() {\n" + strings.Repeat("\tprintln()\n", maxFunction) + "}\n"
	cases := []struct {
		rule, path, text string
		want             string // "" for a text that keeps the rule
	}{
		{"functions are short", "x.go", "package x\n\n" + long, "x.go:3: long has 62 lines"},
		{"functions are short", "x.go", "package x\n\nfunc short() {}\n", ""},
		{"files are short", "x.go", "package x\n" + strings.Repeat("\n", maxFile), "x.go:301: the file has 301 lines"},
		{"files are short", "x_test.go", "package x\n" + strings.Repeat("\n", maxFile), ""},
		{"files are short", "cmd/mlopsctl/main.go", "package main\n" + strings.Repeat("\n", maxMain), "main.go:21:"},
		{"parameters are few and never boolean", "x.go", "package x\n\nfunc f(a, b, c, d, e int) {}\n", "x.go:3: f has 5 parameters"},
		{"parameters are few and never boolean", "x.go", "package x\n\nfunc f(a int, on bool) {}\n", "x.go:3: f has a boolean parameter"},
		{"exported names are documented", "x.go", "package x\n\n// This is F.\nfunc F() {}\n", "x.go:4: the comment of F"},
		{"exported names are documented", "x.go", "package x\n\ntype T struct{}\n", "x.go:3: the comment of T"},
		{"exported names are documented", "x.go", "package x\n\nconst C = 1\n", "x.go:3: C has no comment"},
		{"exported names are documented", "x.go", "package x\n\n// The colours.\nconst (\n\tRed = 1\n)\n", ""},
		{"exported names are documented", "x.go", "package x\n\ntype t struct{}\n\nfunc (t) String() string { return \"\" }\n", ""},
		{"nothing is left to do or skipped", "x.go", "package x\n\n// TO" + "DO: later\n", "x.go:3: a comment says TO" + "DO"},
		{"nothing is left to do or skipped", "x_test.go", "package x\n\nfunc f(t T) {\n\tt.Skip()\n}\n", "x_test.go:4: a test is skipped"},
		{"no lint is silenced without a reason", "x.go", "package x\n\n//nolint:errcheck\nvar x = 1\n", "x.go:3: write"},
		{"no lint is silenced without a reason", "x.go", "package x\n\n//nolint:errcheck // the answer is of no use\nvar x = 1\n", ""},
		{"there is no init", "x.go", "package x\n\nfunc init() {}\n", "x.go:3: init runs"},
		{"a context comes from main", "x.go", "package x\n\nimport \"context\"\n\nvar c = context.Background()\n", "x.go:5: context.Background"},
		{"a context comes from main", "x_test.go", "package x\n\nimport \"context\"\n\nvar c = context.Background()\n", ""},
		{"only main exits", "x.go", "package x\n\nimport \"os\"\n\nfunc f() { os.Exit(1) }\n", "x.go:5: os.Exit"},
		{"nothing sleeps", "x_test.go", "package x\n\nimport \"time\"\n\nfunc f() { time.Sleep(1) }\n", "x_test.go:5: time.Sleep"},
	}
	tested := map[string]bool{}
	for _, c := range cases {
		for _, r := range rules() {
			if r.name != c.rule {
				continue
			}
			tested[r.name] = tested[r.name] || c.want != ""
			s, err := parse(c.path, []byte(c.text))
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Join(r.check(s), "\n")
			if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
				t.Errorf("%s: %q was reported as %q, want %q", c.rule, c.text, got, c.want)
			}
		}
	}
	for _, r := range rules() {
		if !tested[r.name] {
			t.Errorf("no case shows that the rule %q finds anything", r.name)
		}
	}
}
