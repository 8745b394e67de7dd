package workflows

import (
	"fmt"
	"strings"

	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

// setting is one line of a job's environment.
type setting struct{ Name, Value string }

// login is how a job of a target logs in to Databricks, by the variables and secrets that the target's
// ci_auth implies.
func login(accountID string, t spec.Target) ([]setting, error) {
	prefix := ""
	if t.Environment == nil {
		prefix = targetPrefix(t.Name)
	}
	host := setting{"DATABRICKS_HOST", expression("vars." + prefix + "DATABRICKS_HOST")}
	client := setting{"DATABRICKS_CLIENT_ID", expression("vars." + prefix + "DATABRICKS_CLIENT_ID")}
	switch t.CIAuth {
	case spec.OIDC:
		settings := []setting{{"DATABRICKS_AUTH_TYPE", "github-oidc"}, host, client}
		if accountID != "" {
			settings = append(settings, setting{"DATABRICKS_TOKEN_AUDIENCE", quote(accountID)})
		}
		return settings, nil
	case spec.OAuthSecret:
		secret := setting{"DATABRICKS_CLIENT_SECRET", expression("secrets." + prefix + "DATABRICKS_CLIENT_SECRET")}
		return []setting{{"DATABRICKS_AUTH_TYPE", "oauth-m2m"}, host, client, secret}, nil
	case spec.AccessToken, personalAccessToken:
		token := setting{"DATABRICKS_TOKEN", expression("secrets." + targetPrefix(t.Name) + "WORKSPACE_TOKEN")}
		return []setting{{"DATABRICKS_AUTH_TYPE", "pat"}, host, token}, nil
	default:
		return nil, fmt.Errorf("target %s: no workflow is known for ci_auth %q", t.Name, t.CIAuth)
	}
}

const personalAccessToken spec.CIAuth = "personal_access_token"

func expression(text string) string { return "${{ " + text + " }}" }

// targetPrefix is a target's name as a part of the name of a variable or secret.
func targetPrefix(target string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, strings.ToUpper(target)) + "_"
}
