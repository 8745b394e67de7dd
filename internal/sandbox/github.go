package sandbox

import (
	"encoding/base64"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// GitHub is what the sandbox remembers of a GitHub host. The git repositories are folders beside the
// state file; their refs are the truth about branches, and nothing here repeats them.
type GitHub struct {
	Enterprise    bool         `json:"enterprise"` // an Enterprise Server, not github.com
	DefaultBranch string       `json:"default_branch"`
	Delay         int          `json:"delay"`               // requests for which a new repository is not seen everywhere
	RunDelay      int          `json:"run_delay,omitempty"` // seconds after which a run that was started by hand is listed
	RateLimit     int          `json:"rate_limit"`          // requests an hour; 0 is GitHub's own
	SigningKey    string       `json:"signing_key,omitempty"`
	Accounts      []*ghAccount `json:"accounts"`
	Apps          []*ghApp     `json:"apps"`
	Tokens        []*ghToken   `json:"tokens"`
	Repositories  []*ghRepo    `json:"repositories"`

	answered int64               // requests, for X-GitHub-Request-Id
	used     map[string]*ghQuota // by credential
}

// ghAccount is a user or an organisation.
type ghAccount struct {
	ID       int64     `json:"id"`
	Login    string    `json:"login"`
	Org      bool      `json:"org"`
	Operator bool      `json:"operator"` // holds every right on every repository
	Plan     string    `json:"plan"`
	Created  time.Time `json:"created"`

	// Of an organisation.
	Base     string      `json:"base_permission"` // what a member may do on every repository
	Members  []*ghMember `json:"members"`
	Teams    []*ghTeam   `json:"teams"`
	Workflow ghWorkflow  `json:"workflow"`
	Locked   bool        `json:"workflow_locked"` // repositories may not ask for more than Workflow
	Closed   bool        `json:"closed"`          // only owners create repositories
	Subject  *ghSubject  `json:"subject"`
}

type ghMember struct {
	Login string `json:"login"`
	Owner bool   `json:"owner"`
}

type ghTeam struct {
	ID      int64             `json:"id"`
	Slug    string            `json:"slug"`
	Name    string            `json:"name"`
	Members map[string]string `json:"members"` // login: member or maintainer
	Created time.Time         `json:"created"`
}

// ghWorkflow are the rights of GITHUB_TOKEN.
type ghWorkflow struct {
	Default string `json:"default"` // read, write
	Approve bool   `json:"approve"` // may create and approve pull requests
}

// ghSubject is a template for the subjects of OIDC tokens. Nil keys are no template.
type ghSubject struct {
	UseDefault bool     `json:"use_default"`
	Keys       []string `json:"keys"`
	Immutable  bool     `json:"immutable"`
}

type ghApp struct {
	ID        int64             `json:"id"`
	Slug      string            `json:"slug"`
	PublicKey string            `json:"public_key"` // PEM
	Installed []*ghInstallation `json:"installed"`
}

type ghInstallation struct {
	ID           int64             `json:"id"`
	Account      int64             `json:"account"`
	Permissions  map[string]string `json:"permissions"`
	Repositories []int64           `json:"repositories"` // nil: all of the account's
}

// ghToken is a credential; only a hash of it is kept.
type ghToken struct {
	Hash         string            `json:"hash"`
	Kind         tokenKind         `json:"kind"`
	Login        string            `json:"login,omitempty"`
	Installation int64             `json:"installation,omitempty"`
	Scopes       []string          `json:"scopes,omitempty"`
	Permissions  map[string]string `json:"permissions,omitempty"`
	Repositories []int64           `json:"repositories,omitempty"`
	Expires      time.Time         `json:"expires,omitzero"`
}

type tokenKind string

const (
	classicToken tokenKind = "classic"      // limited by scopes
	fineToken    tokenKind = "fine_grained" // limited by permissions, and by repositories
	appToken     tokenKind = "installation"
)

// beginGitHub makes a GitHub of what the guide presumes, the owner of the spec's repository and an
// operator with every right, and adds what w says; w may be nil.
func (s *Sandbox) beginGitHub(w *GitHubWorld) error {
	if w == nil {
		w = &GitHubWorld{}
	}
	host, err := url.Parse(s.opt.Hosts.GitHub)
	if err != nil {
		return fmt.Errorf("the GitHub host: %w", err)
	}
	gh := &GitHub{
		Enterprise:    host.Host != "" && host.Hostname() != "github.com" && !strings.HasSuffix(host.Hostname(), ".ghe.com"),
		DefaultBranch: "main",
	}
	s.state.GitHub = gh
	return w.apply(s)
}

// account finds a user or an organisation by its login, in any case.
func (gh *GitHub) account(login string) *ghAccount {
	i := slices.IndexFunc(gh.Accounts, func(a *ghAccount) bool { return strings.EqualFold(a.Login, login) })
	if i < 0 {
		return nil
	}
	return gh.Accounts[i]
}

func (gh *GitHub) accountByID(id int64) *ghAccount {
	i := slices.IndexFunc(gh.Accounts, func(a *ghAccount) bool { return a.ID == id })
	if i < 0 {
		return nil
	}
	return gh.Accounts[i]
}

func (gh *GitHub) operator() *ghAccount {
	i := slices.IndexFunc(gh.Accounts, func(a *ghAccount) bool { return a.Operator })
	if i < 0 {
		return nil
	}
	return gh.Accounts[i]
}

// repository finds a repository by a name that it has, or that it had before it was renamed.
func (gh *GitHub) repository(owner, name string) (repo *ghRepo, renamed bool) {
	for _, r := range gh.Repositories {
		if strings.EqualFold(gh.accountByID(r.Owner).Login, owner) && strings.EqualFold(r.Name, name) {
			return r, false
		}
	}
	for _, r := range gh.Repositories {
		for _, former := range r.Former {
			if strings.EqualFold(former, owner+"/"+name) {
				return r, true
			}
		}
	}
	return nil, false
}

func (gh *GitHub) repositoryByID(id string) *ghRepo {
	i := slices.IndexFunc(gh.Repositories, func(r *ghRepo) bool { return strconv.FormatInt(r.ID, 10) == id })
	if i < 0 {
		return nil
	}
	return gh.Repositories[i]
}

func (gh *GitHub) fullName(r *ghRepo) string { return gh.accountByID(r.Owner).Login + "/" + r.Name }

func (a *ghAccount) team(slug string) *ghTeam {
	i := slices.IndexFunc(a.Teams, func(t *ghTeam) bool { return strings.EqualFold(t.Slug, slug) })
	if i < 0 {
		return nil
	}
	return a.Teams[i]
}

func (a *ghAccount) member(login string) *ghMember {
	i := slices.IndexFunc(a.Members, func(m *ghMember) bool { return strings.EqualFold(m.Login, login) })
	if i < 0 {
		return nil
	}
	return a.Members[i]
}

func (a *ghAccount) kind() string {
	if a.Org {
		return "Organization"
	}
	return "User"
}

// ghObject is a JSON object on its way out.
type ghObject = map[string]any

func ghNode(kind string, id int64) string {
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%03d:%s%d", len(kind), kind, id))
}

func ghTime(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func ghKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
