package sandbox

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
)

func ghObjectRoutes() []ghRoute {
	read, write := reads("contents", readAccess), writes("contents", writeAccess)
	return []ghRoute{
		{pattern: "POST ~/git/blobs", need: write, handle: (*ghCall).createBlob},
		{pattern: "GET ~/git/blobs/{file_sha}", need: read, handle: (*ghCall).getBlob},
		{pattern: "POST ~/git/trees", need: write, handle: (*ghCall).createTree},
		{pattern: "GET ~/git/trees/{tree_sha...}", need: read, handle: (*ghCall).getTree},
		{pattern: "POST ~/git/commits", need: write, handle: (*ghCall).createCommit},
		{pattern: "GET ~/git/commits/{commit_sha}", need: read, handle: (*ghCall).getGitCommit},
	}
}

func (g *ghCall) repoURL() string { return g.apiBase() + "/repos/" + g.gh.fullName(g.repo) }

func (g *ghCall) createBlob() (any, error) {
	var body struct{ Content, Encoding string }
	if err := g.read(&body); err != nil {
		return nil, err
	}
	st, err := g.openGit()
	if err != nil {
		return nil, err
	}
	content := []byte(body.Content)
	if body.Encoding == "base64" {
		if content, err = base64.StdEncoding.DecodeString(strings.ReplaceAll(body.Content, "\n", "")); err != nil {
			return nil, ghUnprocessable("content is not valid Base64")
		}
	}
	hash, err := st.writeBlob(content)
	if err != nil {
		return nil, err
	}
	url := g.repoURL() + "/git/blobs/" + hash.String()
	return &reply{status: http.StatusCreated, header: http.Header{"Location": {url}}, body: ghObject{"sha": hash.String(), "url": url}}, nil
}

func (st *gitStore) readBlob(hash plumbing.Hash) ([]byte, error) {
	blob, err := st.repo.BlobObject(hash)
	if err != nil {
		return nil, ghMissing()
	}
	r, err := blob.Reader()
	if err != nil {
		return nil, fmt.Errorf("reading blob %s: %w", hash, err)
	}
	content, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("reading blob %s: %w", hash, err)
	}
	return content, r.Close()
}

func (g *ghCall) getBlob() (any, error) {
	st, err := g.openGit()
	if err != nil {
		return nil, err
	}
	hash := plumbing.NewHash(g.vars["file_sha"])
	content, err := st.readBlob(hash)
	if err != nil {
		return nil, err
	}
	return ghObject{"sha": hash.String(), "node_id": ghNode("Blob", g.repo.ID) + hash.String(), "size": len(content), "encoding": "base64",
		"url": g.repoURL() + "/git/blobs/" + hash.String(), "content": base64.StdEncoding.EncodeToString(content)}, nil
}

// ghTreeEntry is a file in a new tree: its content, or the sha of what is there already; a null sha
// removes the path.
type ghTreeEntry struct {
	Path, Mode, Type string
	SHA              *string
	Content          *string
}

func (g *ghCall) createTree() (any, error) {
	var body struct {
		Tree []ghTreeEntry
		Base string `json:"base_tree"`
	}
	if err := g.read(&body); err != nil {
		return nil, err
	}
	st, err := g.openGit()
	if err != nil {
		return nil, err
	}
	files := gitFiles{}
	if body.Base != "" {
		if files, err = st.files(plumbing.NewHash(body.Base)); err != nil {
			return nil, ghUnprocessable("base_tree is not a valid tree oid")
		}
	}
	for _, entry := range body.Tree {
		if err := st.setEntry(files, entry); err != nil {
			return nil, err
		}
	}
	hash, err := st.writeTree(files)
	if err != nil {
		return nil, err
	}
	o, err := g.treeObject(st, hash)
	if err != nil {
		return nil, err
	}
	return &reply{status: http.StatusCreated, header: http.Header{"Location": {fmt.Sprint(o["url"])}}, body: o}, nil
}

func (st *gitStore) setEntry(files gitFiles, entry ghTreeEntry) error {
	if entry.Path == "" || strings.HasPrefix(entry.Path, "/") || slices.Contains(strings.Split(entry.Path, "/"), "..") {
		return ghUnprocessable("tree.path contains a malformed path component")
	}
	if entry.SHA == nil && entry.Content == nil {
		delete(files, entry.Path)
		return nil
	}
	mode, err := filemode.New(entry.Mode)
	if err != nil {
		return ghUnprocessable("tree.mode %q is not a valid mode", entry.Mode)
	}
	var hash plumbing.Hash
	if entry.Content != nil {
		if hash, err = st.writeBlob([]byte(*entry.Content)); err != nil {
			return err
		}
	} else if hash = plumbing.NewHash(*entry.SHA); !st.has(hash) {
		return ghUnprocessable("tree.sha %s is not a valid %s", *entry.SHA, entry.Type)
	}
	if mode != filemode.Dir {
		files[entry.Path] = object.TreeEntry{Mode: mode, Hash: hash}
		return nil
	}
	below, err := st.files(hash)
	if err != nil {
		return err
	}
	for path, file := range below {
		files[entry.Path+"/"+path] = file
	}
	return nil
}

func (g *ghCall) getTree() (any, error) {
	st, err := g.openGit()
	if err != nil {
		return nil, err
	}
	// "main:.github/workflows" is the tree of a folder.
	rev, folder, _ := strings.Cut(g.vars["tree_sha"], ":")
	hash := plumbing.NewHash(rev)
	if c, err := st.resolve(rev); err == nil {
		hash = c.TreeHash
	}
	tree, err := st.tree(hash)
	if err != nil {
		return nil, ghMissing()
	}
	if folder != "" {
		if tree, err = tree.Tree(folder); err != nil {
			return nil, ghMissing()
		}
	}
	return g.treeObject(st, tree.Hash)
}

func (g *ghCall) treeObject(st *gitStore, hash plumbing.Hash) (ghObject, error) {
	tree, err := st.repo.TreeObject(hash)
	if err != nil {
		return nil, fmt.Errorf("reading tree %s: %w", hash, err)
	}
	entries := []ghObject{}
	add := func(path string, e object.TreeEntry) {
		kind := map[bool]string{true: "tree", false: "blob"}[e.Mode == filemode.Dir]
		o := ghObject{"path": path, "mode": fmt.Sprintf("%06o", uint32(e.Mode)), "type": kind, "sha": e.Hash.String(),
			"url": g.repoURL() + "/git/" + kind + "s/" + e.Hash.String()}
		if blob, err := st.repo.BlobObject(e.Hash); err == nil {
			o["size"] = blob.Size
		}
		entries = append(entries, o)
	}
	recursive := g.req.URL.Query().Get("recursive") != ""
	walker := object.NewTreeWalker(tree, recursive, nil)
	defer walker.Close()
	for {
		path, entry, err := walker.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("reading tree %s: %w", hash, err)
		}
		add(path, entry)
	}
	return ghObject{"sha": hash.String(), "url": g.repoURL() + "/git/trees/" + hash.String(), "tree": entries, "truncated": false}, nil
}

// ghPerson is an author or a committer in a request.
type ghPerson struct {
	Name, Email string
	Date        *time.Time
}

func (g *ghCall) signature(given ...*ghPerson) object.Signature {
	by := gitSignature(g.who.name(), g.now())
	for _, p := range given {
		if p == nil {
			continue
		}
		by.Name, by.Email = p.Name, p.Email
		if p.Date != nil {
			by.When = *p.Date
		}
		break
	}
	return by
}

func (g *ghCall) createCommit() (any, error) {
	var body struct {
		Message, Tree     string
		Parents           []string
		Author, Committer *ghPerson
		Signature         string
	}
	if err := g.read(&body); err != nil {
		return nil, err
	}
	st, err := g.openGit()
	if err != nil {
		return nil, err
	}
	if _, err := st.repo.TreeObject(plumbing.NewHash(body.Tree)); err != nil {
		return nil, ghUnprocessable("Tree SHA does not exist")
	}
	c := &object.Commit{Message: body.Message, TreeHash: plumbing.NewHash(body.Tree), Author: g.signature(body.Author),
		Committer: g.signature(body.Committer, body.Author), PGPSignature: body.Signature}
	for _, parent := range body.Parents {
		if _, err := st.repo.CommitObject(plumbing.NewHash(parent)); err != nil {
			return nil, ghUnprocessable("Parent SHA does not exist or is not a commit object")
		}
		c.ParentHashes = append(c.ParentHashes, plumbing.NewHash(parent))
	}
	hash, err := st.writeObject(c)
	if err != nil {
		return nil, err
	}
	o, err := g.gitCommitObject(st, hash)
	if err != nil {
		return nil, err
	}
	return &reply{status: http.StatusCreated, header: http.Header{"Location": {fmt.Sprint(o["url"])}}, body: o}, nil
}

func (g *ghCall) getGitCommit() (any, error) {
	st, err := g.openGit()
	if err != nil {
		return nil, err
	}
	hash := plumbing.NewHash(g.vars["commit_sha"])
	if _, err := st.repo.CommitObject(hash); err != nil {
		return nil, ghMissing()
	}
	return g.gitCommitObject(st, hash)
}
