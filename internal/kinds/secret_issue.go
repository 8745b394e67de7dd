package kinds

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/mlopsctl/mlopsctl/internal/credentials"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// Issues reports whether a change that creates, updates or rotates a secret issues a credential for it, and
// which. It takes the secret as it will be: the change's After.
func Issues(after resource.Object) (credentials.Wanted, bool, error) {
	s, err := secretIn(after)
	if err != nil || s.Issue == "" || s.Need == credentials.Tidying {
		return credentials.Wanted{}, false, err
	}
	w := credentials.Wanted{Address: s.Address, Principal: s.Principal, PrincipalID: s.PrincipalID.Value}
	if s.Issue == credentials.PersonalToken {
		w.Workspace = s.Host
	}
	return w, true, nil
}

// Entry is the entry of a secret in the list of credentials: the wish of a change, and what the plan saw,
// nil where it is not there.
func Entry(v *credentials.Vault, want, before resource.Object) (credentials.Entry, error) {
	w, err := secretIn(want)
	if err != nil {
		return credentials.Entry{}, err
	}
	have, err := secretIn(before)
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

func secretIn(o resource.Object) (secret, error) {
	var s secret
	data, err := json.Marshal(o)
	if err == nil {
		err = json.Unmarshal(data, &s)
	}
	if err != nil {
		return s, fmt.Errorf("reading a secret of a plan: %w", err)
	}
	return s, nil
}
