package databricks

import (
	"fmt"

	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// fromEnv returns the environment's credential for a host, or nil. A client secret or an OIDC token
// serves every host and comes first, so that one run is one principal everywhere; a personal token and
// a password serve the host in DATABRICKS_HOST alone. DATABRICKS_AUTH_TYPE picks one of them.
func (l Logins) fromEnv(h Host) (*credential, error) {
	type source struct {
		kind string
		find func(Host) (*credential, error)
	}
	pinned := l.env("DATABRICKS_AUTH_TYPE")
	for _, s := range []source{
		{"oauth-m2m", l.envClientSecret},
		{"env-oidc", l.envToken},
		{"file-oidc", l.envTokenFile},
		{"github-oidc", l.envGitHub},
		{"pat", l.envPersonalToken},
		{"basic", l.envPassword},
		{"azure-client-secret", l.envAzure},
	} {
		if pinned != "" && pinned != s.kind {
			continue
		}
		if found, err := s.find(h); err != nil || found != nil {
			return found, err
		}
	}
	if pinned == "" {
		return nil, nil
	}
	return nil, fmt.Errorf("no credentials for %s: %w: DATABRICKS_AUTH_TYPE is %s, and the environment holds none of that sort for this host",
		h.URL, resource.ErrUnauthorized, pinned)
}

func (l Logins) envClientSecret(h Host) (*credential, error) {
	pair := clientSecret{id: l.env("DATABRICKS_CLIENT_ID"), secret: l.env("DATABRICKS_CLIENT_SECRET")}
	if pair.id == "" || pair.secret == "" {
		return nil, nil
	}
	return l.clientCredentials(h, "DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET", pair), nil
}

func (l Logins) envToken(h Host) (*credential, error) {
	name := l.env("DATABRICKS_OIDC_TOKEN_ENV")
	if name == "" {
		name = "DATABRICKS_OIDC_TOKEN"
	}
	if l.env(name) == "" {
		return nil, nil
	}
	return l.federated(h, "env-oidc", l.envIdentity("the OIDC token in "+name))
}

func (l Logins) envTokenFile(h Host) (*credential, error) {
	file := l.env("DATABRICKS_OIDC_TOKEN_FILEPATH")
	if file == "" {
		return nil, nil
	}
	return l.federated(h, "file-oidc", l.envIdentity("the OIDC token in "+file))
}

// envGitHub is a GitHub job with the permission id-token: write. Such a job has its request token
// also where it logs in by other means, so the client id has to be there to mean this.
func (l Logins) envGitHub(h Host) (*credential, error) {
	if l.env("ACTIONS_ID_TOKEN_REQUEST_URL") == "" || l.env("ACTIONS_ID_TOKEN_REQUEST_TOKEN") == "" {
		return nil, nil
	}
	if l.env("DATABRICKS_CLIENT_ID") == "" && l.env("DATABRICKS_AUTH_TYPE") != "github-oidc" {
		return nil, nil
	}
	return l.federated(h, "github-oidc", l.envIdentity("the OIDC token of this GitHub job"))
}

func (l Logins) envIdentity(origin string) identity {
	return identity{
		origin: origin, client: l.env("DATABRICKS_CLIENT_ID"), audience: l.env("DATABRICKS_TOKEN_AUDIENCE"),
		file: l.env("DATABRICKS_OIDC_TOKEN_FILEPATH"), variable: l.env("DATABRICKS_OIDC_TOKEN_ENV"),
	}
}

func (l Logins) envPersonalToken(h Host) (*credential, error) {
	if l.env("DATABRICKS_TOKEN") == "" || !l.isEnvHost(h) {
		return nil, nil
	}
	return static("DATABRICKS_TOKEN", l.env("DATABRICKS_TOKEN")), nil
}

func (l Logins) envPassword(h Host) (*credential, error) {
	user, password := l.env("DATABRICKS_USERNAME"), l.env("DATABRICKS_PASSWORD")
	if user == "" || password == "" || !l.isEnvHost(h) {
		return nil, nil
	}
	return &credential{origin: "DATABRICKS_USERNAME and DATABRICKS_PASSWORD", auth: "basic", secrets: []string{password},
		settings: map[string]string{"username": user, "password": password}}, nil
}

func (l Logins) envAzure(h Host) (*credential, error) {
	settings := map[string]string{
		"azure_client_id": l.env("ARM_CLIENT_ID"), "azure_client_secret": l.env("ARM_CLIENT_SECRET"),
		"azure_tenant_id": l.env("ARM_TENANT_ID"), "azure_environment": l.env("ARM_ENVIRONMENT"),
	}
	if settings["azure_client_id"] == "" || settings["azure_client_secret"] == "" || settings["azure_tenant_id"] == "" || !onAzure(h) {
		return nil, nil
	}
	return &credential{origin: "ARM_CLIENT_ID and ARM_CLIENT_SECRET", auth: "azure-client-secret",
		secrets: []string{settings["azure_client_secret"]}, settings: settings}, nil
}

// isEnvHost reports whether a host is the one that DATABRICKS_HOST names. An unset one names none: a
// personal token is worth nothing on any host but its own.
func (l Logins) isEnvHost(h Host) bool {
	named := l.env("DATABRICKS_HOST")
	if named == "" {
		return false
	}
	address, err := canonical(named)
	return err == nil && address == h.URL
}
