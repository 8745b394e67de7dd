package ledger

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// Self returns this process, as a lease names it.
func Self() Process {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	p := Process{Host: host, PID: os.Getpid()}
	boot, noBoot := os.ReadFile("/proc/sys/kernel/random/boot_id")
	space, noSpace := os.Readlink("/proc/self/ns/pid")
	started, noStart := startOf(p.PID)
	if noBoot == nil && noSpace == nil && noStart == nil { // else nobody can tell later that it has ended
		p.Boot, p.Space, p.Started = strings.TrimSpace(string(boot)), space, started
	}
	return p
}

// runs reports whether a process of this machine still runs; what cannot be told, runs.
func runs(p Process) bool {
	started, err := startOf(p.PID)
	if errors.Is(err, fs.ErrNotExist) {
		return false
	}
	return err != nil || started == p.Started
}

// startOf is when a process was started, in ticks since the boot: with its PID it is that process and no
// later one (proc(5), the 22nd field of stat). A process that has ended and was not waited for is gone.
func startOf(pid int) (string, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", err
	}
	text := string(data)
	fields := strings.Fields(text[strings.LastIndex(text, ")")+1:]) // the name before may hold anything
	const state, start = 0, 19
	if len(fields) <= start {
		return "", fmt.Errorf("reading the start of process %d: %d fields", pid, len(fields))
	}
	if fields[state] == "Z" || fields[state] == "X" {
		return "", fs.ErrNotExist
	}
	return fields[start], nil
}
