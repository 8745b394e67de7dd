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

	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

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
