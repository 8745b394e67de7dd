package killtest

import (
	"context"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/mlopsctl/mlopsctl/internal/cli"
	"github.com/mlopsctl/mlopsctl/internal/transport"
)

// all asks for every moment instead of a sample.
var all = flag.Bool("all", false, "strike at every request that changes something, in every way, instead of at a sample")

// asProgram is the environment variable that makes this binary the program; its value is by how much
// the program's clock is ahead of the machine's.
const asProgram = "KILLTEST_PROGRAM"

func TestMain(m *testing.M) {
	ahead, ok := os.LookupEnv(asProgram)
	if !ok {
		m.Run()
		return
	}
	by, err := time.ParseDuration(ahead)
	if err != nil {
		panic(fmt.Sprintf("%s is no duration: %v", asProgram, err))
	}
	streams := cli.Process()
	streams.Clock = fastForward{transport.System(), by}
	os.Exit(cli.Run(context.Background(), os.Args[1:], streams))
}

// fastForward is the machine's clock, put ahead: what grows old need not be waited for.
type fastForward struct {
	transport.Clock
	by time.Duration
}

// Now implements transport.Clock.
func (f fastForward) Now() time.Time { return f.Clock.Now().Add(f.by) }

// Await implements transport.Clock.
func (f fastForward) Await(ctx context.Context, t time.Time) error {
	return f.Clock.Await(ctx, t.Add(-f.by))
}
