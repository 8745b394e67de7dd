package spec

import (
	"slices"
	"time"
)

// Secret is a GitHub Actions secret; exactly one source is set.
type Secret struct {
	Name        string // upper case, as GitHub stores it
	Environment string // "" is the repository's

	Env         string
	File        string // relative to Stack.Dir, never outside it
	Command     []string
	OAuthSecret *OAuthSecretSource
	AccessToken *AccessTokenSource

	PersonalAccessToken *PersonalAccessTokenSource

	// RotateBefore is how long before it expires an OAuth secret or a token is renewed; for a value of Env, File or
	// Command, which shows no expiry, the age at which it is stored anew. 0: never by its age.
	RotateBefore time.Duration
	Overlap      time.Duration // how long a replaced OAuth secret or token stays valid; 0 for other sources
}

// OAuthSecretSource issues an OAuth secret for a target's principal.
type OAuthSecretSource struct {
	Target   string
	Lifetime time.Duration
}

// PersonalAccessTokenSource issues a personal access token on behalf of a target's principal.
type PersonalAccessTokenSource struct {
	Target   string
	Lifetime time.Duration
}

// AccessTokenSource exchanges an OAuth secret of a target's principal for a token of one hour.
type AccessTokenSource struct{ Target string }

// GitCredential is what a principal's jobs log in to a Git provider with. Exactly one of Env, File and Command
// says where its token comes from.
type GitCredential struct {
	Provider        string // as Databricks spells it: gitHub
	Username, Email string // "" is not managed

	Env     string
	File    string // relative to Stack.Dir, never outside it
	Command []string
}

// EnvSources are the environment variables that secret values enter by, each once, in the spec's order: those of
// GitHub's secrets, and of Git credentials.
func (s *Stack) EnvSources() []string {
	var names []string
	add := func(name string) {
		if name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, x := range s.Secrets {
		add(x.Env)
	}
	for _, p := range s.ServicePrincipals {
		if p.GitCredential != nil {
			add(p.GitCredential.Env)
		}
	}
	return names
}
