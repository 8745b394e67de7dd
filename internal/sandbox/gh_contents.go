package sandbox

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"path"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
)

func ghContentRoutes() []ghRoute {
	read, write := reads("contents", readAccess), writes("contents", writeAccess)
	return []ghRoute{
		{pattern: "GET ~/contents", need: read, handle: (*ghCall).getContents},
		{pattern: "GET ~/contents/{path...}", need: read, handle: (*ghCall).getContents},
		{pattern: "PUT ~/contents/{path...}", need: write, handle: (*ghCall).putContents},
		{pattern: "DELETE ~/contents/{path...}", need: write, handle: (*ghCall).deleteContents},
		{pattern: "GET ~/commits", need: read, handle: (*ghCall).listCommits},
		{pattern: "GET ~/commits/{ref}/status", need: reads("statuses", readAccess), handle: (*ghCall).combinedStatus},
		{pattern: "GET ~/commits/{ref...}", need: read, handle: (*ghCall).getCommit},
		{pattern: "POST ~/statuses/{sha}", need: writes("statuses", writeAccess), handle: (*ghCall).createStatus},
		{pattern: "GET ~/compare/{basehead...}", need: read, handle: (*ghCall).compare},
		{pattern: "POST ~/merges", need: write, handle: (*ghCall).mergeBranches},
	}
}

func (g *ghCall) getContents() (any, error) {
	st, err := g.gitStore(g.repo)
	if err != nil {
		return nil, err
	}
	c, err := st.resolve(cmp.Or(g.req.URL.Query().Get("ref"), g.repo.Default))
	if err != nil {
		f := ghMissing()
		if empty, _ := st.isEmpty(); empty {
			f.message = "This repository is empty."
		}
		return nil, f
	}
	tree, err := c.Tree()
	if err != nil {
		return nil, fmt.Errorf("reading the tree of %s: %w", c.Hash, err)
	}
	at := strings.Trim(g.vars["path"], "/")
	if at != "" {
		entry, err := tree.FindEntry(at)
		if err != nil {
			return nil, ghMissing()
		}
		if entry.Mode != filemode.Dir {
			return g.fileObject(st, at, *entry)
		}
		if tree, err = tree.Tree(at); err != nil {
			return nil, ghMissing()
		}
	}
	list := []ghObject{}
	for _, entry := range tree.Entries {
		o := g.entryObject(st, path.Join(at, entry.Name), entry)
		list = append(list, o)
	}
	return list, nil
}

func (g *ghCall) entryObject(st *gitStore, at string, entry object.TreeEntry) ghObject {
	kind, below, size := "file", "blobs", int64(0)
	if entry.Mode == filemode.Dir {
		kind, below = "dir", "trees"
	} else if blob, err := st.repo.BlobObject(entry.Hash); err == nil {
		size = blob.Size
	}
	url := g.repoURL() + "/contents/" + at
	git := fmt.Sprintf("%s/git/%s/%s", g.repoURL(), below, entry.Hash)
	html := fmt.Sprintf("%s/%s/blob/%s/%s", g.htmlBase(), g.gh.fullName(g.repo), g.repo.Default, at)
	return ghObject{"type": kind, "size": size, "name": path.Base(at), "path": at, "sha": entry.Hash.String(), "url": url, "git_url": git,
		"html_url": html, "download_url": nil, "_links": ghObject{"self": url, "git": git, "html": html}}
}

func (g *ghCall) fileObject(st *gitStore, at string, entry object.TreeEntry) (any, error) {
	content, err := st.readBlob(entry.Hash)
	if err != nil {
		return nil, err
	}
	o := g.entryObject(st, at, entry)
	o["encoding"], o["content"] = "base64", base64.StdEncoding.EncodeToString(content)
	return o, nil
}

// ghContentBody is a change of one file.
type ghContentBody struct {
	Message, Content, SHA, Branch string
}

// putContents writes one file in one commit. It is the one way of REST to write to an empty
// repository.
func (g *ghCall) putContents() (any, error) {
	var body ghContentBody
	if err := g.read(&body); err != nil {
		return nil, err
	}
	content, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(body.Content, "\n", ""))
	if err != nil {
		return nil, ghUnprocessable("content is not valid Base64")
	}
	return g.changeFile(body, gitChanges{g.vars["path"]: append([]byte{}, content...)})
}

func (g *ghCall) deleteContents() (any, error) {
	var body ghContentBody
	if err := g.read(&body); err != nil {
		return nil, err
	}
	return g.changeFile(body, gitChanges{g.vars["path"]: nil})
}

func (g *ghCall) changeFile(body ghContentBody, changes gitChanges) (any, error) {
	st, err := g.gitStore(g.repo)
	if err != nil {
		return nil, err
	}
	branch, at := cmp.Or(body.Branch, g.repo.Default), g.vars["path"]
	tip, err := st.branch(branch)
	if err != nil {
		return nil, err
	}
	empty, err := st.isEmpty()
	if err != nil {
		return nil, err
	}
	if tip.IsZero() && !empty {
		return nil, &failure{status: http.StatusNotFound, message: fmt.Sprintf("Branch %s not found", branch)}
	}
	existed, err := st.mayReplace(tip, at, body.SHA)
	if err != nil {
		return nil, err
	}
	if !existed && changes[at] == nil {
		return nil, ghMissing()
	}
	hash, err := st.write(gitCommit{branch: branch, message: body.Message, who: g.who.name(), when: g.now(), changes: changes})
	if err != nil {
		return nil, err
	}
	if err := g.moveRef(st, refChange{name: "refs/heads/" + branch, old: tip, new: hash}); err != nil {
		var f *failure
		if errors.As(err, &f) && f.status == http.StatusUnprocessableEntity {
			f.status = http.StatusConflict // what a rule refuses is a conflict here
		}
		return nil, err
	}
	out, err := g.fileCommit(st, hash, at)
	if err != nil {
		return nil, err
	}
	status := http.StatusCreated
	if existed {
		status = http.StatusOK
	}
	return &reply{status: status, body: out}, nil
}

// mayReplace asks for the sha of a file that is there, and for the right one.
func (st *gitStore) mayReplace(tip plumbing.Hash, at, sha string) (existed bool, err error) {
	var old string
	if !tip.IsZero() {
		tree, err := st.tree(tip)
		if err != nil {
			return false, fmt.Errorf("reading the tree of %s: %w", tip, err)
		}
		if entry, err := tree.FindEntry(at); err == nil {
			old = entry.Hash.String()
		}
	}
	switch {
	case old != "" && sha == "":
		return true, ghUnprocessable("Invalid request.\n\n\"sha\" wasn't supplied.")
	case sha != "" && sha != old:
		return old != "", ghConflict("%s does not match %s", at, sha)
	default:
		return old != "", nil
	}
}

func (g *ghCall) fileCommit(st *gitStore, hash plumbing.Hash, at string) (ghObject, error) {
	commit, err := g.gitCommitObject(st, hash)
	if err != nil {
		return nil, err
	}
	out := ghObject{"commit": commit, "content": nil}
	tree, err := st.tree(hash)
	if err != nil {
		return nil, fmt.Errorf("reading the tree of %s: %w", hash, err)
	}
	if entry, err := tree.FindEntry(at); err == nil {
		o := g.entryObject(st, at, *entry)
		o["download_url"] = o["html_url"]
		out["content"] = o
	}
	return out, nil
}
