package kinds

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/proposal"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// pullRequestKind is a pull request that the stack opens and that people review and merge: with the first code of
// a project, or with the workflows of those that are there.
var pullRequestKind = resource.Kind[*proposal.Desk, pullRequest]{
	Name:         "pull_request",
	Doc:          "A pull request with a project's first code, or with its CI/CD workflows; a person merges it.",
	Identity:     []string{"repository", "branch", "project", "number"},
	LiveIdentity: []string{"repository", "number"},
	CreateOnly:   []string{"title", "principals", "leaves_out"},
	Harmless:     true,
	ReadsOpen:    true,
	Awaited:      true,
	Declare:      declarePullRequests,
	Read:         readPullRequest,
	Create: func(ctx context.Context, k *proposal.Desk, want pullRequest) (pullRequest, error) {
		d, _, err := draft(ctx, k, want)
		if err != nil {
			return want, err
		}
		made, err := k.Open(ctx, d, want.text())
		return want.opened(made.Number), err
	},
	Update: updatePullRequest,
	Delete: func(ctx context.Context, k *proposal.Desk, have pullRequest) error {
		number, err := strconv.Atoi(have.Number)
		if err != nil {
			return fmt.Errorf("closing the pull request from %s: its number %q is none", have.Branch, have.Number)
		}
		return k.Close(ctx, number, have.Branch)
	},
	Due:    duePullRequest,
	Marked: func(stack string, have pullRequest) bool { return have.Stack == stack },
	Warn:   warnOfPullRequest,
	Find:   findPullRequest,
}

type pullRequest struct {
	Repository resource.Text `json:"repository,omitzero"`
	Branch     string        `json:"branch"`            // its head
	Project    string        `json:"project,omitempty"` // whose code it brings; "" for the workflows
	Title      string        `json:"title,omitempty"`
	Number     string        `json:"number,omitempty"`
	// Principals are named in databricks.yml by their application ids.
	Principals []ciPrincipal `json:"principals,omitzero"`
	// LeavesOut says in sentences what the generated files do not do, since the targets do not allow it.
	LeavesOut []string `json:"leaves_out,omitempty"`
	// Outdated are the generated files on the branch that are not as the spec wishes them.
	Outdated []string `json:"outdated,omitempty"`
	// Needless: everything that it brings is on the default branch.
	Needless bool `json:"needless,omitempty"`
	// Stack is the one whose mark its description bears.
	Stack string `json:"stack,omitempty"`
}

type ciPrincipal struct {
	Name string        `json:"name"`
	ID   resource.Text `json:"id"`
}

func (p pullRequest) opened(number int) pullRequest {
	p.Number = strconv.Itoa(number)
	return p
}

func (p pullRequest) known() proposal.Known {
	known := proposal.Known{}
	for _, principal := range p.Principals {
		if principal.ID.Value != "" {
			known[principal.Name] = principal.ID.Value
		}
	}
	return known
}

func (p pullRequest) text() proposal.Text {
	t := proposal.Text{Branch: p.Branch, Title: p.Title, Message: "Bring the workflows in line with mlops.yaml"}
	if p.Project == "" {
		t.Body = "The CI/CD workflows of this repository's projects, and the lines of databricks.yml that go with them, as mlops.yaml wishes them.\n"
	} else {
		t.Body = fmt.Sprintf("The initial ML code of `%s`.\n\nOnce this is merged, the project is deployed from the branches that mlops.yaml names.\n", p.Project)
	}
	return t
}

// draft is what a pull request brings, and which projects it waits for.
func draft(ctx context.Context, k *proposal.Desk, want pullRequest) (proposal.Draft, []string, error) {
	if want.Project == "" {
		return k.Workflows(ctx, want.known())
	}
	d, err := k.Code(ctx, want.Project, want.known())
	return d, nil, err
}

// readPullRequest finds a pull request done as soon as what it is for is on the default branch, by whatever way it
// came there.
func readPullRequest(ctx context.Context, k *proposal.Desk, want pullRequest) (pullRequest, error) {
	if want.Repository.Value == "" {
		return absentPullRequest(ctx, k, want)
	}
	if want.Project != "" && !k.Knows(want.Project) {
		return departedPullRequest(ctx, k, want)
	}
	if want.Project != "" {
		landed, branch, err := k.Landed(ctx, want.Project)
		if err != nil {
			return want, err
		}
		if landed {
			return want, &resource.Moot{Reason: fmt.Sprintf("the code of %s is on %s", want.Project, branch)}
		}
	}
	d, waiting, err := draft(ctx, k, want)
	var blocked *resource.Blocked
	if err != nil && !errors.As(err, &blocked) {
		return want, err
	}
	if d.Tip == "" {
		return want, notOpened(want)
	}
	v, look := k.View(ctx, d, want.Branch)
	if look != nil {
		return want, look
	}
	s := sight{draft: d, view: v, waiting: waiting, blocked: blocked}
	if v.Pull == nil || !v.Pull.Open() {
		return unopenedPullRequest(want, s)
	}
	return openPullRequest(ctx, k, want, s)
}

// departedPullRequest finds one whose project is no longer in the spec: only whether it is open matters.
func departedPullRequest(ctx context.Context, k *proposal.Desk, want pullRequest) (pullRequest, error) {
	pulls, err := k.Hub.Pulls(ctx, want.Branch)
	if err != nil {
		return want, err
	}
	for _, p := range pulls {
		if p.Open() && strconv.Itoa(p.Number) == want.Number {
			want.Stack = proposal.ReadMark(p.Body).Stack
			return want, nil
		}
	}
	return want, notOpened(want)
}

// sight is what a look at a pull request found.
type sight struct {
	draft   proposal.Draft
	view    proposal.View
	waiting []string          // projects whose code is not there yet
	blocked *resource.Blocked // why the draft is not whole
}

func (s sight) needless() bool { return s.draft.Needless() }

// kept says which needless files stay as a person has edited them.
func (s sight) kept() string {
	if len(s.draft.Kept) == 0 {
		return ""
	}
	return "; nothing asks for " + strings.Join(s.draft.Kept, ", ") + " any more, and it stays, as somebody has edited it"
}

func notOpened(want pullRequest) error {
	return fmt.Errorf("the pull request from %s: %w", want.Branch, resource.ErrNotFound)
}

// absentPullRequest is for a repository that is not there yet: only the files here can be looked at.
func absentPullRequest(ctx context.Context, k *proposal.Desk, want pullRequest) (pullRequest, error) {
	if want.Project == "" {
		return want, &resource.Moot{Reason: "the workflows come with the projects' code"}
	}
	if err := k.Fits(ctx, want.Project, want.known()); err != nil {
		return want, err
	}
	return pullRequest{}, notOpened(want)
}

func unopenedPullRequest(want pullRequest, s sight) (pullRequest, error) {
	p := s.view.Pull
	switch {
	case s.blocked != nil:
		return want, s.blocked
	case want.Number != "":
		return want, notOpened(want) // the one that was recorded is closed
	case want.Project == "" && s.needless() && len(s.waiting) > 0:
		return want, &resource.Moot{Reason: fmt.Sprintf("the workflows of %s come with its code%s", strings.Join(s.waiting, ", "), s.kept())}
	case want.Project == "" && s.needless():
		return want, &resource.Moot{Reason: fmt.Sprintf("the workflows on %s are as mlops.yaml wishes them%s", s.draft.Base, s.kept())}
	case p != nil && !p.Merged() && !s.view.Withdrawn:
		have := want.opened(p.Number)
		return have, &resource.Waiting{URL: p.URL, Reason: fmt.Sprintf("#%d was closed without being merged: a person opens it again, or takes it out of mlops.yaml", p.Number)}
	case s.view.Head != "" && !s.view.Complete && (p == nil || s.view.Withdrawn || p.Head.SHA != s.view.Head):
		return want, &resource.Blocked{Reason: fmt.Sprintf("branch %s is there already, without a pull request, and holds something else: delete it, or open its pull request", want.Branch)}
	}
	return pullRequest{}, notOpened(want)
}

func openPullRequest(ctx context.Context, k *proposal.Desk, want pullRequest, s sight) (pullRequest, error) {
	have := want.opened(s.view.Pull.Number)
	have.Title, have.Stack = s.view.Pull.Title, proposal.ReadMark(s.view.Pull.Body).Stack
	if s.blocked == nil && s.view.Ours {
		have.Outdated = slices.Clone(s.view.Outdated)
		for _, at := range s.view.Gone {
			have.Outdated = append(have.Outdated, at+" (needless)")
		}
		if len(s.view.Clash.Others) == 0 {
			for _, at := range s.view.Clash.Generated {
				have.Outdated = append(have.Outdated, fmt.Sprintf("%s (changed on %s as well)", at, s.draft.Base))
			}
		}
		if len(have.Outdated) == 0 && !s.view.Current {
			have.Outdated = []string{"its description"}
		}
	}
	if s.blocked == nil && want.Project == "" && s.needless() {
		have.Needless, have.Outdated = true, nil
	}
	why, err := k.Waits(ctx, s.view)
	if err != nil {
		return have, err
	}
	return have, &resource.Waiting{Reason: why + s.kept(), URL: s.view.Pull.URL}
}

// duePullRequest says what has to be done about a pull request though nothing that was recorded of it differs: the
// spec has changed since, or the default branch.
func duePullRequest(have pullRequest) resource.Renewal {
	switch {
	case have.Needless:
		return resource.Renewal{Tidy: true, Reason: "everything that it brings is on the default branch: it is closed"}
	case len(have.Outdated) > 0:
		return resource.Renewal{Tidy: true, Reason: "not as mlops.yaml wishes it: " + strings.Join(have.Outdated, ", ")}
	default:
		return resource.Renewal{}
	}
}

// warnOfPullRequest tells what a reviewer would look for in the generated files in vain.
func warnOfPullRequest(want pullRequest, _ *pullRequest) *resource.Warning {
	if len(want.LeavesOut) == 0 {
		return nil
	}
	return &resource.Warning{Code: "plan/workflows-leave-out", Summary: strings.Join(want.LeavesOut, "; "),
		Detail: "mend the target, or leave it so: the gate passes without them"}
}

func updatePullRequest(ctx context.Context, k *proposal.Desk, have, want pullRequest) (pullRequest, error) {
	number, err := strconv.Atoi(have.Number)
	if err != nil {
		return have, fmt.Errorf("the pull request from %s: its number %q is none", have.Branch, have.Number)
	}
	if have.Needless {
		return want.opened(number), k.Close(ctx, number, want.Branch)
	}
	d, _, err := draft(ctx, k, want)
	if err != nil {
		return have, err
	}
	if _, err := k.Refresh(ctx, d, want.text()); err != nil {
		return have, err
	}
	return want.opened(number), nil
}

// findPullRequest looks for what a lost answer may have opened.
func findPullRequest(ctx context.Context, k *proposal.Desk, want pullRequest) (pullRequest, bool, error) {
	k.Hub.FreshPulls()
	have, err := readPullRequest(ctx, k, want)
	var waiting *resource.Waiting
	if errors.As(err, &waiting) {
		return have, true, nil
	}
	return found(have, err)
}
