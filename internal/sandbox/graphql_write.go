package sandbox

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

func (r *gqlRun) mutation() *gqlObject {
	return &gqlObject{kind: "Mutation", fields: map[string]gqlField{
		"createCommitOnBranch": r.createCommitOnBranch,
		"updateRefs":           r.updateRefs,
	}}
}

// input reads a mutation's input into v.
func (r *gqlRun) input(arguments map[string]any, v any) error {
	text, err := json.Marshal(arguments["input"])
	if err != nil {
		return fmt.Errorf("reading a mutation's input: %w", err)
	}
	return json.Unmarshal(text, v)
}

// writable finds a repository to which the caller may write contents.
func (r *gqlRun) writable(wanted func(*ghRepo) bool, name string) (*gqlRun, *gitStore, error) {
	i := slices.IndexFunc(r.gh.Repositories, wanted)
	if i < 0 || !r.sees(r.who, r.gh.Repositories[i]) {
		return nil, nil, &gqlError{Type: "NOT_FOUND", Message: fmt.Sprintf("Could not resolve to a node with the global id of '%s'.", name)}
	}
	repo := r.gh.Repositories[i]
	if err := r.may(r.who, repo, writes("contents", writeAccess)); err != nil {
		return nil, nil, &gqlError{Type: "FORBIDDEN", Message: fmt.Sprintf("%s does not have the correct permissions to write to %s", r.who.name(), r.gh.fullName(repo))}
	}
	if repo.Archived {
		return nil, nil, &gqlError{Type: "UNPROCESSABLE", Message: "Repository was archived so is read-only."}
	}
	on := *r
	call := *r.ghCall
	call.repo = repo
	on.ghCall = &call
	st, err := r.gitStore(repo)
	return &on, st, err
}

type gqlCommitInput struct {
	Client *string `json:"clientMutationId"`
	Branch struct {
		Repository string `json:"repositoryNameWithOwner"`
		Name       string `json:"branchName"`
	} `json:"branch"`
	Expected string                          `json:"expectedHeadOid"`
	Message  struct{ Headline, Body string } `json:"message"`
	Changes  struct {
		Additions []struct{ Path, Contents string }
		Deletions []struct{ Path string }
	} `json:"fileChanges"`
}

// createCommitOnBranch commits files to a branch that is there and has not moved.
func (r *gqlRun) createCommitOnBranch(arguments map[string]any) (any, error) {
	var in gqlCommitInput
	if err := r.input(arguments, &in); err != nil {
		return nil, err
	}
	on, st, err := r.writable(func(repo *ghRepo) bool { return strings.EqualFold(r.gh.fullName(repo), in.Branch.Repository) }, in.Branch.Repository)
	if err != nil {
		return nil, err
	}
	branch := strings.TrimPrefix(in.Branch.Name, "refs/heads/")
	tip, err := st.branch(branch)
	if err != nil {
		return nil, err
	}
	if tip.IsZero() {
		return nil, &gqlError{Type: "NOT_FOUND", Message: fmt.Sprintf("Branch '%s' does not exist", branch)}
	}
	if tip.String() != in.Expected {
		return nil, &gqlError{Type: "STALE_DATA", Message: fmt.Sprintf("Expected branch to point to %q but it did not. Pull and try again.", in.Expected)}
	}
	changes, err := in.files(st, tip)
	if err != nil {
		return nil, err
	}
	message := in.Message.Headline
	if in.Message.Body != "" {
		message += "\n\n" + in.Message.Body
	}
	hash, err := st.write(gitCommit{branch: branch, message: message, who: r.who.name(), when: r.now(), changes: changes})
	if err != nil {
		return nil, err
	}
	if err := on.moveRef(st, refChange{name: "refs/heads/" + branch, old: tip, new: hash}); err != nil {
		return nil, err
	}
	r.changed = true
	return &gqlObject{kind: "CreateCommitOnBranchPayload", fields: map[string]gqlField{
		"clientMutationId": gqlIs(in.Client),
		"commit":           func(map[string]any) (any, error) { return r.gitObject(st, hash) },
		"ref":              func(map[string]any) (any, error) { return r.ref(st, "refs/heads/"+branch) },
	}}, nil
}

func (in *gqlCommitInput) files(st *gitStore, tip plumbing.Hash) (gitChanges, error) {
	present, err := st.files(tip)
	if err != nil {
		return nil, err
	}
	changes := gitChanges{}
	for _, a := range in.Changes.Additions {
		content, err := base64.StdEncoding.DecodeString(a.Contents)
		if err != nil || a.Path == "" {
			return nil, &gqlError{Type: "UNPROCESSABLE", Message: fmt.Sprintf("A path was requested with contents that are not Base64: %q", a.Path)}
		}
		changes[a.Path] = append([]byte{}, content...)
	}
	for _, d := range in.Changes.Deletions {
		if _, there := present[d.Path]; !there {
			return nil, &gqlError{Type: "UNPROCESSABLE", Message: fmt.Sprintf("A path was requested for deletion which does not exist: %q", d.Path)}
		}
		changes[d.Path] = nil
	}
	return changes, nil
}

// updateRefs moves refs all together or not at all. A before of zeros means that there must be
// none, an after of zeros removes.
func (r *gqlRun) updateRefs(arguments map[string]any) (any, error) {
	var in struct {
		Client     *string `json:"clientMutationId"`
		Repository string  `json:"repositoryId"`
		Updates    []struct {
			Name      string
			BeforeOid *string `json:"beforeOid"`
			AfterOid  string  `json:"afterOid"`
			Force     bool
		} `json:"refUpdates"`
	}
	if err := r.input(arguments, &in); err != nil {
		return nil, err
	}
	on, st, err := r.writable(func(repo *ghRepo) bool { return ghNode("Repository", repo.ID) == in.Repository }, in.Repository)
	if err != nil {
		return nil, err
	}
	var changes []refChange
	for _, u := range in.Updates {
		change := refChange{name: u.Name, new: plumbing.NewHash(u.AfterOid)}
		if change.old, err = st.ref(u.Name); err != nil {
			return nil, err
		}
		if u.BeforeOid != nil && plumbing.NewHash(*u.BeforeOid) != change.old {
			return nil, &gqlError{Type: "STALE_DATA", Message: fmt.Sprintf("Reference cannot be updated: %s is at %s but expected %s", u.Name, change.old, *u.BeforeOid)}
		}
		if err := on.mayUpdate(st, change); err != nil {
			return nil, err
		}
		if !u.Force && !change.creates() && !change.deletes() {
			if err := st.forward(change); err != nil {
				return nil, err
			}
		}
		changes = append(changes, change)
	}
	for _, change := range changes {
		if err := r.applyMove(on.repo, st, change); err != nil {
			return nil, err
		}
		r.changed = true
	}
	return &gqlObject{kind: "UpdateRefsPayload", fields: map[string]gqlField{"clientMutationId": gqlIs(in.Client)}}, nil
}

func (r *gqlRun) mayUpdate(st *gitStore, c refChange) error {
	if !c.deletes() && !st.has(c.new) {
		return &gqlError{Type: "UNPROCESSABLE", Message: "Object does not exist: " + c.new.String()}
	}
	why, err := r.refuseMove(r.who, r.repo, st, c)
	if err != nil || why == nil {
		return err
	}
	return why.asREST()
}

// forward refuses a move that would lose commits.
func (st *gitStore) forward(c refChange) error {
	forward, err := st.contains(c.new, c.old)
	if err != nil || forward {
		return err
	}
	return &gqlError{Type: "UNPROCESSABLE", Message: "Reference update failed: Update is not a fast forward"}
}
