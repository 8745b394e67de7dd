package cli

import (
	"os"
	"strings"
	"testing"

	"github.com/mlopsctl/mlopsctl/internal/kinds"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

// TestEveryGuardedKindIsSpokenOf: who reads which kinds have to be named before they are deleted is to read all of them.
func TestEveryGuardedKindIsSpokenOf(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{
		"mlopsctl destroy --help": (&app{}).destroyCommand().Long,
		"mlopsctl help ledger":    ledgerTopic().Long,
		"README.md":               string(readme),
	}
	guarded := 0
	for _, k := range kinds.All(kinds.Clients{}, &spec.Stack{}) {
		if k.Guard != resource.DataLoss && k.Guard != resource.AccessLoss {
			continue
		}
		guarded++
		for where, text := range texts {
			if !listedTogether(text, strings.ReplaceAll(k.Name, "_", " ")) {
				t.Errorf("%s lists the guarded kinds without %s", where, k.Name)
			}
		}
	}
	if guarded < 6 {
		t.Errorf("only %d kinds are guarded", guarded)
	}
}

// listedTogether reports whether a kind stands in the list that begins with repository and branch.
func listedTogether(text, kind string) bool {
	_, list, _ := strings.Cut(strings.Join(strings.Fields(text), " "), "repository, branch, environment")
	list, _, _ = strings.Cut("repository, branch, environment"+list, "data or access")
	for _, end := range []string{")", "|"} {
		list, _, _ = strings.Cut(list, end)
	}
	return strings.Contains(list, kind)
}

// TestEveryExitCodeIsSpokenOf holds the two texts about exit codes to what refuses a run.
func TestEveryExitCodeIsSpokenOf(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var topic string
	for _, c := range topics() {
		if c.Use == "exit-codes" {
			topic = c.Long
		}
	}
	_, table, _ := strings.Cut(string(readme), "### Exit codes")
	table, _, _ = strings.Cut(table, "\n## ")
	for where, text := range map[string]string{"README.md": table, "mlopsctl help exit-codes": topic} {
		text = strings.ReplaceAll(strings.Join(strings.Fields(text), " "), "`", "")
		for _, says := range []string{"0", "1", "2", "3", "4", "5", "6", "130", "out of date", "a rule", "not approved", "doctor", "plan or ci with --detailed-exitcode", "verify"} {
			if !strings.Contains(text, says) {
				t.Errorf("%s says nothing of %q", where, says)
			}
		}
	}
}
