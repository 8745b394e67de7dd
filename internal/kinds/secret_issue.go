package kinds

import (
	"encoding/json"
	"fmt"

	"github.com/mlopsctl/mlopsctl/internal/credentials"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// Issues reports whether a change that creates, updates or rotates a secret issues a credential for it, and
// which. It takes the secret as it will be: the change's After.
func Issues(after resource.Object) (credentials.Wanted, bool, error) {
	s, err := secretIn(after)
	if err != nil || s.Issue == "" {
		return credentials.Wanted{}, false, err
	}
	return credentials.Wanted{Address: s.Address, Principal: s.Principal, PrincipalID: s.PrincipalID.Value}, true, nil
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
