package kinds

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/mlopsctl/mlopsctl/internal/credentials"
	"github.com/mlopsctl/mlopsctl/internal/github"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

// secretKind is a GitHub Actions secret. Its value is never a part of it: what can be compared is that
// it is there, and how old the credential is that it holds.
var secretKind = resource.Kind[*credentials.Vault, secret]{
	Name:         "secret",
	Doc:          "A GitHub Actions secret of the repository or of an environment.",
	Identity:     []string{"repository", "environment", "name", "workspace", "principal"},
	LiveIdentity: []string{"repository", "environment", "name"}, // GitHub gives it no id
	CreateOnly: []string{
		"address", "env", "file", "command", "issue", "principal_id", "application_id", "lifetime_seconds", "rotate_before_seconds",
		"overlap_seconds", "places",
	},
	Declare: declareSecrets,
	Read:    readSecret,
	Create: func(ctx context.Context, v *credentials.Vault, want secret) (secret, error) {
		stored, err := v.Store(ctx, want.place(), want.source())
		return seenSecret(want, stored), err
	},
	Update: func(ctx context.Context, v *credentials.Vault, have, want secret) (secret, error) {
		renew := v.Store
		if have.Need == credentials.Tidying {
			renew = v.Tidy
		}
		stored, err := renew(ctx, want.place(), want.source())
		return seenSecret(want, stored), err
	},
	Delete: func(ctx context.Context, v *credentials.Vault, have secret) error {
		return v.Discard(ctx, have.place(), have.source())
	},
	Check: func(_ context.Context, v *credentials.Vault, want secret) error {
		return v.Available(want.source())
	},
	Warn: warnOfSecret,
	Due: func(have secret) resource.Renewal {
		return resource.Renewal{
			Reason: have.Renew, Ageing: have.Need == credentials.Ageing,
			Tidy: have.Need == credentials.Tidying || have.Need == credentials.Repair, // updates, and no rotations
		}
	},
}

type secret struct {
	Repository  resource.Text     `json:"repository,omitzero"`
	Environment resource.Text     `json:"environment,omitzero"`
	Name        string            `json:"name"`
	Address     string            `json:"address,omitempty"` // under which the ledger has it
	Env         string            `json:"env,omitempty"`
	File        string            `json:"file,omitempty"`
	Command     []string          `json:"command,omitempty"`
	Issue       credentials.Issue `json:"issue,omitempty"`

	Host                string        `json:"workspace,omitempty"` // to log in to
	Principal           string        `json:"principal,omitempty"`
	PrincipalID         resource.Text `json:"principal_id,omitzero"`
	ApplicationID       resource.Text `json:"application_id,omitzero"`
	LifetimeSeconds     int64         `json:"lifetime_seconds,omitempty"`
	RotateBeforeSeconds int64         `json:"rotate_before_seconds,omitempty"`
	OverlapSeconds      int64         `json:"overlap_seconds,omitempty"`
	Places              int           `json:"places,omitempty"` // of the stack that hold one like it, where there are several

	UpdatedAt string           `json:"updated_at,omitempty"`
	ExpiresAt string           `json:"expires_at,omitempty"`
	Expiring  bool             `json:"expiring,omitempty"`
	Need      credentials.Need `json:"need,omitempty"`
	Renew     string           `json:"renew,omitempty"` // why it is due
	// Spare are valid OAuth secrets of the principal that are stored nowhere in the stack.
	Spare      []string `json:"spare,omitempty"`
	Uncompared string   `json:"uncompared,omitempty"` // why its value could not be
}

func (s secret) place() github.Place {
	return github.Place{Environment: s.Environment.Value, Name: s.Name}
}

func (s secret) source() credentials.Source {
	return credentials.Source{
		Address: s.Address, Env: s.Env, File: s.File, Command: s.Command, Issue: s.Issue, Host: s.Host, Principal: s.Principal,
		ApplicationID: s.ApplicationID.Value,
		Lifetime:      time.Duration(s.LifetimeSeconds) * time.Second,
		RotateBefore:  time.Duration(s.RotateBeforeSeconds) * time.Second,
		Overlap:       time.Duration(s.OverlapSeconds) * time.Second, Places: s.Places,
	}.At(s.PrincipalID.Value)
}

// What ci_auth: oauth_secret implies.
const (
	impliedLifetime     = 90 * 24 * time.Hour
	impliedRotateBefore = 14 * 24 * time.Hour
	impliedOverlap      = 24 * time.Hour

	impliedTokenLifetime = 100 * 24 * time.Hour // of ci_auth: personal_access_token, as the guide's module has it
)

// declareSecrets lists what the spec spells out, then what ci_auth implies and the spec does not.
func declareSecrets(w resource.Wishes) []resource.Decl[secret] {
	var decls []resource.Decl[secret]
	add := func(s spec.Secret, path ...string) {
		d := declareSecret(w.Stack, s)
		if slices.ContainsFunc(decls, func(x resource.Decl[secret]) bool { return strings.EqualFold(x.Addr.String(), d.Addr.String()) }) {
			return
		}
		d.At = w.At(path...)
		decls = append(decls, d)
	}
	for _, s := range w.Secrets {
		add(s, "secrets", s.Name)
	}
	for _, t := range w.Targets {
		if t.ServicePrincipal == "" {
			continue
		}
		environment, prefix := ciScope(t)
		switch t.CIAuth {
		case spec.OAuthSecret:
			add(spec.Secret{
				Name: prefix + "DATABRICKS_CLIENT_SECRET", Environment: environment, RotateBefore: impliedRotateBefore, Overlap: impliedOverlap,
				OAuthSecret: &spec.OAuthSecretSource{Target: t.Name, Lifetime: impliedLifetime},
			}, "targets", t.Name, "ci_auth")
		case spec.AccessToken:
			add(spec.Secret{ // the guide's name, wherever it is stored
				Name: targetPrefix(t.Name) + "WORKSPACE_TOKEN", Environment: environment,
				AccessToken: &spec.AccessTokenSource{Target: t.Name},
			}, "targets", t.Name, "ci_auth")
		case spec.PersonalAccessToken:
			add(spec.Secret{
				Name: targetPrefix(t.Name) + "WORKSPACE_TOKEN", Environment: environment, RotateBefore: impliedRotateBefore, Overlap: impliedOverlap,
				PersonalAccessToken: &spec.PersonalAccessTokenSource{Target: t.Name, Lifetime: impliedTokenLifetime},
			}, "targets", t.Name, "ci_auth")
		}
	}
	countPlaces(decls)
	return decls
}

// countPlaces tells each secret how many OAuth secrets like its own the stack stores.
func countPlaces(decls []resource.Decl[secret]) {
	alike := func(a, b secret) bool {
		return (a.Issue == credentials.OAuthSecret || a.Issue == credentials.PersonalToken && a.Host == b.Host) && b.Issue == a.Issue && b.Principal == a.Principal && b.LifetimeSeconds == a.LifetimeSeconds
	}
	for i, d := range decls {
		n := 0
		for _, other := range decls {
			if alike(d.Want, other.Want) {
				n++
			}
		}
		if n > 1 {
			decls[i].Want.Places = n
		}
	}
}

func declareSecret(s *spec.Stack, x spec.Secret) resource.Decl[secret] {
	addr := resource.Addr{Kind: "secret", Scope: x.Environment, Name: x.Name}
	d := resource.Decl[secret]{
		Addr: addr,
		Want: secret{
			Repository: inRepository(), Environment: inEnvironment(s, x.Environment), Name: x.Name, Address: addr.String(),
			Env: x.Env, File: x.File, Command: x.Command, RotateBeforeSeconds: int64(x.RotateBefore / time.Second),
			OverlapSeconds: int64(x.Overlap / time.Second),
		},
	}
	var t *spec.Target
	switch {
	case x.OAuthSecret != nil:
		t, d.Want.Issue = s.Target(x.OAuthSecret.Target), credentials.OAuthSecret
		d.Want.LifetimeSeconds = int64(x.OAuthSecret.Lifetime / time.Second)
	case x.AccessToken != nil:
		t, d.Want.Issue = s.Target(x.AccessToken.Target), credentials.AccessToken
	case x.PersonalAccessToken != nil:
		t, d.Want.Issue = s.Target(x.PersonalAccessToken.Target), credentials.PersonalToken
		d.Want.LifetimeSeconds = int64(x.PersonalAccessToken.Lifetime / time.Second)
	}
	if t == nil {
		return d
	}
	principal := resource.Addr{Kind: "service_principal", Name: t.ServicePrincipal}
	d.Want.Host, d.Want.Principal = t.Host, t.ServicePrincipal
	d.Want.PrincipalID, d.Want.ApplicationID = resource.From(principal, "id"), resource.From(principal, "application_id")
	d.Needs = []resource.Need{{
		Addr: resource.Addr{Kind: "workspace_assignment", Scope: t.Name, Name: t.ServicePrincipal}.String(),
		Why:  "the credential is tried in the workspace before it counts as stored",
	}}
	return d
}

func readSecret(ctx context.Context, v *credentials.Vault, want secret) (secret, error) {
	stored, err := v.Stored(ctx, want.place(), want.source())
	return seenSecret(want, stored), err
}

func seenSecret(want secret, stored credentials.Stored) secret {
	have := secret{
		Repository: want.Repository, Environment: want.Environment, Name: want.Name, Address: want.Address, PrincipalID: want.PrincipalID,
		Issue: want.Issue, Host: want.Host, Principal: want.Principal,
		Expiring: stored.Expiring, Need: stored.Need, Renew: stored.Renew, Spare: stored.Spare, Uncompared: stored.Uncompared,
	}
	if !stored.UpdatedAt.IsZero() {
		have.UpdatedAt = stored.UpdatedAt.UTC().Format(time.RFC3339)
	}
	if !stored.ExpiresAt.IsZero() {
		have.ExpiresAt = stored.ExpiresAt.UTC().Format(time.RFC3339)
	}
	return have
}
