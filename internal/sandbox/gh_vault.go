package sandbox

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/curve25519"
	"golang.org/x/crypto/nacl/box"
)

// ghVault holds the secrets and variables of a repository or of an environment.
type ghVault struct {
	Secrets   []*ghSecret   `json:"secrets"`
	Variables []*ghVariable `json:"variables"`
}

// ghSecret is a secret without its value: GitHub shows it to nobody, and the sandbox keeps no more
// than is needed to say whether a value is the one that was set.
type ghSecret struct {
	Name    string    `json:"name"`
	Salt    string    `json:"salt"`
	Hash    string    `json:"hash"` // of salt and value
	Length  int       `json:"length"`
	Token   string    `json:"token,omitempty"` // the token of a workspace that it is, by its hash
	SetBy   string    `json:"set_by"`
	Created time.Time `json:"created"`
	Updated time.Time `json:"updated"`
}

type ghVariable struct {
	Name    string    `json:"name"`
	Value   string    `json:"value"`
	Created time.Time `json:"created"`
	Updated time.Time `json:"updated"`
}

// ghScope is where a request's secrets and variables are: the repository or one of its environments.
type ghScope struct {
	vault        *ghVault
	key          int64 // whose public key encrypts its secrets
	maxSecrets   int
	maxVariables int
}

func (g *ghCall) scope() (ghScope, error) {
	name, inEnvironment := g.vars["environment_name"]
	if !inEnvironment {
		return ghScope{vault: &g.repo.Vault, key: g.repo.ID, maxSecrets: 100, maxVariables: 500}, nil
	}
	env := g.repo.environment(name)
	if env == nil {
		return ghScope{}, ghMissing()
	}
	return ghScope{vault: &env.Vault, key: env.ID, maxSecrets: 100, maxVariables: 100}, nil
}

// keyPair is the sealed-box key of a scope. It follows from the scope's id, so that the same
// requests are answered with the same bytes; the sandbox keeps no value that it could open.
func (sc ghScope) keyPair() (public, private *[32]byte, id string, err error) {
	private = new([32]byte)
	*private = sha256.Sum256(fmt.Appendf(nil, "mlopsctl sandbox sealed box %d", sc.key))
	point, err := curve25519.X25519(private[:], curve25519.Basepoint)
	if err != nil {
		return nil, nil, "", fmt.Errorf("the public key of scope %d: %w", sc.key, err)
	}
	public = (*[32]byte)(point)
	sum := sha256.Sum256(point)
	return public, private, strconv.FormatUint(binary.BigEndian.Uint64(sum[:8]), 10), nil
}

func (g *ghCall) getPublicKey(sc ghScope) (any, error) {
	public, _, id, err := sc.keyPair()
	if err != nil {
		return nil, err
	}
	return ghObject{"key_id": id, "key": base64.StdEncoding.EncodeToString(public[:])}, nil
}

// unseal opens an encrypted value, or refuses it as GitHub does.
func (sc ghScope) unseal(encoded, keyID string) ([]byte, error) {
	sealed, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || encoded == "" {
		return nil, ghUnprocessable("Invalid request.\n\nencrypted_value is not valid base64.")
	}
	public, private, id, err := sc.keyPair()
	if err != nil {
		return nil, err
	}
	if keyID != id {
		return nil, ghUnprocessable("Bad request - key_id does not match the current public key. Fetch a new public key and re-encrypt your secret.")
	}
	value, ok := box.OpenAnonymous(nil, sealed, public, private)
	switch {
	case !ok:
		return nil, ghUnprocessable("Improperly encrypted secret")
	case len(value) == 0:
		return nil, ghUnprocessable("Secret value cannot be empty")
	case len(value) > 48*1024:
		return nil, ghUnprocessable("Secret value is too large: the limit is 48 KB")
	}
	return value, nil
}

// ghVaultName checks a name of a secret or a variable and spells it as GitHub keeps it.
func ghVaultName(kind, name string) (string, error) {
	upper := strings.ToUpper(name)
	fits := upper != "" && strings.Trim(upper, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == "" && (upper[0] < '0' || upper[0] > '9')
	if !fits {
		return "", ghUnprocessable("%s names can only contain alphanumeric characters ([a-z], [A-Z], [0-9]) or underscores (_). "+
			"Spaces are not allowed. Must start with a letter ([a-z], [A-Z]) or underscores (_).", kind)
	}
	if strings.HasPrefix(upper, "GITHUB_") {
		return "", ghUnprocessable("%s names must not start with GITHUB_.", kind)
	}
	return upper, nil
}

func (g *ghCall) putSecret(sc ghScope) (any, error) {
	name, err := ghVaultName("Secret", g.vars["secret_name"])
	if err != nil {
		return nil, err
	}
	var body struct {
		Value string `json:"encrypted_value"`
		KeyID string `json:"key_id"`
	}
	if err := g.read(&body); err != nil {
		return nil, err
	}
	value, err := sc.unseal(body.Value, body.KeyID)
	if err != nil {
		return nil, err
	}
	status := http.StatusNoContent
	secret := sc.vault.secret(name)
	if secret == nil {
		if len(sc.vault.Secrets) >= sc.maxSecrets {
			return nil, ghUnprocessable("You've reached the maximum number of secrets (%d).", sc.maxSecrets)
		}
		status = http.StatusCreated
		secret = &ghSecret{Name: name, Created: g.now()}
		sc.vault.Secrets = append(sc.vault.Secrets, secret)
	}
	secret.Salt = fmt.Sprintf("%d-%d", sc.key, g.state.nextID())
	secret.Hash, secret.Length = ghSecretHash(secret.Salt, string(value)), len(value)
	secret.Token = ""
	if of := hashed(string(value)); slices.ContainsFunc(g.state.Databricks.Tokens, func(t *dbxToken) bool { return t.Hash == of }) {
		secret.Token = of
	}
	secret.SetBy, secret.Updated, g.changed = g.who.name(), g.now(), true
	if status == http.StatusCreated {
		return &reply{status: status, body: ghObject{}}, nil
	}
	return &reply{status: status}, nil
}

func ghSecretHash(salt, value string) string {
	sum := sha256.Sum256([]byte(salt + "\x00" + value))
	return hex.EncodeToString(sum[:])
}

// HoldsSecret says whether a repository's secret (environment "") or an environment's has this
// value. It is for tests and rehearsals: GitHub itself tells nobody.
func (s *Sandbox) HoldsSecret(repository, environment, name, value string) bool {
	s.lock()
	defer s.unlock()
	owner, short, _ := strings.Cut(repository, "/")
	r, _ := s.state.GitHub.repository(owner, short)
	if r == nil {
		return false
	}
	vault := &r.Vault
	if environment != "" {
		env := r.environment(environment)
		if env == nil {
			return false
		}
		vault = &env.Vault
	}
	secret := vault.secret(strings.ToUpper(name))
	return secret != nil && secret.Hash == ghSecretHash(secret.Salt, value)
}
