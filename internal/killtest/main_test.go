package killtest

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mlopsctl/mlopsctl/internal/cli"
	"github.com/mlopsctl/mlopsctl/internal/transport"
)

// all asks for every moment instead of a sample.
var all = flag.Bool("all", false, "strike at every request that changes something, in every way, instead of at a sample")

// asProgram is the environment variable that makes this binary the program; its value is by how much
// the program's clock is ahead of the machine's.
const asProgram = "KILLTEST_PROGRAM"

// asWhom is the environment variable that names one of two runs; each of its requests then says so. asWhere
// is the one for where it tells that it waits.
const (
	asWhom    = "KILLTEST_NAME"
	asWhere   = "KILLTEST_DOZES"
	whoHeader = "X-Killtest-Run"
	dozePath  = "/_killtest/dozes"
)

func TestMain(m *testing.M) {
	ahead, ok := os.LookupEnv(asProgram)
	if !ok {
		// A dependency of the Databricks SDK starts a goroutine for good when it is imported.
		goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("go.opencensus.io/stats/view.(*worker).start"))
		return
	}
	by, err := time.ParseDuration(ahead)
	if err != nil {
		panic(fmt.Sprintf("%s is no duration: %v", asProgram, err))
	}
	streams := cli.Process()
	streams.Clock = fastForward{transport.System(), by}
	if name := os.Getenv(asWhom); name != "" {
		base := named{http.DefaultTransport, name}
		streams.Base = base
		streams.Clock = dozing{streams.Clock, base, os.Getenv(asWhere)}
	}
	cli.RunOnly()
	os.Exit(cli.Run(context.Background(), os.Args[1:], streams))
}

// fastForward is the machine's clock, put ahead: what grows old need not be waited for.
type fastForward struct {
	transport.Clock
	by time.Duration
}

// Now implements transport.Clock.
func (f fastForward) Now() time.Time { return f.Clock.Now().Add(f.by) }

// Sleep implements transport.Clock. Nothing shows late in these services, so that a long wait would only be long.
func (f fastForward) Sleep(ctx context.Context, d time.Duration) error {
	return f.Clock.Sleep(ctx, min(d, time.Second))
}

// Await implements transport.Clock.
func (f fastForward) Await(ctx context.Context, t time.Time) error {
	return f.Clock.Await(ctx, t.Add(-f.by))
}

// named says in each request which run it is of.
type named struct {
	base http.RoundTripper
	name string
}

// RoundTrip implements http.RoundTripper.
func (n named) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set(whoHeader, n.name)
	return n.base.RoundTrip(r)
}

// dozing tells before it waits: whoever else is there can go on meanwhile.
type dozing struct {
	transport.Clock
	base  http.RoundTripper
	where string
}

// Sleep implements transport.Clock.
func (d dozing) Sleep(ctx context.Context, long time.Duration) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.where+dozePath, nil)
	if err != nil {
		return err
	}
	resp, err := d.base.RoundTrip(req)
	if err != nil {
		return err
	}
	if err := resp.Body.Close(); err != nil {
		return err
	}
	return d.Clock.Sleep(ctx, long)
}
