// Command databricks writes internal/sandbox/testdata/databricks.json: what the published
// descriptions say of the Databricks operations that the sandbox has. Paths and required fields come
// from .codegen/cli.json of the module github.com/databricks/cli, verbs and types from impl.go and
// model.go of the SDK. It is run by hand when the sandbox gets another operation:
//
//	go mod download github.com/databricks/cli@v1.9.0
//	go run ./internal/sandbox/describe/databricks > internal/sandbox/testdata/databricks.json
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

const (
	cliModule = "github.com/databricks/cli@v1.9.0"
	sdkModule = "github.com/databricks/databricks-sdk-go@v0.175.0"
)

// wanted are the operations that the sandbox has, by SDK package, service and method.
func wanted() map[string][]string {
	crud := []string{"List", "Create", "Get", "Patch", "Update", "Delete"}
	return map[string][]string{
		"iam.accountServicePrincipalsV2":          crud,
		"iam.accountUsersV2":                      crud,
		"iam.accountGroupsV2":                     crud,
		"iam.servicePrincipalsV2":                 {"List", "Create", "Get", "Patch", "Delete"},
		"iam.usersV2":                             {"List", "Get", "Patch", "Delete"},
		"iam.groupsV2":                            {"List", "Get"},
		"iam.currentUser":                         {"Me"},
		"iam.accountAccessControl":                {"GetRuleSet", "UpdateRuleSet"},
		"settings.tokenManagement":                {"CreateOboToken", "List", "Get", "Delete"},
		"workspace.gitCredentials":                {"List", "Create", "Get", "Update", "Delete"},
		"iam.workspaceAssignment":                 {"List", "Update", "Delete"},
		"provisioning.workspaces":                 {"List", "Get"},
		"oauth2.servicePrincipalSecrets":          {"List", "Create", "Delete"},
		"oauth2.servicePrincipalSecretsProxy":     {"List", "Create", "Delete"},
		"oauth2.servicePrincipalFederationPolicy": {"List", "Create", "Get", "Update", "Delete"},
		"catalog.metastores":                      {"Summary", "Current"},
		"catalog.catalogs":                        {"List", "Create", "Get", "Update", "Delete"},
		"catalog.workspaceBindings":               {"GetBindings", "UpdateBindings"},
		"catalog.schemas":                         {"List", "Create", "Get", "Update", "Delete"},
		"catalog.tables":                          {"List", "ListSummaries", "Get", "Exists"},
		"catalog.volumes":                         {"List", "Read"},
		"catalog.functions":                       {"Get"},
		"catalog.registeredModels":                {"Get", "Create", "Update", "Delete"},
		"catalog.grants":                          {"Get", "Update", "GetEffective"},
		"iam.permissions":                         {"Get", "Set", "Update", "GetPermissionLevels"},
		"workspace.workspace":                     {"GetStatus", "List", "Mkdirs", "Delete", "Export", "Import"},
		"ml.experiments": {"GetByName", "GetExperiment", "CreateExperiment", "UpdateExperiment", "DeleteExperiment", "RestoreExperiment",
			"SetExperimentTag"},
		"jobs.jobs":               {"List", "Get", "Create", "Reset", "Update", "Delete", "RunNow", "GetRun", "GetRunOutput", "ListRuns"},
		"compute.clusterPolicies": {"List"},
	}
}

// Description is the file that is written.
type Description struct {
	Sources    []string             `json:"sources"`
	Operations map[string]Operation `json:"operations"` // by method and path, every {name} written {}
	Types      map[string]Type      `json:"types"`
}

// Operation is one method of a service.
type Operation struct {
	Method   string   `json:"method"`             // in the SDK
	Query    []string `json:"query,omitempty"`    // parameters
	Request  string   `json:"request,omitempty"`  // the body's type
	Required []string `json:"required,omitempty"` // fields that the body must have
	Response string   `json:"response,omitempty"` // a type; a leading [] is a list of it
}

// Type is a JSON object's fields, or the values of an enumeration.
type Type struct {
	Fields map[string]Field `json:"fields,omitempty"`
	Values []string         `json:"values,omitempty"`
}

// Field is one field: string, number, boolean, object, any, the name of a type, or [] and one of them.
type Field struct {
	Type     string `json:"type"`
	Required bool   `json:"required,omitempty"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	out, err := exec.Command("go", "env", "GOMODCACHE").Output()
	if err != nil {
		return fmt.Errorf("finding the module cache: %w", err)
	}
	cache := strings.TrimSpace(string(out))
	required, err := requiredFields(filepath.Join(cache, cliModule, ".codegen", "cli.json"))
	if err != nil {
		return err
	}
	d := Description{Sources: []string{cliModule + "/.codegen/cli.json", sdkModule + "/service"}, Operations: map[string]Operation{}, Types: map[string]Type{}}
	packages := map[string][]string{}
	for service := range wanted() {
		name, _, _ := strings.Cut(service, ".")
		packages[name] = append(packages[name], service)
	}
	for name, services := range packages {
		p, err := readPackage(name, filepath.Join(cache, sdkModule, "service", name))
		if err != nil {
			return err
		}
		for _, service := range services {
			if err := p.describe(&d, service, wanted()[service], required); err != nil {
				return err
			}
		}
	}
	e := json.NewEncoder(os.Stdout)
	e.SetIndent("", " ")
	return e.Encode(d)
}

// requiredFields are the body fields that cli.json calls required, by the path with {} for every
// {name} and the SDK's name of the method.
func requiredFields(path string) (map[string][]string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the description (see the command's documentation): %w", err)
	}
	type field struct {
		Name  string `json:"name"`
		Path  bool   `json:"is_path"`
		Query bool   `json:"is_query"`
	}
	var cli struct {
		Commands struct {
			Services []struct {
				ID      string `json:"id"`
				Methods []struct {
					Name    string `json:"name"`
					Path    string `json:"path"`
					Request struct {
						Fields []field `json:"required_fields"`
					} `json:"request"`
				} `json:"methods"`
			} `json:"services"`
		} `json:"commands"`
	}
	if err := json.Unmarshal(data, &cli); err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	required := map[string][]string{}
	for _, s := range cli.Commands.Services {
		for _, m := range s.Methods {
			key := m.Name + " " + anonymous(m.Path)
			required[key] = []string{}
			for _, f := range m.Request.Fields {
				if !f.Path && !f.Query {
					required[key] = append(required[key], f.Name)
				}
			}
			slices.Sort(required[key])
		}
	}
	return required, nil
}

// anonymous writes every {name} and every %v of a path as {}.
func anonymous(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		if strings.HasPrefix(p, "{") || p == "%v" {
			parts[i] = "{}"
		}
	}
	return strings.Join(parts, "/")
}
