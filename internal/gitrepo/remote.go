package gitrepo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/transport"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"
)

// Remote is a repository that is spoken to over HTTP.
type Remote struct {
	URL       string
	Token     func(context.Context) (string, error)
	Transport http.RoundTripper
}

// line is a connection to one repository, for one call of this package.
type line struct {
	client   transport.Transport
	endpoint *transport.Endpoint
	auth     *githttp.BasicAuth
	clock    *serverClock
}

func dial(ctx context.Context, r Remote) (*line, error) {
	token, err := r.Token(ctx)
	if err != nil {
		return nil, err
	}
	endpoint, err := transport.NewEndpoint(r.URL)
	if err != nil {
		return nil, fmt.Errorf("the repository's address %s: %w", r.URL, err)
	}
	clock := &serverClock{base: cmp.Or(r.Transport, http.DefaultTransport)}
	// A client of our own: go-git's registry of protocols belongs to the whole process.
	client := githttp.NewClient(&http.Client{
		Transport:     clock,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	})
	auth := &githttp.BasicAuth{Username: "x-access-token", Password: token}
	return &line{client: client, endpoint: endpoint, auth: auth, clock: clock}, nil
}

// serverClock notes the time that the last of a server's answers bears.
type serverClock struct {
	base http.RoundTripper
	mu   sync.Mutex
	last time.Time
}

// RoundTrip implements http.RoundTripper.
func (c *serverClock) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := c.base.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if at, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.last = at
	}
	return resp, nil
}

func (c *serverClock) read() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last
}

// bare takes go-git's wrapping off an error, which hides what it wraps, and net/http's, which says
// method and address once more.
func bare(err error) error {
	var wrapped *plumbing.UnexpectedError
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	var sent *url.Error
	if errors.As(err, &sent) {
		return sent.Err
	}
	return err
}

// plain returns what a server says in one line of bounded length, without what a terminal would act on.
func plain(text string) string {
	const longest = 600
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r): // Cf: direction marks, joiners, zero widths
			return -1
		default:
			return r
		}
	}, strings.ToValidUTF8(text, "\uFFFD"))
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > longest {
		return string(runes[:longest]) + "…"
	}
	return text
}
