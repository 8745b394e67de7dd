package kindtest

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"slices"
	"testing"
)

// TestALoginThatGoesWrongOutside holds plans to what they say of credentials that are missing, wrong,
// or another host's: from every source. Each is exit code 4.
func TestALoginThatGoesWrongOutside(t *testing.T) {
	runAll(t, slices.Concat(withoutLogin(), withAWrongLoginToGitHub(), withAWrongLoginToDatabricks()))
}

const (
	prodURL    = "https://prod.cloud.databricks.com"
	stagingURL = "https://staging.cloud.databricks.com"
	accountURL = "https://accounts.cloud.databricks.com"
	prodToken  = "POST prod.cloud.databricks.com/oidc/v1/token"
)

// noClient takes the operator's login to Databricks away.
func noClient(also map[string]string) map[string]string {
	env := map[string]string{"DATABRICKS_CLIENT_ID": "", "DATABRICKS_CLIENT_SECRET": ""}
	for name, value := range also {
		env[name] = value
	}
	return env
}

func profile(name, host, more string) string {
	return "[" + name + "]\nhost = " + host + "\nclient_id = $DATABRICKS_CLIENT_ID\nclient_secret = $DATABRICKS_CLIENT_SECRET\n" + more + "\n"
}

func withoutLogin() []mishap {
	accountProfile := profile("account", accountURL, "account_id = 11111111-2222-3333-4444-555555555555")
	return []mishap{
		{
			name: "no credentials for GitHub", env: map[string]string{"GITHUB_TOKEN": ""},
			address: "repository", as: unauthorized, says: "no credentials for https://github.com", advice: "run `gh auth login --hostname github.com`, or set GITHUB_TOKEN",
		},
		{
			name: "no credentials for any host of Databricks", env: noClient(nil),
			address: "service_principal/taxi-prod", as: unauthorized, says: "no credentials for " + accountURL,
			advice: "run `databricks auth login --host " + accountURL + " --account-id 11111111-2222-3333-4444-555555555555`, or set one of these",
		},
		{
			name: "no credentials for one host of three", env: noClient(map[string]string{"DATABRICKS_CONFIG_FILE": "HOME/cfg"}),
			home:    map[string]string{"cfg": accountProfile + profile("staging", stagingURL, "")},
			address: "catalog/prod", as: unauthorized, says: "has this host", advice: "run `databricks auth login --host " + prodURL + "`, or set one of these",
		},
		{
			name: "a token for another host", env: noClient(map[string]string{"DATABRICKS_TOKEN": wrongSecret, "DATABRICKS_HOST": stagingURL, "DATABRICKS_CONFIG_FILE": "HOME/cfg"}),
			home:    map[string]string{"cfg": accountProfile + profile("staging", stagingURL, "")},
			address: "catalog/prod", as: unauthorized, says: "DATABRICKS_TOKEN serves " + stagingURL + " alone", advice: "run `databricks auth login --host " + prodURL + "`",
		},
		{
			name: "a profile that is not there", spec: []string{"branch: release\n    service_principal", "profile: theirs\n    service_principal"},
			address: "catalog/prod", as: unauthorized, says: `no profile "theirs" for ` + prodURL, advice: "log in with `databricks auth login --host " + prodURL + " --profile theirs`",
		},
		{
			name: "an app without its key", env: map[string]string{"GITHUB_TOKEN": "", "MLOPSCTL_GITHUB_APP_ID": "7", "MLOPSCTL_GITHUB_APP_INSTALLATION_ID": "8"},
			address: "repository", as: unauthorized, says: "logging in to https://github.com as a GitHub App", advice: "MLOPSCTL_GITHUB_APP_PRIVATE_KEY is not set",
		},
	}
}

func withAWrongLoginToGitHub() []mishap {
	const bad = "Bad credentials"
	notAccepted := "the credential for api.github.com was not accepted: it may be expired, revoked or another host's"
	return []mishap{
		{
			name: "a token that GitHub does not know", env: map[string]string{"GITHUB_TOKEN": wrongSecret},
			address: "repository", as: unauthorized, request: apiRepo, status: 401, says: bad, advice: notAccepted,
		},
		{
			name: "a token that expired", env: map[string]string{"GITHUB_TOKEN": "wrong-since-it-expired"},
			world:   "github: {users: [{login: o, role: owner, token: wrong-since-it-expired, expired: true}], teams: [{slug: ml-leads}, {slug: ml-engineers}]}",
			address: "repository", as: unauthorized, request: apiRepo, status: 401, says: bad, advice: notAccepted,
		},
		{
			name: "a token of gh's that was revoked", env: map[string]string{"GITHUB_TOKEN": "", "GH_CONFIG_DIR": "HOME"},
			home:    map[string]string{"hosts.yml": "github.com:\n  oauth_token: " + wrongSecret + "\n"},
			address: "repository", as: unauthorized, request: apiRepo, status: 401, says: bad, advice: notAccepted,
		},
		{
			name:    "an app that was removed",
			env:     map[string]string{"GITHUB_TOKEN": "", "MLOPSCTL_GITHUB_APP_ID": "7", "MLOPSCTL_GITHUB_APP_INSTALLATION_ID": "8", "MLOPSCTL_GITHUB_APP_PRIVATE_KEY": wrongKey()},
			address: "repository", as: unauthorized, request: "POST api.github.com/app/installations/8/access_tokens", status: 401, says: bad, advice: "are its id, its private key and the id of its installation right",
		},
		{
			name:    "an installation that is not there",
			env:     map[string]string{"GITHUB_TOKEN": "", "MLOPSCTL_GITHUB_APP_ID": "7", "MLOPSCTL_GITHUB_APP_INSTALLATION_ID": "8", "MLOPSCTL_GITHUB_APP_PRIVATE_KEY": wrongKey()},
			faults:  always("POST */access_tokens", 404, `{"message":"Not Found"}`),
			address: "repository", as: unauthorized, request: "POST api.github.com/app/installations/8/access_tokens", status: 404, says: "Not Found", advice: "the id of its installation right",
		},
	}
}

func withAWrongLoginToDatabricks() []mishap {
	others := profile("account", accountURL, "account_id = 11111111-2222-3333-4444-555555555555") + profile("staging", stagingURL, "")
	return []mishap{
		{
			name: "a client secret that is wrong", env: map[string]string{"DATABRICKS_CLIENT_SECRET": wrongSecret}, more: "/v1/token",
			address: "catalog/prod", as: unauthorized, request: prodToken, status: 401, says: "Client authentication failed", advice: "are the client id and secret right",
		},
		{
			name: "a profile whose secret is wrong", env: noClient(map[string]string{"DATABRICKS_CONFIG_FILE": "HOME/cfg"}),
			home:    map[string]string{"cfg": others + "[prod]\nhost = " + prodURL + "\nclient_id = x\nclient_secret = " + wrongSecret + "\n"},
			address: "catalog/prod", as: unauthorized, request: prodToken, status: 401, says: "Client authentication failed", advice: "are the client id and secret right",
		},
		{
			name: "a profile whose token is wrong", env: noClient(map[string]string{"DATABRICKS_CONFIG_FILE": "HOME/cfg"}),
			home:    map[string]string{"cfg": others + "[prod]\nhost = " + prodURL + "\ntoken = " + wrongSecret + "\n"},
			address: "catalog/prod", as: unauthorized, request: apiCatalogs, status: 401, says: "Invalid access token.", advice: "the credential for prod.cloud.databricks.com was not accepted",
		},
		{
			name: "a token in the environment that expired", env: noClient(map[string]string{"DATABRICKS_TOKEN": wrongSecret, "DATABRICKS_HOST": prodURL, "DATABRICKS_CONFIG_FILE": "HOME/cfg"}),
			home:    map[string]string{"cfg": others},
			address: "catalog/prod", as: unauthorized, request: apiCatalogs, status: 401, says: "Invalid access token.", advice: "the credential for prod.cloud.databricks.com was not accepted",
		},
		{
			name: "a job that may ask for no identity token", env: map[string]string{
				"DATABRICKS_CLIENT_SECRET": "", "ACTIONS_ID_TOKEN_REQUEST_URL": "https://token.actions.githubusercontent.com/token?x=y", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": wrongSecret,
			}, more: "token.actions",
			faults:  always("GET token.actions*/token", 403, `{"message":"no identity token for this job"}`),
			address: "catalog/prod", as: unauthorized, request: "GET token.actions.githubusercontent.com/token", status: 403, says: "no identity token for this job", advice: "does it have the permission id-token: write?",
		},
		{
			name: "a sort of login that is pinned and not there", env: map[string]string{"DATABRICKS_AUTH_TYPE": "pat"}, more: "DATABRICKS_AUTH_TYPE",
			address: "catalog/prod", as: unauthorized, says: "no credentials for https://prod.cloud.databricks.com", advice: "DATABRICKS_AUTH_TYPE is pat, and the environment holds none of that sort for this host",
		},
		{
			name: "an identity token that is refused", env: map[string]string{"DATABRICKS_CLIENT_SECRET": "", "DATABRICKS_OIDC_TOKEN": wrongSecret}, more: "/v1/token",
			address: "catalog/prod", as: unauthorized, request: prodToken, status: 400, says: "No federation policy trusts the token", advice: "does a federation policy of the service principal name the issuer, the subject and an audience",
		},
	}
}

// wrongKey is a key that no App has.
func wrongKey() string {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err) // impossible: the system's randomness does not fail
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
}
