package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/mlopsctl/mlopsctl/internal/virtual"
)

// terminalPair opens a pseudo terminal: what a person sees and types, and what the program gets.
func terminalPair(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = person.Close() }) // nothing is written to it any more
	var unlocked, number int32
	control(t, person, syscall.TIOCSPTLCK, &unlocked)
	control(t, person, syscall.TIOCGPTN, &number)
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return person, program
}

func control(t *testing.T, f *os.File, request uintptr, value *int32) {
	t.Helper()
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), request, uintptr(unsafe.Pointer(value))); errno != 0 {
		t.Fatal(errno)
	}
}

// atTerminal runs the program at a terminal where somebody types, and returns what they saw.
func atTerminal(t *testing.T, typed string, env map[string]string, args ...string) (code int, seen string) {
	t.Helper()
	person, program := terminalPair(t)
	if _, err := io.WriteString(person, typed); err != nil {
		t.Fatal(err)
	}
	all := make(chan string)
	go func() {
		data, _ := io.ReadAll(person) // it ends in EIO once the program's side is closed
		all <- string(data)
	}()
	code = Run(t.Context(), args, Streams{In: program, Out: program, Err: program, Env: environ(env)})
	if err := program.Close(); err != nil {
		t.Fatal(err)
	}
	return code, <-all
}

func environ(env map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { v, ok := env[name]; return v, ok }
}

// patience is a network that fails once somebody has seen that the program waits for it.
type patience struct{ seen chan struct{} }

func (p patience) RoundTrip(req *http.Request) (*http.Response, error) {
	select {
	case <-p.seen:
		return nil, errors.New("nobody answers")
	case <-req.Context().Done():
		return nil, req.Context().Err()
	}
}

// TestEveryCommandThatAsksShowsThatItWaits: at a terminal nobody looks at nothing for long.
func TestEveryCommandThatAsksShowsThatItWaits(t *testing.T) {
	spec := stack(t, "")
	text := strings.Replace(minimalSpec, "prod: { host", "prod: { branch: release, host", 1) + "branches: { main: { default: true }, release: { from: main } }\n"
	if err := os.WriteFile(spec, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"plan", "apply", "graph", "doctor", "verify", "promote", "secrets", "state show", "state history", "ci --drift"} {
		t.Run(line, func(t *testing.T) {
			person, program := terminalPair(t)
			wire := patience{seen: make(chan struct{})}
			all := make(chan string)
			go func() {
				var text strings.Builder
				buffer := make([]byte, 4096)
				for told := false; ; {
					n, err := person.Read(buffer)
					text.Write(buffer[:n])
					if !told && strings.Contains(text.String(), " … ") {
						close(wire.seen)
						told = true
					}
					if err != nil { // EIO, once the program's side is closed
						all <- text.String()
						return
					}
				}
			}()
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			Run(ctx, append(strings.Fields(line), "-f", spec), Streams{In: program, Out: program, Err: program, Base: wire,
				Clock: virtual.NewClock(time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC), time.Second), Env: environ(map[string]string{"GITHUB_TOKEN": "t"})})
			if err := program.Close(); err != nil {
				t.Fatal(err)
			}
			if seen := <-all; !strings.Contains(seen, " … ") {
				t.Errorf("it waits and says nothing; it said\n%s", seen)
			}
		})
	}
}

func TestOnlyYesMeansYes(t *testing.T) {
	spec, box := stack(t, ""), "--sandbox="+t.TempDir()
	code, seen := atTerminal(t, "Yes, why not\n", nil, "apply", "-f", spec, box)
	if code != 5 || !strings.Contains(seen, "Only yes means yes") || !strings.Contains(seen, "not approved; nothing was changed") {
		t.Errorf("exit code %d, want 5, and seen:\n%s", code, seen)
	}
	code, seen = atTerminal(t, "yes\n", nil, "apply", "-f", spec, box)
	if code != 0 || !strings.Contains(seen, "Applied: ") {
		t.Errorf("exit code %d, want 0, and seen:\n%s", code, seen)
	}
	if code, seen = atTerminal(t, "", nil, "apply", "-f", spec, box); code != 0 || strings.Contains(seen, "yes") {
		t.Errorf("exit code %d, want 0, no question, and seen:\n%s", code, seen)
	}
}

func TestATerminalGetsColoursUnlessToldOtherwise(t *testing.T) {
	spec, box := stack(t, ""), "--sandbox="+t.TempDir()
	const green = "\x1b[32m+\x1b[0m repository"
	if _, seen := atTerminal(t, "", nil, "plan", "-f", spec, box); !strings.Contains(seen, green) {
		t.Errorf("want colours:\n%s", seen)
	}
	for name, plain := range map[string]struct {
		env  map[string]string
		args []string
	}{
		"NO_COLOR":   {env: map[string]string{"NO_COLOR": "1"}},
		"TERM=dumb":  {env: map[string]string{"TERM": "dumb"}},
		"--no-color": {args: []string{"--no-color"}},
	} {
		_, seen := atTerminal(t, "", plain.env, append([]string{"plan", "-f", spec, box}, plain.args...)...)
		if strings.Contains(seen, "\x1b[3") || !strings.Contains(seen, "+ repository") {
			t.Errorf("%s: want no colours:\n%s", name, seen)
		}
	}
}
