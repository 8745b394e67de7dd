package gitrepo

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mlopsctl/mlopsctl/internal/transport"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

const (
	state = "refs/mlopsctl/state"
	lease = "refs/mlopsctl/lease"
)

// middle stands between the program's transport and the server, and counts what is pushed.
type middle struct {
	pushes int
	do     func(req *http.Request, next func() (*http.Response, error)) (*http.Response, error)
}

func (m *middle) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method == http.MethodPost && strings.HasSuffix(req.URL.Path, "git-receive-pack") {
		m.pushes++
	}
	next := func() (*http.Response, error) { return http.DefaultTransport.RoundTrip(req) }
	if m.do == nil {
		return next()
	}
	return m.do(req, next)
}

// over is the repository through the program's own transport and m.
func (s *server) over(m *middle) Remote {
	guard := &transport.Guard{}
	guard.AllowWrites()
	r := s.remote()
	r.Transport = transport.New(transport.Options{Base: m, Guard: guard})
	return r
}

func isPush(req *http.Request) bool {
	return req.Method == http.MethodPost && strings.HasSuffix(req.URL.Path, "git-receive-pack")
}

func commitWith(parent, text string) *NewCommit {
	return &NewCommit{Parent: parent, Files: map[string][]byte{"ledger.json": []byte(text), "more/a": []byte("a")}, Message: "note " + text, Author: commitOf("").Author}
}

// set moves a ref as somebody else would.
func (s *server) set(t *testing.T, ref, text string) string {
	t.Helper()
	blob := filepath.Join(t.TempDir(), "blob")
	if err := os.WriteFile(blob, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	shell(t, s.dir, "config", "user.name", "Eve")
	shell(t, s.dir, "config", "user.email", "eve@acme.example")
	index := filepath.Join(t.TempDir(), "index")
	t.Setenv("GIT_INDEX_FILE", index)
	shell(t, s.dir, "update-index", "--add", "--cacheinfo", "100644,"+shell(t, s.dir, "hash-object", "-w", blob)+",ledger.json")
	hash := shell(t, s.dir, "commit-tree", "-m", text, shell(t, s.dir, "write-tree"))
	shell(t, s.dir, "update-ref", ref, hash)
	return hash
}

func (s *server) refs(t *testing.T) string {
	t.Helper()
	return shell(t, s.dir, "for-each-ref", "--format=%(refname)=%(objectname)")
}

func must(t *testing.T, r Remote, moves ...Move) Refs {
	t.Helper()
	refs, err := MoveRefs(t.Context(), r, moves)
	if err != nil {
		t.Fatal(err)
	}
	return refs
}

func TestMoveRefsIsACompareAndSwap(t *testing.T) {
	s := serve(t)
	m := &middle{}
	r := s.over(m)
	first := must(t, r, Move{Ref: state, New: commitWith("", "one")}).Hashes[state]
	second := must(t, r, Move{Ref: state, Old: first, New: commitWith(first, "two")}).Hashes[state]
	if diff := cmp.Diff("note two\nnote one", shell(t, s.dir, "log", "--format=%s", state)); diff != "" {
		t.Error(diff)
	}
	if got := shell(t, s.dir, "show", state+":ledger.json"); got != "two" {
		t.Errorf("the ref holds %q", got)
	}
	shell(t, s.dir, "fsck", "--strict")
	m.pushes = 0
	for name, move := range map[string]Move{
		"create what is there": {Ref: state, New: commitWith("", "x")},
		"move from a past":     {Ref: state, Old: first, New: commitWith(first, "x")},
		"delete from a past":   {Ref: state, Old: first},
		"move what is gone":    {Ref: lease, Old: first, New: commitWith("", "x")},
	} {
		if _, err := MoveRefs(t.Context(), r, []Move{move}); !errors.Is(err, ErrMoved) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if m.pushes != 0 {
		t.Errorf("%d pushes were sent although the refs had been seen elsewhere", m.pushes)
	}
	if got, want := s.refs(t), state+"="+second; got != want {
		t.Errorf("the refs are %s, want %s", got, want)
	}
	must(t, r, Move{Ref: state, Old: second})
	if got := s.refs(t); got != "" {
		t.Errorf("after the deletion there is %s", got)
	}
}

func TestMoveRefsMovesAllOrNone(t *testing.T) {
	s := serve(t)
	r := s.over(&middle{})
	refs := must(t, r, Move{Ref: state, New: commitWith("", "one")}, Move{Ref: lease, New: commitWith("", "held")})
	before := s.refs(t)
	if got := fmt.Sprintf("%s=%s\n%s=%s", lease, refs.Hashes[lease], state, refs.Hashes[state]); got != before {
		t.Errorf("the refs are %s, said was %s", before, got)
	}
	for name, olds := range map[string][2]string{"the first": {refs.Hashes[lease], refs.Hashes[lease]}, "the second": {refs.Hashes[state], ""}, "both": {"", ""}} {
		moves := []Move{{Ref: state, Old: olds[0], New: commitWith("", "x")}, {Ref: lease, Old: olds[1]}}
		if _, err := MoveRefs(t.Context(), r, moves); !errors.Is(err, ErrMoved) {
			t.Errorf("%s is elsewhere: %v", name, err)
		}
	}
	if got := s.refs(t); got != before {
		t.Errorf("the refs are %s, were %s", got, before)
	}
	must(t, r, Move{Ref: state, Old: refs.Hashes[state], New: commitWith(refs.Hashes[state], "two")}, Move{Ref: lease, Old: refs.Hashes[lease]})
	if got := s.refs(t); strings.Contains(got, lease) || got == before {
		t.Errorf("after a move and a deletion there is %s", got)
	}
}

func TestARefThatMovesDuringAPushIsMoved(t *testing.T) {
	for _, alone := range []string{"alone", "with another"} {
		s := serve(t)
		first := must(t, s.over(&middle{}), Move{Ref: state, New: commitWith("", "one")}).Hashes[state]
		var theirs string
		m := &middle{do: func(req *http.Request, next func() (*http.Response, error)) (*http.Response, error) {
			if isPush(req) {
				theirs = s.set(t, state, "theirs")
			}
			return next()
		}}
		moves := []Move{{Ref: state, Old: first, New: commitWith(first, "ours")}, {Ref: lease, New: commitWith("", "held")}}
		if alone == "alone" {
			moves = moves[:1]
		}
		if _, err := MoveRefs(t.Context(), s.over(m), moves); !errors.Is(err, ErrMoved) {
			t.Errorf("%s: %v", alone, err)
		}
		if got, want := s.refs(t), state+"="+theirs; got != want {
			t.Errorf("%s: the refs are %s, want %s", alone, got, want)
		}
	}
}

func TestARefThatTheServerKeepsIsRefused(t *testing.T) {
	hook := func(name, script string) func(*testing.T, *server) {
		return func(t *testing.T, s *server) {
			if err := os.WriteFile(filepath.Join(s.dir, "hooks", name), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, c := range map[string]struct {
		set   func(*testing.T, *server)
		ref   string
		words string
	}{
		"by a hook":   {hook("pre-receive", "echo 'GH013: Repository rule violations \x1b[31mfound' >&2\nexit 1\n"), state, "GH013: Repository rule violations [31mfound"},
		"one of two":  {hook("update", "[ $1 != "+state+" ]\n"), state, "hook declined"},
		"hidden":      {func(t *testing.T, s *server) { shell(t, s.dir, "config", "receive.hideRefs", "refs/mlopsctl") }, state, "hidden ref"},
		"by its name": {func(*testing.T, *server) {}, "refs/mlopsctl", "funny refname"},
		"below a ref": {func(t *testing.T, s *server) { s.set(t, "refs/mlopsctl/state/x", "x") }, state, "exists; cannot create"},
	} {
		s := serve(t)
		c.set(t, s)
		before := s.refs(t)
		for _, moves := range [][]Move{{{Ref: c.ref, New: commitWith("", "x")}}, {{Ref: lease, New: commitWith("", "x")}, {Ref: c.ref, New: commitWith("", "x")}}} {
			m := &middle{}
			_, err := MoveRefs(t.Context(), s.over(m), moves)
			if !errors.Is(err, ErrRefRefused) || errors.Is(err, ErrMoved) || !strings.Contains(err.Error(), c.words) {
				t.Errorf("%s, %d moves: %v", name, len(moves), err)
			}
			if got := s.refs(t); got != before || m.pushes != 1 {
				t.Errorf("%s: after %d pushes the refs are %q, were %q", name, m.pushes, got, before)
			}
		}
	}
}

func TestARefThatIsLockedMayBeTriedAgain(t *testing.T) {
	s := serve(t)
	r := s.over(&middle{})
	first := must(t, r, Move{Ref: state, New: commitWith("", "one")}).Hashes[state]
	lock := filepath.Join(s.dir, state+".lock")
	if err := os.WriteFile(lock, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	move := Move{Ref: state, Old: first, New: commitWith(first, "two")}
	if _, err := MoveRefs(t.Context(), r, []Move{move}); !errors.Is(err, resource.ErrLost) {
		t.Errorf("%v", err)
	}
	if err := os.Remove(lock); err != nil {
		t.Fatal(err)
	}
	must(t, r, move)
}

func TestWhetherARefMovedIsSeenAndNotRead(t *testing.T) {
	s := serve(t)
	report := "000eunpack ok\n" + fmt.Sprintf("%04xng %s failed\n", len("ng  failed\n")+4+len(state), state) + "0000"
	for _, moves := range []bool{true, false} {
		m := &middle{do: func(req *http.Request, next func() (*http.Response, error)) (*http.Response, error) {
			if !isPush(req) {
				return next()
			}
			if moves {
				s.set(t, state, "theirs")
			}
			body := strings.NewReader(fmt.Sprintf("%04x\x01%s0000", len(report)+5, report))
			return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(body)}, req.Body.Close()
		}}
		_, err := MoveRefs(t.Context(), s.over(m), []Move{{Ref: state, New: commitWith("", "ours")}})
		if want := map[bool]error{true: ErrMoved, false: ErrRefRefused}[moves]; !errors.Is(err, want) {
			t.Errorf("it moved: %v; the error is %v", moves, err)
		}
		shell(t, s.dir, "update-ref", "-d", state)
	}
}
