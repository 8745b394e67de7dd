package credentials

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mlopsctl/mlopsctl/internal/databricks"
	"github.com/mlopsctl/mlopsctl/internal/github"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// The bounds of what Databricks gives: secrets of a principal, and the life of an access token.
const (
	maxSecrets    = 5
	tokenLifetime = time.Hour
)

// journey is a credential on its way: issued, exchanged where a token is wished, stored, and seen to
// log in. It is kept when one of these has to wait, so that the next try goes on where it stood.
type journey struct {
	// The fields are exported so that fmt, which prints private ones raw, shows their redactions.
	Secret databricks.Secret
	Value  databricks.Sealed // what is stored: the secret, or the token; zero until it is known
	Stored bool
}

// travel takes a credential for a place through its journey, beginning one where there is none.
func (v *Vault) travel(ctx context.Context, p github.Place, s Source) error {
	// Before anything is issued it must be certain that it can be encrypted for its place.
	if _, err := v.opt.GitHub.PublicKey(ctx, p.Environment); err != nil {
		return err
	}
	j, err := v.journeyTo(ctx, p, s)
	if err != nil {
		return err
	}
	if err := v.advance(ctx, j, step{place: p, source: s}); err != nil {
		if errors.Is(err, resource.ErrNotYet) || j.Stored {
			return err
		}
		return fmt.Errorf("%w; OAuth secret %s of %s was issued for it and is stored nowhere", err, j.Secret.ID, s.Principal)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.open, p)
	return nil
}

type step struct {
	place  github.Place
	source Source
}

func (v *Vault) journeyTo(ctx context.Context, p github.Place, s Source) (*journey, error) {
	v.mu.Lock()
	j := v.open[p]
	v.mu.Unlock()
	if j != nil {
		return j, nil
	}
	secret, err := v.issue(ctx, s)
	if err != nil {
		return nil, fmt.Errorf("issuing an OAuth secret of %s for %s: %w", s.Principal, p, err)
	}
	j = &journey{Secret: secret}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.open[p] = j
	return j, nil
}

// advance makes the steps that the journey has not made yet.
func (v *Vault) advance(ctx context.Context, j *journey, s step) error {
	if j.Value.IsZero() {
		value, err := v.valueOf(ctx, j.Secret, s.source)
		if err != nil {
			return err
		}
		j.Value = value
	}
	if !j.Stored {
		if err := v.put(ctx, s.place, j.Value); err != nil {
			return err
		}
		j.Stored = true
	}
	if s.source.Issue == OAuthSecret {
		_, err := v.login(ctx, j.Secret, s.source)
		return err
	}
	return nil
}

func (v *Vault) valueOf(ctx context.Context, secret databricks.Secret, s Source) (databricks.Sealed, error) {
	if s.Issue == AccessToken {
		return v.login(ctx, secret, s)
	}
	return v.take("the OAuth secret", secret.Value.Reveal())
}

// login exchanges a secret for a token at the workspace. A new secret, and a principal that was just
// assigned, may be refused there for up to a minute.
func (v *Vault) login(ctx context.Context, secret databricks.Secret, s Source) (databricks.Sealed, error) {
	token, err := v.opt.Fleet.Exchange(ctx, s.Host, s.ApplicationID, secret.Value)
	refused := errors.Is(err, resource.ErrUnauthorized) || errors.Is(err, resource.ErrForbidden)
	if refused || errors.Is(err, resource.ErrLost) { // a lost login has changed nothing
		return databricks.Sealed{}, fmt.Errorf("%s can log in to %s with its new OAuth secret: %w: %v", s.Principal, s.Host, resource.ErrNotYet, err)
	}
	if err != nil {
		return databricks.Sealed{}, fmt.Errorf("logging in to %s as %s: %w", s.Host, s.Principal, err)
	}
	return v.take("the access token", token.Value.Reveal())
}

// issue makes an OAuth secret. Its name is not unique and its value is shown once, so an answer that
// was lost leaves one behind that nobody can use: it is looked for and named, never guessed away.
func (v *Vault) issue(ctx context.Context, s Source) (databricks.Secret, error) {
	v.opt.Fleet.ForgetOAuthSecrets(s.PrincipalID)
	before, err := v.opt.Fleet.OAuthSecrets(ctx, s.PrincipalID)
	if err != nil {
		return databricks.Secret{}, err
	}
	if len(before) >= maxSecrets {
		return databricks.Secret{}, errors.New("it " + full(before))
	}
	lifetime := s.Lifetime
	if s.Issue == AccessToken {
		lifetime = tokenLifetime // it serves once, and goes by itself
	}
	var lostAnswer error
	for range 2 {
		secret, err := v.opt.Fleet.IssueOAuthSecret(ctx, s.PrincipalID, lifetime)
		if !errors.Is(err, resource.ErrLost) {
			return secret, err
		}
		lostAnswer = err
		v.opt.Fleet.ForgetOAuthSecrets(s.PrincipalID)
		after, look := v.opt.Fleet.OAuthSecrets(ctx, s.PrincipalID)
		if look != nil {
			return databricks.Secret{}, fmt.Errorf("%v; looking whether it was issued: %w", err, look)
		}
		if lost := beyond(before, after); len(lost) > 0 {
			return databricks.Secret{}, fmt.Errorf("%v; it was issued, and its value is lost with the answer: delete OAuth secret %s, and apply again for a new one", err, strings.Join(lost, ", "))
		}
	}
	return databricks.Secret{}, fmt.Errorf("the answer was lost twice, and none was issued; apply again: %v", lostAnswer) // not wrapped: it is known
}

// full says that a principal has no room for one more secret.
func full(secrets []databricks.Secret) string {
	return fmt.Sprintf("has %d OAuth secrets, which is the most that Databricks keeps: delete one (%s)", len(secrets), strings.Join(ids(secrets), ", "))
}

func ids(secrets []databricks.Secret) []string {
	var out []string
	for _, s := range secrets {
		out = append(out, fmt.Sprintf("%s made %s", s.ID, s.Created.UTC().Format(time.DateOnly)))
	}
	return out
}

// beyond returns the ids that are in after and not in before.
func beyond(before, after []databricks.Secret) []string {
	var out []string
	for _, a := range after {
		if !slices.ContainsFunc(before, func(b databricks.Secret) bool { return b.ID == a.ID }) {
			out = append(out, a.ID)
		}
	}
	return out
}

// put encrypts a value and stores it. A refusal may mean that GitHub has another key by now, so it is
// asked for once more.
func (v *Vault) put(ctx context.Context, p github.Place, value databricks.Sealed) error {
	var refusal error
	for range 2 {
		key, err := v.opt.GitHub.PublicKey(ctx, p.Environment)
		if err != nil {
			return err
		}
		sealed, err := seal(key, value)
		if err != nil {
			return fmt.Errorf("storing secret %s: %w", p, err)
		}
		_, err = v.opt.GitHub.PutSecret(ctx, p, sealed)
		if !errors.Is(err, github.ErrKeyChanged) {
			return err
		}
		refusal = err
	}
	return refusal
}
