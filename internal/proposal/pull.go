package proposal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/github"
	"github.com/mlopsctl/mlopsctl/internal/gitrepo"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// View is what there is of a draft on its branch.
type View struct {
	Pull     *github.PullRequest // the open one, else the newest; nil where there is none
	Head     string              // where the branch stands; "" where it is not there
	Outdated []string            // the generated files that have to be written
	Gone     []string            // the files that have to be taken away
	Edited   []string            // those that somebody else has edited, which are left alone
	Current  bool                // the description knows what was pushed
	Complete bool                // every file of the draft is there, as wished
	Clash    Clash               // of an open one of this stack's
	Ours     bool                // its description bears this stack's mark
	// Withdrawn: it was closed by this program, as it was needless. One that a person has closed stays so.
	Withdrawn bool
	on        map[string]gitrepo.Entry // what is on the branch
}

// View looks at a branch, and at its pull requests.
func (k *Desk) View(ctx context.Context, d Draft, branch string) (View, error) {
	v := View{}
	pulls, err := k.Hub.Pulls(ctx, branch)
	if err != nil {
		return v, err
	}
	if i := slices.IndexFunc(pulls, func(p github.PullRequest) bool { return p.Open() && p.Base.Ref == d.Base }); i >= 0 {
		v.Pull = &pulls[i]
	} else if len(pulls) > 0 {
		v.Pull = &pulls[0]
	}
	heads, err := k.Hub.Branches(ctx)
	if err != nil {
		return v, err
	}
	v.Head = heads[branch]
	if v.Head != "" {
		if v.on, err = k.Hub.Tree(ctx, v.Head); err != nil {
			return v, err
		}
	}
	var m Mark
	if v.Pull != nil && v.Pull.Open() {
		m = ReadMark(v.Pull.Body)
	}
	v.Ours = m.Stack == k.stack.Name
	v.Withdrawn = v.Pull != nil && !v.Pull.Open() && !v.Pull.Merged() && ReadMark(v.Pull.Body).Closed
	v.Outdated, v.Edited, v.Current = m.state(d, v.on)
	var edited []string
	v.Gone, edited = m.leftovers(d, v.on)
	v.Edited = append(v.Edited, edited...)
	slices.Sort(v.Edited)
	v.Complete = v.Head != "" && len(Outdated(v.on, d.Files())) == 0 && !holds(v.on, d.Gone)
	if v.Ours && v.Head != "" {
		v.Clash, err = k.clash(ctx, d, v)
	}
	return v, err
}

// Text is what a pull request says of itself.
type Text struct {
	Branch, Title, Body string
	Message             string // of a commit that brings an open one up to date
}

// Open pushes a draft to its branch, where it is not there yet, and opens the pull request. A branch that holds
// something else is left alone: resource.ErrExists.
func (k *Desk) Open(ctx context.Context, d Draft, t Text) (github.PullRequest, error) {
	k.Hub.FreshPulls()
	v, err := k.View(ctx, d, t.Branch)
	switch {
	case err != nil:
		return github.PullRequest{}, err
	case v.Pull != nil && v.Pull.Open():
		return *v.Pull, fmt.Errorf("a pull request from %s %w", t.Branch, resource.ErrExists)
	case v.Complete: // pushed by a run that was ended before it could open the pull request
	case v.Head != "" && !v.merged():
		return github.PullRequest{}, fmt.Errorf("branch %s %w, with something else on it", t.Branch, resource.ErrExists)
	default:
		r := gitrepo.Revision{Branch: t.Branch, Old: v.Head, Parent: d.Tip, Tree: without(d.On, d.Gone), Files: d.Files(), Message: t.Title}
		if v.Head, err = k.Hub.Revise(ctx, r); err != nil {
			return github.PullRequest{}, err
		}
	}
	m := mark(k.stack.Name, d.Generated)
	m.Head = v.Head
	body := m.write(d.describe(t.Body))
	return k.Hub.OpenPull(ctx, github.NewPull{Title: t.Title, Head: t.Branch, Base: d.Base, Body: body})
}

// merged reports whether the branch is as a merged pull request left it, so that nothing on it is lost.
func (v View) merged() bool {
	return v.Pull != nil && v.Pull.Merged() && v.Pull.Head.SHA == v.Head
}

// Refresh brings an open pull request in line with the spec: a commit with what is outdated, on top of what is on
// the branch, and the description's mark. Where the default branch has changed the same generated files since, the
// commit is a merge of it.
func (k *Desk) Refresh(ctx context.Context, d Draft, t Text) (github.PullRequest, error) {
	k.Hub.FreshPulls()
	v, err := k.View(ctx, d, t.Branch)
	if err != nil {
		return github.PullRequest{}, err
	}
	if v.Pull == nil || !v.Pull.Open() {
		return github.PullRequest{}, fmt.Errorf("the pull request from %s: %w", t.Branch, resource.ErrNotFound)
	}
	m := ReadMark(v.Pull.Body)
	if len(v.Outdated)+len(v.Gone) > 0 || v.Clash.resolvable() {
		made, err := k.revise(ctx, d, v, t)
		if err != nil {
			return *v.Pull, err
		}
		if m.Head == v.Head { // nobody else's commit is below
			m.Head = made
		}
	}
	body := m.with(k.stack.Name, d.Generated, v.Edited).write(v.Pull.Body)
	if body == v.Pull.Body {
		return *v.Pull, nil
	}
	return k.Hub.EditPull(ctx, v.Pull.Number, map[string]any{"body": body})
}

// revise makes the commit of a Refresh.
func (k *Desk) revise(ctx context.Context, d Draft, v View, t Text) (string, error) {
	r := gitrepo.Revision{Branch: t.Branch, Old: v.Head, Parent: v.Head, Message: t.Message}
	on, fresh := v.on, v.Outdated
	if v.Clash.resolvable() {
		on, fresh = v.Clash.merged, append(slices.Clone(fresh), v.Clash.Generated...)
		r.Merged, r.Message = d.Tip, fmt.Sprintf("Merge branch '%s' into %s", d.Base, t.Branch)
	}
	r.Tree = without(on, v.Gone)
	r.Files = slices.DeleteFunc(slices.Clone(d.Generated), func(f gitrepo.File) bool { return !slices.Contains(fresh, f.Path) })
	return k.Hub.Revise(ctx, r)
}

// Close closes a pull request, and deletes its branch where nobody else has pushed to it.
func (k *Desk) Close(ctx context.Context, number int, branch string) error {
	k.Hub.FreshPulls()
	pulls, err := k.Hub.Pulls(ctx, branch)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(pulls, func(p github.PullRequest) bool { return p.Number == number })
	if i < 0 || !pulls[i].Open() {
		return nil
	}
	was := pulls[i]
	m := ReadMark(was.Body)
	changes := map[string]any{"state": "closed"}
	if m.Stack == k.stack.Name {
		m.Closed = true // so that it can be opened anew once it is needed
		changes["body"] = m.write(was.Body)
	}
	if _, err := k.Hub.EditPull(ctx, number, changes); err != nil {
		return err
	}
	if pulls, err = k.Hub.Pulls(ctx, branch); err != nil {
		return err
	}
	if slices.ContainsFunc(pulls, func(p github.PullRequest) bool { return p.Number == number && p.Open() }) {
		return fmt.Errorf("#%d is still open though closing it was answered with success", number)
	}
	if m.Stack != k.stack.Name || m.Head != was.Head.SHA {
		return nil // somebody's work is on it
	}
	if err := k.Hub.DeleteBranch(ctx, branch, m.Head); !errors.Is(err, gitrepo.ErrMoved) {
		return err
	}
	return nil // somebody has pushed to it in this very moment
}

// describe is what a pull request says of itself, with what a reviewer does not see in the files.
func (d Draft) describe(body string) string {
	for _, part := range []struct {
		title string
		list  []string
	}{
		{"Taken away, as nothing in mlops.yaml asks for them any more", d.Gone},
		{"Left alone though nothing asks for them any more, as somebody has edited them", d.Kept},
		{"Left out, since the targets do not allow it", d.Notes},
	} {
		if len(part.list) > 0 {
			body += "\n" + part.title + ":\n\n- " + strings.Join(part.list, "\n- ") + "\n"
		}
	}
	return body
}

func entries(on map[string]gitrepo.Entry) []gitrepo.Entry {
	all := make([]gitrepo.Entry, 0, len(on))
	for _, e := range on {
		all = append(all, e)
	}
	return all
}

// Waits says what an open pull request waits for: its checks, its reviews, what only a person can bring together, and
// the merge.
func (k *Desk) Waits(ctx context.Context, v View) (string, error) {
	p := *v.Pull
	var parts []string
	checks, err := k.Hub.Checks(ctx, p.Head.SHA)
	switch {
	case errors.Is(err, resource.ErrForbidden):
		parts = append(parts, "its checks are hidden from these credentials")
	case err != nil:
		return "", err
	default:
		parts = append(parts, told(checks, p))
	}
	approve, object, err := k.Hub.Approvals(ctx, p.Number)
	if err != nil {
		return "", err
	}
	switch {
	case len(object) > 0:
		parts = append(parts, strings.Join(object, ", ")+" asked for changes")
	case len(approve) > 0:
		parts = append(parts, "approved by "+strings.Join(approve, ", "))
	default:
		parts = append(parts, "no review yet")
	}
	if len(v.Edited) > 0 {
		parts = append(parts, "edited there and left alone: "+listed(v.Edited))
	}
	if len(v.Clash.Others) > 0 {
		parts = append(parts, fmt.Sprintf("changed on %s as well, so that it may have to be merged into %s by hand: %s", p.Base.Ref, p.Head.Ref, listed(v.Clash.Others)))
	}
	return fmt.Sprintf("#%d is to be reviewed and merged by a person (%s)", p.Number, strings.Join(parts, "; ")), nil
}

// told sums the checks of a pull request up: what failed by name, the others by number.
func told(checks []github.Check, p github.PullRequest) string {
	var failed []string
	passed, running := 0, 0
	for _, c := range checks {
		switch {
		case c.Status != "completed":
			running++
		case c.Conclusion == "success" || c.Conclusion == "skipped" || c.Conclusion == "neutral":
			passed++
		default:
			failed = append(failed, c.Name)
		}
	}
	switch {
	case len(checks) == 0 && p.Author.Login == "github-actions[bot]":
		return "no checks, as a workflow's own token opened it: approve its runs there, or close it and open it again, to start them"
	case len(checks) == 0:
		return "no checks"
	case len(failed) > 0:
		return "checks failed: " + listed(failed)
	case running > 0:
		return fmt.Sprintf("%d of %d checks passed", passed, len(checks))
	default:
		return fmt.Sprintf("all %d checks passed", len(checks))
	}
}
