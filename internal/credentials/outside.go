package credentials

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"

	"github.com/mlopsctl/mlopsctl/internal/databricks"
	"github.com/mlopsctl/mlopsctl/internal/github"
	"github.com/mlopsctl/mlopsctl/pkg/ledger"
)

// errNeverCompared is a value that only running a command would show, which a plan does not do.
var errNeverCompared = errors.New("the value of a command is never compared")

// outside judges a value that does not come from Databricks: by its check value, where that can be had, and by
// its age.
func (v *Vault) outside(l look, s Stored) Stored {
	if l.ours() {
		if s = v.compare(l.source, l.record, s); s.Need != "" {
			return s
		}
	}
	stored := l.updated
	if at := parsed(l.record.StoredAt); l.ours() && !at.IsZero() {
		stored = at
	}
	if d := l.source.RotateBefore; d > 0 && !stored.Add(d).After(l.now) {
		return s.due(Rotation, "it was stored on %s, longer ago than rotate_before allows", moment(stored))
	}
	return s
}

// compare holds the value of a source to the check value of what was stored.
func (v *Vault) compare(source Source, r ledger.Secret, s Stored) Stored {
	if r.Check == "" {
		return s
	}
	value, err := v.compared(source)
	switch {
	case err == nil && check(r.Salt, value) != r.Check:
		return s.due(Repair, "its value in %s is another one than was stored", source.name())
	case err != nil && !errors.Is(err, errNeverCompared):
		s.Uncompared = err.Error()
	}
	return s
}

// name is where a value from outside is found.
func (s Source) name() string {
	if s.Env != "" {
		return s.Env
	}
	return s.File
}

// compared returns the value of a source that can be looked at without running anything.
func (v *Vault) compared(s Source) (databricks.Sealed, error) {
	switch {
	case s.Env != "":
		return v.fromEnv(s.Env)
	case s.File != "":
		return v.fromFile(s.File)
	default:
		return databricks.Sealed{}, errNeverCompared
	}
}

// bring stores a value from outside, and returns what is to be recorded of it.
func (v *Vault) bring(ctx context.Context, p github.Place, s Source) (ledger.Secret, error) {
	value, err := v.read(ctx, s)
	if err != nil {
		return ledger.Secret{}, err
	}
	at, err := v.put(ctx, p, value)
	if err != nil {
		return ledger.Secret{}, err
	}
	r := ledger.Secret{StoredAt: moment(at)}
	r.Salt, r.Check = v.checked(addressOf(p, s), value)
	return r, nil
}

// checked returns the check value of what was stored at an address, under the salt that is kept for as long as the
// value stays: the salt of a value that went would let two values be told apart.
func (v *Vault) checked(address string, value databricks.Sealed) (salt, sum string) {
	if old, _ := v.record(address); old.Check != "" && check(old.Salt, value) == old.Check {
		return old.Salt, old.Check
	}
	return fresh(value)
}

// fresh returns the check value under a new salt.
func fresh(value databricks.Sealed) (salt, sum string) {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it never fails, or ends the program
	salt = hex.EncodeToString(b[:])
	return salt, check(salt, value)
}

// check is 16 bits of a value under a salt: enough to see that it changed, too few to confirm a guess.
func check(salt string, value databricks.Sealed) string {
	const bits = 16
	key, _ := hex.DecodeString(salt) // one that is no salt of ours gives a check value that is none
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(value.Reveal()))
	return hex.EncodeToString(mac.Sum(nil)[:bits/8])
}
