package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

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

func TestALostPushIsSentOnceAndSaysWhatItWouldHaveMade(t *testing.T) {
	cut := errors.New("read: connection reset by peer")
	bodies := map[string]string{"nothing": "", "a part": "002e\x01000eunpack ok\n0017ok refs/mlops", "no ref": "0017\x01000eunpack ok\n00000000", "HTML": "<html>busy</html>"}
	lose := map[string]func(func() (*http.Response, error)) (*http.Response, error){
		"before": func(func() (*http.Response, error)) (*http.Response, error) { return nil, cut },
		"after": func(next func() (*http.Response, error)) (*http.Response, error) {
			resp, err := next()
			return closed(resp, err, cut)
		},
		"a 502": func(next func() (*http.Response, error)) (*http.Response, error) {
			resp, err := next()
			if err == nil {
				resp.StatusCode = http.StatusBadGateway
			}
			return resp, err
		},
	}
	for name, body := range bodies {
		lose[name] = func(next func() (*http.Response, error)) (*http.Response, error) {
			resp, err := next()
			return replaced(resp, err, body)
		}
	}
	for name, do := range lose {
		s := serve(t)
		m := &middle{do: func(req *http.Request, next func() (*http.Response, error)) (*http.Response, error) {
			if isPush(req) {
				return do(next)
			}
			return next()
		}}
		refs, err := MoveRefs(t.Context(), s.over(m), []Move{{Ref: state, New: commitWith("", "one")}, {Ref: lease, New: commitWith("", "held")}})
		if !errors.Is(err, resource.ErrLost) || m.pushes != 1 || len(refs.Hashes) != 2 {
			t.Errorf("%s: %v after %d pushes; %v", name, err, m.pushes, refs)
		}
		now, err := ReadRefs(t.Context(), s.remote(), "refs/mlopsctl/")
		if err != nil {
			t.Fatal(err)
		}
		if want := map[bool]int{true: 0, false: 2}[name == "before"]; len(now.Hashes) != want || want > 0 && now.Hashes[state] != refs.Hashes[state] {
			t.Errorf("%s: the refs are %v; the push says %v", name, now.Hashes, refs.Hashes)
		}
	}
}

func TestWithoutAtomicPushesNothingIsSent(t *testing.T) {
	s := serve(t)
	shell(t, s.dir, "config", "receive.advertiseAtomic", "false")
	m := &middle{}
	_, err := MoveRefs(t.Context(), s.over(m), []Move{{Ref: state, New: commitWith("", "x")}, {Ref: lease, New: commitWith("", "x")}})
	if err == nil || !strings.Contains(err.Error(), "atomic") || m.pushes != 0 {
		t.Errorf("after %d pushes: %v", m.pushes, err)
	}
	must(t, s.over(m), Move{Ref: state, New: commitWith("", "x")})
}

func TestRefsAreReadWithTheServersTime(t *testing.T) {
	s := serve(t)
	date := "Mon, 23 Nov 2026 09:00:00 GMT"
	m := &middle{do: func(_ *http.Request, next func() (*http.Response, error)) (*http.Response, error) {
		resp, err := next()
		if err == nil {
			resp.Header.Del("Date")
		}
		if err == nil && date != "" {
			resp.Header.Set("Date", date)
		}
		return resp, err
	}}
	for _, text := range []string{date, "", "yesterday"} {
		date = text
		want, _ := http.ParseTime(text)
		refs, err := ReadRefs(t.Context(), s.over(m), "refs/mlopsctl/")
		if err != nil || len(refs.Hashes) != 0 || !refs.Time.Equal(want) {
			t.Errorf("an empty repository at %q: %v, %v", text, refs, err)
		}
		moved, err := MoveRefs(t.Context(), s.over(m), []Move{{Ref: "refs/mlopsctl/" + fmt.Sprint(len(text)), New: commitWith("", "x")}})
		if err != nil || !moved.Time.Equal(want) {
			t.Errorf("a push at %q: %v, %v", text, moved, err)
		}
		shell(t, s.dir, "update-ref", "-d", "refs/mlopsctl/"+fmt.Sprint(len(text)))
	}
}

func TestManyRefsAreRead(t *testing.T) {
	s := serve(t)
	hash := s.set(t, state, "one")
	var packed strings.Builder
	packed.WriteString("# pack-refs with: peeled fully-peeled sorted \n")
	for i := range 10_000 {
		fmt.Fprintf(&packed, "%s refs/heads/b%05d\n", hash, i)
	}
	if err := os.WriteFile(filepath.Join(s.dir, "packed-refs"), []byte(packed.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	refs, err := ReadRefs(t.Context(), s.over(&middle{}), "refs/mlopsctl/")
	if diff := cmp.Diff(map[string]string{state: hash}, refs.Hashes); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	must(t, s.over(&middle{}), Move{Ref: state, Old: hash, New: commitWith(hash, "two")})
}

func TestAnAdvertisementThatIsNoneIsNoEmptyRepository(t *testing.T) {
	s := serve(t)
	s.set(t, state, "one")
	s.set(t, lease, "two")
	whole := ""
	m := &middle{}
	for cut := 0; ; cut++ {
		m.do = func(_ *http.Request, next func() (*http.Response, error)) (*http.Response, error) {
			resp, err := next()
			if whole == "" {
				whole = text(t, resp)
			}
			return replaced(resp, err, whole[:min(cut, len(whole))])
		}
		refs, err := ReadRefs(t.Context(), s.over(m), "refs/mlopsctl/")
		if cut == len(whole) {
			if err != nil || len(refs.Hashes) != 2 {
				t.Errorf("the whole: %v, %v", refs, err)
			}
			break
		}
		if err == nil {
			t.Errorf("cut after %q: %v", whole[:cut], refs.Hashes)
		}
	}
	for status, want := range map[int]error{401: resource.ErrUnauthorized, 403: resource.ErrForbidden, 404: resource.ErrNotFound} {
		m.do = func(_ *http.Request, next func() (*http.Response, error)) (*http.Response, error) {
			resp, err := next()
			resp.StatusCode = status
			return replaced(resp, err, "no")
		}
		_, read := ReadRefs(t.Context(), s.over(m), "refs/")
		_, moved := MoveRefs(t.Context(), s.over(m), []Move{{Ref: state}})
		if !errors.Is(read, want) || !errors.Is(moved, want) {
			t.Errorf("%d: reading %v, moving %v", status, read, moved)
		}
	}
}

func TestACanceledPushSendsNothing(t *testing.T) {
	s := serve(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	cancel()
	if _, err := MoveRefs(ctx, s.over(&middle{}), []Move{{Ref: state, New: commitWith("", "x")}}); err == nil || errors.Is(err, resource.ErrLost) {
		t.Errorf("%v", err)
	}
}
