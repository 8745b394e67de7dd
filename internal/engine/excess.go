package engine

import (
	"fmt"
	"strings"

	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

// Excess says why a plan deletes more than anybody should approve by the way: more than a third of what the stack
// owns, or all grants of a production target. "" says that it does not.
func (e *Engine) Excess(p *plan.Plan) string {
	const share = 3
	deleted := p.Count()[plan.Delete]
	if deleted*share > p.Owned && deleted > 0 {
		return fmt.Sprintf("it would delete %d of the %d objects that this stack owns, more than a third", deleted, p.Owned)
	}
	for _, t := range e.stack.Targets {
		if spec.IsProduction(t) && e.losesAllGrants(p, t) {
			return fmt.Sprintf("it would delete all grants of %s, a production target", t.Name)
		}
	}
	return ""
}

func (e *Engine) losesAllGrants(p *plan.Plan, t spec.Target) bool {
	goes, stays := 0, 0
	for _, c := range p.Changes {
		if c.Kind != "grant" || !inCatalog(c, t.Catalog) {
			continue
		}
		if c.Action == plan.Delete {
			goes++
		} else {
			stays++
		}
	}
	return goes > 0 && stays == 0
}

func inCatalog(c plan.Change, catalog string) bool {
	for _, o := range []map[string]any{c.Want, c.Before} {
		if name, ok := o["securable"].(string); ok {
			top, _, _ := strings.Cut(name, ".")
			return top == catalog
		}
	}
	return false
}
