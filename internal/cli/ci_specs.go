package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"

	"github.com/mlopsctl/mlopsctl/internal/gitrepo"
	"github.com/mlopsctl/mlopsctl/pkg/diag"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

// specs reads both specs, as data. What is wrong with the pull request's comes back as a *failure; a base without
// a usable spec has no stack, and the report says why.
func (c *check) specs(ctx context.Context) error {
	if err := c.propose(ctx); err != nil {
		return err
	}
	if err := c.refuseCheckout(c.checkedOut); err != nil {
		return err
	}
	found, err := c.readBase(ctx)
	if err != nil {
		return err
	}
	if found {
		c.parseBase()
	}
	return c.readHead(ctx)
}

// propose asks what the pull request proposes, where the event does not say.
func (c *check) propose(ctx context.Context) error {
	if c.event.Pull == 0 || c.event.HeadSHA != "" && c.event.BaseSHA != "" {
		return nil
	}
	desk, err := c.atDesk()
	if err != nil {
		return err
	}
	p, err := desk.Proposal(ctx, c.event.Pull)
	if err != nil {
		return err
	}
	c.event.HeadSHA, c.event.BaseSHA, c.event.BaseRef = p.Head.SHA, p.Base.SHA, p.Base.Ref
	if p.Head.Repo != nil {
		c.event.HeadRepo = p.Head.Repo.FullName
	}
	return nil
}

// readBase reads the spec that the pull request is compared with, and reports whether there is one.
func (c *check) readBase(ctx context.Context) (found bool, err error) {
	revision := c.options.base
	switch {
	case revision == "" && c.event.Pull == 0:
		return false, nil
	case revision == "":
		revision = c.baseRevision(ctx)
	}
	c.base.data, c.base.commit, err = gitrepo.DataAt(c.base.path, revision)
	if errors.Is(err, gitrepo.ErrNoCommit) && c.options.base == "" {
		c.base.data, c.base.commit, err = c.fetch(ctx, revision)
	}
	c.report.Base.Commit = c.base.commit
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, gitrepo.ErrNoData), errors.Is(err, resource.ErrNotFound):
		c.report.Why = "the base branch has no spec, so that no host is trusted yet"
		return false, nil
	default:
		return false, &failure{code: exitError, list: problem("ci/no-base", "the base branch's spec cannot be read: "+err.Error(),
			"check out with fetch-depth: 0, or give the job's token contents: read")}
	}
}

// baseRevision is the commit that the pull request is compared with. A merge that a runner has checked out says it
// best: what else the base branch has got since the pull request was opened is in both then.
func (c *check) baseRevision(ctx context.Context) string {
	if p := c.here.Parents; !c.options.fromAPI && len(p) == 2 && p[1] == c.event.HeadSHA {
		return p[0]
	}
	desk, err := c.atDesk()
	if err != nil {
		return c.event.BaseSHA
	}
	commit, behind, err := desk.Fork(ctx, c.event.BaseSHA, c.event.HeadSHA)
	if err != nil || commit == "" || behind == 0 {
		return c.event.BaseSHA // the tip: it is compared with what is there now
	}
	c.report.Diagnostics = append(c.report.Diagnostics, diag.Diagnostic{Severity: diag.Warning, Code: "ci/behind",
		Summary: fmt.Sprintf("the pull request is %d commits behind its base branch", behind),
		Detail:  "what the base branch has got since counts as there before; update the branch to see both together"})
	return commit
}

// fetch reads the spec's file at a commit through the API.
func (c *check) fetch(ctx context.Context, commit string) ([]byte, string, error) {
	desk, err := c.atDesk()
	if err != nil {
		return nil, "", err
	}
	data, err := desk.FileAt(ctx, filepath.ToSlash(c.report.File), commit)
	return data, commit, err
}

func (c *check) parseBase() {
	stack, list := spec.Parse(c.base.path, c.base.data, c.reading())
	sum := sha256.Sum256(c.base.data)
	c.report.Base.SHA256 = hex.EncodeToString(sum[:])
	if list.HasErrors() {
		c.report.Why = "the base branch's spec is not valid, so that no host is trusted by it"
		return
	}
	c.base.stack = stack
}

func (c *check) reading() spec.Options {
	vars, _ := c.app.flags.variables() // what is wrong with them was said by then
	return c.app.reading(vars)
}

// readHead reads the pull request's spec: the one that is here, or as data.
func (c *check) readHead(ctx context.Context) (err error) {
	o := c.reading()
	if c.event.Pull != 0 && (c.options.fromAPI || c.event.Fork()) {
		o.LookupEnv = c.onlyOfBase(o.LookupEnv)
	}
	var list diag.List
	if c.event.Pull != 0 {
		c.head.commit = c.event.HeadSHA
	} else {
		c.head.commit = c.here.Commit
	}
	if c.options.fromAPI {
		if c.head.data, _, err = c.fetch(ctx, c.event.HeadSHA); err != nil {
			return &failure{code: exitInvalid, list: problem("ci/no-head", "the pull request's spec cannot be read: "+err.Error(), "a spec is a plain file of at most a megabyte, under the same path as on the base branch")}
		}
		if err := c.refuseCheckout(c.specCheckedOut); err != nil {
			return err
		}
		c.head.stack, list = spec.Parse(c.head.path, c.head.data, o)
	} else {
		c.elsewhere()
		c.head.stack, list = spec.Load(c.head.path, o)
	}
	c.report.Head.Commit = c.head.commit
	if list.HasErrors() {
		c.report.Diagnostics = sorted(c.report.Diagnostics, list)
		return &failure{code: exitInvalid, told: true}
	}
	c.head.found = list // the plan says it with the rest, as its rules may have something to say about it
	c.report.Head.SHA256 = c.head.stack.SHA256
	return nil
}

// elsewhere says that what lies here is no checkout of the pull request: what is checked is then not what it proposes.
func (c *check) elsewhere() {
	if c.event.Pull == 0 || c.here.Commit == "" || c.checkedOut() {
		return
	}
	c.report.Diagnostics = append(c.report.Diagnostics, diag.Diagnostic{Severity: diag.Warning, Code: "ci/elsewhere",
		Summary: fmt.Sprintf("the spec that was checked is that of %.10s, and pull request #%d proposes %.10s", c.here.Commit, c.event.Pull, c.event.HeadSHA),
		Detail:  "check the pull request's commit out, or let --head-from-api fetch its spec"})
}

// onlyOfBase lets a spec that may be anybody's read no other variables than the base branch's does: what it reads
// stands in the comment.
func (c *check) onlyOfBase(lookup func(string) (string, bool)) func(string) (string, bool) {
	read := map[string]bool{}
	if c.base.stack != nil {
		for _, m := range regexp.MustCompile(`\$\{env\.([^}]*)\}`).FindAllSubmatch(c.base.data, -1) {
			read[string(m[1])] = true
		}
		for _, name := range c.base.stack.EnvSources() {
			delete(read, name)
		}
	}
	return func(name string) (string, bool) {
		if !read[name] {
			return "", false
		}
		return lookup(name)
	}
}
