package spec

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// pathNodes returns every path of the spec with the folder that it is relative to.
func (r *reading) pathNodes() []pathNode {
	source := r.root.find("git", "source")
	all := []pathNode{{source, ""}}
	folder := r.stack.Git.Source
	if source != nil && source.broken {
		folder = ""
	}
	for _, n := range r.root.find("git", "first_commit", "paths").children() {
		all = append(all, pathNode{node: n, folder: folder})
	}
	for _, s := range r.valueSources() {
		all = append(all, pathNode{node: s.get("file")})
	}
	for _, p := range r.root.get("projects").children() {
		all = append(all, pathNode{node: p.get("path"), folder: folder})
	}
	return all
}

type pathNode struct {
	*node
	folder string
}

// checkPaths keeps every path inside the spec's folder: a spec in a pull request may be anybody's.
func (r *reading) checkPaths() {
	for _, p := range r.pathNodes() {
		value, ok := p.value()
		if !ok {
			continue
		}
		parts := strings.Split(filepath.ToSlash(value), "/")
		switch {
		case strings.HasPrefix(value, "~"):
			r.fail(p.node, found("spec/path", fmt.Sprintf("%s would be a home folder", p.quote()), "name a path inside the spec's folder"))
		case !filepath.IsLocal(value) || strings.Contains(value, `\`):
			r.fail(p.node, found("spec/path", fmt.Sprintf("%s leads out of the spec's folder", p.quote()),
				"name a path inside it, with / between its parts and without .."))
		case parts[0] == ".git" || strings.Contains(value, "/.git/"):
			r.fail(p.node, found("spec/path", fmt.Sprintf("%s is git's own", p.quote()), "name a path beside it"))
		}
	}
	r.checkPublished()
}

// checkPublished refuses a secret's file that the first commit would push.
func (r *reading) checkPublished() {
	commit := r.root.find("git", "first_commit", "paths")
	for _, s := range r.valueSources() {
		file, ok := s.get("file").value()
		for _, n := range commit.children() {
			path, usable := n.value()
			if !ok || !usable {
				continue
			}
			pushed := filepath.Join(r.stack.Git.Source, path)
			if inside(pushed, filepath.Clean(file)) {
				r.fail(s.get("file"), found("spec/published", fmt.Sprintf("git.first_commit would push %s", s.get("file").quote()),
					fmt.Sprintf("keep the secret outside of %q, or name the commit's files one by one", path)))
			}
		}
	}
}

// inside reports whether path is folder or lies below it. Both are clean.
func inside(folder, path string) bool {
	rest, err := filepath.Rel(folder, path)
	return err == nil && filepath.IsLocal(rest)
}

// checkSymlinks refuses a path that leaves the spec's folder through a symbolic link.
func (r *reading) checkSymlinks() {
	dir, err := filepath.Abs(r.stack.Dir)
	if err != nil {
		return // without a working folder no relative path could have been read
	}
	root, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return // the spec was read from there: only a race removes it, and every later step says so
	}
	for _, p := range r.pathNodes() {
		value, ok := p.value()
		if !ok {
			continue
		}
		if real := realPath(filepath.Join(dir, p.folder, value)); real != "" && !inside(root, real) {
			r.fail(p.node, found("spec/path", fmt.Sprintf("%s leads out of the spec's folder through a symbolic link", p.quote()),
				"name a path inside it"))
		}
	}
}

// realPath resolves the part of path that exists, "" when nothing can be told.
func realPath(path string) string {
	for {
		real, err := filepath.EvalSymlinks(path)
		if err == nil {
			return real
		}
		parent := filepath.Dir(path)
		if !os.IsNotExist(err) || parent == path {
			return ""
		}
		path = parent
	}
}
