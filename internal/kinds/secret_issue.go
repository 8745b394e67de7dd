package kinds

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/mlopsctl/mlopsctl/internal/credentials"
	"github.com/mlopsctl/mlopsctl/internal/databricks"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// Issues reports whether a change that creates, updates or rotates a secret issues a credential for it, and
// which. It takes the secret as it will be: the change's After.
func Issues(after resource.Object) (credentials.Wanted, bool, error) {
	s, err := as[secret](after)
	if err != nil || s.Issue == "" || s.Need == credentials.Tidying {
		return credentials.Wanted{}, false, err
	}
	w := credentials.Wanted{Address: s.Address, Principal: s.Principal, PrincipalID: s.PrincipalID.Value}
	if s.Issue == credentials.PersonalToken {
		w.Workspace = s.Host
	}
	return w, true, nil
}

// Stores reports whether objects of a kind hold a secret value, so that they stand in the list of credentials.
func Stores(kind string) bool { return kind == "secret" || kind == "git_credential" }

// Entry is the entry of an object of a kind that Stores in the list of credentials: the wish of a change, and what
// the plan saw, nil where it is not there.
func Entry(v *credentials.Vault, kind string, want, before resource.Object) (credentials.Entry, error) {
	if kind == "git_credential" {
		return gitEntry(v, want, before)
	}
	w, err := as[secret](want)
	if err != nil {
		return credentials.Entry{}, err
	}
	have, err := as[secret](before)
	if err != nil {
		return credentials.Entry{}, err
	}
	place := w.place()
	if before != nil {
		place = have.place() // the environment of a wish may still be a reference
	}
	return v.Entry(place, w.source(), credentials.Stored{
		UpdatedAt: instant(have.UpdatedAt), ExpiresAt: instant(have.ExpiresAt), Need: have.Need, Renew: have.Renew,
	}), nil
}

func instant(moment string) time.Time {
	t, _ := time.Parse(time.RFC3339, moment) // as seenSecret wrote it
	return t
}

func gitEntry(v *credentials.Vault, want, before resource.Object) (credentials.Entry, error) {
	w, err := as[gitCredential](want)
	if err != nil {
		return credentials.Entry{}, err
	}
	have, err := as[gitCredential](before)
	if err != nil {
		return credentials.Entry{}, err
	}
	return v.GitEntry(w.credential(), credentials.StoredGit{
		GitCredential: databricks.GitCredential{ID: have.ID}, Stored: credentials.Stored{Need: have.Need, Renew: have.Renew},
	}), nil
}

// as is an object of a plan as its kind has it.
func as[T any](o resource.Object) (T, error) {
	var t T
	data, err := json.Marshal(o)
	if err == nil {
		err = json.Unmarshal(data, &t)
	}
	if err != nil {
		return t, fmt.Errorf("reading a %T of a plan: %w", t, err)
	}
	return t, nil
}
