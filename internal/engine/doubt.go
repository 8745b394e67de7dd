package engine

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/gitrepo"
	"github.com/mlopsctl/mlopsctl/pkg/diag"
	"github.com/mlopsctl/mlopsctl/pkg/ledger"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

// doubt keeps what only the ledger says that the stack gave: privileges that neither the spec nor an earlier
// committed version of it wishes count as there before, so that they are never taken away. It returns the
// objects with that, and says what it kept. An object whose deletion is named is not doubted.
func (e *Engine) doubt(c comparison, objects []ledger.Object) ([]ledger.Object, diag.List) {
	open := e.unwished(c, objects)
	if len(open) == 0 {
		return objects, nil
	}
	if e.stack.File != "" {
		// A history that cannot be read vouches for nothing.
		if err := gitrepo.Versions(e.stack.File, func(content []byte) bool {
			vouch(open, e.byName, e.committed(content, c.spec.Metastores))
			return len(open) > 0
		}); err != nil {
			e.say("the committed versions of the spec: " + err.Error())
		}
	}
	var problems diag.List
	objects = slices.Clone(objects)
	for i, o := range objects {
		items := open[o.Address]
		leaves := !slices.ContainsFunc(c.wishes, func(w resource.Wish) bool { return w.Addr.String() == o.Address })
		nothing := len(items)+len(o.Kept) >= len(itemsOf(e.byName[o.Kind], o.Live))
		if len(items) == 0 || leaves && nothing {
			continue // where nothing vouches for any of what leaves, it has no witness and is let go as a whole
		}
		objects[i].Kept = slices.Concat(o.Kept, items)
		problems = append(problems, diag.Diagnostic{Severity: diag.Warning, Code: "ledger/not-ours", Address: o.Address,
			Summary: fmt.Sprintf("only the ledger says that this stack gave %s at %s, which anybody who can push could have written; it stays", strings.Join(items, ", "), o.Address),
			Detail:  "no committed version of the spec wishes it; `mlopsctl state release` takes the entry out of the ledger"})
	}
	return objects, problems
}

// unwished are the items that the stack gave by the ledger's word and that the spec does not wish, by address.
func (e *Engine) unwished(c comparison, objects []ledger.Object) map[string][]string {
	open := map[string][]string{}
	for _, o := range objects {
		items := slices.DeleteFunc(itemsOf(e.byName[o.Kind], o.Live), func(item string) bool { return slices.Contains(o.Kept, item) })
		if len(items) > 0 && !slices.Contains(c.aim.Allow, o.Address) {
			open[o.Address] = items
		}
	}
	vouch(open, e.byName, c.wishes)
	return open
}

// vouch takes what is wished out of what is open.
func vouch(open map[string][]string, types map[string]resource.Type, wishes []resource.Wish) {
	for _, w := range wishes {
		address := w.Addr.String()
		wished := itemsOf(types[w.Addr.Kind], w.Want)
		open[address] = slices.DeleteFunc(open[address], func(item string) bool { return slices.Contains(wished, item) })
		if len(open[address]) == 0 {
			delete(open, address)
		}
	}
}

func itemsOf(t resource.Type, o resource.Object) []string {
	list, _ := o[t.Items].([]any)
	var items []string
	for _, item := range list {
		if text, ok := item.(string); ok {
			items = append(items, text)
		}
	}
	return items
}

// committed are the wishes of one committed version of the spec. One that is no valid spec has none.
func (e *Engine) committed(content []byte, metastores map[string]string) []resource.Wish {
	stack, problems := spec.Parse(e.stack.File, content, e.opt.Spec)
	if problems.HasErrors() || stack.Git.Host != e.stack.Git.Host {
		return nil
	}
	wishes, flaws, err := plan.Declare(e.types, resource.Wishes{Stack: stack, Metastores: metastores})
	if err != nil || flaws.HasErrors() {
		return nil
	}
	return wishes
}
