package credentials

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mlopsctl/mlopsctl/internal/databricks"
	"github.com/mlopsctl/mlopsctl/internal/github"
	"github.com/mlopsctl/mlopsctl/pkg/ledger"
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
	Secret   databricks.Secret
	Value    databricks.Sealed // what is stored: the secret, or the token; zero until it is known
	Expires  time.Time         // of the value
	Stored   bool
	StoredAt time.Time // by GitHub's clock
}

// travel takes a credential for a place through its journey, beginning one where there is none, and returns
// what is to be recorded of it.
func (v *Vault) travel(ctx context.Context, p github.Place, s Source) (ledger.Secret, error) {
	// Before anything is issued it must be certain that it can be encrypted for its place.
	if _, err := v.opt.GitHub.PublicKey(ctx, p.Environment); err != nil {
		return ledger.Secret{}, err
	}
	j, err := v.journeyTo(ctx, p, s)
	if err != nil {
		return ledger.Secret{}, err
	}
	if err := v.advance(ctx, j, step{place: p, source: s}); err != nil {
		return ledger.Secret{}, v.strand(ctx, j, step{place: p, source: s}, err)
	}
	r := ledger.Secret{
		StoredAt: moment(j.StoredAt), Issue: string(s.Issue), Principal: s.Principal, PrincipalID: s.PrincipalID, RemoteID: j.Secret.ID,
	}
	if !j.Expires.IsZero() {
		r.ExpiresAt = moment(j.Expires)
	}
	return r, nil
}

// strand ends a journey that cannot go on: a credential that certainly got nowhere is revoked at once.
func (v *Vault) strand(ctx context.Context, j *journey, s step, why error) error {
	refused := errors.Is(why, resource.ErrForbidden) || errors.Is(why, resource.ErrUnauthorized) ||
		errors.Is(why, resource.ErrNotFound) || errors.Is(why, github.ErrKeyChanged)
	switch {
	case errors.Is(why, resource.ErrNotYet), j.Stored:
		return why
	case !refused: // it may have been stored all the same
		return fmt.Errorf("%w; %s %s of %s was issued for it, and nobody knows whether it is stored", why, s.source.Issue.noun(), j.Secret.ID, s.source.Principal)
	}
	if err := v.revokeIssued(ctx, s.source.PrincipalID, j.Secret.ID); err != nil {
		return fmt.Errorf("%w; %s %s of %s was issued for it and is stored nowhere: %w", why, s.source.Issue.noun(), j.Secret.ID, s.source.Principal, err)
	}
	v.arrived(s.place)
	return fmt.Errorf("%w; %s %s of %s, which was issued for it, was revoked", why, s.source.Issue.noun(), j.Secret.ID, s.source.Principal)
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
	secret, err := v.issue(ctx, step{place: p, source: s})
	if err != nil {
		return nil, fmt.Errorf("issuing %s of %s for %s: %w", s.Issue.one(), s.Principal, p, err)
	}
	j = &journey{Secret: secret, Expires: secret.Expires}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.open[p] = j
	return j, nil
}

// arrived ends the journey to a place.
func (v *Vault) arrived(p github.Place) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.open, p)
}

// advance makes the steps that the journey has not made yet.
func (v *Vault) advance(ctx context.Context, j *journey, s step) error {
	if j.Value.IsZero() {
		if err := v.value(ctx, j, s.source); err != nil {
			return err
		}
	}
	if !j.Stored {
		at, err := v.put(ctx, s.place, j.Value)
		if err != nil {
			return err
		}
		j.Stored, j.StoredAt = true, at
	}
	switch s.source.Issue {
	case PersonalToken:
		return v.try(ctx, j.Secret, s.source)
	case OAuthSecret:
		_, err := v.login(ctx, j.Secret, s.source)
		return err
	}
	return nil
}

// value learns what is stored.
func (v *Vault) value(ctx context.Context, j *journey, s Source) (err error) {
	if s.Issue == AccessToken {
		began := v.opt.Clock.Now()
		token, err := v.login(ctx, j.Secret, s)
		if err != nil {
			return err
		}
		j.Expires = began.Add(cmp.Or(token.Lifetime, tokenLifetime))
		j.Value, err = v.take("the access token", token.Value.Reveal())
		return err
	}
	j.Value, err = v.take("the "+s.Issue.noun(), j.Secret.Value.Reveal())
	return err
}

// login exchanges a secret for a token at the workspace. A new secret, and a principal that was just
// assigned, may be refused there for up to a minute.
func (v *Vault) login(ctx context.Context, secret databricks.Secret, s Source) (databricks.Token, error) {
	token, err := v.opt.Fleet.Exchange(ctx, s.Host, s.ApplicationID, secret.Value)
	refused := errors.Is(err, resource.ErrUnauthorized) || errors.Is(err, resource.ErrForbidden)
	if refused || errors.Is(err, resource.ErrLost) { // a lost login has changed nothing
		return token, fmt.Errorf("%s can log in to %s with its new OAuth secret: %w: %v", s.Principal, s.Host, resource.ErrNotYet, err)
	}
	if err != nil {
		return token, fmt.Errorf("logging in to %s as %s: %w", s.Host, s.Principal, err)
	}
	_, err = v.take("the access token", token.Value.Reveal()) // so that nothing ever shows it
	return token, err
}

// try makes sure that a new token logs in, which the workspace may refuse for a while.
func (v *Vault) try(ctx context.Context, secret databricks.Secret, s Source) error {
	principal, _ := parted(s.PrincipalID)
	err := v.opt.Fleet.TryToken(ctx, s.Host, principal, secret.Value)
	refused := errors.Is(err, resource.ErrUnauthorized) || errors.Is(err, resource.ErrForbidden)
	if refused || errors.Is(err, resource.ErrLost) { // a lost login has changed nothing
		return fmt.Errorf("%s can log in to %s with its new token: %w: %v", s.Principal, s.Host, resource.ErrNotYet, err)
	}
	return err
}

// issue makes a credential. Where the principal has no room, what this stack has there and nobody can
// use makes room.
func (v *Vault) issue(ctx context.Context, s step) (databricks.Secret, error) {
	v.forgetIssued(s.source.PrincipalID)
	l, err := v.look(ctx, s.place, s.source)
	if err == nil {
		l.secrets, err = v.Issued(ctx, s.source.PrincipalID)
	}
	if err != nil {
		return databricks.Secret{}, err
	}
	if len(l.secrets) >= maxSecrets && s.source.Issue != PersonalToken {
		useless := l.useless()
		if len(useless) == 0 {
			return databricks.Secret{}, errors.New("it " + full(l.secrets))
		}
		for _, h := range l.own(useless) {
			if err := v.revoke(ctx, l, h); err != nil {
				return databricks.Secret{}, fmt.Errorf("making room: %w", err)
			}
		}
		l.secrets = slices.DeleteFunc(slices.Clone(l.secrets), func(x databricks.Secret) bool { return slices.Contains(useless, x.ID) })
	}
	lifetime := s.source.Lifetime
	if s.source.Issue == AccessToken {
		lifetime = tokenLifetime // it serves once, and goes by itself
	}
	return v.issueOnce(ctx, l, lifetime)
}

// issueOnce makes an OAuth secret. Its name is not unique and its value is shown once, so an answer that
// was lost leaves one behind that nobody can use: it is looked for before anything is sent again, and
// revoked where it can be nobody else's.
func (v *Vault) issueOnce(ctx context.Context, l look, lifetime time.Duration) (databricks.Secret, error) {
	principal := l.source.PrincipalID
	made, _ := parted(principal)
	var lostAnswer error
	for range 2 {
		secret, err := v.mint(ctx, l.source, lifetime)
		if !errors.Is(err, resource.ErrLost) {
			return secret, err
		}
		lostAnswer = err
		v.forgetIssued(principal)
		after, look := v.Issued(ctx, principal)
		if look != nil {
			return databricks.Secret{}, fmt.Errorf("%v; looking whether it was issued: %w", err, look)
		}
		lost := beyond(l.secrets, after)
		if len(lost) == 0 {
			continue
		}
		r := v.book()
		if len(lost) > 1 || r == nil || !r.MadePrincipal(made, l.source.Principal) {
			return databricks.Secret{}, fmt.Errorf("%v; it was issued, and its value is lost with the answer: delete %s %s, and apply again for a new one", err, l.source.Issue.noun(), strings.Join(lost, ", "))
		}
		if revoked := v.revoke(ctx, l, l.own(lost)[0]); revoked != nil {
			return databricks.Secret{}, fmt.Errorf("%v; it was issued, and its value is lost with the answer: %w", err, revoked)
		}
	}
	return databricks.Secret{}, fmt.Errorf("the answer was lost twice, and what was issued was revoked; apply again: %v", lostAnswer) // not wrapped: it is known
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
func (v *Vault) put(ctx context.Context, p github.Place, value databricks.Sealed) (at time.Time, refusal error) {
	for range 2 {
		key, err := v.opt.GitHub.PublicKey(ctx, p.Environment)
		if err != nil {
			return at, err
		}
		sealed, err := seal(key, value)
		if err != nil {
			return at, fmt.Errorf("storing secret %s: %w", p, err)
		}
		at, err = v.opt.GitHub.PutSecret(ctx, p, sealed)
		switch {
		case errors.Is(err, github.ErrKeyChanged):
			refusal = err
			continue
		case errors.Is(err, resource.ErrLost): // the same value may be stored again
			return at, fmt.Errorf("what was stored there is %w: %v", resource.ErrNotYet, err)
		case at.IsZero():
			at = v.opt.Clock.Now()
		}
		return at, err
	}
	return at, refusal
}
