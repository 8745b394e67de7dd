package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mlopsctl/mlopsctl/internal/gitrepo"
	"github.com/mlopsctl/mlopsctl/internal/sandbox"
	"github.com/mlopsctl/mlopsctl/internal/transport"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

const (
	stateRef = "refs/mlopsctl/state"
	leaseRef = "refs/mlopsctl/lease"
)

// stand is a sandbox with a clock that stands still.
type stand struct {
	box *sandbox.Sandbox
	now time.Time
}

func newStand(t *testing.T, world string) *stand {
	t.Helper()
	s := &stand{now: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)}
	box, err := sandbox.Open(sandbox.Options{Hosts: sandbox.Hosts{GitHub: "https://github.com", Owner: "acme"},
		World: []byte("github:\n" + world), Now: func() time.Time { return s.now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := box.Close(); err != nil {
			t.Error(err)
		}
	})
	s.box = box
	return s
}

// leap is a clock on which every wait is over at once.
type leap struct{}

func (leap) Now() time.Time                                   { return time.Now() }
func (leap) Sleep(ctx context.Context, _ time.Duration) error { return ctx.Err() }
func (leap) Await(ctx context.Context, _ time.Time) error     { return ctx.Err() }

func (s *stand) client(t *testing.T, token string) *Client {
	t.Helper()
	guard := &transport.Guard{}
	guard.AllowWrites()
	wire := transport.New(transport.Options{Base: s.box.RoundTripper(), Guard: guard, Clock: leap{}, Trusted: func(string) bool { return true }})
	c, err := New(Options{Host: "https://github.com", Owner: "acme", Repo: "taxi", Transport: wire, Dir: t.TempDir(),
		Token: func(context.Context) (string, error) { return token, nil }, Now: func() time.Time { return s.now }})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (s *stand) operator(t *testing.T) *Client { return s.client(t, s.box.Operator()["GITHUB_TOKEN"]) }

func (s *stand) inject(t *testing.T, faults ...sandbox.Fault) {
	t.Helper()
	if err := s.box.Inject(faults...); err != nil {
		t.Fatal(err)
	}
}

func (s *stand) pushes() int {
	n := 0
	for _, r := range s.box.Log() {
		if r.Method == http.MethodPost && strings.HasSuffix(r.Path, "/git-receive-pack") {
			n++
		}
	}
	return n
}

func note(parent, text string) *gitrepo.NewCommit {
	return &gitrepo.NewCommit{Parent: parent, Files: map[string][]byte{"ledger.json": []byte(text)}, Message: text}
}

func TestTheLedgersRefsLieInARepositoryWithoutABranch(t *testing.T) {
	s := newStand(t, " repositories: [{ name: acme/taxi }]\n")
	c := s.operator(t)
	refs, err := c.Refs(t.Context())
	if err != nil || len(refs.Hashes) != 0 || !refs.Time.Equal(s.now) {
		t.Fatalf("at first: %v, %v", refs, err)
	}
	moves := []gitrepo.Move{{Ref: stateRef, New: note("", "one")}, {Ref: leaseRef, New: note("", "held")}}
	first, err := c.MoveRefs(t.Context(), moves)
	if err != nil || moves[0].New.Author.Name != "" {
		t.Fatal(err, moves[0].New.Author)
	}
	s.now = s.now.Add(time.Minute)
	parent := first.Hashes[stateRef]
	second, err := c.MoveRefs(t.Context(), []gitrepo.Move{{Ref: stateRef, Old: parent, New: note(parent, "two")}, {Ref: leaseRef, Old: first.Hashes[leaseRef]}})
	if err != nil || !second.Time.Equal(s.now) {
		t.Fatal(second.Time, err)
	}
	refs, err = c.Refs(t.Context())
	if diff := cmp.Diff(second, refs); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	for depth, want := range map[int]string{1: "two", 0: "two one", 5: "two one"} {
		versions, err := c.FetchVersions(t.Context(), refs.Hashes[stateRef], depth)
		var got []string
		for _, v := range versions {
			got = append(got, string(v.Files["ledger.json"]))
			if !strings.HasSuffix(v.Author.Email, "@users.noreply.github.com") {
				t.Errorf("written by %v", v.Author)
			}
		}
		if strings.Join(got, " ") != want || err != nil {
			t.Errorf("depth %d: %v, %v", depth, got, err)
		}
	}
	if heads, err := c.Branches(t.Context()); len(heads) != 0 || err != nil {
		t.Errorf("the branches are %v, %v", heads, err)
	}
}

func TestAPushOfRefsIsNeverSentAgain(t *testing.T) {
	const path = "github.com/acme/taxi.git/git-receive-pack"
	for _, c := range []struct {
		fault sandbox.Fault
		want  error
		done  bool
	}{
		{sandbox.Fault{Action: sandbox.FaultResetBefore}, resource.ErrLost, false},
		{sandbox.Fault{Action: sandbox.FaultResetAfter}, resource.ErrLost, true},
		{sandbox.Fault{Action: sandbox.FaultTruncate}, resource.ErrLost, true},
		{sandbox.Fault{Action: sandbox.FaultStatus, Status: 500}, resource.ErrLost, false},
		{sandbox.Fault{Action: sandbox.FaultStatus, Status: 502}, resource.ErrLost, false},
		{sandbox.Fault{Action: sandbox.FaultStatusAfter, Status: 503}, resource.ErrLost, true},
		{sandbox.Fault{Action: sandbox.FaultStatus, Status: 401}, resource.ErrUnauthorized, false},
		{sandbox.Fault{Action: sandbox.FaultStatus, Status: 403}, resource.ErrForbidden, false},
		{sandbox.Fault{Action: sandbox.FaultStatus, Status: 404}, resource.ErrNotFound, false},
	} {
		s := newStand(t, " repositories: [{ name: acme/taxi }]\n")
		client := s.operator(t)
		c.fault.Method, c.fault.Path = "POST", path
		s.inject(t, c.fault)
		made, err := client.MoveRefs(t.Context(), []gitrepo.Move{{Ref: stateRef, New: note("", "one")}})
		name := fmt.Sprintf("%s %d", c.fault.Action, c.fault.Status)
		if !errors.Is(err, c.want) || s.pushes() != 1 {
			t.Errorf("%s: %v after %d pushes", name, err, s.pushes())
		}
		now, err := client.Refs(t.Context())
		if err != nil || (now.Hashes[stateRef] == made.Hashes[stateRef]) != c.done {
			t.Errorf("%s: the refs are %v, %v; the push would have made %v", name, now.Hashes, err, made.Hashes)
		}
	}
}

func TestReadingRefsOutlivesAFault(t *testing.T) {
	s := newStand(t, " repositories: [{ name: acme/taxi }]\n")
	c := s.operator(t)
	made, err := c.MoveRefs(t.Context(), []gitrepo.Move{{Ref: stateRef, New: note("", "one")}})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []sandbox.Fault{{Action: sandbox.FaultResetBefore}, {Action: sandbox.FaultStatus, Status: 502}, {Action: sandbox.FaultTruncate}} {
		for _, path := range []string{"*/info/refs", "*/git-upload-pack"} {
			f.Path = path
			s.inject(t, f)
		}
		refs, err := c.Refs(t.Context())
		if err != nil || refs.Hashes[stateRef] != made.Hashes[stateRef] {
			t.Errorf("%s: %v, %v", f.Action, refs, err)
		}
		if got, err := c.FetchVersions(t.Context(), made.Hashes[stateRef], 1); err != nil || len(got) != 1 {
			t.Errorf("%s: %v, %v", f.Action, got, err)
		}
	}
}

func TestOfTwoThatTakeALeaseOneHasIt(t *testing.T) {
	s := newStand(t, " repositories: [{ name: acme/taxi }]\n")
	clients := []*Client{s.operator(t), s.operator(t), s.operator(t)}
	old := ""
	for round := range 10 {
		results := make(chan error, len(clients))
		for i, c := range clients {
			go func() {
				_, err := c.MoveRefs(t.Context(), []gitrepo.Move{
					{Ref: leaseRef, Old: old, New: note(old, fmt.Sprintf("round %d of %d", round, i))}, {Ref: fmt.Sprintf("%s-%d-%d", stateRef, round, i), New: note("", "x")}})
				results <- err
			}()
		}
		won := 0
		for range clients {
			if err := <-results; err == nil {
				won++
			} else if !errors.Is(err, gitrepo.ErrMoved) {
				t.Errorf("round %d: %v", round, err)
			}
		}
		refs, err := clients[0].Refs(t.Context())
		if err != nil || won != 1 || len(refs.Hashes) != round+2 {
			t.Fatalf("round %d: %d won, %d refs, %v", round, won, len(refs.Hashes), err)
		}
		old = refs.Hashes[leaseRef]
	}
}

func TestARefusedRefIsAnErrorOfItsOwn(t *testing.T) {
	s := newStand(t, " users: [{ login: reader, token: t-reader }]\n repositories: [{ name: acme/taxi, collaborators: { reader: read }, refuse_refs: ['refs/mlopsctl/*'] }]\n")
	moves := []gitrepo.Move{{Ref: stateRef, New: note("", "one")}, {Ref: leaseRef, New: note("", "held")}}
	_, err := s.operator(t).MoveRefs(t.Context(), moves)
	if !errors.Is(err, gitrepo.ErrRefRefused) || !strings.Contains(err.Error(), "GH013") || !strings.Contains(err.Error(), "creations being restricted") {
		t.Errorf("%v", err)
	}
	if _, err := s.client(t, "t-reader").MoveRefs(t.Context(), moves); !errors.Is(err, resource.ErrForbidden) {
		t.Errorf("by who may only read: %v", err)
	}
	other := newStand(t, "")
	if _, err := other.operator(t).Refs(t.Context()); !errors.Is(err, resource.ErrNotFound) {
		t.Errorf("without a repository: %v", err)
	}
}
