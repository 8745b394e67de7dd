package kinds

import (
	"context"
	"strconv"
	"time"

	"github.com/mlopsctl/mlopsctl/internal/databricks"
	"github.com/mlopsctl/mlopsctl/internal/github"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// Who changed an object last is what its own listing says. GitHub shows when, and never who; Unity Catalog shows both. Audit
// logs would say more: they take an organisation's plan, or a warehouse.

func touchedVariable(ctx context.Context, c *github.Client, have variable) (resource.Touch, error) {
	at, err := c.VariableChanged(ctx, have.place())
	return resource.Touch{At: at}, err
}

func touchedProtection(ctx context.Context, c *github.Client, have branchProtection) (resource.Touch, error) {
	id, err := strconv.ParseInt(have.ID, 10, 64)
	if err != nil {
		return resource.Touch{}, err
	}
	r, err := c.RulesetByID(ctx, id)
	return resource.Touch{At: r.UpdatedAt()}, err
}

func touchedCatalog(ctx context.Context, f *databricks.Fleet, have catalog) (resource.Touch, error) {
	live, err := f.Catalog(ctx, have.Host, have.Name)
	return resource.Touch{By: live.UpdatedBy, At: milliseconds(live.UpdatedAt)}, err
}

func touchedSchema(ctx context.Context, f *databricks.Fleet, have schema) (resource.Touch, error) {
	live, err := f.Schema(ctx, have.Host, have.Catalog, have.Name)
	return resource.Touch{By: live.UpdatedBy, At: milliseconds(live.UpdatedAt)}, err
}

func touchedFederationPolicy(ctx context.Context, f *databricks.Fleet, have federationPolicy) (resource.Touch, error) {
	live, err := f.FederationPolicies(ctx, have.PrincipalID.Value)
	for _, p := range live {
		if at, bad := time.Parse(time.RFC3339, p.UpdatedAt); p.ID == have.PolicyID && bad == nil {
			return resource.Touch{At: at}, err
		}
	}
	return resource.Touch{}, err
}

func milliseconds(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMilli(n)
}
