package sandbox

import (
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/rogpeppe/go-internal/lockedfile"
)

// turn is the time for which one process has a sandbox's folder to itself. The file that is locked for it holds the
// name of the state's newest version, so that a process sees whether another one has changed the state since.
type turn struct {
	file    *lockedfile.File
	version string
}

const lockFile = "sandbox.lock"

// Is reports whether a folder is a sandbox's, whatever state it is in.
func Is(dir string) bool {
	info, err := os.Stat(filepath.Join(dir, lockFile))
	return err == nil && info.Mode().IsRegular()
}

// takeTurn waits until no other process has the folder. One that is killed gives it back.
func takeTurn(dir string) (*turn, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("the sandbox's folder: %w", err)
	}
	f, err := lockedfile.OpenFile(filepath.Join(dir, lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the sandbox's folder: %w", err)
	}
	version, err := io.ReadAll(f)
	if err != nil {
		_ = f.Close() // that it could not be read is what there is to say
		return nil, fmt.Errorf("the sandbox's folder: %w", err)
	}
	return &turn{file: f, version: string(version)}, nil
}

// change names a new version. It comes before the state itself: others then read once too often, and never too rarely.
func (t *turn) change() error {
	version := rand.Text() // they are all of one length
	if _, err := t.file.WriteAt([]byte(version), 0); err != nil {
		return fmt.Errorf("the sandbox's folder: %w", err)
	}
	t.version = version
	return nil
}

// take waits until nobody else has the sandbox: no goroutine of this process, and no other process that has its folder open.
func (s *Sandbox) take() {
	s.mu.Lock()
	if s.opt.Dir != "" {
		s.turn, s.trouble = takeTurn(s.opt.Dir)
	}
}

// lock takes the sandbox with its state as it is now. Where that cannot be had, every request and every change fails
// with the reason.
func (s *Sandbox) lock() {
	s.take()
	if s.trouble == nil && (s.state == nil || s.turn != nil && s.turn.version != s.version) {
		s.trouble = s.load()
	}
	if s.trouble == nil && s.turn != nil {
		s.version = s.turn.version
	}
}

func (s *Sandbox) unlock() {
	if s.turn != nil {
		_ = s.turn.file.Close() // all that was written is in another file; the lock ends with it in any case
		s.turn = nil
	}
	s.mu.Unlock()
}
