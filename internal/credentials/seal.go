package credentials

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"

	"golang.org/x/crypto/nacl/box"

	"github.com/mlopsctl/mlopsctl/internal/databricks"
	"github.com/mlopsctl/mlopsctl/internal/github"
)

// seal encrypts a value so that only GitHub can open it.
func seal(key github.PublicKey, value databricks.Sealed) (github.SealedSecret, error) {
	raw, err := base64.StdEncoding.DecodeString(key.Key)
	if err != nil {
		return github.SealedSecret{}, fmt.Errorf("decoding GitHub's public key: %w", err)
	}
	if len(raw) != 32 { // a copy of fewer bytes would encrypt for nobody
		return github.SealedSecret{}, fmt.Errorf("GitHub's public key has %d bytes instead of 32", len(raw))
	}
	box32 := [32]byte(raw)
	closed, err := box.SealAnonymous(nil, []byte(value.Reveal()), &box32, rand.Reader)
	if err != nil {
		return github.SealedSecret{}, fmt.Errorf("encrypting: %w", err)
	}
	return github.SealedSecret{KeyID: key.ID, Value: base64.StdEncoding.EncodeToString(closed)}, nil
}
