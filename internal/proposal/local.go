package proposal

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"unicode/utf8"

	"github.com/mlopsctl/mlopsctl/internal/gitrepo"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

// largestFile is the size beyond which a file is data, and no code: data has no place in a review.
const largestFile = 5 << 20

// local reads a project's files as they are here. What must not or cannot be pushed blocks it, by its name: leaving
// it out in silence would push half of a project.
func (k *Desk) local(p spec.Project) ([]gitrepo.File, error) {
	files, err := gitrepo.Collect(k.Hub.Dir(), []string{p.Path})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &resource.Blocked{Reason: fmt.Sprintf("the project's folder %s is not here (looked in %s)", p.Path, k.Hub.Dir())}
	}
	if err != nil {
		return nil, &resource.Blocked{Reason: fmt.Sprintf("its files cannot be pushed: %v", err)}
	}
	there := false
	for _, f := range files {
		if why := unfit(f); why != "" {
			return nil, &resource.Blocked{Reason: why}
		}
		there = there || f.Path == bundle(p)
	}
	if !there {
		return nil, &resource.Blocked{Reason: fmt.Sprintf("%s is not here (looked in %s)", bundle(p), k.Hub.Dir())}
	}
	return files, nil
}

// unfit says why a file is not pushed, "" where it is.
func unfit(f gitrepo.File) string {
	const advice = "leave it out by .gitignore, or keep it elsewhere"
	switch {
	case len(f.Content) > largestFile:
		return fmt.Sprintf("%s has %d MB, and files over %d MB are data, which is not pushed as code: %s", f.Path, len(f.Content)>>20, largestFile>>20, advice)
	case bytes.IndexByte(f.Content, 0) >= 0 || !utf8.Valid(f.Content):
		return fmt.Sprintf("%s is binary, which nobody can review: %s", f.Path, advice)
	}
	if what, line := spec.CredentialIn(string(f.Content)); what != "" {
		return fmt.Sprintf("%s:%d looks like %s, and would be pushed: take it out and revoke it", f.Path, line, what)
	}
	return ""
}
