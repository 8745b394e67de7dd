package faulttest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mlopsctl/mlopsctl/internal/outsider"
	"github.com/mlopsctl/mlopsctl/internal/sandbox"
)

// start is the state in which an apply finds its world.
type start string

const (
	fresh  start = "create" // nothing is there
	edited start = "update" // installed; then the spec was edited, and somebody changed what it says nothing new of
	aged   start = "rotate" // installed; then so much time went by that credentials are due
	quiet  start = "read"   // installed, and nothing to do
	doomed start = "delete" // installed, and now to be destroyed with all that it holds
)

// begin makes a world in that state.
func (s start) begin(t fatal, dir, worldFile string) *world {
	t.Helper()
	if s.byPeople() {
		return s.beginWithPeople(t, dir, worldFile)
	}
	w := open(t, dir, specText, worldFile)
	if s == fresh {
		return w
	}
	w.install()
	switch s {
	case edited:
		w.edit(edits...)
		w.drift()
	case aged:
		w.clock.Advance(80 * 24 * hour)
	}
	return w
}

// args are the command that carries out what the start is for, one step at a time, so that what is sent
// comes in one order: an apply, or a destroy of everything.
func (s start) args() []string {
	if s != doomed {
		return []string{"apply", "--auto-approve", "--parallelism", "1"}
	}
	args := []string{"destroy", "--auto-approve", "--parallelism", "1"}
	for _, kind := range []string{"repository", "branch", "environment", "catalog", "schema", "service_principal", "group", "directory"} {
		args = append(args, "--allow-destroy", kind)
	}
	return args
}

// edits change the spec at every kind that has something to change.
var edits = []string{
	"description: Taxi fare model", "description: Fares",
	"ml-leads: maintain", "ml-leads: push",
	"default: write", "default: read",
	"required_approvals: 1", "required_approvals: 2",
	"reviewers: []", "reviewers: [\"team:ml-engineers\"]",
	"MODEL_OWNER: ml-engineers", "MODEL_OWNER: others",
	"comment: Production models", "comment: Models",
	"comment: Taxi fares", "comment: Fares",
	"isolated_to: [prod]", "isolated_to: [prod, staging]",
	"privileges: [USE_SCHEMA]", "privileges: [USE_SCHEMA, SELECT]",
	"level: CAN_RUN", "level: CAN_EDIT",
	"entitlements: [allow-cluster-create]", "entitlements: [allow-cluster-create, workspace-access]",
	`users: ["group:ml-engineers"]`, `users: ["group:ml-engineers", "group:others"]`,
	"username: taxi-bot", "username: fares-bot",
}

// drift changes, as somebody else, what no edit of the spec changes.
func (w *world) drift() {
	w.t.Helper()
	id := w.principals("taxi-prod")[0]
	w.send("PATCH", account+"/scim/v2/ServicePrincipals/"+id, map[string]any{
		"schemas":    []string{"urn:ietf:params:scim:api:messages:2.0:PatchOp"},
		"Operations": []any{map[string]any{"op": "replace", "path": "active", "value": false}},
	})
	w.send("PATCH", account+"/servicePrincipals/"+id+"/federationPolicies/mlopsctl-taxi-prod?update_mask=oidc_policy.subject", map[string]any{
		"oidc_policy": map[string]any{
			"issuer": "https://token.actions.githubusercontent.com", "subject": "repo:other/repo:environment:prod",
			"audiences": []string{accountID, "https://prod.cloud.databricks.com/oidc/v1/token"},
		},
	})
	group := outsider.Items(w.send("GET", account+"/scim/v2/Groups?startIndex=1&count=1&filter=displayName%20eq%20%22taxi-principals%22", nil), "Resources")[0]["id"]
	w.send("PATCH", fmt.Sprintf("%s/scim/v2/Groups/%v", account, group), map[string]any{
		"schemas":    []string{"urn:ietf:params:scim:api:messages:2.0:PatchOp"},
		"Operations": []any{map[string]any{"op": "remove", "path": fmt.Sprintf("members[value eq %q]", id)}},
	})
	w.send("PATCH", repo, map[string]any{"default_branch": "release"})
	w.send("DELETE", repo+"/actions/secrets/LICENCE", nil)
}

// row is a request that an apply sends at a kind, or at the ledger, for an operation.
type row struct {
	start   start
	kind    string
	address string
	method  string
	path    string // host and path
	nth     int    // among those with this method and path
}

func (r row) String() string {
	parts := strings.Split(r.path, "/")
	return fmt.Sprintf("%s/%s/%s-%s-%d", r.start, r.address, strings.ToLower(r.method), strings.Join(parts[len(parts)-2:], "-"), r.nth)
}

func (r row) github() bool {
	return strings.Contains(r.path[:strings.Index(r.path, "/")], "github.com")
}

// issues reports whether the request issues a credential.
func (r row) issues() bool {
	return r.method == "POST" && (strings.HasSuffix(r.path, "/credentials/secrets") || strings.HasSuffix(r.path, "/on-behalf-of/tokens"))
}

// fault is a fault at this row's request.
func (r row) fault(action sandbox.FaultAction) sandbox.Fault {
	return sandbox.Fault{Method: r.method, Path: r.path, Nth: r.nth, Action: action}
}

// status is an answer that stands in for the request's effect, that many times.
func (r row) status(status, times int) sandbox.Fault {
	f := r.fault(sandbox.FaultStatus)
	f.Status, f.Times = status, times
	return f
}

// rows are the requests of the first object of each kind, of each secret, and of each start: found out by
// an apply without a fault, so that they are what the program sends and not what somebody thinks it does.
var rows = sync.OnceValues(func() ([]row, error) {
	var all []row
	for _, s := range []start{fresh, edited, aged, doomed} {
		found, err := rowsOf(s)
		if err != nil {
			return nil, err
		}
		taken := map[string]string{}
		for _, r := range found {
			key := r.kind
			if key == "secret" {
				key = r.address
			}
			if first, ok := taken[key]; ok && first != r.address {
				continue
			}
			taken[key] = r.address
			all = append(all, r)
		}
	}
	return all, nil
})

// everyStep has the first request of every step of an install.
var everyStep = sync.OnceValues(func() ([]row, error) {
	found, err := rowsOf(fresh)
	if err != nil {
		return nil, err
	}
	taken := map[string]bool{}
	return slices.DeleteFunc(found, func(r row) bool {
		again := taken[r.address]
		taken[r.address] = true
		return again
	}), nil
})

// anyID is a part of a path that a service numbered: another run may have another number there.
var anyID = regexp.MustCompile(`/[0-9]{2,}\b(-[-0-9a-f]+)?`)

// rowsOf are the requests of an apply that change something.
func rowsOf(s start) (found []row, err error) {
	r := &recorder{}
	dir, err := scratch()
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // it is in the system's temporary folder
	w := s.begin(r, dir, worldText)
	defer w.close()
	log := &eventLog{world: w}
	o := w.runTo(testContext(), log, append(s.args(), "-o", "json")...)
	if o.code != 0 || r.said != "" {
		return nil, fmt.Errorf("an apply of %s without a fault ends with %d: %s\n%s", s, o.code, r.said, o)
	}
	seen := map[string]int{}
	for i, request := range o.sent {
		if !request.Mutating {
			continue
		}
		at := row{start: s, address: log.sender(o.sent, i), method: request.Method, path: anyID.ReplaceAllString(request.Host+request.Path, "/*")}
		seen[at.method+at.path]++
		at.nth = seen[at.method+at.path]
		at.kind, _, _ = strings.Cut(at.address, "/")
		found = append(found, at)
	}
	return found, nil
}

// eventLog is a stdout that notes how many requests had been sent when each step was done.
type eventLog struct {
	lockedBuffer
	world *world
	done  []done
}

type done struct {
	address string
	sent    int
}

// Write implements io.Writer: each event is one write.
func (l *eventLog) Write(data []byte) (int, error) {
	for _, line := range bytes.Split(data, []byte("\n")) {
		var event struct{ Type, Address string }
		if json.Unmarshal(line, &event) == nil && event.Type == "done" {
			l.done = append(l.done, done{event.Address, len(l.world.sandbox.Log())})
		}
	}
	return l.lockedBuffer.Write(data)
}

// sender is the step that sent the ith of a run's requests: the first that was done after it, for none sends anything
// before it has been told that the one before is done. A push is the ledger's, but for the last one of a step that pushes.
func (l *eventLog) sender(sent []sandbox.Request, i int) string {
	before := len(l.world.sandbox.Log()) - len(sent)
	next := slices.IndexFunc(l.done, func(d done) bool { return d.sent > before+i })
	if next < 0 {
		return "ledger" // how the run ended
	}
	step := l.done[next]
	pushes := step.address == "first_commit" || strings.HasPrefix(step.address, "pull_request/")
	if isPush(sent[i]) && (!pushes || slices.ContainsFunc(sent[i+1:step.sent-before], isPush)) {
		return "ledger"
	}
	return step.address
}

func isPush(r sandbox.Request) bool { return strings.HasSuffix(r.Path, "git-receive-pack") }

func mustRows(t *testing.T) []row {
	t.Helper()
	all, err := rows()
	if err != nil {
		t.Fatal(err)
	}
	return all
}
