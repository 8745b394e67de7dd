package github

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/mlopsctl/mlopsctl/internal/virtual"

	"github.com/mlopsctl/mlopsctl/internal/transport"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

func loginOptions(t *testing.T, host string, env map[string]string) LoginOptions {
	t.Helper()
	o := LoginOptions{
		Host: host, GHConfigDir: t.TempDir(), Secrets: &transport.Scrubber{}, Clock: transport.System(),
		Env: func(name string) (string, bool) { v, ok := env[name]; return v, ok },
	}
	o.Transport = transport.New(transport.Options{Secrets: o.Secrets})
	t.Cleanup(func() { noRedirect(o.Transport).CloseIdleConnections() })
	return o
}

func writeHosts(t *testing.T, o LoginOptions, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(o.GHConfigDir, "hosts.yml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestEachSourceOfAGitHubToken(t *testing.T) {
	const hosts = "github.com:\n    user: me\n    oauth_token: gho_of_the_file\n    git_protocol: https\nGHE.example.com:\n    oauth_token: gho_of_ghe\nkeyring.example.com:\n    user: me\n"
	for _, c := range []struct {
		name, host  string
		env         map[string]string
		want, where string
	}{
		{"GITHUB_TOKEN", "https://github.com", map[string]string{"GITHUB_TOKEN": "one-token\n", "GH_TOKEN": "two-token"}, "one-token", "GITHUB_TOKEN"},
		{"GH_TOKEN", "https://github.com", map[string]string{"GH_TOKEN": "two-token", "GH_ENTERPRISE_TOKEN": "no-token"}, "two-token", "GH_TOKEN"},
		{"an empty variable", "https://github.com", map[string]string{"GITHUB_TOKEN": "", "GH_TOKEN": "two-token"}, "two-token", "GH_TOKEN"},
		{"on ghe.com", "https://acme.ghe.com", map[string]string{"GH_TOKEN": "two-token", "GH_ENTERPRISE_TOKEN": "no-token"}, "two-token", "GH_TOKEN"},
		{"GITHUB_TOKEN on a server", "http://127.0.0.1:8080", map[string]string{"GITHUB_TOKEN": "one-token"}, "one-token", "GITHUB_TOKEN"},
		{"the server's own first", "https://git.example.com", map[string]string{"GITHUB_TOKEN": "one-token", "GITHUB_ENTERPRISE_TOKEN": "four-token", "GH_ENTERPRISE_TOKEN": "three-token"}, "three-token", "GH_ENTERPRISE_TOKEN"},
		{"the server's other one", "https://git.example.com", map[string]string{"GH_TOKEN": "two-token", "GITHUB_ENTERPRISE_TOKEN": "four-token"}, "four-token", "GITHUB_ENTERPRISE_TOKEN"},
		{"what gh has stored", "https://github.com", nil, "gho_of_the_file", "gh's FILE"},
		{"what gh has stored for a server", "https://ghe.example.com", nil, "gho_of_ghe", "gh's FILE"},
		{"the machine's key store", "https://keyring.example.com", nil, "gho of keyring.example.com", "gh auth token"},
		{"the environment before what is stored", "https://github.com", map[string]string{"GH_TOKEN": "two-token"}, "two-token", "GH_TOKEN"},
	} {
		o := loginOptions(t, c.host, c.env)
		writeHosts(t, o, hosts)
		o.RunGH = func(_ context.Context, host string) (string, error) { return "gho of " + host + "\n", nil }
		login, err := FindLogin(o)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		token, err := login.Token(t.Context())
		where := strings.ReplaceAll(c.where, "FILE", filepath.Join(o.GHConfigDir, "hosts.yml"))
		if token != c.want || login.Origin != where || err != nil {
			t.Errorf("%s: %q from %q, %v", c.name, token, login.Origin, err)
		}
		if got := o.Secrets.Clean("x " + c.want); got != "x [redacted]" {
			t.Errorf("%s: the token is not known as a secret: %s", c.name, got)
		}
	}
}

func TestWithoutAGitHubCredentialItIsSaidWhereItWasLookedFor(t *testing.T) {
	o := loginOptions(t, "https://github.com", nil)
	_, err := FindLogin(o)
	for _, part := range []string{"no credentials for https://github.com", "GITHUB_TOKEN, GH_TOKEN", "gh auth login --hostname github.com"} {
		if !errors.Is(err, resource.ErrUnauthorized) || !strings.Contains(err.Error(), part) {
			t.Errorf("%v\nsays nothing of %q", err, part)
		}
	}
	o.GHConfigDir = ""
	o.RunGH = func(context.Context, string) (string, error) { return "", errors.New("gh: not logged in") }
	login, err := FindLogin(o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := login.Token(t.Context()); !errors.Is(err, resource.ErrUnauthorized) || !strings.Contains(err.Error(), "gh: not logged in") {
		t.Error(err)
	}
}

func TestGHIsNotAskedForAHostThatItDoesNotKnow(t *testing.T) {
	o := loginOptions(t, "https://github.com", nil)
	writeHosts(t, o, "ghe.example.com:\n    oauth_token: gho_x\n")
	o.RunGH = func(context.Context, string) (string, error) { t.Error("gh was run"); return "", nil }
	if _, err := FindLogin(o); !errors.Is(err, resource.ErrUnauthorized) {
		t.Error(err)
	}
}

func TestABrokenConfigurationOfGHIsNotQuoted(t *testing.T) {
	o := loginOptions(t, "https://github.com", nil)
	writeHosts(t, o, "github.com: gho_secret_in_the_wrong_place\n")
	if _, err := FindLogin(o); err == nil || strings.Contains(err.Error(), "gho_") {
		t.Error(err)
	}
}

func TestTheGHOnThePathIsAsked(t *testing.T) {
	dir := t.TempDir()
	script := "#!/bin/sh\n[ \"$*\" = 'auth token --hostname github.com' ] && echo gho_from_gh && exit 0\necho \"no: $*\" >&2\nexit 1\n"
	if err := os.WriteFile(filepath.Join(dir, "gh"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	if token, err := RunGH(t.Context(), "github.com"); token != "gho_from_gh\n" || err != nil {
		t.Errorf("%q, %v", token, err)
	}
	if _, err := RunGH(t.Context(), "other.example"); err == nil || !strings.Contains(err.Error(), "no: auth token --hostname other.example") {
		t.Error(err)
	}
}

// appServer is GitHub's endpoint for the tokens of an App's installation. It checks the App's proof.
type appServer struct {
	*httptest.Server
	key    *rsa.PrivateKey
	now    func() time.Time
	mu     sync.Mutex
	tokens int
}

func newAppServer(t *testing.T, now func() time.Time) *appServer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	s := &appServer{key: key, now: now}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		claims := jwt.RegisteredClaims{}
		_, err := jwt.ParseWithClaims(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), &claims,
			func(*jwt.Token) (any, error) { return &key.PublicKey, nil },
			jwt.WithValidMethods([]string{"RS256"}), jwt.WithIssuer("12345"), jwt.WithIssuedAt(), jwt.WithExpirationRequired(), jwt.WithTimeFunc(now))
		long := claims.ExpiresAt == nil || claims.IssuedAt == nil || claims.ExpiresAt.Sub(claims.IssuedAt.Time) > 10*time.Minute
		if err != nil || long || r.Method+" "+r.URL.Path != "POST /api/v3/app/installations/678/access_tokens" {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = fmt.Fprintf(w, `{"message":"A JSON web token could not be decoded"}`)
			return
		}
		s.mu.Lock()
		s.tokens++
		n := s.tokens
		s.mu.Unlock()
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(map[string]any{"token": fmt.Sprintf("ghs_number_%d", n), "expires_at": now().Add(time.Hour).UTC().Format(time.RFC3339)})
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *appServer) pem() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(s.key)}))
}

func TestAnAppLogsInAndRenewsItsToken(t *testing.T) {
	clock := virtual.NewClock(time.Now(), 0)
	s := newAppServer(t, clock.Now)
	for _, key := range []string{s.pem(), strings.ReplaceAll(s.pem(), "\n", `\n`)} {
		s.tokens = 0
		o := loginOptions(t, s.URL, map[string]string{"MLOPSCTL_GITHUB_APP_ID": "12345", "MLOPSCTL_GITHUB_APP_INSTALLATION_ID": "678", "MLOPSCTL_GITHUB_APP_PRIVATE_KEY": key})
		writeHosts(t, o, strings.TrimPrefix(s.URL, "http://")+":\n    oauth_token: gho_not_this_one\n")
		o.Clock = clock
		login, err := FindLogin(o)
		if err != nil || login.Origin != "GitHub App 12345" || s.tokens != 0 {
			t.Fatal(login.Origin, err, s.tokens)
		}
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				if token, err := login.Token(t.Context()); token != "ghs_number_1" || err != nil {
					t.Error(token, err)
				}
			})
		}
		wg.Wait()
		for _, step := range []struct {
			later time.Duration
			want  string
		}{{54 * time.Minute, "ghs_number_1"}, {2 * time.Minute, "ghs_number_2"}} {
			_ = clock.Sleep(t.Context(), step.later)
			if token, err := login.Token(t.Context()); token != step.want || err != nil {
				t.Error(token, err)
			}
		}
		if got := o.Secrets.Clean("ghs_number_2"); got != "[redacted]" {
			t.Error(got)
		}
	}
}

func TestAnAppThatIsRefusedSaysWhy(t *testing.T) {
	s := newAppServer(t, time.Now)
	o := loginOptions(t, s.URL, map[string]string{"MLOPSCTL_GITHUB_APP_ID": "999", "MLOPSCTL_GITHUB_APP_INSTALLATION_ID": "678", "MLOPSCTL_GITHUB_APP_PRIVATE_KEY": s.pem()})
	login, err := FindLogin(o)
	if err != nil {
		t.Fatal(err)
	}
	_, err = login.Token(t.Context())
	if !errors.Is(err, resource.ErrUnauthorized) || !strings.Contains(err.Error(), "as GitHub App 999") || !strings.Contains(err.Error(), "could not be decoded") {
		t.Error(err)
	}
}

func TestAnAppWithoutAllItsPartsSaysWhichIsMissing(t *testing.T) {
	whole := map[string]string{"MLOPSCTL_GITHUB_APP_ID": "1", "MLOPSCTL_GITHUB_APP_INSTALLATION_ID": "2", "MLOPSCTL_GITHUB_APP_PRIVATE_KEY": "not a key at all"}
	for name := range whole {
		env := map[string]string{}
		for k, v := range whole {
			if k != name {
				env[k] = v
			}
		}
		if _, err := FindLogin(loginOptions(t, "https://github.com", env)); !errors.Is(err, resource.ErrUnauthorized) || !strings.Contains(err.Error(), name+" is not set") {
			t.Errorf("without %s: %v", name, err)
		}
	}
	_, err := FindLogin(loginOptions(t, "https://github.com", whole))
	if !errors.Is(err, resource.ErrUnauthorized) || !strings.Contains(err.Error(), "no RSA key") || strings.Contains(err.Error(), "not a key at all") {
		t.Error(err)
	}
}
