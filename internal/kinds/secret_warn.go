package kinds

import (
	"fmt"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/credentials"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// warnOfSecret says all that a plan must say of a secret. A plan has room for one warning an object, so that
// the first gives it its code, and the others stand in its detail.
func warnOfSecret(want secret, have *secret) *resource.Warning {
	var all []*resource.Warning
	for _, warn := range []func(secret, *secret) *resource.Warning{warnOfSpare, warnOfHour, warnOfEnd, warnOfUncompared} {
		if w := warn(want, have); w != nil {
			all = append(all, w)
		}
	}
	if len(all) == 0 {
		return nil
	}
	for _, more := range all[1:] {
		all[0].Detail += "; " + more.Summary + ": " + more.Detail
	}
	return all[0]
}

func warnOfSpare(want secret, have *secret) *resource.Warning {
	if have == nil || len(have.Spare) == 0 {
		return nil
	}
	return &resource.Warning{
		Code:    "plan/spare-secret",
		Summary: fmt.Sprintf("%s has valid credentials that this stack stores nowhere: %s", want.Principal, strings.Join(have.Spare, ", ")),
		Detail:  "an apply that was ended, or somebody by hand, left them; it is not certain that they are this stack's, so nothing revokes them: delete what nobody uses",
	}
}

func warnOfHour(want secret, have *secret) *resource.Warning {
	if want.Issue != credentials.AccessToken {
		return nil
	}
	state := "it will live for one hour from the apply that stores it"
	if have != nil && have.ExpiresAt != "" {
		state = "the one that is stored ends at " + have.ExpiresAt
	}
	return &resource.Warning{
		Code:    "plan/token-lives-one-hour",
		Summary: fmt.Sprintf("secret %s is an access token, which lives for one hour: %s", want.Name, state),
		Detail:  "pipelines fail once it has expired; ci_auth: oidc needs no secret, and oauth_secret one that lives for months",
	}
}

func warnOfEnd(want secret, have *secret) *resource.Warning {
	if have == nil || !have.Expiring {
		return nil
	}
	sort := "an OAuth secret"
	if want.Issue == credentials.PersonalToken {
		sort = "a personal access token"
	}
	advice := "`mlopsctl secrets rotate " + want.Name + "` renews it; with rotate_before, an apply does so in time"
	if have.Need == credentials.Rotation {
		advice = "the next apply renews it"
	}
	return &resource.Warning{
		Code:    "policy/secret-expires",
		Summary: fmt.Sprintf("secret %s is %s that expires at %s", want.Name, sort, have.ExpiresAt),
		Detail:  advice,
	}
}

func warnOfUncompared(want secret, have *secret) *resource.Warning {
	if have == nil || have.Uncompared == "" {
		return nil
	}
	return &resource.Warning{
		Code:    "plan/not-compared",
		Summary: fmt.Sprintf("whether the value of secret %s changed cannot be told from here: %s", want.Name, have.Uncompared),
		Detail:  "it stays as it is; plan where its value can be read, or renew it with `mlopsctl secrets rotate " + want.Name + "`",
	}
}
