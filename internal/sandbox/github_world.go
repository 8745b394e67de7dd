package sandbox

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// GitHubWorld is what a world file says about GitHub, beyond what the guide presumes: an
// organisation on the enterprise plan that owns the spec's repository, and an operator who owns it.
type GitHubWorld struct {
	OwnerType      string             `yaml:"owner_type"`                      // organization (default) or user
	Plan           string             `yaml:"plan"`                            // of the owner: free, team or enterprise (default)
	DefaultBranch  string             `yaml:"default_branch"`                  // of new repositories; main unless said
	BasePermission string             `yaml:"base_permission"`                 // of members on every repository; read unless said
	Workflow       *GitHubWorkflow    `yaml:"workflow_permissions"`            // of the organisation
	MembersCreate  *bool              `yaml:"members_can_create_repositories"` // true unless said
	SubjectKeys    []string           `yaml:"oidc_subject_keys"`               // the organisation's template for OIDC subjects
	Teams          []GitHubTeam       `yaml:"teams"`
	Users          []GitHubUser       `yaml:"users"`
	Apps           []GitHubApp        `yaml:"apps"`
	Repositories   []GitHubRepository `yaml:"repositories"`
	Delay          int                `yaml:"delay"`      // requests for which a new repository is not found everywhere
	RunDelay       int                `yaml:"run_delay"`  // seconds after which a run that was started by hand is listed
	RateLimit      int                `yaml:"rate_limit"` // requests an hour for each credential
}

// GitHubWorkflow are an organisation's rights of GITHUB_TOKEN; a locked organisation lets no
// repository go beyond them.
type GitHubWorkflow struct {
	Default            string `yaml:"default"` // read or write
	CreatePullRequests bool   `yaml:"create_pull_requests"`
	Locked             bool   `yaml:"locked"`
}

// GitHubTeam is a team of the owning organisation.
type GitHubTeam struct {
	Slug    string   `yaml:"slug"`
	Members []string `yaml:"members"` // logins
}

// GitHubUser is a person, with a token that may hold fewer rights than the operator's.
type GitHubUser struct {
	Login        string            `yaml:"login"`
	Role         string            `yaml:"role"` // in the owning organisation: owner, member or none (default)
	Token        string            `yaml:"token"`
	Scopes       []string          `yaml:"scopes"`       // of a classic token; repo and read:org unless said
	Permissions  map[string]string `yaml:"permissions"`  // makes it a fine-grained token: contents: write, ...
	Repositories []string          `yaml:"repositories"` // that a fine-grained token is limited to, as owner/name
	Expired      bool              `yaml:"expired"`
}

// GitHubApp is an App that is installed on the owner.
type GitHubApp struct {
	ID           int64             `yaml:"id"`
	Slug         string            `yaml:"slug"`
	PublicKey    string            `yaml:"public_key"` // PEM
	Installation int64             `yaml:"installation"`
	Permissions  map[string]string `yaml:"permissions"`
	Repositories []string          `yaml:"repositories"` // limits the installation to these
}

// GitHubRepository is a repository that is there already.
type GitHubRepository struct {
	Name          string            `yaml:"name"`       // owner/name
	Visibility    string            `yaml:"visibility"` // private unless said
	Description   string            `yaml:"description"`
	Archived      bool              `yaml:"archived"`
	RenamedFrom   string            `yaml:"renamed_from"` // owner/name
	Created       string            `yaml:"created"`      // a date; old ones have no immutable OIDC subjects
	DefaultBranch string            `yaml:"default_branch"`
	Files         map[string]string `yaml:"files"`    // committed to the default branch; a repository without files is empty
	Branches      []string          `yaml:"branches"` // more branches at the same commit
	Teams         map[string]string `yaml:"teams"`
	Collaborators map[string]string `yaml:"collaborators"`
	Environments  []string          `yaml:"environments"` // without protection
	Variables     map[string]string `yaml:"variables"`
	RefuseRefs    []string          `yaml:"refuse_refs"` // full names of refs that nobody may write; * is anything
}

// apply makes the owner, the operator and everything that w names.
func (w *GitHubWorld) apply(s *Sandbox) error {
	gh := s.state.GitHub
	gh.DefaultBranch, gh.Delay, gh.RunDelay, gh.RateLimit = cmp.Or(w.DefaultBranch, "main"), w.Delay, w.RunDelay, w.RateLimit
	owner, err := w.applyOwner(s)
	if err != nil {
		return fmt.Errorf("the world's github: %w", err)
	}
	for _, u := range w.Users {
		if err := u.apply(s, owner); err != nil {
			return fmt.Errorf("the world's github user %q: %w", u.Login, err)
		}
	}
	for _, t := range w.Teams {
		if err := t.apply(s, owner); err != nil {
			return fmt.Errorf("the world's github team %q: %w", t.Slug, err)
		}
	}
	for _, r := range w.Repositories {
		if err := r.apply(s); err != nil {
			return fmt.Errorf("the world's github repository %q: %w", r.Name, err)
		}
	}
	// Last, as credentials may be limited to repositories.
	for _, u := range w.Users {
		if err := u.applyToken(s); err != nil {
			return fmt.Errorf("the token of the world's github user %q: %w", u.Login, err)
		}
	}
	for _, a := range w.Apps {
		if err := a.apply(s, owner); err != nil {
			return fmt.Errorf("the world's github app %q: %w", a.Slug, err)
		}
	}
	return nil
}

func oneOf(what, value string, allowed ...string) error {
	if value == "" || slices.Contains(allowed, value) {
		return nil
	}
	return fmt.Errorf("%s is %q; it may be %s", what, value, strings.Join(allowed, ", "))
}

func (w *GitHubWorld) applyOwner(s *Sandbox) (*ghAccount, error) {
	for what, given := range map[string][]string{"owner_type": {w.OwnerType, "organization", "user"},
		"plan": {w.Plan, "free", "team", "enterprise"}, "base_permission": {w.BasePermission, "none", "read", "write", "admin"}} {
		if err := oneOf(what, given[0], given[1:]...); err != nil {
			return nil, err
		}
	}
	owner := s.addAccount(cmp.Or(s.opt.Hosts.Owner, "acme"))
	owner.Plan = cmp.Or(w.Plan, "enterprise")
	owner.Workflow = ghWorkflow{Default: "read"}
	if w.OwnerType == "user" {
		owner.Operator = true // only a user makes repositories of its own
		return owner, nil
	}
	owner.Org, owner.Base = true, cmp.Or(w.BasePermission, "read")
	owner.Closed = w.MembersCreate != nil && !*w.MembersCreate
	if w.Workflow != nil {
		if err := oneOf("workflow_permissions.default", w.Workflow.Default, "read", "write"); err != nil {
			return nil, err
		}
		owner.Workflow = ghWorkflow{Default: cmp.Or(w.Workflow.Default, "read"), Approve: w.Workflow.CreatePullRequests}
		owner.Locked = w.Workflow.Locked
	}
	if bad := ghUnknownClaim(w.SubjectKeys); bad != "" {
		return nil, fmt.Errorf("oidc_subject_keys: %q is no claim", bad)
	}
	if w.SubjectKeys != nil {
		owner.Subject = &ghSubject{Keys: w.SubjectKeys}
	}
	operator := s.addAccount("sandbox-operator")
	operator.Operator = true
	owner.Members = append(owner.Members, &ghMember{Login: operator.Login, Owner: true})
	return owner, nil
}

func (s *Sandbox) addAccount(login string) *ghAccount {
	a := &ghAccount{ID: s.state.nextID(), Login: login, Plan: "free", Created: s.now(), Workflow: ghWorkflow{Default: "read"}}
	s.state.GitHub.Accounts = append(s.state.GitHub.Accounts, a)
	return a
}

func (t GitHubTeam) apply(s *Sandbox, owner *ghAccount) error {
	if !owner.Org {
		return fmt.Errorf("the owner %s is a user and has no teams", owner.Login)
	}
	team := &ghTeam{ID: s.state.nextID(), Slug: strings.ToLower(t.Slug), Name: t.Slug, Members: map[string]string{}, Created: s.now()}
	for _, login := range t.Members {
		if s.state.GitHub.account(login) == nil {
			return fmt.Errorf("its member %q is not among the world's users", login)
		}
		team.Members[strings.ToLower(login)] = "member"
	}
	owner.Teams = append(owner.Teams, team)
	return nil
}

func (u GitHubUser) apply(s *Sandbox, owner *ghAccount) error {
	if u.Login == "" || s.state.GitHub.account(u.Login) != nil {
		return fmt.Errorf("the login is missing or used twice")
	}
	if err := oneOf("role", u.Role, "owner", "member", "none"); err != nil {
		return err
	}
	s.addAccount(u.Login)
	if u.Role == "owner" || u.Role == "member" {
		owner.Members = append(owner.Members, &ghMember{Login: u.Login, Owner: u.Role == "owner"})
	}
	return nil
}

func (u GitHubUser) applyToken(s *Sandbox) error {
	if u.Token == "" {
		return nil
	}
	t := &ghToken{Hash: ghHash(u.Token), Kind: classicToken, Login: u.Login, Scopes: u.Scopes}
	if u.Scopes == nil {
		t.Scopes = []string{"read:org", "repo"}
	}
	if u.Permissions != nil {
		t.Kind, t.Scopes, t.Permissions = fineToken, nil, ghPermissions(u.Permissions)
	}
	var err error
	if t.Repositories, err = s.repositoryIDs(u.Repositories); err != nil {
		return err
	}
	if u.Expired {
		t.Expires = s.now().Add(-time.Hour)
	}
	s.state.GitHub.Tokens = append(s.state.GitHub.Tokens, t)
	return nil
}

// ghPermissions spells the one permission that GitHub writes in two ways.
func ghPermissions(given map[string]string) map[string]string {
	permissions := maps.Clone(given)
	if level, ok := permissions["variables"]; ok {
		permissions["actions_variables"] = level
		delete(permissions, "variables")
	}
	return permissions
}

func (s *Sandbox) repositoryIDs(names []string) ([]int64, error) {
	var ids []int64
	for _, full := range names {
		owner, name, _ := strings.Cut(full, "/")
		r, _ := s.state.GitHub.repository(owner, name)
		if r == nil {
			return nil, fmt.Errorf("there is no repository %q in this world", full)
		}
		ids = append(ids, r.ID)
	}
	return ids, nil
}

func (a GitHubApp) apply(s *Sandbox, owner *ghAccount) error {
	if a.ID == 0 || a.PublicKey == "" {
		return fmt.Errorf("an app needs its id and its public_key")
	}
	ids, err := s.repositoryIDs(a.Repositories)
	if err != nil {
		return err
	}
	installed := &ghInstallation{ID: cmp.Or(a.Installation, s.state.nextID()), Account: owner.ID,
		Permissions: ghPermissions(a.Permissions), Repositories: ids}
	s.state.GitHub.Apps = append(s.state.GitHub.Apps, &ghApp{ID: a.ID, Slug: cmp.Or(a.Slug, fmt.Sprint("app-", a.ID)), PublicKey: a.PublicKey,
		Installed: []*ghInstallation{installed}})
	return nil
}
