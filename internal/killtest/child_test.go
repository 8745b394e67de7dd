package killtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// tooLong ends a run that hangs; no run takes a tenth of it.
const tooLong = 2 * time.Minute

// child is one run of the program.
type child struct {
	t        *testing.T
	args     []string
	process  *os.Process
	out, err *sink
	ended    chan struct{}
	code     int    // once it has ended; -1 where a signal ended it
	told     string // its command line, and those of what it had started, when it was struck
	broken   error
}

// sink is an output, with who waits for words in it.
type sink struct {
	mu   sync.Mutex
	text bytes.Buffer
	want string
	came chan struct{}
}

// Write implements io.Writer.
func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.text.Write(p)
	if s.want != "" && strings.Contains(s.text.String(), s.want) {
		s.want = ""
		close(s.came)
	}
	return n, err
}

// has returns a channel that is closed once the output holds some words. It is asked once.
func (s *sink) has(words string) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.came = make(chan struct{})
	if strings.Contains(s.text.String(), words) {
		close(s.came)
	} else {
		s.want = words
	}
	return s.came
}

func (s *sink) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// begin starts the program in a folder with an environment of its own.
func begin(t *testing.T, dir string, env, args []string) *child {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), tooLong)
	cmd := exec.CommandContext(ctx, self, args...)
	c := &child{t: t, args: args, out: &sink{}, err: &sink{}, ended: make(chan struct{})}
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, env, c.out, c.err
	if err := cmd.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	c.process = cmd.Process
	go func() {
		defer close(c.ended)
		defer cancel()
		err := cmd.Wait()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			c.broken = err
		}
		if ctx.Err() != nil {
			c.broken = fmt.Errorf("%v hung", args)
		}
		c.code = cmd.ProcessState.ExitCode()
	}()
	return c
}

// wait returns the exit code; -1 is a run that a signal ended.
func (c *child) wait() int {
	<-c.ended
	if c.broken != nil {
		c.t.Errorf("running %v: %v\n%s", c.args, c.broken, c.err)
	}
	return c.code
}

// kill kills the process, and returns when it is gone.
func (c *child) kill() {
	c.signal(syscall.SIGKILL)
	<-c.ended
}

// interrupt sends one Ctrl-C, and returns when the run has taken it: it says so, or it ends.
func (c *child) interrupt() {
	noticed := c.err.has("Ctrl-C stops at once")
	c.signal(syscall.SIGINT)
	select {
	case <-noticed:
	case <-c.ended:
	}
}

// interruptAgain sends another one.
func (c *child) interruptAgain() { c.signal(syscall.SIGINT) }

func (c *child) signal(s os.Signal) {
	c.told += c.cmdlines()
	if err := c.process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		c.t.Errorf("sending %v: %v", s, err)
	}
}

// cmdlines are the command lines of the run and of what it has started, as everybody on the machine
// can read them.
func (c *child) cmdlines() string {
	var all strings.Builder
	pids := []string{strconv.Itoa(c.process.Pid)}
	for len(pids) > 0 {
		pid := pids[0]
		pids = pids[1:]
		line, err := os.ReadFile("/proc/" + pid + "/cmdline")
		if err != nil {
			continue // it has ended
		}
		all.Write(line)
		tasks, _ := os.ReadDir("/proc/" + pid + "/task")
		for _, task := range tasks {
			started, _ := os.ReadFile("/proc/" + pid + "/task/" + task.Name() + "/children")
			pids = append(pids, strings.Fields(string(started))...)
		}
	}
	return all.String()
}
