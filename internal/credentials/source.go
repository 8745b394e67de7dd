package credentials

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
	"unicode"

	"github.com/mlopsctl/mlopsctl/internal/databricks"
)

// maxValue is the size of the largest value that GitHub takes.
const maxValue = 48 << 10

// Available reports why a value could not be read from here and now. It runs no command.
func (v *Vault) Available(s Source) error {
	var err error
	switch {
	case s.Env != "":
		_, err = v.fromEnv(s.Env)
	case s.File != "":
		_, err = v.fromFile(s.File)
	case len(s.Command) > 0:
		if _, missing := exec.LookPath(s.Command[0]); missing != nil {
			err = fmt.Errorf("the command %s is not here: %w", s.Command[0], missing)
		}
	}
	return err
}

// read returns the value of a source outside of Databricks.
func (v *Vault) read(ctx context.Context, s Source) (databricks.Sealed, error) {
	switch {
	case s.Env != "":
		return v.fromEnv(s.Env)
	case s.File != "":
		return v.fromFile(s.File)
	case len(s.Command) > 0:
		return v.fromCommand(ctx, s.Command)
	default:
		return databricks.Sealed{}, errors.New("the secret has no source")
	}
}

func (v *Vault) fromEnv(name string) (databricks.Sealed, error) {
	value, set := v.opt.LookupEnv(name)
	if !set {
		return databricks.Sealed{}, fmt.Errorf("the environment variable %s is not set", name)
	}
	return v.take("the environment variable "+name, value)
}

// fromFile reads a file below the spec's folder; no link leads out of it.
func (v *Vault) fromFile(name string) (databricks.Sealed, error) {
	root, err := os.OpenRoot(v.dir())
	if err != nil {
		return databricks.Sealed{}, fmt.Errorf("opening the spec's folder: %w", err)
	}
	defer func() { _ = root.Close() }() // it was only read from
	info, err := root.Stat(name)
	if err != nil {
		return databricks.Sealed{}, fmt.Errorf("reading the file %s: %w", name, err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxValue+2 {
		return databricks.Sealed{}, fmt.Errorf("the file %s is no regular file of at most %d KB", name, maxValue>>10)
	}
	text, err := root.ReadFile(name)
	if err != nil {
		return databricks.Sealed{}, fmt.Errorf("reading the file %s: %w", name, err)
	}
	return v.take("the file "+name, line(string(text)))
}

func (v *Vault) fromCommand(ctx context.Context, argv []string) (databricks.Sealed, error) {
	stdout, err := v.opt.RunCommand(ctx, v.dir(), argv)
	if err != nil {
		return databricks.Sealed{}, fmt.Errorf("running the command %s: %w", argv[0], err)
	}
	return v.take("the command "+argv[0], line(string(stdout)))
}

func (v *Vault) dir() string {
	if v.opt.Dir == "" {
		return "."
	}
	return v.opt.Dir
}

// line takes one line end off: editors and commands put one there that is no part of the value.
func line(text string) string {
	return strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
}

// take makes a value known as a secret before anything can be said about it.
func (v *Vault) take(from, value string) (databricks.Sealed, error) {
	if value == "" {
		return databricks.Sealed{}, fmt.Errorf("%s is empty, and GitHub stores no empty secret", from)
	}
	if len(value) > maxValue {
		return databricks.Sealed{}, fmt.Errorf("%s gives %d bytes; GitHub stores secrets of at most %d KB", from, len(value), maxValue>>10)
	}
	v.opt.Secrets.Add(value)
	return databricks.Seal(value), nil
}

// run runs a command without a shell, within a bounded time, and returns what it wrote. What it says
// on its standard error is told unless the value may be in it.
func run(ctx context.Context, dir string, argv []string) ([]byte, error) {
	const patience = time.Minute
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var out, complaint bounded
	out.limit, complaint.limit = maxValue+2, 2<<10
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &complaint
	cmd.WaitDelay = time.Second // its children may keep the pipes open
	err := cmd.Run()
	if ctx.Err() != nil {
		return nil, fmt.Errorf("it did not end within %s: %w", patience, ctx.Err())
	}
	if err != nil {
		said := printable(complaint.kept.String())
		if value := strings.TrimSpace(out.kept.String()); said == "" || value != "" && strings.Contains(said, value) {
			return nil, err
		}
		return nil, fmt.Errorf("%w: %s", err, said)
	}
	return out.kept.Bytes(), nil
}

// printable keeps what a foreign program says from steering the terminal that shows it.
func printable(text string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return ' '
		case unicode.IsPrint(r):
			return r
		default:
			return -1
		}
	}, text))
}

// bounded keeps the beginning of what is written to it, and one byte more as a sign of excess. The
// buffer is not embedded: io.Copy would use its ReadFrom and pass the limit by.
type bounded struct {
	kept  bytes.Buffer
	limit int
}

// Write never fails, so that the writer is not killed by a full buffer.
func (b *bounded) Write(p []byte) (int, error) {
	if room := b.limit + 1 - b.kept.Len(); room > 0 {
		b.kept.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}
