package render

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/mlopsctl/mlopsctl/pkg/diag"
	"github.com/mlopsctl/mlopsctl/pkg/ledger"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// Whoever can push writes what these show.
const hostile = "ann\x1b[2J\n::error::\u202e"

func sampleLedger() ledger.Ledger {
	return ledger.Ledger{
		FormatVersion: ledger.FormatVersion, Stack: "fares", Repository: ledger.Repository{Host: hub, ID: "7", FullName: "acme/fares"},
		Run: ledger.Run{ID: "0123456789abcdef", Who: hostile, Host: "ci", StartedAt: "2026-11-23T12:00:00Z", Spec: "mlops.yaml", SHA256: strings.Repeat("ab", 32),
			Did: []ledger.Deed{
				{Address: "catalog/prod", Action: "create", Status: "done"},
				{Address: "variable/A", Action: "delete", Status: "not_started"},
				{Address: "secret/B", Action: hostile, Status: "failed", Error: hostile},
			}},
		Objects: []ledger.Object{
			{Address: "catalog/prod", Kind: "catalog", Origin: ledger.Made, Live: resource.Object{"name": "prod"}, Since: "2026-11-20T08:30:00Z", By: "ben"},
			{Address: "variable/A", Kind: "variable", Origin: ledger.Adopted, Live: resource.Object{"name": "A"}, Since: hostile, By: hostile},
		},
		Intents: []ledger.Intent{{Address: "schema/prod.x", Kind: "schema", At: "2026-11-23T12:00:00Z"}},
		Issuing: []ledger.Issuing{{Address: "secret/B", Principal: hostile, At: "2026-11-23T12:00:00Z"}},
	}
}

func TestALedgerForPeople(t *testing.T) {
	lease := ledger.Lease{Who: hostile, Process: ledger.Process{Host: "ci", PID: 7}, TakenAt: "2026-11-23T12:00:00Z", ExpiresAt: "2026-11-23T12:01:00Z"}
	golden(t, "state.txt", State(sampleLedger(), Holder{Lease: &lease}, Style{})+"\n"+State(ledger.Ledger{Stack: "x"}, Holder{Flaw: errors.New(hostile)}, Style{}))
	data, err := LedgerJSON(sampleLedger())
	if err != nil {
		t.Fatal(err)
	}
	inertText(t, string(data))
}

func TestTheHistoryOfALedger(t *testing.T) {
	past := []ledger.Past{
		{Hash: strings.Repeat("0f", 20), Message: "apply: 1 create\n", At: time.Date(2026, 11, 23, 12, 0, 30, 0, time.UTC), Ledger: sampleLedger()},
		{Hash: "abc", Message: hostile, At: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), Flaw: errors.New(hostile)},
	}
	golden(t, "history.txt", History(past, Style{}))
	data, err := HistoryJSON(past)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "history.json", string(data))
}

func TestSecretsForPeopleAndForPrograms(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	when := func(d time.Duration) *time.Time { at := now.Add(d); return &at }
	all := []Secret{
		{Address: "secret/prod/X", Source: "oauth_secret of " + hostile, Place: "X of environment prod", Workspace: prod, State: "stored", Action: plan.Rotate,
			Reason: "it expires on 2026-11-25", Recorded: true, StoredAt: when(-88 * 24 * time.Hour), ExpiresAt: when(48 * time.Hour), RotatesAt: when(-12 * 24 * time.Hour),
			RemoteID: "r2", Replaced: []Replaced{{RemoteID: "r1", RevokeAfter: "2026-11-24T00:00:00Z"}}},
		{Address: "secret/TOKEN", Source: "env:MLOPS_TOKEN", Place: "TOKEN", State: "missing", Action: plan.Create, Reason: "it is not there", Replaced: []Replaced{}},
		{Address: "secret/HIDDEN", Source: "file:x", Place: "HIDDEN", State: "unknown", Action: plan.Unknown, Reason: "403", Replaced: []Replaced{}},
		{Address: "secret/HOUR", Source: "access_token of p", Place: "HOUR", State: "stored", Action: plan.None, StoredAt: when(-70 * time.Second), ExpiresAt: when(59 * time.Minute), Replaced: []Replaced{}},
	}
	golden(t, "secrets.txt", Secrets(all, now, Style{})+"\n"+Secrets(nil, now, Style{}))
	data, err := SecretsJSON(all, diag.List{{Severity: diag.Warning, Code: "policy/secret-expires", Summary: hostile}})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "secrets.json", string(data))
}

// inertText fails if a text could do something to a terminal or a CI log.
func inertText(t *testing.T, text string) {
	t.Helper()
	for _, bad := range []string{"\x1b", "\u202e", "\n::"} {
		if strings.Contains(text, bad) {
			t.Errorf("%q stands in\n%s", bad, text)
		}
	}
}

func TestWhatAnybodyCanPushDoesNothingToATerminal(t *testing.T) {
	past := []ledger.Past{{Hash: hostile, Message: hostile, Ledger: sampleLedger()}, {Hash: hostile, Message: hostile, Flaw: errors.New(hostile)}}
	l := sampleLedger()
	l.Stack, l.Repository.FullName, l.Run.Host, l.Run.Spec, l.Run.SHA256, l.Run.ID = hostile, hostile, hostile, hostile, hostile, hostile
	inertText(t, History(past, Style{})+State(l, Holder{Flaw: errors.New(hostile)}, Style{})+Secrets([]Secret{{Address: hostile, Source: hostile, Place: hostile, Workspace: hostile,
		RemoteID: hostile, Reason: hostile, Replaced: []Replaced{{RemoteID: hostile, RevokeAfter: hostile}}}}, time.Time{}, Style{}))
	for _, write := range []func() ([]byte, error){
		func() ([]byte, error) { return HistoryJSON(past) },
		func() ([]byte, error) { return UnlockJSON(Holder{Lease: &ledger.Lease{Who: hostile}}) },
		func() ([]byte, error) { return ReleasedJSON([]string{hostile}) },
	} {
		data, err := write()
		if err != nil {
			t.Fatal(err)
		}
		inertText(t, string(data))
	}
}
