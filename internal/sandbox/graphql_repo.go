package sandbox

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
)

func (r *gqlRun) query() *gqlObject {
	return &gqlObject{kind: "Query", fields: map[string]gqlField{
		"viewer":     func(map[string]any) (any, error) { return r.viewer(), nil },
		"repository": r.findRepository,
		"rateLimit":  func(map[string]any) (any, error) { return r.rateLimit(), nil },
	}}
}

func (r *gqlRun) viewer() *gqlObject {
	if r.who.account != nil {
		return r.account(r.who.account)
	}
	return r.account(&ghAccount{ID: r.who.id(), Login: r.who.name()})
}

func (r *gqlRun) account(a *ghAccount) *gqlObject {
	return &gqlObject{kind: a.kind(), fields: map[string]gqlField{
		"id": gqlIs(ghNode(a.kind(), a.ID)), "databaseId": gqlIs(a.ID), "login": gqlIs(a.Login), "name": gqlIs(a.Login),
	}}
}

func (r *gqlRun) rateLimit() *gqlObject {
	if r.gh.Enterprise {
		return nil
	}
	q := r.quota()
	return &gqlObject{kind: "RateLimit", fields: map[string]gqlField{
		"cost": gqlIs(1), "nodeCount": gqlIs(1), "limit": gqlIs(r.limit()), "used": gqlIs(q.used),
		"remaining": gqlIs(max(0, r.limit()-q.used)), "resetAt": gqlIs(ghTime(q.reset)),
	}}
}

// findRepository follows a rename unless it is told not to.
func (r *gqlRun) findRepository(arguments map[string]any) (any, error) {
	owner, name := fmt.Sprint(arguments["owner"]), fmt.Sprint(arguments["name"])
	repo, renamed := r.gh.repository(owner, name)
	if repo == nil || !r.sees(r.who, repo) || renamed && arguments["followRenames"] == false {
		return nil, &gqlError{Type: "NOT_FOUND", Message: fmt.Sprintf("Could not resolve to a Repository with the name '%s/%s'.", owner, name)}
	}
	return r.repository(repo)
}

// repository is r.repo's object; what the caller may not read is asked field by field.
func (r *gqlRun) repository(repo *ghRepo) (*gqlObject, error) {
	st, err := r.gitStore(repo)
	if err != nil {
		return nil, err
	}
	view := *r.ghCall
	view.repo = repo
	owner, role := r.gh.accountByID(repo.Owner), r.gh.role(r.who, repo)
	fields := map[string]gqlField{
		"id": gqlIs(ghNode("Repository", repo.ID)), "databaseId": gqlIs(repo.ID), "name": gqlIs(repo.Name), "nameWithOwner": gqlIs(r.gh.fullName(repo)),
		"url": gqlIs(r.htmlBase() + "/" + r.gh.fullName(repo)), "sshUrl": gqlIs(view.repoSimple(repo)["ssh_url"]),
		"visibility": gqlIs(strings.ToUpper(repo.Visibility)), "isPrivate": gqlIs(repo.Visibility != "public"), "isArchived": gqlIs(repo.Archived),
		"isFork": gqlIs(repo.Parent != 0), "description": gqlIs(repo.Description), "homepageUrl": gqlIs(repo.Homepage), "owner": gqlIs(r.account(owner)),
		"createdAt": gqlIs(ghTime(repo.Created)), "updatedAt": gqlIs(ghTime(repo.Updated)), "pushedAt": gqlIs(ghTime(repo.Pushed)),
		"viewerPermission": gqlIs(strings.ToUpper(role.roleName())), "viewerCanAdminister": gqlIs(role == adminAccess),
		"parent": func(map[string]any) (any, error) {
			from := r.parent(repo)
			if from == nil {
				return nil, nil
			}
			return r.repository(from)
		},
		"isEmpty":          func(map[string]any) (any, error) { return st.isEmpty() },
		"repositoryTopics": gqlPage("RepositoryTopicConnection", gqlTopics(repo)),
		"defaultBranchRef": func(map[string]any) (any, error) { return r.ref(st, "refs/heads/"+repo.Default) },
		"ref":              func(a map[string]any) (any, error) { return r.ref(st, gqlRefName(fmt.Sprint(a["qualifiedName"]))) },
		"refs":             func(a map[string]any) (any, error) { return r.refs(st, a) },
		"object":           func(a map[string]any) (any, error) { return r.expression(st, a) },
		"environments":     gqlPage("EnvironmentConnection", r.environments(repo)),
		"rulesets":         gqlPage("RepositoryRulesetConnection", r.rulesets(repo)),
	}
	for field, flag := range map[string]string{"mergeCommitAllowed": "allow_merge_commit", "squashMergeAllowed": "allow_squash_merge",
		"rebaseMergeAllowed": "allow_rebase_merge", "autoMergeAllowed": "allow_auto_merge", "allowUpdateBranch": "allow_update_branch",
		"deleteBranchOnMerge": "delete_branch_on_merge", "hasIssuesEnabled": "has_issues", "hasWikiEnabled": "has_wiki",
		"hasProjectsEnabled": "has_projects", "hasDiscussionsEnabled": "has_discussions", "isTemplate": "is_template",
		"webCommitSignoffRequired": "web_commit_signoff_required"} {
		fields[field] = gqlIs(repo.Flags[flag])
	}
	for field, title := range map[string]string{"mergeCommitTitle": "merge_commit_title", "mergeCommitMessage": "merge_commit_message",
		"squashMergeCommitTitle": "squash_merge_commit_title", "squashMergeCommitMessage": "squash_merge_commit_message"} {
		fields[field] = gqlIs(repo.Titles[title])
	}
	return &gqlObject{kind: "Repository", fields: fields}, nil
}

func gqlTopics(repo *ghRepo) []*gqlObject {
	var nodes []*gqlObject
	for _, name := range repo.Topics {
		topic := &gqlObject{kind: "Topic", fields: map[string]gqlField{"name": gqlIs(name)}}
		nodes = append(nodes, &gqlObject{kind: "RepositoryTopic", fields: map[string]gqlField{"topic": gqlIs(topic)}})
	}
	return nodes
}

// gqlRefName takes a branch's short name too.
func gqlRefName(name string) string {
	if strings.HasPrefix(name, "refs/") {
		return name
	}
	return "refs/heads/" + name
}

// ref is nil where there is none.
func (r *gqlRun) ref(st *gitStore, name string) (*gqlObject, error) {
	hash, err := st.ref(name)
	if err != nil || hash.IsZero() {
		return nil, err
	}
	slash := strings.Index(name[len("refs/"):], "/") + len("refs/") + 1
	return &gqlObject{kind: "Ref", fields: map[string]gqlField{
		"id": gqlIs(name), "name": gqlIs(name[slash:]), "prefix": gqlIs(name[:slash]),
		"target":  func(map[string]any) (any, error) { return r.gitObject(st, hash) },
		"compare": func(a map[string]any) (any, error) { return r.compareRefs(st, hash, fmt.Sprint(a["headRef"])) },
	}}, nil
}

func (r *gqlRun) refs(st *gitStore, arguments map[string]any) (any, error) {
	list, err := st.refs(fmt.Sprint(arguments["refPrefix"]))
	if err != nil {
		return nil, err
	}
	var nodes []*gqlObject
	for _, item := range list {
		o, err := r.ref(st, item.name)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, o)
	}
	return gqlPage("RefConnection", nodes)(arguments)
}

func (r *gqlRun) compareRefs(st *gitStore, base plumbing.Hash, head string) (any, error) {
	b, err := st.peel(base)
	if err != nil {
		return nil, err
	}
	h, err := st.resolve(head)
	if err != nil {
		return nil, nil // a head that is not there compares to nothing
	}
	ahead, err := st.history(h, b.Hash)
	if err != nil {
		return nil, err
	}
	behind, err := st.history(b, h.Hash)
	if err != nil {
		return nil, err
	}
	return &gqlObject{kind: "Comparison", fields: map[string]gqlField{"aheadBy": gqlIs(len(ahead)), "behindBy": gqlIs(len(behind)),
		"status": gqlIs(strings.ToUpper(ghCompared(len(ahead), len(behind))))}}, nil
}

// expression finds "REV" or "REV:PATH", or an object by its id.
func (r *gqlRun) expression(st *gitStore, arguments map[string]any) (any, error) {
	if oid, ok := arguments["oid"].(string); ok {
		return r.gitObject(st, plumbing.NewHash(oid))
	}
	rev, path, inside := strings.Cut(fmt.Sprint(arguments["expression"]), ":")
	if rev == "HEAD" {
		head, err := st.repo.Head()
		if err != nil {
			return nil, nil // an empty repository
		}
		rev = head.Hash().String()
	}
	c, err := st.resolve(rev)
	if err != nil {
		return nil, nil // what is not there is null
	}
	if !inside {
		return r.gitObject(st, c.Hash)
	}
	tree, err := c.Tree()
	if err != nil {
		return nil, err
	}
	if path == "" {
		return r.gitObject(st, tree.Hash)
	}
	entry, err := tree.FindEntry(path)
	if err != nil {
		return nil, nil
	}
	return r.gitObject(st, entry.Hash)
}

func (r *gqlRun) gitObject(st *gitStore, hash plumbing.Hash) (*gqlObject, error) {
	found, err := st.repo.Storer.EncodedObject(plumbing.AnyObject, hash)
	if err != nil {
		return nil, nil
	}
	base := map[string]gqlField{"oid": gqlIs(hash.String()), "id": gqlIs(hash.String())}
	switch found.Type() {
	case plumbing.CommitObject:
		c, err := st.repo.CommitObject(hash)
		if err != nil {
			return nil, err
		}
		base["message"], base["committedDate"] = gqlIs(c.Message), gqlIs(ghTime(c.Committer.When))
		base["url"] = gqlIs(r.htmlBase() + "/commit/" + hash.String())
		base["tree"] = func(map[string]any) (any, error) { return r.gitObject(st, c.TreeHash) }
		return &gqlObject{kind: "Commit", fields: base}, nil
	case plumbing.TreeObject:
		base["entries"] = func(map[string]any) (any, error) { return r.treeEntries(st, hash) }
		return &gqlObject{kind: "Tree", fields: base}, nil
	case plumbing.BlobObject:
		content, err := st.readBlob(hash)
		if err != nil {
			return nil, err
		}
		binary := !utf8.Valid(content)
		base["text"], base["byteSize"], base["isTruncated"], base["isBinary"] = gqlIs(string(content)), gqlIs(len(content)), gqlIs(false), gqlIs(binary)
		if binary {
			base["text"] = gqlIs(nil)
		}
		return &gqlObject{kind: "Blob", fields: base}, nil
	default:
		return &gqlObject{kind: "Tag", fields: base}, nil
	}
}

func (r *gqlRun) treeEntries(st *gitStore, hash plumbing.Hash) (any, error) {
	tree, err := st.repo.TreeObject(hash)
	if err != nil {
		return nil, err
	}
	list := []*gqlObject{}
	for _, e := range tree.Entries {
		kind := map[bool]string{true: "tree", false: "blob"}[e.Mode == filemode.Dir]
		list = append(list, &gqlObject{kind: "TreeEntry", fields: map[string]gqlField{
			"name": gqlIs(e.Name), "path": gqlIs(e.Name), "oid": gqlIs(e.Hash.String()), "mode": gqlIs(int(e.Mode)), "type": gqlIs(kind),
			"object": func(map[string]any) (any, error) { return r.gitObject(st, e.Hash) },
		}})
	}
	return list, nil
}
