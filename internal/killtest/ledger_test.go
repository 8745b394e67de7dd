package killtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/google/go-cmp/cmp"
)

// ledger is what a stack's ledger says, read without the program's own types.
type ledger struct {
	Run struct {
		EndedAt string `json:"ended_at"`
	} `json:"run"`
	Objects []struct {
		Address string         `json:"address"`
		Origin  string         `json:"origin"`
		Live    map[string]any `json:"live"`
		Kept    []string       `json:"kept"`
	} `json:"objects"`
	Intents []json.RawMessage `json:"intents"`
	Issuing []json.RawMessage `json:"issuing"`
	Secrets []struct {
		Address  string `json:"address"`
		Issue    string `json:"issue"`
		RemoteID string `json:"remote_id"`
		Replaced []struct {
			RemoteID string `json:"remote_id"`
		} `json:"replaced"`
	} `json:"secrets"`
}

// stateRef and leaseRef are where the ledger and its lease lie.
const (
	stateRef = "refs/mlopsctl/state"
	leaseRef = "refs/mlopsctl/lease"
)

// ledgerText is the newest version of every ledger there is.
func (w *world) ledgerText() string {
	w.t.Helper()
	var all strings.Builder
	for _, dir := range w.repositories() {
		if w.hasRef(dir, stateRef) {
			all.WriteString(w.gitIn(dir, "show", stateRef+":ledger.json"))
		}
	}
	return all.String()
}

func (w *world) repositories() []string {
	w.t.Helper()
	var dirs []string
	l := w.look()
	for _, r := range l.GitHub.Repositories {
		dirs = append(dirs, w.at("sandbox", "git", strconv.FormatInt(r.ID, 10)+".git"))
	}
	return dirs
}

func (w *world) hasRef(dir, ref string) bool {
	w.t.Helper()
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return false // the sandbox was killed when the repository had its name and not yet its folder
	}
	return strings.TrimSpace(w.gitIn(dir, "for-each-ref", "--format=%(refname)", ref)) != ""
}

// ledger reads the one ledger that there is; nil where there is none.
func (w *world) ledger() *ledger {
	w.t.Helper()
	text := w.ledgerText()
	if text == "" {
		return nil
	}
	l := &ledger{}
	w.must(json.Unmarshal([]byte(text), l))
	return l
}

// origins say of each object whether it was made or adopted, and what is never taken away from it.
func (l *ledger) origins() map[string]string {
	all := map[string]string{}
	for _, o := range l.Objects {
		all[o.Address] = strings.TrimSpace(o.Origin + " " + strings.Join(o.Kept, " "))
	}
	return all
}

// ledgerIsTrue checks that the ledger says what is: of the same objects, made and adopted as after a run
// that nobody disturbed, with ids that are there, and of the credentials that are stored; that nothing is
// left open in it; and that nobody holds it. After a run that ended between making the repository and its first push
// there was nowhere to say who made it: it counts as found in place, and so is never deleted unless it is named.
func (w *world) ledgerIsTrue(r *reference) {
	w.t.Helper()
	got := w.ledger()
	if (got == nil) != (r.ledger == nil) {
		w.t.Errorf("there is a ledger: %v, after an undisturbed run: %v", got != nil, r.ledger != nil)
	}
	if got == nil || r.ledger == nil {
		return
	}
	w.idsAreThere(got)
	want := r.ledger.origins()
	if w.unsaid {
		want["repository"] = "adopted"
	}
	if diff := cmp.Diff(want, got.origins()); diff != "" {
		w.t.Errorf("the ledger differs from what an undisturbed run writes (-want +got):\n%s", diff)
	}
	if got.Run.EndedAt == "" || len(got.Intents)+len(got.Issuing) > 0 {
		w.t.Errorf("the ledger's last run ended at %q, and left %d intents and %d credentials open: %s", got.Run.EndedAt, len(got.Intents), len(got.Issuing), slices.Concat(got.Intents, got.Issuing))
	}
	for _, dir := range w.repositories() {
		if w.hasRef(dir, leaseRef) {
			w.t.Errorf("the lease is held still")
		}
	}
	w.recordsAreTrue(got)
}

// idsAreThere checks that every id in the ledger is one that the services know.
func (w *world) idsAreThere(l *ledger) {
	w.t.Helper()
	state := w.read(w.at("sandbox/state.json"))
	for _, o := range l.Objects {
		for _, key := range slices.Sorted(maps.Keys(o.Live)) {
			if id := fmt.Sprint(o.Live[key]); (key == "id" || strings.HasSuffix(key, "_id")) && !strings.Contains(state, id) {
				w.t.Errorf("the ledger's %s has %s %s, which is nowhere", o.Address, key, id)
			}
		}
	}
}

// recordsAreTrue checks that the credentials that are recorded are those that are stored.
func (w *world) recordsAreTrue(l *ledger) {
	w.t.Helper()
	recorded := map[string]string{}
	for _, s := range l.Secrets {
		recorded[s.Address] = s.RemoteID
	}
	prod, _ := w.holds("prod", prodSecret)
	access, _ := w.holds("", token)
	own, _ := w.holds("", personal)
	want := map[string]string{"secret/prod/" + prodSecret: prod.id, "secret/" + token: access.id, "secret/" + personal: own.id}
	state := w.look()
	for _, workspace := range state.Databricks.Workspaces {
		for _, g := range workspace.GitCredentials {
			want["git_credential/prod/"+state.called(strconv.FormatInt(g.Principal, 10))] = strconv.FormatInt(g.ID, 10)
		}
	}
	for address, id := range want {
		if recorded[address] != id {
			w.t.Errorf("the ledger has credential %q for %s, stored is what came from %q", recorded[address], address, id)
		}
	}
}
