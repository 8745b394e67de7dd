package sandbox

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

func ghForkRoutes() []ghRoute {
	return []ghRoute{
		{pattern: "GET ~/forks", need: reads("metadata", readAccess), handle: (*ghCall).listForks},
		{pattern: "POST ~/forks", need: reads("contents", readAccess), handle: (*ghCall).createFork},
	}
}

func (g *ghCall) listForks() (any, error) {
	list := []ghObject{}
	for _, r := range slices.Backward(g.gh.forks(g.repo)) { // the newest first
		if g.sees(g.who, r) {
			list = append(list, g.repoSimple(r))
		}
	}
	return ghList(g, list)
}

func (gh *GitHub) forks(r *ghRepo) []*ghRepo {
	return slices.DeleteFunc(slices.Clone(gh.Repositories), func(other *ghRepo) bool { return other.Parent != r.ID })
}

// parent is what a repository is a fork of, as far as the caller may know; nil for what is none.
func (g *ghCall) parent(r *ghRepo) *ghRepo {
	i := slices.IndexFunc(g.gh.Repositories, func(other *ghRepo) bool { return other.ID == r.Parent })
	if i < 0 || !g.sees(g.who, g.gh.Repositories[i]) {
		return nil
	}
	return g.gh.Repositories[i]
}

// createFork makes a repository of somebody's own with the branches of this one. GitHub does it a moment later; who has a fork
// already is answered with that.
func (g *ghCall) createFork() (any, error) {
	var body struct {
		Organization, Name string
		DefaultOnly        bool `json:"default_branch_only"`
	}
	if len(g.body) > 0 {
		if err := g.read(&body); err != nil {
			return nil, err
		}
	}
	owner := g.who.account
	if body.Organization != "" {
		if owner = g.gh.account(body.Organization); owner == nil || !owner.Org || g.who.account == nil || owner.member(g.who.account.Login) == nil {
			return nil, ghMissing()
		}
	}
	from, err := g.gitStore(g.repo)
	if err != nil {
		return nil, err
	}
	empty, err := from.isEmpty()
	switch {
	case err != nil:
		return nil, err
	case owner == nil || g.who.kind != classicToken && !g.who.holds("administration", "write"):
		return nil, g.who.lacks("administration", "write")
	case g.repo.Visibility != "public" && !g.repo.Flags["allow_forking"]:
		return nil, ghRefused("Forking is disabled for this repository.")
	case empty:
		return nil, ghRefused("The repository exists, but it contains no Git content. Empty repositories cannot be forked.")
	}
	for _, r := range g.gh.forks(g.repo) {
		if r.Owner == owner.ID {
			return &reply{status: http.StatusAccepted, body: g.repoFull(r)}, nil
		}
	}
	r, err := g.fork(owner, cmp.Or(body.Name, g.repo.Name))
	if err != nil {
		return nil, err
	}
	refs, err := from.refs("refs/heads/")
	if err != nil {
		return nil, err
	}
	if body.DefaultOnly {
		refs = slices.DeleteFunc(refs, func(ref gitRef) bool { return ref.name != "refs/heads/"+r.Default })
	}
	return &reply{status: http.StatusAccepted, body: g.repoFull(r)}, g.fill(r, from, refs)
}

// fork adds the repository; its workflows run once somebody turns them on.
func (g *ghCall) fork(owner *ghAccount, name string) (*ghRepo, error) {
	if r, renamed := g.gh.repository(owner.Login, name); r != nil && !renamed {
		return nil, ghInvalid(ghFieldError{Resource: "Repository", Code: "custom", Field: "name", Message: "name already exists on this account"})
	}
	r := g.addRepository(owner, name)
	r.Parent, r.Visibility, r.Description, r.Default = g.repo.ID, g.repo.Visibility, g.repo.Description, g.repo.Default
	r.Flags["has_issues"], r.Actions.Enabled, g.changed = false, false, true
	return r, nil
}

// fill copies branches, and what they reach.
func (g *ghCall) fill(r *ghRepo, from *gitStore, refs []gitRef) error {
	st, err := g.gitStore(r)
	if err != nil {
		return err
	}
	for _, ref := range refs {
		if err := errors.Join(st.take(from, ref.hash), st.move(ref.name, ref.hash)); err != nil {
			return err
		}
	}
	return st.setHead(r.Default)
}

// take brings a commit of another repository, with all that it reaches.
func (st *gitStore) take(from *gitStore, commit plumbing.Hash) error {
	_, all, err := from.reach(fetch{wants: []plumbing.Hash{commit}})
	if err != nil {
		return fmt.Errorf("gathering what %s reaches: %w", commit, err)
	}
	for _, hash := range all {
		if st.has(hash) {
			continue
		}
		o, err := from.repo.Storer.EncodedObject(plumbing.AnyObject, hash)
		if err == nil {
			_, err = st.repo.Storer.SetEncodedObject(o)
		}
		if err != nil {
			return fmt.Errorf("bringing object %s: %w", hash, err)
		}
	}
	return nil
}

// proposer finds the repository and the branch that a pull request to this one is from: "branch", or "owner:branch" of the
// same network. Who opens it has to be able to push there.
func (g *ghCall) proposer(head, repo string) (*ghRepo, string, error) {
	login, branch, other := strings.Cut(head, ":")
	if !other {
		login, branch = g.gh.accountByID(g.repo.Owner).Login, head
	}
	_, name, _ := strings.Cut(repo, "/")
	for _, r := range append([]*ghRepo{g.repo}, g.gh.forks(g.repo)...) {
		if strings.EqualFold(g.gh.accountByID(r.Owner).Login, login) && (repo == "" || strings.EqualFold(r.Name, cmp.Or(name, repo))) && g.sees(g.who, r) {
			return r, branch, g.may(g.who, r, need{login: true, role: writeAccess, permission: "pull_requests", level: "write"})
		}
	}
	return nil, "", ghInvalid(ghFieldError{Resource: "PullRequest", Code: "invalid", Field: "head"})
}

// headLabel is OWNER:BRANCH of what is proposed; of a fork that is gone, its author's.
func (g *ghCall) headLabel(p *ghPull) string {
	owner := p.Author
	if r := g.gh.headRepo(g.repo, p); r != nil {
		owner = g.gh.accountByID(r.Owner).Login
	}
	return owner + ":" + p.Head
}

// headRepo is where the head of a pull request is; nil once that repository is gone.
func (gh *GitHub) headRepo(into *ghRepo, p *ghPull) *ghRepo {
	if p.Fork == 0 {
		return into
	}
	i := slices.IndexFunc(gh.Repositories, func(r *ghRepo) bool { return r.ID == p.Fork })
	if i < 0 {
		return nil
	}
	return gh.Repositories[i]
}

// ref is where a repository holds what is proposed to it, wherever that was pushed to, and after that is gone.
func (p *ghPull) ref() string { return fmt.Sprintf("refs/pull/%d/head", p.Number) }

// proposed brings what is proposed, as it is on its branch now, into the repository that the pull request is for. A zero hash is a
// branch that is gone.
func (s *Sandbox) proposed(into *ghRepo, st *gitStore, p *ghPull) (plumbing.Hash, error) {
	r := s.state.GitHub.headRepo(into, p)
	if r == nil {
		return plumbing.ZeroHash, nil
	}
	from := st
	if r != into {
		var err error
		if from, err = s.gitStore(r); err != nil {
			return plumbing.ZeroHash, err
		}
	}
	tip, err := from.branch(p.Head)
	if err != nil || tip.IsZero() {
		return tip, err
	}
	if r != into {
		if err := st.take(from, tip); err != nil {
			return tip, err
		}
	}
	return tip, st.move(p.ref(), tip)
}
