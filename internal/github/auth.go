package github

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/mlopsctl/mlopsctl/internal/transport"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// Login is the credential for one GitHub host. Origin says for people where it comes from; Token
// returns a token that is valid now; Permissions are those of an App's installation, nil where it is
// none.
type Login struct {
	Origin      string
	Token       func(context.Context) (string, error)
	Permissions func(context.Context) (map[string]string, error)
}

// LoginOptions is where a credential is looked for. GHConfigDir is the folder of gh's configuration,
// "" for none. RunGH asks gh for a token that it keeps in the machine's key store; nil is never.
type LoginOptions struct {
	Host        string
	Env         func(string) (string, bool)
	GHConfigDir string
	RunGH       func(ctx context.Context, host string) (string, error)
	Transport   http.RoundTripper
	Clock       transport.Clock
	Secrets     *transport.Scrubber
}

// FindLogin finds the credential for a host: a token in the environment, a GitHub App, or what gh has
// stored. It sends nothing. Without any the error matches resource.ErrUnauthorized.
func FindLogin(o LoginOptions) (Login, error) {
	host, err := siteOf(o.Host)
	if err != nil {
		return Login{}, err
	}
	for _, name := range tokenNames(host) {
		if token := o.env(name); token != "" {
			return o.fixed(name, token), nil
		}
	}
	if login, found, err := o.app(host); found || err != nil {
		return login, err
	}
	return o.stored(host)
}

// tokenNames returns the variables that may hold a token for a host. An Enterprise Server's own come
// first there: a token for github.com has no business on another server while there is a choice.
func tokenNames(host site) []string {
	names := []string{"GITHUB_TOKEN", "GH_TOKEN"}
	if host.dialect == enterprise {
		names = append([]string{"GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN"}, names...)
	}
	return names
}

func (o LoginOptions) fixed(origin, token string) Login {
	o.Secrets.Add(token)
	return Login{Origin: origin, Token: func(context.Context) (string, error) { return token, nil }}
}

// stored returns what gh has stored: the token in its hosts.yml or, where that knows the host but
// holds no token, the one that gh keeps in the machine's key store.
func (o LoginOptions) stored(host site) (Login, error) {
	file := filepath.Join(o.GHConfigDir, "hosts.yml")
	known, token, err := o.hostsFile(file, host)
	if err != nil {
		return Login{}, err
	}
	if token != "" {
		return o.fixed("gh's "+file, token), nil
	}
	if o.RunGH == nil || o.GHConfigDir != "" && !known {
		return Login{}, o.nothing(host, nil)
	}
	return Login{Origin: "gh auth token", Token: once(func(ctx context.Context) (string, error) {
		token, err := o.RunGH(ctx, host.web.Host)
		if token = strings.TrimSpace(token); err != nil || token == "" {
			return "", o.nothing(host, err)
		}
		o.Secrets.Add(token)
		return token, nil
	}, func(string) bool { return true })}, nil
}

func (o LoginOptions) hostsFile(file string, host site) (known bool, token string, err error) {
	if o.GHConfigDir == "" {
		return false, "", nil
	}
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return false, "", nil
	}
	if err != nil {
		return false, "", fmt.Errorf("reading gh's configuration: %w", err)
	}
	var hosts map[string]struct {
		Token string `yaml:"oauth_token"`
	}
	if yaml.Unmarshal(data, &hosts) != nil { // the decoder's own text may quote the token
		return false, "", fmt.Errorf("reading gh's configuration: %s is not what gh writes", file)
	}
	for name, h := range hosts {
		if strings.EqualFold(name, host.web.Host) {
			return true, strings.TrimSpace(h.Token), nil
		}
	}
	return false, "", nil
}

func (o LoginOptions) nothing(host site, cause error) error {
	names := strings.Join(tokenNames(host), ", ")
	err := fmt.Errorf("no credentials for %s: %w: none of %s is set, no GitHub App is given (MLOPSCTL_GITHUB_APP_ID), and gh has none stored; run `gh auth login --hostname %s`, or set GITHUB_TOKEN",
		host.web, resource.ErrUnauthorized, names, host.web.Host)
	if cause != nil {
		return fmt.Errorf("%w: %w", err, cause)
	}
	return err
}

func (o LoginOptions) env(name string) string {
	if o.Env == nil {
		return ""
	}
	value, _ := o.Env(name)
	return strings.TrimSpace(value)
}

// RunGH asks the gh on the PATH for the token that it has stored for a host.
func RunGH(ctx context.Context, host string) (string, error) {
	out, err := exec.CommandContext(ctx, "gh", "auth", "token", "--hostname", host).Output()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return "", fmt.Errorf("running gh auth token: %w: %s", err, strings.TrimSpace(string(exit.Stderr)))
	case err != nil:
		return "", fmt.Errorf("running gh auth token: %w", err)
	default:
		return string(out), nil
	}
}

// once returns an answer that is asked for once, however many want it at the same time, and again when
// it is not good any more. Who stops waiting lets the next one ask.
func once[T any](ask func(context.Context) (T, error), good func(T) bool) func(context.Context) (T, error) {
	turn := make(chan struct{}, 1)
	var have *T
	return func(ctx context.Context) (T, error) {
		var none T
		select {
		case turn <- struct{}{}:
		case <-ctx.Done():
			return none, ctx.Err()
		}
		defer func() { <-turn }()
		if have != nil && good(*have) {
			return *have, nil
		}
		fresh, err := ask(ctx)
		if err != nil {
			return none, err
		}
		have = &fresh
		return fresh, nil
	}
}

func noRedirect(next http.RoundTripper) *http.Client {
	return &http.Client{
		Transport:     next,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func installationPath(id string) string {
	return "app/installations/" + url.PathEscape(id) + "/access_tokens"
}
