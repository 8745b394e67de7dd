package transport

import (
	"context"
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// counting answers every request with what it was asked, and how often that was.
type counting struct {
	status int
	asked  atomic.Int64
	held   chan struct{} // nil: nobody is kept waiting
}

func (c *counting) RoundTrip(req *http.Request) (*http.Response, error) {
	c.asked.Add(1)
	if c.held != nil {
		select {
		case <-c.held:
		case <-req.Context().Done():
			return nil, req.Context().Err()
		}
	}
	text := `{"path":"` + req.URL.Path + `"}`
	if c.status >= 400 {
		text = `{"message":"No","documentation_url":"https://docs.github.com/rest"}`
	}
	return &http.Response{StatusCode: c.status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(text)), Request: req}, nil
}

// ask sends METHOD URL, with a body where there is a third word.
func ask(t *testing.T, over http.RoundTripper, what string) (string, error) {
	t.Helper()
	method, rest, _ := strings.Cut(what, " ")
	url, body, _ := strings.Cut(rest, " ")
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := over.RoundTrip(req)
	if err != nil {
		return "", err
	}
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(data), nil
}

func TestWhatOneHasAskedNoneAsksAgain(t *testing.T) {
	base, shared := &counting{status: 200}, &Answers{}
	counts := []*Counter{{}, {}}
	one, other := New(Options{Base: base, Shared: shared, Count: counts[0]}), New(Options{Base: base, Shared: shared, Count: counts[1]})
	for range 3 {
		for _, over := range []http.RoundTripper{one, other} {
			if got, err := ask(t, over, "GET https://api.github.com/repos/acme/fares"); err != nil || got != `{"path":"/repos/acme/fares"}` {
				t.Errorf("got %q, %v", got, err)
			}
		}
	}
	if base.asked.Load() != 1 || counts[0].Total() != 1 || counts[1].Total() != 0 {
		t.Errorf("asked %d times, counted %d and %d", base.asked.Load(), counts[0].Total(), counts[1].Total())
	}
	for _, url := range []string{"https://api.github.com/repos/acme/fares?page=2", "https://ghe.com/repos/acme/fares"} {
		if _, err := ask(t, other, "GET "+url); err != nil {
			t.Error(err)
		}
	}
	if base.asked.Load() != 3 {
		t.Errorf("another page and another host: asked %d times", base.asked.Load())
	}
}

func TestOneAnswerServesAllThatAskAtOnce(t *testing.T) {
	base, shared := &counting{status: 200, held: make(chan struct{})}, &Answers{}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if _, err := ask(t, New(Options{Base: base, Shared: shared}), "GET https://api.github.com/x"); err != nil {
				t.Error(err)
			}
		})
	}
	close(base.held)
	all.Wait()
	if base.asked.Load() != 1 {
		t.Errorf("asked %d times", base.asked.Load())
	}
}

func TestOnlyWhatStandsIsRemembered(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		what   string
		kept   bool
	}{
		"a refusal":        {403, "GET https://api.github.com/x", true},
		"nothing":          {404, "GET https://api.github.com/x", true},
		"a query":          {200, `POST https://api.github.com/graphql {"query":"{ viewer { login } }"}`, true},
		"a failure":        {500, "GET https://api.github.com/x", false},
		"an expired login": {401, "GET https://api.github.com/x", false},
	} {
		base, shared := &counting{status: c.status}, &Answers{}
		over := New(Options{Base: base, Shared: shared, Clock: newClock()})
		_, err := ask(t, over, c.what)
		first := base.asked.Load()
		_, again := ask(t, over, c.what)
		if (err == nil) != (c.status == 200) || (again == nil) != (err == nil) || c.status == 404 && !errors.Is(again, resource.ErrNotFound) {
			t.Errorf("%s: %v, then %v", name, err, again)
		}
		if remembered := base.asked.Load() == first; remembered != c.kept {
			t.Errorf("%s: asked %d times at first, %d in all", name, first, base.asked.Load())
		}
	}
	// What changes something is sent each time, even where it is let through.
	base, guard := &counting{status: 200}, &Guard{}
	guard.AllowWrites()
	over := New(Options{Base: base, Shared: &Answers{}, Guard: guard})
	for range 2 {
		if _, err := ask(t, over, "POST https://api.github.com/repos/acme/fares/issues {}"); err != nil {
			t.Error(err)
		}
	}
	if base.asked.Load() != 2 {
		t.Errorf("two writes were sent %d times", base.asked.Load())
	}
}

func TestWhoWaitsForAnAnswerCanLeave(t *testing.T) {
	base, shared := &counting{status: 200, held: make(chan struct{})}, &Answers{}
	over := New(Options{Base: base, Shared: shared})
	var first sync.WaitGroup
	first.Go(func() { _, _ = ask(t, over, "GET https://api.github.com/x") }) // what it says is told above
	for base.asked.Load() == 0 {
		runtime.Gosched()
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://api.github.com/x", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := over.RoundTrip(req); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	close(base.held)
	first.Wait()
}
