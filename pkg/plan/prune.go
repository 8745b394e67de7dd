package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/mlopsctl/mlopsctl/pkg/diag"
	"github.com/mlopsctl/mlopsctl/pkg/ledger"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// Rules say what a plan may delete.
type Rules struct {
	Keep  bool     // nothing is deleted and nothing released: --prune=false
	Allow []string // kinds and addresses whose deletion is named: --allow-destroy
	// Witnessed are the addresses of departed objects that an earlier committed version of the spec, or the
	// spec that is being destroyed, wishes.
	Witnessed map[string]bool
	Destroy   bool     // nothing is wished, as the whole stack goes
	Spec      diag.Pos // where a departed object is missing
}

func (r Rules) allows(kind, address string) bool {
	return slices.Contains(r.Allow, kind) || r.names(address)
}

// why says why anything leaves at all.
func (r Rules) why() string {
	if r.Destroy {
		return "the stack is destroyed"
	}
	return "it left the spec"
}

func (r Rules) witness() string {
	if r.Destroy {
		return "the spec wishes it"
	}
	return "an earlier version of the spec wishes it"
}

func (r Rules) names(address string) bool { return slices.Contains(r.Allow, address) }

// leave decides what happens to what is departed, and to what stands on lists that are taken over: deletes, each
// after those of what was made with it, and releases.
func leave(in Input, byIdentity map[string]string) ([]Change, error) {
	var out []Change
	taken := map[string]bool{}
	for _, w := range in.Others {
		c := parting(in, w, w.Want)
		c.Action, c.Danger, c.Cause = Delete, in.Types[w.Addr.Kind].Takes(), Outside
		c.Reason = "the spec does not name it, and takes the whole list over (exclusive: true)"
		if err := batch(&c, in.Types[c.Kind], w.Want); err != nil {
			return nil, err
		}
		out, taken[c.Address] = append(out, c), true
		if id := LiveID(in.Types[c.Kind], w.Want); id != "" {
			taken[c.Kind+id] = true // the ledger may know it by another address
		}
	}
	for _, w := range in.Departed {
		id := LiveID(in.Types[w.Addr.Kind], in.Seen[w.Addr.String()].Object)
		if in.Rules.Keep || in.Owned == nil || taken[w.Addr.String()] || taken[w.Addr.Kind+id] {
			continue
		}
		c, err := depart(in, w, byIdentity)
		if err != nil {
			return nil, fmt.Errorf("planning the end of %s: %w", w.Addr, err)
		}
		if c != nil {
			out = append(out, *c)
		}
	}
	keepHolders(in, out)
	keepRepository(out)
	return inReverse(in, out), nil
}

// keepHolders keeps what something that stays was made with: a catalog while a schema of it is not deleted. What is
// let go stays as well, where deleting its holder would destroy it.
func keepHolders(in Input, changes []Change) {
	index := map[string]int{}
	for i, c := range changes {
		index[c.Address] = i
	}
	for again := true; again; {
		again = false
		for _, w := range in.Departed {
			at, planned := index[w.Addr.String()]
			if !planned {
				continue
			}
			for _, n := range w.Needs {
				holder, also := index[n.Addr]
				if !also || changes[holder].Action != Delete || changes[holder].Kind == "repository" {
					continue
				}
				let := changes[at].Action == Release && changes[holder].Danger == resource.DataLoss
				if changes[at].Action == Blocked || changes[at].Action == Unknown || let {
					c := &changes[holder]
					c.Action, c.Danger, c.Batch = Blocked, resource.Unguarded, ""
					c.Reason = fmt.Sprintf("%s, but %s stays, which was made with it: name that one, too (--allow-destroy %s)", in.Rules.why(), changes[at].Address, changes[at].Address)
					again = true
				}
			}
		}
	}
}

// keepRepository keeps the repository while something stays that only the ledger in it knows as the stack's.
func keepRepository(changes []Change) {
	last := slices.IndexFunc(changes, func(c Change) bool { return c.Kind == "repository" && c.Action == Delete })
	stays := slices.IndexFunc(changes, func(c Change) bool { return c.Action == Blocked || c.Action == Unknown })
	if last >= 0 && stays >= 0 {
		changes[last].Action, changes[last].Danger = Blocked, resource.Unguarded
		changes[last].Reason = fmt.Sprintf("it holds the ledger, and goes once %s has gone", changes[stays].Address)
	}
}

// depart decides about one object that the stack owns and the spec does not wish; nil says that there is
// nothing to do about it.
func depart(in Input, w resource.Wish, byIdentity map[string]string) (*Change, error) {
	address, t, seen := w.Addr.String(), in.Types[w.Addr.Kind], in.Seen[w.Addr.String()]
	c := parting(in, w, seen.Object)
	switch seen.State {
	case Absent, Moot:
		return nil, nil
	case Stopped:
		c.Action, c.Reason = Blocked, in.Rules.why()+", but "+seen.Reason
		return &c, nil
	case Hidden:
		c.Action, c.Reason = Unknown, in.Rules.why()+": "+seen.Reason
		return &c, nil
	}
	id := LiveID(t, seen.Object)
	if byIdentity[t.Name+id] != "" {
		return nil, nil // it is wished under another address
	}
	record := in.Owned.object(address)
	if record != nil && LiveID(t, record.Live) != id {
		c.Action, c.Reason = Release, fmt.Sprintf("what this stack %s has gone; another %s has its place, which stays", record.Origin, t.Name)
		return &c, nil
	}
	if stays, err := staying(&c, in, t); stays || err != nil {
		if c.Action == "" {
			return nil, err
		}
		return &c, err
	}
	return &c, partWith(&c, in, parted{t: t, record: record})
}

// staying decides about an object that cannot be deleted by itself: it goes with the repository, without a change
// of its own, or stays.
func staying(c *Change, in Input, t resource.Type) (bool, error) {
	if t.Stays == nil {
		return false, nil
	}
	why, err := t.Stays(c.Before)
	if why == "" || err != nil {
		return false, err
	}
	if !goesWithRepository(c, in) {
		c.Action, c.Reason = Release, in.Rules.why()+", but "+why
	}
	return true, nil
}

type parted struct {
	t      resource.Type
	record *ledger.Object // nil: only an open intent speaks of it
}

// partWith decides between deleting an object and letting it go.
func partWith(c *Change, in Input, p parted) error {
	since, adopted, changed := "by a run that was ended before it could say so", false, ""
	if p.record != nil {
		since, adopted, changed = "on "+day(p.record.Since), p.record.Origin == ledger.Adopted, meddling(p.t, *p.record, c.Before)
	}
	witness, err := witnessed(c, in, p.t)
	switch {
	case err != nil:
		return err
	case adopted && !in.Rules.names(c.Address):
		c.Action = Release
		c.Reason = in.Rules.why() + "; it was there before this stack, so it stays (--allow-destroy " + c.Address + " deletes it)"
	case witness == "" && !in.Rules.names(c.Address):
		c.Action = Release
		c.Reason = in.Rules.why() + ", and only the ledger says that this stack made it, which anybody who can push could have written: " +
			"no earlier committed version of the spec wishes it, and it bears no mark of this stack. It stays (--allow-destroy " + c.Address + " deletes it)"
	case p.t.Guarded() && !in.Rules.allows(c.Kind, c.Address) && !goesWithRepository(c, in):
		c.Action, c.Danger = Blocked, p.t.Guard
		c.Reason = fmt.Sprintf("%s; deleting it %s, so it has to be named: --allow-destroy %s (`mlopsctl state release` lets it go)",
			in.Rules.why(), destroys(p.t.Guard), c.Address)
	default:
		c.Action, c.Danger = Delete, p.t.Takes()
		c.Reason = fmt.Sprintf("%s; this stack made it %s (%s)%s", in.Rules.why(), since, cmp.Or(witness, "you named it"), changed)
		return batch(c, p.t, c.Before)
	}
	return nil
}

// witnessed returns what says, beside the ledger, that the stack made an object; "" where nothing does.
func witnessed(c *Change, in Input, t resource.Type) (string, error) {
	if in.Rules.Witnessed[c.Address] {
		return in.Rules.witness(), nil
	}
	for _, name := range in.Owned.Names {
		if t.Marked == nil {
			break
		}
		if marked, err := t.Marked(name, c.Before); marked || err != nil {
			return "it bears the mark of this stack", err
		}
	}
	return "", nil
}

// goesWithRepository reports whether an object lies in a repository whose deletion is named: naming that
// names what is in it.
func goesWithRepository(c *Change, in Input) bool {
	if _, inside := c.Before["repository"]; !inside {
		return false
	}
	repository := in.Owned.object("repository")
	return repository != nil && in.Rules.allows("repository", "repository") &&
		slices.ContainsFunc(in.Departed, func(w resource.Wish) bool { return w.Addr.String() == "repository" })
}

func destroys(g resource.Guard) string {
	if g == resource.DataLoss {
		return "destroys what is in it"
	}
	return "takes access away that cannot be given back as it was"
}

func day(moment string) string {
	date, _, _ := strings.Cut(moment, "T")
	return date
}

func parting(in Input, w resource.Wish, have resource.Object) Change {
	return Change{
		Address: w.Addr.String(), Kind: w.Addr.Kind, Host: HostOf(in.Types[w.Addr.Kind], have), Danger: resource.Unguarded,
		Needs: []resource.Need{}, DependsOn: []string{}, Fields: []Field{}, Source: cmp.Or(w.At, in.Rules.Spec), Before: have, Want: have, Leaving: true, Cause: BySpec,
	}
}

// inReverse orders the changes of what leaves so that nothing is deleted before what was made with it; the
// repository, which everything in it was made with, goes last of all.
func inReverse(in Input, changes []Change) []Change {
	goes := map[string]int{}
	for i, c := range changes {
		if c.Action == Delete {
			goes[c.Address] = i
		}
	}
	for _, w := range in.Departed {
		from, going := goes[w.Addr.String()]
		if !going {
			continue
		}
		for _, n := range w.Needs {
			to, also := goes[n.Addr]
			if !also || changes[from].Kind == "repository" {
				continue
			}
			changes[to].Needs = append(changes[to].Needs, resource.Need{Addr: changes[from].Address, Why: "it was made with this, and goes first"})
		}
	}
	if last, going := goes["repository"]; going {
		changes[last].Needs = nil
		for i, c := range changes {
			if i != last && c.Action != Release {
				changes[last].Needs = append(changes[last].Needs, resource.Need{Addr: c.Address, Why: "the repository, which holds the ledger, goes last"})
			}
		}
	}
	for i := range changes {
		for _, n := range changes[i].Needs {
			changes[i].DependsOn = append(changes[i].DependsOn, n.Addr)
		}
	}
	return sortedByNeeds(changes)
}
