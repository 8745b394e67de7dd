package cli

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/ci"
	"github.com/mlopsctl/mlopsctl/internal/engine"
	"github.com/mlopsctl/mlopsctl/internal/gitrepo"
	"github.com/mlopsctl/mlopsctl/internal/render"
	"github.com/mlopsctl/mlopsctl/internal/transport"
	"github.com/mlopsctl/mlopsctl/pkg/diag"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

// check is one run of ci.
type check struct {
	app     *app
	options ciOptions
	event   ci.Event
	server  string           // the GitHub host of the pull request
	here    gitrepo.Checkout // of the spec's folder
	base    side
	head    side
	world   *world // what answers the hosts
	desk    *engine.Desk
	engines []*engine.Engine
	live    transport.Answers   // of live state, which both sides are held against
	given   *transport.Scrubber // knows the values that the base's secrets enter by
	report  *ci.Report
	plan    *plan.Plan // of the head; nil where there is none
}

// side is a spec on one side of a pull request.
type side struct {
	path   string // under which it is parsed
	data   []byte // nil: it is read from path
	commit string
	stack  *spec.Stack
	found  diag.List // by the spec's checks
}

func (c *check) env(name string) string {
	value, _ := c.app.streams.Env(name)
	return value
}

func (c *check) inActions() bool { return c.env("GITHUB_ACTIONS") == "true" }

// secretless is text without the secrets that any part of the check has come to know.
func (c *check) secretless(text string) string {
	for _, e := range c.engines {
		text = e.Scrub(text)
	}
	if c.desk != nil {
		text = c.desk.Scrub(text)
	}
	if c.given != nil {
		text = c.given.Clean(text)
	}
	return text
}

// scrub is secretless, and in a job without what its runner would take for a command.
func (c *check) scrub(text string) string {
	if c.inActions() {
		return render.Commandless(c.secretless(text))
	}
	return c.secretless(text)
}

// find learns what the check is about: from the flags, and in a job of GitHub Actions from its event.
func (c *check) find() error {
	c.report = &ci.Report{Known: ci.Live}
	if err := c.readEvent(); err != nil {
		return err
	}
	o := c.options
	switch {
	case o.drift && (o.pull != 0 || o.fromAPI || o.base != ""):
		return misuse("--drift is about the spec that is here: leave --pull-request, --base and --head-from-api out")
	case o.drift && c.event.Pull != 0:
		return misuse("--drift is about what was applied, and this is the job of a pull request: run it on a schedule, on the default branch")
	case c.event.Privileged():
		c.options.fromAPI = true
	}
	if c.options.fromAPI && c.event.Pull == 0 {
		return misuse("--head-from-api: no pull request is known; name it with --pull-request")
	}
	return c.locate()
}

// locate finds the spec of the folder. A pull request's check needs none there: it is fetched, or has been taken away.
func (c *check) locate() error {
	path, err := c.app.flags.file()
	if err != nil {
		return err
	}
	found, missing := spec.Locate(path)
	switch {
	case missing == nil:
		path = found
	case c.event.Pull == 0:
		return &failure{code: exitInvalid, list: problem("spec/file", missing.Error(), "name a spec with -f")}
	case path == ".":
		path = "mlops.yaml" // a pull request may take it away, which is said where it is reviewed
	}
	if c.here, err = gitrepo.CheckoutOf(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("looking at the checkout: %w", err)
	}
	c.report.File = path
	if missing == nil || !c.options.fromAPI {
		c.report.File = cmp.Or(c.here.Path, c.inWorkspace(path), path)
	}
	if c.options.fromAPI && !filepath.IsLocal(c.report.File) {
		return misuse("--file %s: a spec that is fetched is named by its path in the repository", path)
	}
	c.head.path, c.base.path = path, path
	return nil
}

// inWorkspace is a file's path in the folder that a runner has checked out, "" where it lies elsewhere. A checkout without
// git is one that the runner downloaded.
func (c *check) inWorkspace(path string) string {
	full, err := filepath.Abs(path)
	if err != nil {
		return ""
	}
	inside, err := filepath.Rel(c.env("GITHUB_WORKSPACE"), full)
	if err != nil || !filepath.IsLocal(inside) {
		return ""
	}
	return filepath.ToSlash(inside)
}

// readEvent reads what the runner says of the job. A flag is about a pull request of its own.
func (c *check) readEvent() error {
	c.server = strings.TrimSuffix(c.env("GITHUB_SERVER_URL"), "/")
	name, path := c.env("GITHUB_EVENT_NAME"), c.env("GITHUB_EVENT_PATH")
	c.event = ci.Event{Name: name, Repository: c.env("GITHUB_REPOSITORY"), BaseRef: c.env("GITHUB_BASE_REF")}
	if path != "" {
		const largest = 64 << 20
		data, err := readFile(path, largest)
		if err != nil {
			return fmt.Errorf("reading GITHUB_EVENT_PATH: %w", err)
		}
		if c.event, err = ci.ReadEvent(name, c.event.Repository, data); err != nil {
			return fmt.Errorf("reading GITHUB_EVENT_PATH: %w", err)
		}
	}
	o := c.options
	if o.pull < 0 {
		return misuse("--pull-request %d: a number from 1 is needed", o.pull)
	}
	if o.repo != "" && !repositoryName().MatchString(o.repo) {
		return misuse("--repo %q: it is OWNER/NAME", o.repo)
	}
	other := o.repo != "" && !strings.EqualFold(o.repo, c.event.Repository) || o.pull != 0 && o.pull != c.event.Pull
	if other {
		c.event = ci.Event{Name: name, Repository: cmp.Or(o.repo, c.event.Repository), Pull: cmp.Or(o.pull, c.event.Pull)}
	}
	c.report.Pull, c.report.Repository = c.event.Pull, c.event.Repository
	switch {
	case c.event.Pull != 0 && !repositoryName().MatchString(c.event.Repository):
		return misuse("the repository of pull request #%d is not known; name it with --repo", c.event.Pull)
	case c.server != "" && !spec.TrustedGitHub(c.server, spec.Options{TrustedHosts: c.app.trustedHosts()}):
		return misuse("GITHUB_SERVER_URL=%s is no host that a credential may go to; if it is yours, add it to MLOPSCTL_TRUSTED_HOSTS", c.server)
	}
	return nil
}

// repositoryName is the form of OWNER/NAME.
func repositoryName() *regexp.Regexp {
	return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+$`)
}

// checkedOut reports whether what the pull request proposes lies here, by itself or merged with its base.
func (c *check) checkedOut() bool {
	return c.event.HeadSHA != "" && (c.here.Commit == c.event.HeadSHA || slices.Contains(c.here.Parents, c.event.HeadSHA))
}

// trusted reports whether the job has the base branch's rights though it is about what somebody proposes: by its event, or as
// somebody asked for the check of a pull request by its number.
func (c *check) trusted() bool {
	return c.event.Privileged() || c.options.fromAPI && c.inActions()
}

// specCheckedOut reports whether the spec that lies here is the one that is proposed, as after a checkout of files, or a merge,
// that no commit shows.
func (c *check) specCheckedOut() bool {
	const largest = 1 << 20 // of a spec
	data, err := readFile(c.head.path, largest)
	return err == nil && bytes.Equal(data, c.head.data) && !bytes.Equal(data, c.base.data)
}

// refuseCheckout ends a run that has the base branch's rights beside files that somebody proposes.
func (c *check) refuseCheckout(lies func() bool) error {
	if !c.trusted() || !lies() {
		return nil
	}
	return &failure{code: exitRefused, list: problem("ci/head-checked-out",
		fmt.Sprintf("a job of %s has checked out what pull request #%d proposes", c.event.Name, c.event.Pull),
		"such a job holds the base branch's secrets; leave the ref of actions/checkout out, and ci fetches the proposed spec as data")}
}

// links are where the result's lines lead to.
func (c *check) links() render.Place {
	var p render.Place
	repository := c.event.Repository
	if c.server == "" || !repositoryName().MatchString(repository) {
		return p
	}
	blob := c.server + "/" + repository + "/blob/"
	if c.report.Head.Commit != "" {
		p.Blob = blob + c.report.Head.Commit
	}
	if c.report.Base.Commit != "" {
		p.Base = blob + c.report.Base.Commit
	}
	if id, err := strconv.ParseInt(c.env("GITHUB_RUN_ID"), 10, 64); err == nil {
		p.Run = fmt.Sprintf("%s/%s/actions/runs/%d", c.server, repository, id)
	}
	return p
}
