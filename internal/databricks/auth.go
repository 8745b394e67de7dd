package databricks

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/databricks/databricks-sdk-go/config"

	"github.com/mlopsctl/mlopsctl/internal/transport"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// Host is a host of Databricks to log in to. AccountID is set for the account's host; Profile is the
// profile that the spec names for it, if it names one.
type Host struct{ URL, AccountID, Profile string }

// Logins is where credentials are looked for. ConfigFile is the databricks CLI's file; "" is none.
// Transport sends what a login needs to ask.
type Logins struct {
	Env        func(string) (string, bool)
	ConfigFile string
	Transport  http.RoundTripper
	Secrets    *transport.Scrubber
}

// Login is the credential of one host. Origin says for people where it comes from, Method how it logs in, by
// the SDK's name for it; Client is the application id that it logs in with, "" where only the host could tell.
type Login struct {
	Origin, Method, Client string
	config                 *config.Config
}

// Config returns the SDK's configuration for one host: logged in by the profile that the spec names,
// else by the profile of the config file with that host, else by the environment. It sends nothing.
// Without any credential the error matches resource.ErrUnauthorized.
func (l Logins) Config(h Host) (*config.Config, error) {
	login, err := l.Find(h)
	if err != nil {
		return nil, err
	}
	return login.config, nil
}

// Find is Config with the origin of the credential.
func (l Logins) Find(h Host) (Login, error) {
	address, err := canonical(h.URL)
	if err != nil {
		return Login{}, err
	}
	h.URL = address
	found, err := l.find(h)
	if err != nil {
		return Login{}, err
	}
	for _, secret := range found.secrets {
		l.Secrets.Add(secret)
	}
	return Login{Origin: found.origin, Method: found.auth, Client: found.client, config: l.configure(h, found)}, nil
}

// credential is what was found for one host: a strategy that logs in, or settings that the SDK's own
// strategy named by auth is left to make sense of.
type credential struct {
	origin   string
	auth     string
	client   string // the application id that logs in, where that is known
	secrets  []string
	strategy config.CredentialsStrategy
	settings map[string]string
}

func (l Logins) find(h Host) (*credential, error) {
	file, err := l.readFile()
	if err != nil {
		return nil, err
	}
	profile, err := file.choose(h, l.env("DATABRICKS_CONFIG_PROFILE"))
	if err != nil {
		return nil, err
	}
	if profile != nil {
		return l.fromProfile(h, profile)
	}
	found, err := l.fromEnv(h)
	if err != nil || found != nil {
		return found, err
	}
	return nil, l.nothing(h, file)
}

// nothing says where a credential was looked for, and how to come by one.
func (l Logins) nothing(h Host, file *profiles) error {
	where := "no config file is there"
	if file.path != "" {
		where = fmt.Sprintf("no profile in %s has this host%s", file.path, andAccount(h))
	}
	half := ""
	if l.env("DATABRICKS_CLIENT_ID") != "" && l.env("DATABRICKS_CLIENT_SECRET") == "" {
		half = "DATABRICKS_CLIENT_ID is set without DATABRICKS_CLIENT_SECRET, "
	}
	if token := l.env("DATABRICKS_TOKEN"); token != "" {
		half += fmt.Sprintf("DATABRICKS_TOKEN serves %s alone, ", cmp.Or(l.env("DATABRICKS_HOST"), "the host in DATABRICKS_HOST, which is not set"))
	}
	login := "databricks auth login --host " + h.URL
	if h.AccountID != "" {
		login += " --account-id " + h.AccountID
	}
	return fmt.Errorf("no credentials for %s: %w: %s, and in the environment %sthere is neither DATABRICKS_CLIENT_ID with DATABRICKS_CLIENT_SECRET, nor an OIDC token, nor a DATABRICKS_TOKEN for it; run `%s`, or set one of these",
		h.URL, resource.ErrUnauthorized, where, half, login)
}

func andAccount(h Host) string {
	if h.AccountID == "" {
		return ""
	}
	return " with account_id " + h.AccountID
}

func (l Logins) env(name string) string {
	if l.Env == nil {
		return ""
	}
	value, _ := l.Env(name)
	return strings.TrimSpace(value)
}

// canonical returns scheme://host of an address, in lower case: what is compared, and all that the
// SDK makes of an address.
func canonical(address string) (string, error) {
	if !strings.Contains(address, "://") {
		address = "https://" + address
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return "", fmt.Errorf("%q is not the address of a Databricks host, such as https://accounts.cloud.databricks.com", address)
	}
	return strings.ToLower(u.Scheme + "://" + u.Host), nil
}

// tokenURL returns where a host hands out access tokens. It is computed, not discovered: the host of
// an account on loopback looks like a workspace's to the SDK, and a request less is a request less.
func tokenURL(h Host) string {
	if h.AccountID != "" {
		return h.URL + "/oidc/accounts/" + url.PathEscape(h.AccountID) + "/v1/token"
	}
	return h.URL + "/oidc/v1/token"
}

func noMetadata(h Host) config.HostMetadataResolver {
	return func(context.Context, string) (*config.HostMetadata, error) {
		if h.AccountID == "" {
			return &config.HostMetadata{HostType: config.WorkspaceHost, OIDCEndpoint: h.URL + "/oidc"}, nil
		}
		return &config.HostMetadata{
			HostType: config.AccountHost, AccountID: h.AccountID, OIDCEndpoint: h.URL + "/oidc/accounts/" + url.PathEscape(h.AccountID),
		}, nil
	}
}
