package spec

import (
	"cmp"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mlopsctl/mlopsctl/pkg/diag"
)

// The defaults that depend on nothing. The schema documents them; a test holds that both agree.
const (
	defaultGitHost       = "https://github.com"
	defaultSource        = "."
	defaultMessage       = "Initial commit"
	defaultLifetime      = 90 * 24 * time.Hour
	defaultTokenLifetime = 100 * 24 * time.Hour
	defaultRotation      = 14 * 24 * time.Hour
	defaultOverlap       = 24 * time.Hour
	defaultTitle         = "Add ML Code"
)

// decode fills the Stack from the tree, with defaults. What is broken is left out, so that the
// checks can speak of the rest; such a Stack is never returned.
func (r *reading) decode() {
	s := r.stack
	s.Name = r.root.str("name")
	s.Git = decodeGit(r.root.get("git"))
	if a := r.root.get("account"); a != nil {
		s.Account = &Account{Host: cleanHost(a.str("host")), ID: strings.ToLower(a.str("id")), Profile: a.str("profile")}
	}
	for _, n := range r.root.get("branches").children() {
		s.Branches = append(s.Branches, Branch{
			Name: n.name(), Default: n.truth("default"), From: n.str("from"), Protection: decodeProtection(n.get("protection")),
		})
	}
	for _, n := range r.root.get("targets").children() {
		s.Targets = append(s.Targets, decodeTarget(n))
	}
	for _, n := range r.root.get("service_principals").children() {
		s.ServicePrincipals = append(s.ServicePrincipals, decodePrincipal(n))
	}
	for _, n := range r.root.get("groups").children() {
		s.Groups = append(s.Groups, Group{
			Name: n.name(), Exists: n.truth("exists"), Members: n.texts("members"), Exclusive: n.truth("exclusive"),
		})
	}
	for _, n := range r.root.get("catalogs").children() {
		s.Catalogs = append(s.Catalogs, decodeCatalog(n))
	}
	for _, n := range r.root.get("permissions").children() {
		s.Permissions = append(s.Permissions, decodePermission(n))
	}
	for _, n := range r.root.get("secrets").children() {
		s.Secrets = append(s.Secrets, decodeSecret(n))
	}
	for _, n := range r.root.get("variables").children() {
		s.Variables = append(s.Variables, decodeVariable(n))
	}
	for _, n := range r.root.get("projects").children() {
		s.Projects = append(s.Projects, decodeProject(n))
	}
	for _, n := range r.root.get("policy").children() {
		s.Policy = append(s.Policy, decodePolicyRule(n))
	}
	for _, n := range r.root.get("moved").children() {
		s.Moved = append(s.Moved, Move{From: canonicalAddress(n.str("from")), To: canonicalAddress(n.str("to"))})
	}
	if c := r.root.get("ci"); c != nil {
		s.CI = &CI{Reader: c.str("reader"), Operator: c.str("operator")}
	}
	s.positions = r.positions()
}

func decodeGit(n *node) Git {
	owner, name, _ := strings.Cut(n.str("repository"), "/")
	g := Git{
		Host:        cleanHost(cmp.Or(n.str("host"), defaultGitHost)),
		Owner:       owner,
		Name:        name,
		Visibility:  n.str("visibility"),
		Description: n.textPointer("description"),
		Source:      cmp.Or(n.str("source"), defaultSource),
	}
	if c := n.get("first_commit"); c != nil {
		g.FirstCommit = &FirstCommit{Message: cmp.Or(c.str("message"), defaultMessage), Paths: c.texts("paths")}
	}
	if t := n.get("teams"); t != nil {
		g.Teams = []Team{}
		for _, role := range t.children() {
			if text, ok := role.value(); ok {
				g.Teams = append(g.Teams, Team{Slug: role.name(), Role: text})
			}
		}
	}
	if w := n.get("workflow_permissions"); w != nil {
		g.WorkflowPermissions = &WorkflowPermissions{
			Default: w.str("default"), CreatePullRequests: w.boolPointer("create_pull_requests"),
		}
	}
	return g
}

func decodeProtection(n *node) *Protection {
	if n == nil {
		return nil
	}
	p := &Protection{
		RequiredChecks: n.texts("required_checks"), AllowForcePush: n.boolPointer("allow_force_push"), Exclusive: n.truth("exclusive"),
	}
	if c := n.get("required_approvals"); c != nil && !c.broken && c.form == number {
		if i, err := strconv.Atoi(c.text); err == nil { // the schema allows 0 to 10 alone
			p.RequiredApprovals = &i
		}
	}
	return p
}

func decodeTarget(n *node) Target {
	t := Target{
		Name:             n.name(),
		Host:             cleanHost(n.str("host")),
		Profile:          n.str("profile"),
		Branch:           n.str("branch"),
		ServicePrincipal: n.str("service_principal"),
		Catalog:          cmp.Or(n.str("catalog"), n.name()),
	}
	if t.ServicePrincipal != "" {
		t.CIAuth = CIAuth(cmp.Or(n.str("ci_auth"), string(OIDC)))
	}
	if e := n.get("environment"); e != nil {
		t.Environment = &Environment{Reviewers: e.texts("reviewers"), Branches: e.texts("branches")}
	}
	return t
}

func decodePrincipal(n *node) ServicePrincipal {
	p := ServicePrincipal{
		Name: n.name(), ID: strings.ToLower(n.str("id")), Groups: n.texts("groups"), Directory: workspacePath(n.str("directory")),
		Entitlements: n.texts("entitlements"), Users: n.texts("users"),
	}
	if g := n.get("git_credential"); g != nil {
		token := g.get("token")
		p.GitCredential = &GitCredential{
			Provider: g.str("provider"), Username: g.str("username"), Email: g.str("email"),
			Env: token.str("env"), File: token.str("file"), Command: token.texts("command"),
		}
	}
	return p
}

func decodeCatalog(n *node) Catalog {
	c := Catalog{
		Name:        n.name(),
		Exists:      n.truth("exists"),
		Comment:     n.textPointer("comment"),
		StorageRoot: n.str("storage_root"),
		IsolatedTo:  n.texts("isolated_to"),
		Target:      n.str("target"),
	}
	for _, s := range n.get("schemas").children() {
		c.Schemas = append(c.Schemas, Schema{Name: s.name(), Comment: s.textPointer("comment")})
	}
	return c
}

func decodePermission(n *node) Permission {
	p := Permission{
		Grant:      n.str("grant"),
		Targets:    n.texts("targets"),
		Schema:     n.str("schema"),
		Input:      n.str("input"),
		Output:     n.str("output"),
		Principal:  n.str("principal"),
		On:         n.str("on"),
		Privileges: n.texts("privileges"),
		Level:      n.str("level"),
		Target:     n.str("target"),
		Exclusive:  n.truth("exclusive"),
	}
	if p.On == "metastore" { // both spellings mean the metastore of the target
		p.On = "metastore:"
	}
	if kind, name, _ := strings.Cut(p.On, ":"); kind == "directory" || kind == "experiment" {
		p.On = kind + ":" + workspacePath(name)
	}
	return p
}

func decodeSecret(n *node) Secret {
	s := Secret{
		Name:        strings.ToUpper(n.name()),
		Environment: n.str("environment"),
		Env:         n.str("env"),
		File:        n.str("file"),
		Command:     n.texts("command"),
	}
	if o := n.get("oauth_secret"); o != nil {
		s.OAuthSecret = &OAuthSecretSource{Target: o.str("target")}
		s.OAuthSecret.Lifetime = s.decodeLife(n, o, defaultLifetime)
	}
	if o := n.get("personal_access_token"); o != nil {
		s.PersonalAccessToken = &PersonalAccessTokenSource{Target: o.str("target")}
		s.PersonalAccessToken.Lifetime = s.decodeLife(n, o, defaultTokenLifetime)
	}
	if d, err := parseSpan(n.str("rotate_before")); err == nil {
		s.RotateBefore = d
	}
	if a := n.get("access_token"); a != nil {
		s.AccessToken = &AccessTokenSource{Target: a.str("target")}
	}
	return s
}

// decodeLife fills in when what is issued is renewed and how long it overlaps, and returns how long it lives.
func (s *Secret) decodeLife(n, source *node, lifetime time.Duration) time.Duration {
	if d, err := parseSpan(source.str("lifetime")); err == nil {
		lifetime = d
	}
	s.RotateBefore, s.Overlap = min(defaultRotation, lifetime/2), min(defaultOverlap, lifetime)
	if d, err := parseSpan(n.str("overlap")); err == nil {
		s.Overlap = d
	}
	return lifetime
}

func decodeVariable(n *node) Variable {
	v := Variable{Name: strings.ToUpper(n.name())}
	if value, ok := n.value(); ok {
		v.Value = value
		return v
	}
	v.Environment, v.Value = n.str("environment"), n.str("value")
	return v
}

func decodeProject(n *node) Project {
	p := Project{
		Name:      n.name(),
		Path:      path.Clean(cmp.Or(n.str("path"), n.name())),
		Workflows: Workflows(cmp.Or(n.str("workflows"), string(NoWorkflows))),
		Deploy:    n.texts("deploy"),
	}
	if c := n.get("code"); c != nil {
		p.Code = &ProjectCode{Branch: cmp.Or(c.str("branch"), "add-"+n.name()), Title: cmp.Or(c.str("title"), defaultTitle)}
	}
	return p
}

// cleanHost returns a host in the one way that the program writes it: scheme and name in lower case,
// no slash at the end, no port that the scheme implies.
func cleanHost(host string) string {
	u, err := url.Parse(host)
	if err != nil || u.Host == "" {
		return strings.TrimRight(host, "/")
	}
	scheme := strings.ToLower(u.Scheme)
	name := strings.ToLower(u.Host)
	if port := map[string]string{"https": ":443", "http": ":80"}[scheme]; port != "" {
		name = strings.TrimSuffix(name, port)
	}
	return scheme + "://" + name
}

// positions returns the place of every key and item. A secret or a variable goes by its upper-case
// name too, as the Stack calls it.
func (r *reading) positions() map[string]diag.Pos {
	at := map[string]diag.Pos{}
	r.root.walk(func(n *node) {
		at[Pointer(n.path...)] = n.keyAt
		if len(n.path) > 1 && (n.path[0] == "secrets" || n.path[0] == "variables") {
			upper := slices.Clone(n.path)
			upper[1] = strings.ToUpper(upper[1])
			at[Pointer(upper...)] = n.keyAt
		}
	})
	return at
}
