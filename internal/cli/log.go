package cli

import (
	"fmt"
	"net/http"
	"time"

	"github.com/mlopsctl/mlopsctl/internal/render"
)

// inform logs what a run works with, from --log-level info on.
func (a *app) inform(format string, args ...any) {
	if a.flags.logLevel == "info" || a.flags.logLevel == "debug" {
		a.say("info: " + render.Clean(fmt.Sprintf(format, args...)) + "\n")
	}
}

// logged tells of every request that goes out, and of no body, header or query: these may hold what
// is nobody's business.
type logged struct {
	base http.RoundTripper
	app  *app
}

// RoundTrip implements http.RoundTripper.
func (l logged) RoundTrip(r *http.Request) (*http.Response, error) {
	began := l.app.clock.Now()
	resp, err := l.base.RoundTrip(r)
	outcome := ""
	if err != nil {
		outcome = err.Error()
	} else {
		outcome = fmt.Sprint(resp.StatusCode)
	}
	took := l.app.clock.Now().Sub(began).Round(time.Millisecond)
	l.app.say(render.Clean(fmt.Sprintf("debug: %s %s%s: %s in %s", r.Method, r.URL.Host, r.URL.EscapedPath(), outcome, took)) + "\n")
	return resp, err
}
