package sandbox

import (
	"bytes"
	"errors"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
)

// World is a world file: what a rehearsal finds in place beyond what the guide presumes. An unknown
// key is an error. People and principals are named as a spec names them: user:NAME, group:NAME,
// service_principal:NAME (a display name).
type World struct {
	Databricks *DatabricksWorld `yaml:"databricks"`
	GitHub     *GitHubWorld     `yaml:"github"`
	Faults     []Fault          `yaml:"faults"`
	// Operator are logins to rehearse with instead of those of somebody with every right, by the names of their
	// environment variables; the users, apps and principals of the world file have them.
	Operator map[string]string `yaml:"operator"`
}

// DatabricksWorld is what a Databricks account holds beyond its workspaces, one metastore and the
// operator.
type DatabricksWorld struct {
	Users             []WorldUser      `yaml:"users"`
	Groups            []WorldGroup     `yaml:"groups"`
	ServicePrincipals []WorldPrincipal `yaml:"service_principals"`
	// Metastores replace the one that serves all workspaces.
	Metastores []WorldMetastore `yaml:"metastores"`
	Catalogs   []WorldCatalog   `yaml:"catalogs"`
	Schemas    []WorldSecurable `yaml:"schemas"`
	Tables     []WorldSecurable `yaml:"tables"`
	Views      []WorldSecurable `yaml:"views"`
	Volumes    []WorldSecurable `yaml:"volumes"`
	Functions  []WorldSecurable `yaml:"functions"`
	Models     []WorldSecurable `yaml:"models"`
	Grants     []WorldGrant     `yaml:"grants"`
	// What people made in workspaces, and who may do what there.
	Directories     []WorldObject `yaml:"directories"`
	Files           []WorldObject `yaml:"files"`
	Experiments     []WorldObject `yaml:"experiments"`
	Jobs            []WorldObject `yaml:"jobs"`
	ClusterPolicies []WorldObject `yaml:"cluster_policies"`
	Access          []WorldAccess `yaml:"access"`
	Delays          WorldDelays   `yaml:"delays"`
}

// WorldUser is a person of the account.
type WorldUser struct {
	Name         string   `yaml:"name"` // the e-mail address
	DisplayName  string   `yaml:"display_name"`
	AccountAdmin bool     `yaml:"account_admin"`
	Workspaces   []string `yaml:"workspaces"` // hosts that the user may enter
}

// WorldGroup is an account group.
type WorldGroup struct {
	Name       string   `yaml:"name"`
	Members    []string `yaml:"members"`
	Workspaces []string `yaml:"workspaces"`
}

// WorldPrincipal is a service principal that somebody else made. With a client_secret one can log in
// as it, to rehearse with fewer rights than the operator's.
type WorldPrincipal struct {
	Name           string   `yaml:"name"`
	ApplicationID  string   `yaml:"application_id"`
	ClientSecret   string   `yaml:"client_secret"`
	Inactive       bool     `yaml:"inactive"`
	AccountAdmin   bool     `yaml:"account_admin"`
	MetastoreAdmin bool     `yaml:"metastore_admin"` // of every metastore
	Workspaces     []string `yaml:"workspaces"`      // hosts that it may enter
	WorkspaceAdmin []string `yaml:"workspace_admin"` // hosts that it administers
}

// WorldMetastore serves the workspaces that it names. StorageRoot "none" is a metastore without
// storage of its own; "" is a default one.
type WorldMetastore struct {
	Name        string   `yaml:"name"`
	Region      string   `yaml:"region"`
	StorageRoot string   `yaml:"storage_root"`
	Workspaces  []string `yaml:"workspaces"`
}

// WorldCatalog is a catalog in a metastore, the first one unless said. Owner "" is the operator.
type WorldCatalog struct {
	Name        string   `yaml:"name"`
	Metastore   string   `yaml:"metastore"`
	Owner       string   `yaml:"owner"`
	Comment     string   `yaml:"comment"`
	StorageRoot string   `yaml:"storage_root"`
	IsolatedTo  []string `yaml:"isolated_to"` // hosts; nil is OPEN
	Schemas     []string `yaml:"schemas"`
}

// WorldSecurable is a schema, or something in one, by its full name. What holds it comes into being
// with it, with the same owner.
type WorldSecurable struct {
	Name      string `yaml:"name"`
	Metastore string `yaml:"metastore"`
	Owner     string `yaml:"owner"`
	Comment   string `yaml:"comment"`
}

// WorldGrant is a grant on TYPE:FULL.NAME, or on "metastore".
type WorldGrant struct {
	On         string   `yaml:"on"`
	Metastore  string   `yaml:"metastore"`
	Principal  string   `yaml:"principal"`
	Privileges []string `yaml:"privileges"`
}

// WorldObject is something in a workspace: a directory, a file or an experiment by its path, whose directories
// come into being with it, a job or a cluster policy by its name. Owner "" is the operator.
type WorldObject struct {
	Workspace string `yaml:"workspace"` // a host
	Path      string `yaml:"path"`
	Name      string `yaml:"name"`
	Owner     string `yaml:"owner"`
}

// WorldAccess is a level that somebody has on directory:PATH, file:PATH, experiment:PATH, job:NAME or
// cluster_policy:NAME.
type WorldAccess struct {
	Workspace string `yaml:"workspace"`
	On        string `yaml:"on"`
	Principal string `yaml:"principal"`
	Level     string `yaml:"level"`
}

// WorldDelays are numbers of requests: for how many a new principal is not known to workspace
// assignment, for how many to grants, and for how many reads of a securable a new grant is not shown.
type WorldDelays struct {
	Assignment int `yaml:"assignment" json:"assignment,omitempty"`
	Grant      int `yaml:"grant" json:"grant,omitempty"`
	GrantReads int `yaml:"grant_reads" json:"grant_reads,omitempty"`
}

func parseWorld(text []byte) (*World, error) {
	w := &World{}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	err := d.Decode(w)
	if wrong := (*yaml.TypeError)(nil); errors.As(err, &wrong) {
		err = errors.New(strings.Join(wrong.Errors, "; ")) // it says one a line
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if err := d.Decode(&yaml.Node{}); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one document")
	}
	return w, nil
}
