package faulttest

import (
	"context"
	_ "embed"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

//go:embed testdata/taxi.yaml
var specText string

//go:embed testdata/world.yaml
var worldText string

const hour = time.Hour

// Without -faults=all a few cases of every class are run.
var which = flag.String("faults", "some", "all runs every case of every class and says how many there are; some runs a few of each")

// A dependency of the Databricks SDK starts a goroutine for good when it is imported.
func TestMain(m *testing.M) {
	if err := flag.Set("rapid.checks", "15"); err != nil { // a history is many runs of the program
		panic("rapid.checks is a number: " + err.Error())
	}
	flag.Parse()
	code := m.Run()
	if code == 0 {
		if err := goleak.Find(goleak.IgnoreTopFunction("go.opencensus.io/stats/view.(*worker).start")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

func scratch() (string, error) { return os.MkdirTemp("", "faulttest-") }

func testContext() context.Context { return context.Background() }

// recorder is a fatal for what runs outside of any test.
type recorder struct{ said string }

func (r *recorder) Helper()                           {}
func (r *recorder) Context() context.Context          { return context.Background() }
func (r *recorder) Errorf(format string, args ...any) { r.said += fmt.Sprintf(format, args...) }
func (r *recorder) Error(args ...any)                 { r.said += fmt.Sprint(args...) }
func (r *recorder) Fatal(args ...any)                 { panic(fmt.Sprint(args...)) }
func (r *recorder) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
