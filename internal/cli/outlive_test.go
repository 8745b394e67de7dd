package cli

import (
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"weak"
)

// wayOut is a network that can be looked for once nobody needs it any more.
type wayOut struct{ http.RoundTripper }

// oneRun carries out one command and returns what it had in hand, if anything still has it.
func oneRun(t *testing.T, args ...string) weak.Pointer[wayOut] {
	t.Helper()
	n := &wayOut{}
	if code := Run(t.Context(), args, Streams{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard, Env: func(string) (string, bool) { return "", false }, Base: n}); code != 0 {
		t.Fatalf("it ends with %d", code)
	}
	return weak.Make(n)
}

func TestNothingOfARunOutlivesIt(t *testing.T) {
	p := oneRun(t, "version")
	runtime.GC()
	if p.Value() != nil {
		t.Error("a run is over, and something still holds what it had in hand")
	}
}
