package sandbox

import (
	"cmp"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Databricks is what the sandbox remembers of a Databricks account, its workspaces and metastores.
type Databricks struct {
	AccountID  string          `json:"account_id"`
	Workspaces []*dbxWorkspace `json:"workspaces"`
	Principals []*dbxPrincipal `json:"principals"` // service principals and users
	Groups     []*dbxGroup     `json:"groups"`
	Tokens     []*dbxToken     `json:"tokens"`
	Metastores []*dbxMetastore `json:"metastores"`
	Securables []*dbxSecurable `json:"securables"`
	Grants     []*dbxGrants    `json:"grants"`
	Delays     WorldDelays     `json:"delays"`
}

type dbxWorkspace struct {
	ID             int64               `json:"id"`
	Host           string              `json:"host"` // as in a spec
	Metastore      string              `json:"metastore"`
	Admins         int64               `json:"admins"` // the id of its group of that name
	Users          int64               `json:"users"`
	Assignments    []*dbxAssignment    `json:"assignments"`
	Entitled       map[string][]string `json:"entitled"` // entitlements by principal id
	GitCredentials []*dbxGitCredential `json:"git_credentials,omitempty"`

	Tree            []*dbxNode          `json:"tree"`
	Experiments     []*dbxExperiment    `json:"experiments,omitempty"`
	Jobs            []*dbxJob           `json:"jobs,omitempty"`
	Runs            []*dbxRun           `json:"runs,omitempty"`
	ClusterPolicies []*dbxClusterPolicy `json:"cluster_policies,omitempty"`
	Access          []*dbxAccessList    `json:"access"` // who may do what on those
}

type dbxAssignment struct {
	Principal   int64    `json:"principal"` // of a service principal, a user or a group
	Permissions []string `json:"permissions"`
}

// dbxPrincipal is a service principal, or a user where it has a UserName.
type dbxPrincipal struct {
	ID            int64        `json:"id"`
	ApplicationID string       `json:"application_id,omitempty"`
	UserName      string       `json:"user_name,omitempty"`
	DisplayName   string       `json:"display_name"`
	ExternalID    string       `json:"external_id,omitempty"`
	Active        bool         `json:"active"`
	Roles         []string     `json:"roles,omitempty"` // account_admin
	Password      string       `json:"password,omitempty"`
	Secrets       []*dbxSecret `json:"secrets,omitempty"`
	Policies      []*dbxPolicy `json:"policies,omitempty"`
	Rules         []ruleWire   `json:"rules,omitempty"` // who may use and who manages it
	RuleVersion   int          `json:"rule_version,omitempty"`
	Unassignable  int          `json:"unassignable,omitempty"` // requests for which assignment does not know it
	Ungrantable   int          `json:"ungrantable,omitempty"`  // requests for which grants do not know it
}

// dbxSecret is an OAuth secret; only a hash of its value is kept.
type dbxSecret struct {
	ID      string    `json:"id"`
	Hash    string    `json:"hash"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"`
}

// dbxPolicy is a federation policy.
type dbxPolicy struct {
	ID          string    `json:"id"`
	UID         string    `json:"uid"`
	Description string    `json:"description,omitempty"`
	OIDC        oidcWire  `json:"oidc"`
	Created     time.Time `json:"created"`
	Updated     time.Time `json:"updated"`
}

type dbxGroup struct {
	ID         int64    `json:"id"`
	Name       string   `json:"name"`
	ExternalID string   `json:"external_id,omitempty"`
	Roles      []string `json:"roles,omitempty"`
	Members    []int64  `json:"members"`
}

type dbxToken struct {
	Hash      string       `json:"hash"`
	Principal int64        `json:"principal"`
	Personal  *dbxPersonal `json:"personal,omitempty"`  // nil: an access token
	Workspace int64        `json:"workspace,omitempty"` // 0: the account issued it, so it is good everywhere
	Expires   time.Time    `json:"expires"`
}

type dbxMetastore struct {
	ID          string    `json:"id"`
	Name        string    `json:"name"`
	Region      string    `json:"region"`
	StorageRoot string    `json:"storage_root,omitempty"`
	Owner       string    `json:"owner"` // a group, so that several can be metastore admins
	Created     time.Time `json:"created"`
}

// The securables that can be granted on, as the permissions API spells them in a path. A registered
// model is a function to it.
const (
	metastoreType = "metastore"
	catalogType   = "catalog"
	schemaType    = "schema"
	tableType     = "table"
	volumeType    = "volume"
	functionType  = "function"
)

// dbxSecurable is a catalog or anything below one.
type dbxSecurable struct {
	ID          string            `json:"id"`
	Metastore   string            `json:"metastore"`
	Type        string            `json:"type"`
	Kind        string            `json:"kind,omitempty"` // of a table: MANAGED, VIEW; of a function: FUNCTION, MODEL
	Name        string            `json:"name"`           // the full name, in lower case
	Owner       string            `json:"owner"`
	Comment     string            `json:"comment,omitempty"`
	StorageRoot string            `json:"storage_root,omitempty"`
	Properties  map[string]string `json:"properties,omitempty"`
	Optimize    string            `json:"optimize,omitempty"`
	Isolated    bool              `json:"isolated,omitempty"`
	Bindings    []bindingWire     `json:"bindings,omitempty"`
	Created     time.Time         `json:"created"`
	Updated     time.Time         `json:"updated"`
	CreatedBy   string            `json:"created_by"`
	UpdatedBy   string            `json:"updated_by"`
}

// dbxGrants are the grants on one securable. Old is what a read still shows, for Lag more reads.
type dbxGrants struct {
	Metastore string      `json:"metastore"`
	Type      string      `json:"type"`
	Name      string      `json:"name"`
	Rows      []*dbxGrant `json:"rows"`
	Old       []*dbxGrant `json:"old,omitempty"`
	Lag       int         `json:"lag,omitempty"`
	Version   int64       `json:"version"`
}

type dbxGrant struct {
	Principal  string   `json:"principal"`
	Privileges []string `json:"privileges"`
}

// dbxObject is a JSON object on its way out.
type dbxObject = map[string]any

// login is what grants, owners and logs call a principal.
func (p *dbxPrincipal) login() string { return cmp.Or(p.UserName, p.ApplicationID) }

func (p *dbxPrincipal) user() bool { return p.UserName != "" }

func (d *Databricks) principal(id int64) *dbxPrincipal {
	return first(d.Principals, func(p *dbxPrincipal) bool { return p.ID == id })
}

// byLogin finds a principal by what grants call it, in any case.
func (d *Databricks) byLogin(login string) *dbxPrincipal {
	return first(d.Principals, func(p *dbxPrincipal) bool { return strings.EqualFold(p.login(), login) })
}

func (d *Databricks) group(id int64) *dbxGroup {
	return first(d.Groups, func(g *dbxGroup) bool { return g.ID == id })
}

func (d *Databricks) groupNamed(name string) *dbxGroup {
	return first(d.Groups, func(g *dbxGroup) bool { return strings.EqualFold(g.Name, name) })
}

// workspace finds a workspace by its host, as a configured address or as in a URL.
func (d *Databricks) workspace(host string) *dbxWorkspace {
	return first(d.Workspaces, func(w *dbxWorkspace) bool { return w.Host == host || sameHost(w.Host, host) })
}

func (d *Databricks) workspaceByID(id string) *dbxWorkspace {
	return first(d.Workspaces, func(w *dbxWorkspace) bool { return strconv.FormatInt(w.ID, 10) == id })
}

func (d *Databricks) metastore(id string) *dbxMetastore {
	return first(d.Metastores, func(m *dbxMetastore) bool { return m.ID == id })
}

func (d *Databricks) securable(metastore, kind, name string) *dbxSecurable {
	return first(d.Securables, func(s *dbxSecurable) bool {
		return s.Metastore == metastore && s.Type == kind && strings.EqualFold(s.Name, name)
	})
}

// parent is the schema or the catalog that holds a securable; nil for a catalog.
func (d *Databricks) parent(s *dbxSecurable) *dbxSecurable {
	i := strings.LastIndexByte(s.Name, '.')
	switch {
	case i < 0:
		return nil
	case s.Type == schemaType:
		return d.securable(s.Metastore, catalogType, s.Name[:i])
	default:
		return d.securable(s.Metastore, schemaType, s.Name[:i])
	}
}

// below are the securables that s holds, at any depth.
func (d *Databricks) below(s *dbxSecurable) []*dbxSecurable {
	return filter(d.Securables, func(o *dbxSecurable) bool {
		return o.Metastore == s.Metastore && strings.HasPrefix(o.Name, s.Name+".")
	})
}

func (d *Databricks) grants(metastore, kind, name string) *dbxGrants {
	return first(d.Grants, func(g *dbxGrants) bool {
		return g.Metastore == metastore && g.Type == kind && strings.EqualFold(g.Name, name)
	})
}

// groupsOf are the ids of the groups that hold id, directly or through other groups.
func (d *Databricks) groupsOf(id int64) []int64 {
	var found []int64
	for queue := []int64{id}; len(queue) > 0; queue = queue[1:] {
		for _, g := range d.Groups {
			if slices.Contains(g.Members, queue[0]) && !slices.Contains(found, g.ID) {
				found, queue = append(found, g.ID), append(queue, g.ID)
			}
		}
	}
	slices.Sort(found)
	return found
}

// allUsers is the account's group of everybody. SCIM does not list it.
const allUsers = "account users"

// names are what grants and owners may call p: itself, its groups, everybody.
func (d *Databricks) names(p *dbxPrincipal) []string {
	names := []string{p.login(), allUsers}
	for _, id := range d.groupsOf(p.ID) {
		names = append(names, d.group(id).Name)
	}
	return names
}

func (d *Databricks) accountAdmin(p *dbxPrincipal) bool {
	return slices.Contains(p.Roles, "account_admin") ||
		slices.ContainsFunc(d.groupsOf(p.ID), func(id int64) bool { return slices.Contains(d.group(id).Roles, "account_admin") })
}

// permissions is what a principal may do in a workspace by assignment: nil, USER or ADMIN.
func (d *Databricks) permissions(w *dbxWorkspace, id int64) []string {
	ids := append([]int64{id}, d.groupsOf(id)...)
	var held []string
	for _, a := range w.Assignments {
		if slices.Contains(ids, a.Principal) {
			held = append(held, a.Permissions...)
		}
	}
	slices.Sort(held)
	return slices.Compact(held)
}

// workspaceID gives a host the same number in every sandbox. It stays below 2^53, so that JSON
// numbers carry it.
func workspaceID(host string) int64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(host)) // a hash never fails
	return 1_000_000_000_000_000 + int64(h.Sum64()%7_000_000_000_000_000)
}

// principalID is a number as long as Databricks' own.
func (s *State) principalID() int64 { return 70_000_000_000_000 + s.nextID() }

func first[T any](list []*T, match func(*T) bool) *T {
	if i := slices.IndexFunc(list, match); i >= 0 {
		return list[i]
	}
	return nil
}

func filter[T any](list []T, match func(T) bool) []T {
	var found []T
	for _, item := range list {
		if match(item) {
			found = append(found, item)
		}
	}
	return found
}
