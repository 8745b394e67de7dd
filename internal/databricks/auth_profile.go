package databricks

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/databricks/databricks-sdk-go/config"

	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// profiles is the databricks CLI's file.
type profiles struct {
	path      string // "" where there is no file
	list      []profile
	preferred string // the profile that the CLI uses when none is named
}

type profile struct {
	name   string
	values map[string]string
}

// readFile reads the config file. A file that is not there has no profiles.
func (l Logins) readFile() (*profiles, error) {
	if l.ConfigFile == "" {
		return &profiles{}, nil
	}
	file, err := config.LoadFile(l.ConfigFile)
	if errors.Is(err, fs.ErrNotExist) {
		return &profiles{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", l.ConfigFile, err)
	}
	out := &profiles{path: l.ConfigFile}
	for _, section := range file.Sections() {
		values := section.KeysHash()
		switch {
		case section.Name() == "__settings__": // the CLI's own, not a profile
			out.preferred = values["default_profile"]
		case len(values) > 0:
			out.list = append(out.list, profile{name: section.Name(), values: values})
		}
	}
	return out, nil
}

// choose returns the profile for a host, or nil. Of several with that host, the one that the
// environment or the CLI's settings prefer is meant.
func (f *profiles) choose(h Host, preferred string) (*profile, error) {
	if h.Profile != "" {
		return f.named(h)
	}
	var fit []profile
	for _, p := range f.list {
		if p.isFor(h) {
			fit = append(fit, p)
		}
	}
	if h.AccountID == "" {
		// A workspace on the account's own address: a profile of the account is meant for the account.
		if without := slices.DeleteFunc(slices.Clone(fit), func(p profile) bool { return p.values["account_id"] != "" }); len(without) > 0 {
			fit = without
		}
	}
	for _, name := range []string{preferred, f.preferred} {
		if i := slices.IndexFunc(fit, func(p profile) bool { return p.name == name }); i >= 0 {
			return &fit[i], nil
		}
	}
	switch len(fit) {
	case 0:
		return nil, nil
	case 1:
		return &fit[0], nil
	default:
		return nil, fmt.Errorf("which credentials for %s: %w: the profiles %s in %s all have this host; name one with `profile:` in the spec",
			h.URL, resource.ErrUnauthorized, names(fit), f.path)
	}
}

// named returns the profile that the spec names for a host. A profile's token goes to the profile's
// own host alone: a spec may be anybody's, and must not send it elsewhere.
func (f *profiles) named(h Host) (*profile, error) {
	i := slices.IndexFunc(f.list, func(p profile) bool { return p.name == h.Profile })
	if i < 0 {
		have := "there is no config file"
		if f.path != "" {
			have = fmt.Sprintf("%s has %s", f.path, names(f.list))
		}
		return nil, fmt.Errorf("no profile %q for %s: %w: %s; log in with `databricks auth login --host %s --profile %s`",
			h.Profile, h.URL, resource.ErrUnauthorized, have, h.URL, h.Profile)
	}
	p := f.list[i]
	if address, err := canonical(p.values["host"]); p.kind() != "oauth-m2m" && (err != nil || address != h.URL) {
		return nil, fmt.Errorf("profile %q does not serve %s: %w: it is for %q; name the profile of this host",
			p.name, h.URL, resource.ErrUnauthorized, p.values["host"])
	}
	if id := p.values["account_id"]; h.AccountID != "" && id != "" && !strings.EqualFold(id, h.AccountID) {
		return nil, fmt.Errorf("profile %q does not serve account %s: %w: it is for account %s; name the profile of this account",
			p.name, h.AccountID, resource.ErrUnauthorized, id)
	}
	return &p, nil
}

func (p profile) isFor(h Host) bool {
	address, err := canonical(p.values["host"])
	return err == nil && p.values["host"] != "" && address == h.URL &&
		(h.AccountID == "" || strings.EqualFold(p.values["account_id"], h.AccountID))
}

// kind returns the profile's way to log in: the one that it names, else the one that it has values for.
func (p profile) kind() string {
	has := func(keys ...string) bool {
		return !slices.ContainsFunc(keys, func(k string) bool { return p.values[k] == "" })
	}
	switch {
	case has("auth_type"):
		return p.values["auth_type"]
	case has("token"):
		return "pat"
	case has("client_id", "client_secret"):
		return "oauth-m2m"
	case has("databricks_id_token_filepath"):
		return "file-oidc"
	case has("oidc_token_env"):
		return "env-oidc"
	case has("username", "password"):
		return "basic"
	case has("azure_client_id", "azure_client_secret", "azure_tenant_id"):
		return "azure-client-secret"
	case has("azure_use_msi"):
		return "azure-msi"
	case has("google_credentials"):
		return "google-credentials"
	case has("google_service_account"):
		return "google-id"
	default:
		return "databricks-cli" // what `databricks auth login` leaves behind is a host alone
	}
}

// fromProfile returns a profile's credential.
func (l Logins) fromProfile(h Host, p *profile) (*credential, error) {
	origin := fmt.Sprintf("profile %s in %s", p.name, l.ConfigFile)
	v := p.values
	switch kind := p.kind(); kind {
	case "pat":
		if v["token"] == "" {
			return nil, incomplete(h, origin, "token")
		}
		return static(origin, v["token"]), nil
	case "oauth-m2m":
		if v["client_id"] == "" || v["client_secret"] == "" {
			return nil, incomplete(h, origin, "client_id or client_secret")
		}
		return l.clientCredentials(h, origin, clientSecret{id: v["client_id"], secret: v["client_secret"]}), nil
	case "github-oidc", "env-oidc", "file-oidc":
		return l.federated(h, kind, identity{origin: origin, client: v["client_id"], audience: v["audience"],
			file: v["databricks_id_token_filepath"], variable: v["oidc_token_env"]})
	default:
		return l.leftToSDK(kind, origin, p), nil
	}
}

// leftToSDK returns a credential that only the SDK knows how to use: the CLI's own login, Azure's and
// Google's ways.
func (l Logins) leftToSDK(kind, origin string, p *profile) *credential {
	c := &credential{origin: origin, auth: kind, settings: map[string]string{}}
	for key, value := range p.values {
		switch key {
		case "host", "account_id", "auth_type", "skip_verify", "rate_limit", "retry_timeout_seconds", "http_timeout_seconds", "debug_headers", "debug_truncate_bytes":
			continue // set by configure, or not for a profile to say
		}
		c.settings[key] = value
	}
	c.settings["profile"] = p.name
	for _, attr := range config.ConfigAttributes {
		if value := c.settings[attr.Name]; attr.Sensitive && value != "" {
			c.secrets = append(c.secrets, value)
		}
	}
	return c
}

func incomplete(h Host, origin, what string) error {
	return fmt.Errorf("no credentials for %s: %w: %s has no %s", h.URL, resource.ErrUnauthorized, origin, what)
}

func names(list []profile) string {
	if len(list) == 0 {
		return "no profiles"
	}
	out := make([]string, len(list))
	for i, p := range list {
		out[i] = p.name
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}
