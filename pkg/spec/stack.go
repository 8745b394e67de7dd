package spec

import (
	"slices"
	"strings"

	"github.com/mlopsctl/mlopsctl/pkg/diag"
)

// Stack is one mlops.yaml that passed every check, with defaults filled in. A nil pointer or a nil
// slice means that the key is absent, so what it stands for is not managed; an empty slice means
// that it is managed and none is wished. Lists that came from mappings keep the file's order.
type Stack struct {
	File   string // the spec's path, as it was given
	Dir    string // the folder that holds it; git.source is relative to it
	SHA256 string // of the file's bytes, in hexadecimal

	Name              string
	Git               Git
	Account           *Account
	Branches          []Branch
	Targets           []Target
	ServicePrincipals []ServicePrincipal
	Groups            []Group
	Catalogs          []Catalog
	Permissions       []Permission
	Secrets           []Secret
	Variables         []Variable
	Projects          []Project
	Policy            []PolicyRule
	Moved             []Move
	CI                *CI

	positions map[string]diag.Pos // by JSON pointer: the key's place, the item's in a list
}

// Git is the repository of the stack.
type Git struct {
	Host                string // with scheme, without a trailing slash
	Owner, Name         string
	Visibility          string // private, internal, public; "" is not managed
	Description         *string
	Source              string // the local project folder, relative to Stack.Dir
	FirstCommit         *FirstCommit
	Teams               []Team
	WorkflowPermissions *WorkflowPermissions
}

// FirstCommit is what an empty repository is given.
type FirstCommit struct {
	Message string
	Paths   []string
}

// Team is a team's role on the repository: read, triage, push, maintain or admin.
type Team struct{ Slug, Role string }

// WorkflowPermissions are the repository's settings for the token of its workflows.
type WorkflowPermissions struct {
	Default            string // read, write; "" is not managed
	CreatePullRequests *bool
}

// Account is the Databricks account. Without one nothing that needs it is done.
type Account struct{ Host, ID, Profile string }

// Branch is a branch of the repository.
type Branch struct {
	Name       string
	Default    bool
	From       string // the branch that it is created off; "" is the default branch
	Protection *Protection
}

// Protection is what the stack's own ruleset demands on a branch.
type Protection struct {
	RequiredApprovals *int
	RequiredChecks    []string
	AllowForcePush    *bool
	Exclusive         bool // rules that others made for the branch go
}

// Target is a deployment target of the bundle: a workspace, a principal, an environment.
type Target struct {
	Name             string
	Host             string // "" where the spec gives none
	Profile          string
	Branch           string
	ServicePrincipal string
	CIAuth           CIAuth // "" where the target has no principal
	Environment      *Environment
	Catalog          string // the target's own name unless said
}

// IsProduction reports whether a target is production's, by its name: prod, or one that begins with
// prod-, prod_ or production, in any case. What could do the most harm there is asked for twice.
func IsProduction(t Target) bool {
	name := strings.ToLower(t.Name)
	return name == "prod" || slices.ContainsFunc([]string{"prod-", "prod_", "production"}, func(begin string) bool {
		return strings.HasPrefix(name, begin)
	})
}

// CIAuth is the way that a target's CI job logs in to Databricks.
type CIAuth string

// The ways to log in that this version acts on.
const (
	OIDC        CIAuth = "oidc"
	OAuthSecret CIAuth = "oauth_secret"
	AccessToken CIAuth = "access_token"
	// PersonalAccessToken is a token on behalf of the target's principal.
	PersonalAccessToken CIAuth = "personal_access_token"
)

// Environment is a target's GitHub environment; it bears the target's name.
type Environment struct {
	Reviewers []string // "team:SLUG" or "user:LOGIN"
	Branches  []string // patterns of the branches that may deploy
}

// ServicePrincipal is what the spec says of a principal beyond its name.
type ServicePrincipal struct {
	Name, ID  string
	Groups    []string // of the account; it becomes a member
	Directory string   // in the workspaces of the targets that run as it, as workspacePath writes it; "" for none

	Entitlements []string // in the workspaces of its targets
	Users        []string // who may use it: "user:EMAIL", "group:NAME" or "service_principal:NAME"

	GitCredential *GitCredential // in the workspaces of its targets
}

// Group is a group of the account.
type Group struct {
	Name      string
	Exists    bool     // it is somebody else's: looked at, never created, renamed or deleted
	Members   []string // "user:EMAIL", "group:NAME" or "service_principal:NAME"
	Exclusive bool     // nobody else is a member but the principals whose Groups name it
}

// Catalog is a Unity Catalog catalog.
type Catalog struct {
	Name        string
	Exists      bool // it is somebody else's: looked at, never created or changed
	Comment     *string
	StorageRoot string
	IsolatedTo  []string // target names
	Target      string   // whose metastore, where several targets could mean several
	Schemas     []Schema
}

// Schema is a schema of a catalog.
type Schema struct {
	Name    string
	Comment *string
}

// Permission is one entry of permissions: a recipe (Grant), or a wish spelled out (Principal, On), in Unity
// Catalog (Privileges) or on an object of a workspace (Level).
type Permission struct {
	Grant   string // training, batch_inference; "" for a wish spelled out
	Targets []string
	Schema  string
	Input   string // SCHEMA.TABLE in each target's catalog
	Output  string

	Principal  string // group:NAME, user:NAME, service_principal:NAME
	On         string // TYPE:FULL.NAME
	Privileges []string
	Level      string // "" for a grant in Unity Catalog
	Target     string // whose metastore, where On leaves it open; whose workspace

	// Exclusive: nobody holds anything on the entry's securables but what the entries of the spec say
	// of them, taken together.
	Exclusive bool
}

// Variable is a GitHub Actions variable.
type Variable struct {
	Name        string // upper case, as GitHub stores it
	Environment string // "" is the repository's
	Value       string
}

// Move says that what stood under the address From stands under To now: the object is the same, so it
// is neither deleted nor created. Addresses are those of a plan, but for stack/NAME, the stack's own
// name, and repository/OWNER/NAME.
type Move struct{ From, To string }

// Target returns the target of that name, or nil.
func (s *Stack) Target(name string) *Target {
	for i := range s.Targets {
		if s.Targets[i].Name == name {
			return &s.Targets[i]
		}
	}
	return nil
}

// Group returns the group of that name, or nil. The account knows no two whose names differ in case alone.
func (s *Stack) Group(name string) *Group {
	for i := range s.Groups {
		if strings.EqualFold(s.Groups[i].Name, name) {
			return &s.Groups[i]
		}
	}
	return nil
}

// Catalog returns the catalog of that name, or nil.
func (s *Stack) Catalog(name string) *Catalog {
	for i := range s.Catalogs {
		if s.Catalogs[i].Name == name {
			return &s.Catalogs[i]
		}
	}
	return nil
}

// DefaultBranch returns the name of the branch that the spec calls the default, "" where none is.
func (s *Stack) DefaultBranch() string {
	for _, b := range s.Branches {
		if b.Default {
			return b.Name
		}
	}
	return ""
}

// At returns the place of the key or list item at path, given as its segments
// ("targets", "prod", "host"); where that is not in the file, its nearest ancestor's place.
func (s *Stack) At(path ...string) diag.Pos {
	for n := len(path); n >= 0; n-- {
		if pos, ok := s.positions[Pointer(path[:n]...)]; ok {
			return pos
		}
	}
	return diag.Pos{File: s.File}
}
