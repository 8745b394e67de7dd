package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/mlopsctl/mlopsctl/internal/render"
	"github.com/mlopsctl/mlopsctl/pkg/apply"
	"github.com/mlopsctl/mlopsctl/pkg/diag"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
)

// print writes a result to stdout, without secrets.
func (a *app) print(text string) { a.write([]byte(a.scrub(text))) }

// printJSON writes a document to stdout. Secrets are taken out of its texts one by one, so that it
// stays JSON whatever they are.
func (a *app) printJSON(data []byte, err error) {
	if err != nil {
		a.broken = err // impossible for what a plan and an event hold; said at the end, and exit code 1
		return
	}
	a.write(scrubJSON(data, a.scrub))
}

func (a *app) write(data []byte) {
	a.answered = true
	if _, err := a.streams.Out.Write(data); err != nil && a.broken == nil {
		a.broken = err
	}
}

// checked is stdout for cobra's own texts.
type checked struct{ a *app }

// Write implements io.Writer.
func (c checked) Write(data []byte) (int, error) { c.a.write(data); return len(data), nil }

// say writes to stderr, without secrets. Nobody is left to be told when that fails.
// Requests that are logged, and a lease that is waited for, speak from goroutines of their own.
func (a *app) say(text string) {
	text = a.scrub(text)
	a.speaking.Lock()
	defer a.speaking.Unlock()
	_, _ = io.WriteString(a.streams.Err, text)
}

// complain says what is wrong; warnings, too, unless --log-level error.
func (a *app) complain(list diag.List, lines render.Excerpts) {
	if a.flags.logLevel == "error" {
		list = slices.DeleteFunc(slices.Clone(list), func(d diag.Diagnostic) bool { return d.Severity != diag.Error })
	}
	a.say(render.Diagnostics(list, lines, a.errStyle()))
}

// remark is said unless --quiet.
func (a *app) remark(text string) {
	if !a.flags.quiet {
		a.say(text)
	}
}

func (a *app) outStyle() render.Style { return a.style(a.streams.Out) }
func (a *app) errStyle() render.Style { return a.style(a.streams.Err) }

func (a *app) style(w io.Writer) render.Style {
	fd, ok := terminal(w)
	if !ok {
		return render.Style{}
	}
	var s render.Style
	if width, _, err := term.GetSize(fd); err == nil {
		s.Width = width
	}
	off, _ := a.streams.Env("NO_COLOR")
	kind, _ := a.streams.Env("TERM")
	s.Color = !a.flags.noColor && off == "" && kind != "dumb"
	return s
}

// terminal returns the descriptor of a stream that is one.
func terminal(stream any) (int, bool) {
	f, ok := stream.(*os.File)
	if !ok {
		return 0, false
	}
	return int(f.Fd()), term.IsTerminal(int(f.Fd()))
}

// drawable reports whether stderr can show a picture that is drawn again and again.
func (a *app) drawable() bool {
	kind, _ := a.streams.Env("TERM")
	_, ok := terminal(a.streams.Err)
	return ok && kind != "dumb" && !a.flags.quiet
}

// excerpts gives the lines of the files that a list is about; none if one of them holds a credential,
// as a line must not show what the list keeps to itself.
func excerpts(list diag.List) render.Excerpts {
	if slices.ContainsFunc(list, func(d diag.Diagnostic) bool { return d.Code == "spec/credential" }) {
		return nil
	}
	files := map[string][]string{}
	return func(file string, line int) (string, bool) {
		if _, known := files[file]; !known {
			files[file] = nil
			if isFile(file) {
				data, err := os.ReadFile(file)
				// A file that went away since it was read has no lines to show, and what is no text none
				// that one should.
				if err == nil && !bytes.Contains(data, []byte{0}) {
					files[file] = strings.Split(string(data), "\n")
				}
			}
		}
		if line < 1 || line > len(files[file]) {
			return "", false
		}
		return strings.TrimSuffix(files[file][line-1], "\r"), true
	}
}

// scrubJSON applies scrub to every text of a document.
func scrubJSON(data []byte, scrub func(string) string) []byte {
	var out bytes.Buffer
	for len(data) > 0 {
		begin := bytes.IndexByte(data, '"')
		if begin < 0 {
			break
		}
		end := begin + 1
		for end < len(data) && data[end] != '"' {
			if data[end] == '\\' {
				end++
			}
			end++
		}
		end = min(end+1, len(data))
		out.Write(data[:begin])
		out.Write(scrubText(data[begin:end], scrub))
		data = data[end:]
	}
	out.Write(data)
	return out.Bytes()
}

func scrubText(literal []byte, scrub func(string) string) []byte {
	var text string
	if err := json.Unmarshal(literal, &text); err != nil {
		return literal // impossible: render wrote it
	}
	clean := scrub(text)
	if clean == text {
		return literal
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(clean); err != nil {
		return []byte(`"[redacted]"`) // impossible for a string
	}
	return []byte(strings.TrimSuffix(b.String(), "\n"))
}

// emptyDocument is what a command prints with -o json when it could not begin.
func (a *app) emptyDocument(cmd *cobra.Command, list diag.List) ([]byte, error) {
	now := a.clock.Now()
	empty := &plan.Plan{Version: build().Version, CreatedAt: now.UTC().Format(time.RFC3339), Diagnostics: list}
	switch cmd.Name() {
	case "plan":
		return render.PlanJSON(empty)
	case "validate":
		return render.ValidJSON(list)
	case "apply", "destroy", "rotate":
		first, err := render.EventJSON(apply.Event{Time: now, Type: apply.TypePlan, Plan: empty})
		if err != nil {
			return nil, err
		}
		last, err := render.EventJSON(noSteps(now))
		return append(first, last...), err
	default:
		return render.JSON(struct {
			Format      string    `json:"format_version"`
			Diagnostics diag.List `json:"diagnostics"`
		}{plan.FormatVersion, list})
	}
}

func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

func sentence(format string, args ...any) string { return fmt.Sprintf(format, args...) + "\n" }
