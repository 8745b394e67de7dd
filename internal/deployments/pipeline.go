package deployments

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/github"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// started is a run that this process has started for a place.
type started struct {
	request string // ends the run's title, so that it can be found
	id      int64  // 0: not found yet
	lost    error  // the answer to the request was lost: it may have started one
}

// Progress says why the pipeline cannot bring a deployment up to date now: a *resource.Blocked where it
// has no workflow for that, a *resource.Waiting where a run is on its way, and an error where the run
// that this process started has ended without doing it. Without an error a run can be started; failed is
// then how the last one failed, if it did. why is what of the deployment is not as wished.
func (l *Line) Progress(ctx context.Context, p Place, why string) (failed string, err error) {
	file, err := l.hub.LastCommit(ctx, p.Branch, p.Workflow)
	switch {
	case err != nil:
		return "", err
	case file == "":
		return "", blocked("%s; %s has no %s yet, which would deploy it", why, p.Branch, p.Workflow)
	}
	run, err := l.newest(ctx, p)
	switch {
	case errors.Is(err, resource.ErrNotFound):
		return "", blocked("%s; the default branch of %s has no %s, so that GitHub starts no run of it", why, l.hub.FullName(), p.Workflow)
	case err != nil || run == nil:
		return "", err
	case run.Over():
		return l.ended(ctx, p, outcome{run: *run, why: why})
	case run.Status == "waiting":
		return "", l.gated(ctx, *run, why)
	default:
		return "", &resource.Waiting{Reason: fmt.Sprintf("%s; run %d (%s) deploys it and is %s", why, run.ID, run.Title, run.Status), URL: run.URL}
	}
}

// newest is the newest run that deploys to the place, nil where there was none.
func (l *Line) newest(ctx context.Context, p Place) (*github.Run, error) {
	runs, err := l.hub.Runs(ctx, p.Workflow, p.Branch)
	for _, r := range runs {
		if r.Event == "push" || p.TargetInput == "" || strings.Contains(r.Title+" ", " to "+p.Target+" ") {
			return &r, nil
		}
	}
	return nil, err
}

// gated names whose approval a run waits for.
func (l *Line) gated(ctx context.Context, run github.Run, why string) error {
	gates, err := l.hub.Gates(ctx, run.ID)
	if err != nil {
		return err
	}
	var waits []string
	for _, g := range gates {
		who := "nobody in particular"
		if len(g.Reviewers) > 0 {
			who = strings.Join(g.Reviewers, " or ")
		}
		waits = append(waits, fmt.Sprintf("the approval of %s in the environment %s", who, g.Environment))
	}
	if len(waits) == 0 {
		waits = []string{"an approval"}
	}
	return &resource.Waiting{Reason: fmt.Sprintf("%s; run %d (%s) waits for %s", why, run.ID, run.Title, strings.Join(waits, ", and ")), URL: run.URL}
}

type outcome struct {
	run github.Run
	why string
}

// ended says how a run that is over failed. Of one that this process started for this very commit it is
// an error, also that it succeeded without doing what it was for: a second one would end like it.
func (l *Line) ended(ctx context.Context, p Place, o outcome) (failed string, err error) {
	key, err := l.key(ctx, p)
	if err != nil {
		return "", err
	}
	l.mu.Lock()
	s := l.started[key]
	l.mu.Unlock()
	ours := s.id == o.run.ID
	if o.run.Conclusion == "success" {
		if ours {
			err = fmt.Errorf("run %d (%s) has succeeded, and yet: %s; look at what the run says: %s", o.run.ID, o.run.Title, o.why, o.run.URL)
		}
		return "", err
	}
	failed, err = l.hub.Failure(ctx, o.run)
	if err != nil {
		return "", err
	}
	if ours {
		return "", fmt.Errorf("%s: look at it, and apply again: %s", failed, o.run.URL)
	}
	return failed, nil
}

// Bring has the team's pipeline deploy to the place: by the run that is on its way already, else by one
// that is started now. It does not wait for the end of the run.
func (l *Line) Bring(ctx context.Context, p Place) error {
	l.hub.FreshRuns()
	run, err := l.newest(ctx, p)
	if err != nil {
		return err
	}
	if run != nil && !run.Over() {
		return nil
	}
	s, err := l.start(ctx, p)
	if err != nil {
		return err
	}
	return l.find(ctx, p, s)
}

// start starts a run, once for a commit in the life of this process: what has ended without doing it is
// for a person to look at.
func (l *Line) start(ctx context.Context, p Place) (started, error) {
	key, err := l.key(ctx, p)
	if err != nil {
		return started{}, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if s, done := l.started[key]; done {
		return s, nil
	}
	tail := make([]byte, 6)
	if _, err := rand.Read(tail); err != nil {
		return started{}, fmt.Errorf("a name for a run of %s: %w", p.Workflow, err)
	}
	s := started{request: "mlopsctl-" + hex.EncodeToString(tail)}
	d := github.Dispatch{File: p.Workflow, Branch: p.Branch, Inputs: map[string]string{}}
	if p.TargetInput != "" {
		d.Inputs[p.TargetInput], d.Inputs[p.RequestInput] = p.Target, s.request
	}
	s.id, err = l.hub.Start(ctx, d)
	if errors.Is(err, resource.ErrLost) {
		s.lost = err
	}
	if err == nil || s.lost != nil {
		l.started[key] = s // also one that may be on its way: it is looked for, and not started again
	}
	return s, err
}

// find looks for a run among those that are listed, where it shows up a few seconds after its start: by its id, or,
// where the host did not tell that, by its title.
func (l *Line) find(ctx context.Context, p Place, s started) error {
	key, err := l.key(ctx, p)
	if err != nil {
		return err
	}
	l.hub.FreshRuns()
	runs, err := l.hub.Runs(ctx, p.Workflow, p.Branch)
	if err != nil {
		return err
	}
	for _, r := range runs {
		unknown := s.id == 0 && p.RequestInput == "" && r.Event == "workflow_dispatch" && !r.Over()
		if r.ID == s.id || strings.Contains(r.Title, s.request) || unknown {
			l.mu.Lock()
			defer l.mu.Unlock()
			s.id = r.ID
			l.started[key] = s
			return nil
		}
	}
	return l.hub.Unseen(p.Workflow, p.Target, s.lost)
}

// key names what a run is started for: a target, and the commit of its branch.
func (l *Line) key(ctx context.Context, p Place) (string, error) {
	heads, err := l.hub.Branches(ctx)
	return p.Workflow + " " + p.Target + " " + heads[p.Branch], err
}
