package cli

import (
	"bufio"
	"context"
	"io"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/render"
)

// canAsk reports whether there is a person to ask.
func (a *app) canAsk() bool {
	_, in := terminal(a.streams.In)
	_, out := terminal(a.streams.Err)
	return in && out
}

// ask has a person at a terminal agree to the plan that was shown.
func (a *app) ask(ctx context.Context, s *session) error {
	return a.agree(ctx, "Carry this out on "+render.Clean(s.stack.Name)+"?")
}

// agree has a person at a terminal answer a question with yes.
func (a *app) agree(ctx context.Context, question string) error {
	a.say(question + " Only yes means yes: ")
	answer := make(chan string, 1)
	go func() { // it may read for ever; the program does not wait for it to end
		line, err := bufio.NewReader(a.streams.In).ReadString('\n')
		if err != nil && err != io.EOF { //nolint:errorlint // ReadString returns it as it is
			line = ""
		}
		answer <- line
	}()
	select {
	case line := <-answer:
		if strings.TrimSpace(line) == "yes" {
			return nil
		}
		return &failure{code: exitRefused, list: problem("apply/not-approved", "not approved; nothing was changed", "")}
	case <-ctx.Done():
		a.say("\n")
		return ctx.Err()
	}
}
