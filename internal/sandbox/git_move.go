package sandbox

import (
	"fmt"
	"iter"
	"net/url"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

// refusal is why a ref is not moved.
type refusal struct {
	reason     string   // as "git push" shows it beside the ref
	message    []string // what the server says above it
	violations []string // of rulesets
	workflow   bool     // the credential may not change workflow files
}

// asREST says it in REST's words. Without the right to change workflows the API answers a bare 404.
func (r *refusal) asREST() error {
	switch {
	case r.workflow:
		return ghMissing()
	case r.violations != nil:
		return ghUnprocessable("Repository rule violations found\n\n%s\n\n", strings.Join(r.violations, "\n\n"))
	default:
		return ghUnprocessable("%s", r.reason)
	}
}

// refuseMove says why who may not make a change, nil when nothing is against it.
func (s *Sandbox) refuseMove(who *actor, r *ghRepo, st *gitStore, c refChange) (*refusal, error) {
	if why, err := st.badName(c); err != nil || why != "" {
		return &refusal{reason: why}, err
	}
	if c.deletes() && c.name == "refs/heads/"+r.Default {
		return &refusal{reason: "refusing to delete the current branch: " + c.name}, nil
	}
	if !c.deletes() && strings.HasPrefix(c.name, "refs/heads/") {
		if _, err := st.repo.CommitObject(c.new); err != nil {
			return &refusal{reason: fmt.Sprintf("cannot update ref '%s': trying to write non-commit object %s to branch", c.name, c.new)}, nil
		}
	}
	violations, err := s.violations(who, r, st, c)
	if err != nil {
		return nil, err
	}
	if violations = append(violations, r.restricted(c)...); violations != nil {
		return s.refuseByRules(r, c, violations), nil
	}
	lines, err := st.classicViolations(r, s.state.GitHub.role(who, r), c)
	if err != nil {
		return nil, err
	}
	if lines != nil {
		return &refusal{reason: "protected branch hook declined", message: lines, violations: lines}, nil
	}
	return st.refuseWorkflows(who, c)
}

// refuseByRules says it as GitHub does, with the page that lists the rules.
func (s *Sandbox) refuseByRules(r *ghRepo, c refChange, violations []string) *refusal {
	lines := []string{"error: GH013: Repository rule violations found for " + c.name + ".",
		fmt.Sprintf("Review all repository rules at %s/%s/rules?ref=%s", s.opt.Hosts.GitHub, s.state.GitHub.fullName(r), url.QueryEscape(c.name)), ""}
	for _, v := range violations {
		lines = append(lines, "- "+v, "")
	}
	return &refusal{reason: "push declined due to repository rule violations", message: lines, violations: violations}
}

// restricted is what an administrator's rules, which no API shows, have against a change.
func (r *ghRepo) restricted(c refChange) []string {
	switch {
	case !slices.ContainsFunc(r.RefuseRefs, func(pattern string) bool { return glob(pattern, c.name) }):
		return nil
	case c.creates():
		return []string{"Cannot create ref due to creations being restricted."}
	default:
		return []string{"Cannot update this protected ref."}
	}
}

// badName refuses what git refuses of a ref's name, and what GitHub keeps for itself.
func (st *gitStore) badName(c refChange) (string, error) {
	if strings.HasPrefix(c.name, "refs/pull/") {
		return "deny updating a hidden ref", nil
	}
	if strings.Count(c.name, "/") < 2 || !strings.HasPrefix(c.name, "refs/") || plumbing.ReferenceName(c.name).Validate() != nil {
		return "funny refname", nil
	}
	if !c.creates() {
		return "", nil
	}
	refs, err := st.refs("refs/")
	if err != nil {
		return "", err
	}
	for _, ref := range refs {
		if strings.HasPrefix(ref.name, c.name+"/") || strings.HasPrefix(c.name, ref.name+"/") {
			return fmt.Sprintf("cannot lock ref '%s': '%s' exists; cannot create '%s'", c.name, ref.name, c.name), nil
		}
	}
	return "", nil
}

// refuseWorkflows asks for the right to change workflow files of who brings files that no branch has.
func (st *gitStore) refuseWorkflows(who *actor, c refChange) (*refusal, error) {
	if c.deletes() || who == nil || who.mayChangeWorkflows() {
		return nil, nil
	}
	brought := st.workflows(c.new)
	if brought.IsZero() {
		return nil, nil
	}
	branches, err := st.refs("refs/heads/")
	if err != nil {
		return nil, err
	}
	for _, b := range branches {
		if st.workflows(b.hash) == brought {
			return nil, nil
		}
	}
	credential := "a Personal Access Token"
	missing := "`workflow` scope"
	switch who.kind {
	case appToken:
		credential, missing = "a GitHub App", "`workflows` permission"
	case fineToken:
		missing = "`workflows` permission"
	case classicToken:
	}
	return &refusal{reason: fmt.Sprintf("refusing to allow %s to create or update workflow without %s", credential, missing), workflow: true}, nil
}

func (a *actor) mayChangeWorkflows() bool {
	if a.kind != classicToken {
		return a.holds("workflows", "write")
	}
	for _, scope := range a.scopes {
		if scope == "workflow" {
			return true
		}
	}
	return false
}

// workflows is the tree of a commit's workflow files, zero where it has none.
func (st *gitStore) workflows(commit plumbing.Hash) plumbing.Hash {
	tree, err := st.tree(commit)
	if err != nil {
		return plumbing.ZeroHash
	}
	entry, err := tree.FindEntry(".github/workflows")
	if err != nil {
		return plumbing.ZeroHash
	}
	return entry.Hash
}

// applyMove moves the ref. The first branch of an empty repository becomes its default branch.
func (s *Sandbox) applyMove(r *ghRepo, st *gitStore, c refChange) error {
	wasEmpty, err := st.isEmpty()
	if err != nil {
		return err
	}
	if err := st.move(c.name, c.new); err != nil {
		return fmt.Errorf("moving %s: %w", c.name, err)
	}
	r.Pushed = s.now()
	branch, isBranch := strings.CutPrefix(c.name, "refs/heads/")
	if !isBranch {
		return nil
	}
	if wasEmpty && branch != r.Default {
		r.Default = branch
		if err := st.setHead(branch); err != nil {
			return err
		}
	}
	if c.deletes() {
		for _, p := range s.state.GitHub.proposals(r, branch) { // there is nothing left to merge
			p.Open, p.Closed, p.Updated = false, s.now(), s.now()
		}
		return nil
	}
	return s.branchMoved(r, st, c)
}

// branchMoved starts the runs of a push, and those of the open pull requests whose head it is.
func (s *Sandbox) branchMoved(r *ghRepo, st *gitStore, c refChange) error {
	branch := strings.TrimPrefix(c.name, "refs/heads/")
	commit, err := st.peel(c.new)
	if err != nil {
		return fmt.Errorf("reading what was pushed to %s: %w", branch, err)
	}
	push := runStart{repo: r, store: st, event: "push", branch: branch, commit: c.new, before: c.old, actor: commit.Committer.Name}
	if push.before.IsZero() && commit.NumParents() > 0 {
		push.before = commit.ParentHashes[0]
	}
	if err := s.startRuns(push); err != nil {
		return err
	}
	for into, p := range s.state.GitHub.proposals(r, branch) {
		if err := s.pullMoved(into, p); err != nil {
			return err
		}
	}
	return nil
}

// proposals are the open pull requests whose head is that branch, each with the repository that it is for.
func (gh *GitHub) proposals(r *ghRepo, branch string) iter.Seq2[*ghRepo, *ghPull] {
	return func(yield func(*ghRepo, *ghPull) bool) {
		for _, into := range gh.Repositories {
			for _, p := range into.Pulls {
				if p.Open && p.Head == branch && gh.headRepo(into, p) == r && !yield(into, p) {
					return
				}
			}
		}
	}
}

// pullMoved starts the runs of a pull request that was opened, or whose head has moved.
func (s *Sandbox) pullMoved(r *ghRepo, p *ghPull) error {
	st, err := s.gitStore(r)
	if err != nil {
		return err
	}
	head, err := s.proposed(r, st, p)
	if err != nil || head.IsZero() {
		return err
	}
	base, err := st.branch(p.Base)
	if err != nil {
		return err
	}
	return s.startRuns(runStart{repo: r, store: st, event: "pull_request", branch: p.Head, into: p.Base, commit: head, before: base, pull: p.Number, actor: p.Author})
}
