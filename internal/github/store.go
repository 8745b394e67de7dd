package github

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/mlopsctl/mlopsctl/internal/memo"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// SecretInfo is all that GitHub shows of a secret.
type SecretInfo struct {
	Name      string    `json:"name"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// PublicKey is what a secret of one repository or environment is sealed with.
type PublicKey struct {
	ID  string `json:"key_id"`
	Key string `json:"key"` // base64
}

// SealedSecret is a secret's value that only GitHub can open.
type SealedSecret struct {
	KeyID string `json:"key_id"`
	Value string `json:"encrypted_value"` // base64
}

// Place is a secret's or variable's name, and the environment that has it; "" is the repository.
type Place struct{ Environment, Name string }

// String returns the place for messages.
func (p Place) String() string {
	if p.Environment == "" {
		return p.Name
	}
	return p.Name + " of environment " + p.Environment
}

// ErrKeyChanged is the refusal of a secret that was sealed with another key than the present one, or
// of one that GitHub refuses for another reason that it does not tell apart: 422.
var ErrKeyChanged = errors.New("the secret was refused")

// Secrets returns the secrets of an environment, or of the repository where it is "", by name. A
// missing environment is resource.ErrNotFound.
func (c *Client) Secrets(ctx context.Context, environment string) (map[string]SecretInfo, error) {
	return memo.Recall(ctx, &c.memo, storeKey("secrets", environment), func(ctx context.Context) (map[string]SecretInfo, error) {
		l := listing{path: c.storePath(environment, "secrets"), field: "secrets", size: 100}
		list, err := pages[SecretInfo](ctx, c, l)
		if err != nil {
			return nil, fmt.Errorf("listing the secrets of %s: %w", c.owning(environment), c.unlessGone(ctx, environment, err))
		}
		secrets := map[string]SecretInfo{}
		for _, s := range list {
			secrets[strings.ToUpper(s.Name)] = s
		}
		return secrets, nil
	})
}

// FreshSecret returns what GitHub shows of a secret now.
func (c *Client) FreshSecret(ctx context.Context, p Place) (SecretInfo, error) {
	c.memo.Drop(storeKey("secrets", p.Environment))
	all, err := c.Secrets(ctx, p.Environment)
	if err != nil {
		return SecretInfo{}, err
	}
	s, ok := all[strings.ToUpper(p.Name)]
	if !ok {
		return s, fmt.Errorf("secret %s: %w", p, resource.ErrNotFound)
	}
	return s, nil
}

// PublicKey returns the key for the secrets of an environment, or of the repository. Only a write asks
// for it, so an environment without one was made a moment ago and is resource.ErrNotYet.
func (c *Client) PublicKey(ctx context.Context, environment string) (PublicKey, error) {
	return memo.Recall(ctx, &c.memo, storeKey("key", environment), func(ctx context.Context) (PublicKey, error) {
		var k PublicKey
		err := c.get(ctx, c.storePath(environment, "secrets", "public-key"), &k)
		if environment != "" && errors.Is(err, resource.ErrNotFound) {
			return k, fmt.Errorf("the key for secrets of environment %s is %w: %v", environment, resource.ErrNotYet, err)
		}
		if err != nil {
			return k, fmt.Errorf("reading the key for secrets of %s: %w", c.owning(environment), c.unlessGone(ctx, environment, err))
		}
		return k, nil
	})
}

// PutSecret stores a sealed value, and returns when that was by GitHub's clock; zero where its answer does
// not say. A refusal forgets the public key, as it may have changed, and matches ErrKeyChanged.
func (c *Client) PutSecret(ctx context.Context, p Place, s SealedSecret) (time.Time, error) {
	defer c.memo.Drop(storeKey("secrets", p.Environment))
	r := request{method: http.MethodPut, path: c.storePath(p.Environment, "secrets", p.Name), body: s}
	resp, err := c.send(ctx, r, nil)
	switch {
	case err == nil:
		at, _ := http.ParseTime(resp.Header.Get("Date")) // zero, if it says none
		return at, nil
	case refused(err):
		c.memo.Drop(storeKey("key", p.Environment))
		return time.Time{}, fmt.Errorf("storing secret %s: %w: %w", p, ErrKeyChanged, err)
	default:
		return time.Time{}, fmt.Errorf("storing secret %s: %w", p, err)
	}
}

// DeleteSecret deletes a secret.
func (c *Client) DeleteSecret(ctx context.Context, p Place) error {
	defer c.memo.Drop(storeKey("secrets", p.Environment))
	return c.remove(ctx, "secret", p)
}

// Variables returns the variables of an environment, or of the repository, by name. A missing
// environment is resource.ErrNotFound.
func (c *Client) Variables(ctx context.Context, environment string) (map[string]string, error) {
	all, err := c.variables(ctx, environment)
	values := map[string]string{}
	for name, v := range all {
		values[name] = v.Value
	}
	return values, err
}

// VariableChanged returns when a variable was changed last; the zero time where there is none.
func (c *Client) VariableChanged(ctx context.Context, p Place) (time.Time, error) {
	all, err := c.variables(ctx, p.Environment)
	return all[strings.ToUpper(p.Name)].UpdatedAt, err
}

func (c *Client) variables(ctx context.Context, environment string) (map[string]variable, error) {
	return memo.Recall(ctx, &c.memo, storeKey("variables", environment), func(ctx context.Context) (map[string]variable, error) {
		l := listing{path: c.storePath(environment, "variables"), field: "variables", size: 30} // more is refused
		list, err := pages[variable](ctx, c, l)
		if err != nil {
			return nil, fmt.Errorf("listing the variables of %s: %w", c.owning(environment), c.unlessGone(ctx, environment, err))
		}
		variables := map[string]variable{}
		for _, v := range list {
			variables[strings.ToUpper(v.Name)] = v
		}
		return variables, nil
	})
}

type variable struct {
	Name      string    `json:"name"`
	Value     string    `json:"value"`
	UpdatedAt time.Time `json:"updated_at"`
}

// lookAt brings what is remembered of a variable up to date, by a look at that one alone: a new listing for
// each of many that are written would cost requests by their square.
func (c *Client) lookAt(ctx context.Context, p Place) {
	var v variable
	err := c.get(ctx, c.storePath(p.Environment, "variables", p.Name), &v)
	gone := errors.Is(err, resource.ErrNotFound)
	if err != nil && !gone || err == nil && !strings.EqualFold(v.Name, p.Name) {
		c.memo.Drop(storeKey("variables", p.Environment)) // the listing says what there is
		return
	}
	memo.Amend(&c.memo, storeKey("variables", p.Environment), func(all map[string]variable) map[string]variable {
		all = maps.Clone(all)
		all[strings.ToUpper(p.Name)] = v
		if gone {
			delete(all, strings.ToUpper(p.Name))
		}
		return all
	})
}

// CreateVariable makes a variable.
func (c *Client) CreateVariable(ctx context.Context, p Place, value string) error {
	defer c.lookAt(ctx, p)
	r := request{method: http.MethodPost, path: c.storePath(p.Environment, "variables"), body: map[string]string{"name": p.Name, "value": value}}
	if _, err := c.send(ctx, r, nil); err != nil {
		return fmt.Errorf("creating variable %s: %w", p, err)
	}
	return nil
}

// UpdateVariable changes a variable's value.
func (c *Client) UpdateVariable(ctx context.Context, p Place, value string) error {
	defer c.lookAt(ctx, p)
	r := request{method: http.MethodPatch, path: c.storePath(p.Environment, "variables", p.Name), body: map[string]string{"value": value}}
	if _, err := c.send(ctx, r, nil); err != nil {
		return fmt.Errorf("changing variable %s: %w", p, err)
	}
	return nil
}

// DeleteVariable deletes a variable.
func (c *Client) DeleteVariable(ctx context.Context, p Place) error {
	defer c.lookAt(ctx, p)
	return c.remove(ctx, "variable", p)
}

func (c *Client) remove(ctx context.Context, what string, p Place) error {
	r := request{method: http.MethodDelete, path: c.storePath(p.Environment, what+"s", p.Name)}
	if _, err := c.send(ctx, r, nil); err != nil && !errors.Is(err, resource.ErrNotFound) {
		return fmt.Errorf("deleting %s %s: %w", what, p, err)
	}
	return nil
}

func (c *Client) storePath(environment string, rest ...string) string {
	if environment == "" {
		return c.at(append([]string{"actions"}, rest...)...)
	}
	return c.at(append([]string{"environments", environment}, rest...)...)
}

func (c *Client) owning(environment string) string {
	if environment == "" {
		return c.FullName()
	}
	return "environment " + environment
}

func storeKey(what, environment string) string { return what + ":" + strings.ToLower(environment) }

// unlessGone: a 404 below an environment says that the environment is missing, unless it is there: then, as
// below the repository, it says that the token may not look, or may not yet.
func (c *Client) unlessGone(ctx context.Context, environment string, err error) error {
	if environment == "" || !errors.Is(err, resource.ErrNotFound) {
		return hidden(err)
	}
	if _, gone := c.Environment(ctx, environment); gone != nil {
		return err
	}
	if c.saved(environment) {
		return fmt.Errorf("%w: %v", resource.ErrNotYet, err)
	}
	return hidden(err)
}
