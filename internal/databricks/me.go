package databricks

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/databricks/databricks-sdk-go/httpclient"

	"github.com/mlopsctl/mlopsctl/internal/memo"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// self is who this program is on a workspace: its user name (an application id for a service
// principal) and its groups, and the id that the workspace tells of itself.
type self struct {
	user        string
	display     string
	id          string
	names       []string
	workspaceID string
}

func (f *Fleet) me(ctx context.Context, host string) (self, error) {
	return memo.Recall(ctx, &f.memo, "me/"+host, func(ctx context.Context) (self, error) {
		c, err := f.on(host)
		if err != nil {
			return self{}, err
		}
		var answer struct {
			ID       string `json:"id"`
			UserName string `json:"userName"`
			Display  string `json:"displayName"`
			Groups   []struct {
				Display string `json:"display"`
			} `json:"groups"`
		}
		me := self{names: []string{everyone}}
		err = c.ApiClient().Do(ctx, http.MethodGet, "/api/2.0/preview/scim/v2/Me",
			httpclient.WithRequestHeaders(map[string]string{"Accept": "application/json"}),
			httpclient.WithResponseUnmarshal(&answer),
			httpclient.WithResponseHeader("X-Databricks-Org-Id", &me.workspaceID))
		if err != nil {
			return self{}, fmt.Errorf("asking %s who this is: %w", host, bare(err))
		}
		me.id, me.display, me.user, me.names = answer.ID, answer.Display, answer.UserName, append(me.names, answer.UserName)
		for _, g := range answer.Groups {
			me.names = append(me.names, g.Display)
		}
		return me, nil
	})
}

// Stands reports how this program stands to a principal on a workspace: whether it is that principal, and
// whether it is a member of that group.
func (f *Fleet) Stands(ctx context.Context, host, principal string) (isSelf, isMember bool, err error) {
	me, err := f.me(ctx, host)
	return strings.EqualFold(me.user, principal), me.is(principal), err
}

func (s self) is(name string) bool {
	return name != "" && slices.ContainsFunc(s.names, func(n string) bool { return strings.EqualFold(n, name) })
}

// AllGrants makes sure that what Grants returned for a securable are all the grants on it. To whoever
// does not manage the securable the service shows only their own, as if there were no others; then the
// error matches resource.ErrForbidden, and a grant that is not among them may be there all the same.
func (f *Fleet) AllGrants(ctx context.Context, host string, s Securable, grants []Grant) error {
	me, err := f.me(ctx, host)
	if err != nil {
		return err
	}
	for _, g := range grants {
		if !me.is(g.Principal) || slices.Contains(g.Privileges, "MANAGE") {
			return nil // somebody else's is shown, or the right to manage it is
		}
	}
	shown := false // an owner of any of them
	for _, up := range s.holders() {
		manages, err := f.manages(ctx, host, up)
		if manages || err != nil {
			return err
		}
		owner, err := f.Owner(ctx, host, up)
		if err != nil {
			return err
		}
		shown = shown || owner != ""
	}
	m, err := f.MetastoreSummary(ctx, host)
	if err != nil || me.is(m.Owner) || !shown && m.Owner == "" {
		return err // where no owner is shown of anything, nothing can be said against the listing
	}
	return fmt.Errorf("%w to see all grants on %s: these credentials neither own it or what holds it, nor hold MANAGE there, nor administer the metastore", resource.ErrForbidden, s)
}

// manages reports whether this program owns a securable or was granted MANAGE on it, as far as it can
// see.
func (f *Fleet) manages(ctx context.Context, host string, s Securable) (bool, error) {
	me, err := f.me(ctx, host)
	if err != nil {
		return false, err
	}
	owner, err := f.Owner(ctx, host, s)
	if err != nil || me.is(owner) {
		return err == nil, err
	}
	grants, err := f.Grants(ctx, host, s)
	if errors.Is(err, resource.ErrForbidden) {
		return false, nil // who may not even read them does not manage it
	}
	return slices.ContainsFunc(grants, func(g Grant) bool {
		return me.is(g.Principal) && slices.Contains(g.Privileges, "MANAGE")
	}), err
}

// holders returns the securable and the schema and the catalog that hold it; a metastore is held by
// nothing but its own owner.
func (s Securable) holders() []Securable {
	parts := strings.Split(s.Name, ".")
	switch {
	case s.Type == "metastore":
		return nil
	case len(parts) == 1:
		return []Securable{s}
	case len(parts) == 2:
		return []Securable{s, {Type: "catalog", Name: parts[0]}}
	default:
		return []Securable{s, {Type: "schema", Name: parts[0] + "." + parts[1]}, {Type: "catalog", Name: parts[0]}}
	}
}
