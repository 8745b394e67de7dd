package archtest

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"
)

// layer says what a package of ours may import of ours, and why no more; P/... is every package right
// below P.
type layer struct {
	pkg string
	may []string
	why string
}

// layers is the architecture, from the bottom up. Everything below the command line could be used
// without what stands above it.
func layers() []layer {
	return []layer{
		{"pkg/diag", nil, "positions and diagnostics are values for everybody"},
		{"schemas", nil, "the schemas are data"},
		{"internal/virtual", nil, "the time of tests knows nothing of who sleeps"},
		{"internal/outsider", nil, "who works past the program shares none of its code"},
		{"internal/dag", nil, "a graph knows nothing of what its nodes are"},
		{"pkg/rule", nil, "a rule is checked and decided over plain values"},
		{"pkg/spec", []string{"pkg/diag", "pkg/rule", "schemas"}, "a spec is loaded and checked without anything live"},
		{"internal/workflows", []string{"pkg/spec"}, "the CI/CD files are a function of what the spec says"},
		{"pkg/resource", []string{"pkg/diag", "pkg/spec"}, "the contract knows neither the engine nor any kind"},
		{"internal/gitrepo", []string{"pkg/resource"}, "git knows no REST client"},
		{"pkg/ledger", []string{"pkg/resource", "internal/gitrepo"}, "the ledger is a document and its lease; it knows no plan"},
		{"pkg/plan", []string{"pkg/diag", "pkg/ledger", "pkg/resource", "internal/dag"}, "planning is a pure function of values"},
		{"pkg/policy", []string{"pkg/diag", "pkg/plan", "pkg/resource", "pkg/rule", "pkg/spec"}, "judging a plan is a pure function of the plan and the spec"},
		{"internal/observe", []string{"pkg/plan", "pkg/resource", "internal/dag"}, "reading goes through the contract alone"},
		{"pkg/apply", []string{"pkg/plan", "pkg/resource", "internal/dag", "internal/observe"}, "apply walks a plan and knows no kind"},

		{"internal/memo", []string{"pkg/resource"}, "remembering knows nothing of what is remembered, but that not visible yet is no answer"},
		{"internal/transport", []string{"pkg/resource", "internal/memo"}, "the HTTP stack translates into the contract's errors, and remembers answers where it is told to"},
		{"internal/github", []string{"pkg/resource", "internal/gitrepo", "internal/memo", "internal/transport"}, "a client knows neither specs nor plans"},
		{"internal/databricks", []string{"pkg/resource", "internal/memo", "internal/transport"}, "a client knows neither specs nor plans"},
		{"internal/credentials", []string{"pkg/ledger", "pkg/resource", "internal/databricks", "internal/github", "internal/transport"},
			"a credential is issued on one host and stored on another, so it alone has both clients"},
		{"internal/proposal", []string{"pkg/resource", "pkg/spec", "internal/github", "internal/gitrepo", "internal/workflows"},
			"what a pull request brings is compared with what is there; it knows no kind"},
		{"internal/bundle", nil, "what a bundle's files say is read from their text"},
		{"internal/deployments", []string{"pkg/resource", "internal/bundle", "internal/databricks", "internal/github"},
			"what is deployed lies in a workspace and what it is made from on GitHub, so it has both clients"},
		{"internal/kinds", []string{"pkg/diag", "pkg/resource", "pkg/spec", "internal/credentials", "internal/databricks", "internal/deployments", "internal/github",
			"internal/gitrepo", "internal/proposal", "internal/workflows"},
			"a kind knows the contract and its client, and never the engine"},
		{"internal/rights", []string{"pkg/plan", "pkg/resource", "pkg/spec"}, "what a plan takes follows from its values; nobody is asked"},
		{"internal/doctor", []string{"pkg/plan", "pkg/resource", "internal/databricks", "internal/github", "internal/rights", "internal/transport"},
			"it asks the clients what a credential may do, and knows no kind"},
		{"internal/verify", []string{"pkg/plan", "pkg/resource", "internal/databricks", "internal/github", "internal/rights"},
			"it looks as a target's principal, or at what a plan says of its login, and knows no kind"},
		{"internal/engine", []string{"pkg/apply", "pkg/diag", "pkg/ledger", "pkg/plan", "pkg/policy", "pkg/resource", "pkg/spec",
			"internal/credentials", "internal/databricks", "internal/github", "internal/gitrepo", "internal/kinds", "internal/observe", "internal/transport",
			"internal/doctor", "internal/rights", "internal/verify"},
			"the engine joins the parts, and formats nothing"},

		{"internal/ci", []string{"pkg/diag", "pkg/plan", "pkg/resource"}, "what a pull request changes is a pure function of two plans"},
		{"internal/render", []string{"internal/ci", "pkg/apply", "pkg/diag", "pkg/ledger", "pkg/plan", "pkg/resource", "internal/dag", "internal/rights"}, "rendering knows values and no clients"},
		{"internal/sandbox", nil, "a stand-in that shared our types would share our mistakes"},
		{"internal/sandbox/describe/...", nil, "they trim the services' published descriptions and are run by hand"},
		{"internal/cli", []string{"pkg/apply", "pkg/diag", "pkg/ledger", "pkg/plan", "pkg/resource", "pkg/spec", "schemas",
			"internal/ci", "internal/engine", "internal/gitrepo", "internal/render", "internal/rights", "internal/sandbox", "internal/transport"},
			"the command line turns flags into options and results into exit codes; it calls no service"},
		{"cmd/mlopsctl", []string{"internal/cli"}, "main only starts the command line"},
		{"internal/kindtest", []string{"pkg/apply", "pkg/diag", "pkg/ledger", "pkg/plan", "pkg/resource", "pkg/spec", "internal/credentials", "internal/databricks",
			"internal/engine", "internal/github", "internal/gitrepo", "internal/kinds", "internal/rights", "internal/sandbox", "internal/transport"},
			"the contract that every kind must pass is tested against everything"},
		{"internal/forgetest", nil, "it gives the program what anybody can write, and looks at what it does"},
		{"internal/faulttest", nil, "it runs the command line, and looks at it from outside"},
		{"internal/killtest", nil, "it runs the program as people do, and looks at it from outside"},
		{"internal/archtest", nil, "it reads source text"},
	}
}

// testOnly are packages that no production code imports; the command line's --sandbox is the one
// exception there is.
func testOnly() map[string][]string {
	return map[string][]string{
		"internal/sandbox":   {"internal/cli", "internal/kindtest"},
		"internal/outsider":  nil,
		"internal/kindtest":  nil,
		"internal/faulttest": nil,
		"internal/forgetest": nil,
		"internal/killtest":  nil,
		"internal/archtest":  nil,
	}
}

// module boundaries: who may import a module of others, so that each stays behind one package.
type boundary struct {
	prefix string
	only   []string
	why    string
}

func boundaries() []boundary {
	return []boundary{
		{"github.com/databricks/databricks-sdk-go", []string{"internal/databricks"}, "one client answers for all of Databricks"},
		{"github.com/google/go-github", []string{"internal/github"}, "what v60 cannot decode is worked around in one place"},
		{"github.com/go-git/go-git", []string{"internal/gitrepo", "internal/sandbox"}, "git is spoken in one place, and answered in one"},
		{"github.com/spf13", []string{"internal/cli"}, "only the command line has flags"},
		{"github.com/santhosh-tekuri/jsonschema", []string{"pkg/spec"}, "schemas check the user's file and nothing else"},
		{"go.yaml.in/yaml", []string{"pkg/spec", "internal/sandbox", "internal/bundle", "internal/github", "internal/workflows"}, "the user's files are YAML, and what gh keeps of its logins"},
		{"sigs.k8s.io/yaml", []string{"pkg/spec", "internal/sandbox"}, "only the user's files are YAML"},
		{"github.com/golang-jwt/jwt", []string{"internal/github", "internal/sandbox"}, "an App's login signs, the issuer mints and checks"},
		{"github.com/vektah/gqlparser", []string{"internal/transport", "internal/sandbox"}, "the guard tells a query from a mutation; the sandbox answers them"},
		{"github.com/google/cel-go", []string{"pkg/rule"}, "a rule's language stays behind one package"},
		{"golang.org/x/crypto", []string{"internal/credentials", "internal/sandbox"}, "a secret is sealed in one place, and opened in one"},
		{"golang.org/x/term", []string{"internal/cli"}, "only the command line knows terminals"},
		{"github.com/rogpeppe/go-internal", []string{"internal/sandbox"}, "processes take turns at a sandbox's folder; the rest of it belongs to tests"},
		{"github.com/owenrumney/go-sarif", nil, "it brings the schema that code scanning's format is held against, to tests"},
		{"github.com/rhysd/actionlint", nil, "it judges workflow files in tests"},
		{"os/exec", []string{"internal/credentials", "internal/github", "internal/sandbox"}, "programs are run for a secret's command, for gh's token and for git's protocol"},
		{"net/http/httptest", nil, "it belongs to tests"},
		{"testing", []string{"internal/kindtest"}, "it belongs to tests"},
		{"unsafe", nil, "nothing here needs it"},
	}
}

// pure are packages that compute and never reach out.
func pure() []string {
	return []string{"pkg/diag", "pkg/resource", "pkg/plan", "pkg/policy", "pkg/rule", "internal/ci", "internal/dag", "internal/render", "internal/workflows", "schemas"}
}

func TestPackagesOnlyImportWhatTheirLayerAllows(t *testing.T) {
	known := map[string]layer{}
	for _, l := range layers() {
		known[l.pkg] = l
	}
	for _, s := range sources(t) {
		if s.isTest() {
			continue
		}
		l, ok := known[s.pkg()]
		if parent := path.Dir(s.pkg()) + "/..."; !ok {
			l, ok = known[parent]
		}
		if !ok {
			t.Errorf("%s: package %s has no layer: give it one in layers, with its reason", s.path, s.pkg())
			continue
		}
		for _, v := range wrongImports(s, l) {
			t.Error(v)
		}
	}
}

func wrongImports(s source, l layer) []string {
	var wrong []string
	for imported, node := range s.imports() {
		rel, ours := strings.CutPrefix(imported, module+"/")
		if ours && !slices.Contains(l.may, rel) {
			wrong = append(wrong, fmt.Sprintf("%s: %s imports %s: %s", s.line(node), l.pkg, rel, l.why))
		}
		if importers, held := testOnly()[rel]; ours && held && !slices.Contains(importers, l.pkg) {
			wrong = append(wrong, fmt.Sprintf("%s: %s imports %s, which is for tests", s.line(node), l.pkg, rel))
		}
		for _, b := range boundaries() {
			within := imported == b.prefix || strings.HasPrefix(imported, b.prefix+"/")
			if within && !slices.ContainsFunc(b.only, func(p string) bool { return l.pkg == p || strings.HasPrefix(l.pkg, p+"/") }) {
				wrong = append(wrong, fmt.Sprintf("%s: %s imports %s: %s", s.line(node), l.pkg, imported, b.why))
			}
		}
		if slices.Contains(pure(), l.pkg) && slices.Contains([]string{"os", "net", "net/http", "math/rand", "math/rand/v2"}, imported) {
			wrong = append(wrong, fmt.Sprintf("%s: %s is pure and imports %s: pass in what it needs", s.line(node), l.pkg, imported))
		}
	}
	slices.Sort(wrong)
	return wrong
}

func TestLayersPointOneWay(t *testing.T) {
	seen := map[string]bool{}
	for _, l := range layers() {
		for _, below := range l.may {
			if !seen[below] {
				t.Errorf("%s may import %s, which does not stand below it in layers", l.pkg, below)
			}
		}
		seen[l.pkg] = true
	}
}

func TestAForbiddenImportIsFound(t *testing.T) {
	cases := map[string]struct{ imports, want string }{
		"upwards":            {module + "/pkg/apply", "pkg/plan imports pkg/apply"},
		"a test's package":   {module + "/internal/sandbox", "which is for tests"},
		"an SDK":             {"github.com/google/go-github/v60/github", "worked around in one place"},
		"the world":          {"net/http", "is pure"},
		"a testing facility": {"net/http/httptest", "belongs to tests"},
	}
	var plan layer
	for _, l := range layers() {
		if l.pkg == "pkg/plan" {
			plan = l
		}
	}
	for name, c := range cases {
		s, err := parse("pkg/plan/x.go", []byte("package plan\n\nimport _ \""+c.imports+"\"\n"))
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Join(wrongImports(s, plan), "\n")
		if !strings.Contains(got, c.want) || !strings.Contains(got, "pkg/plan/x.go:3") {
			t.Errorf("%s: an import of %s was reported as %q, want %q in line 3", name, c.imports, got, c.want)
		}
	}
}
