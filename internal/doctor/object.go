package doctor

import (
	"context"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/databricks"
	"github.com/mlopsctl/mlopsctl/internal/rights"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// objectRight: whoever administers the workspace may change what is in it. Of others the object's own list tells, where the
// plan has read it; it is shown to whoever manages the object, and a plan that may not see it says so itself.
func (x Examiner) objectRight(ctx context.Context, p *plan.Plan, me databricks.Person, f *rights.Finding) {
	if me.Admin {
		fine(f, me.User+" is a workspace admin")
		return
	}
	f.Why = me.User + " is no workspace admin, and what the object's own list says was not read"
	f.Fix = "who manages it, or a workspace admin, gives " + me.User + " CAN_MANAGE on it"
	o := objectOf(p, *f.Right)
	if o.ID == "" {
		return
	}
	switch may, err := x.Fleet.ManagesObject(ctx, f.Host, o); {
	case err != nil:
		undecided(f, err)
	case may == databricks.May:
		f.Fix = ""
		fine(f, me.User+" has it")
	default:
		f.Why = me.User + " is no workspace admin, and not on the object's own list as one who manages it"
	}
}

// objectOf is the object that a right is on, without an id where the plan has not found it.
func objectOf(p *plan.Plan, r rights.Right) databricks.Object {
	kind, name, _ := strings.Cut(r.On, ":")
	o := databricks.Object{Type: databricks.ObjectType(kind)}
	for _, c := range p.Changes {
		for _, seen := range []resource.Object{c.Before, c.After} {
			is := c.Kind == "permission" && seen["object_type"] == kind && seen["object"] == name || c.Kind == kind && seen["path"] == name
			if id, known := seen["object_id"].(string); known && is && seen["host"] == r.Host {
				o.ID = id
			}
		}
	}
	return o
}
