package kinds

import (
	"slices"
	"strconv"
	"strings"

	"github.com/mlopsctl/mlopsctl/pkg/diag"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

// permissionWishes gathers what the spec asks for. All that it wishes for one principal on one object is one
// permission, at the place of the first.
type permissionWishes struct {
	*grantWishes
	made      []resource.Decl[permission]
	exclusive map[string]bool // objects, by host and name
}

func declarePermissions(w resource.Wishes) []resource.Decl[permission] {
	p := &permissionWishes{grantWishes: &grantWishes{Wishes: w}, exclusive: map[string]bool{}}
	for _, d := range declareDirectories(w) {
		t := w.Target(d.Addr.Scope)
		p.wish(accessWish{
			target: *t, kind: "directory", object: d.Want.Path, level: "CAN_MANAGE", at: d.At,
			to: grantee{name: t.ServicePrincipal, kind: ofSpec, principal: resource.From(principalAddr(t.ServicePrincipal), "application_id")},
		})
	}
	for i, entry := range w.Permissions {
		t := targetOf(w, entry)
		if entry.Level == "" || t == nil || t.Host == "" {
			continue
		}
		kind, object, _ := strings.Cut(entry.On, ":")
		p.wish(accessWish{
			target: *t, kind: kind, object: object, level: entry.Level, exclusive: entry.Exclusive,
			to: p.grantee(entry.Principal), at: w.At("permissions", strconv.Itoa(i)),
		})
	}
	p.takeOver()
	return p.made
}

// targetOf returns the target in whose workspace an entry's object is: where it says none, all targets have
// one workspace.
func targetOf(w resource.Wishes, entry spec.Permission) *spec.Target {
	if entry.Target != "" {
		return w.Target(entry.Target)
	}
	for i := range w.Targets {
		if w.Targets[i].Host != "" {
			return &w.Targets[i]
		}
	}
	return nil
}

// accessWish is one wish for a level, before those of one principal on one object are one.
type accessWish struct {
	target       spec.Target
	kind, object string
	level        string
	to           grantee
	exclusive    bool
	at           diag.Pos
}

func (a accessWish) on() string { return a.target.Host + " " + a.kind + ":" + a.object }

func (p *permissionWishes) wish(a accessWish) {
	key := strings.Join([]string{a.on(), a.to.kind, strings.ToLower(a.to.name)}, " ")
	i := slices.IndexFunc(p.made, func(d resource.Decl[permission]) bool { return d.Key == key })
	if i < 0 {
		i = len(p.made)
		p.made = append(p.made, p.declare(a, key))
	}
	p.made[i].Want.Levels = upTo(a.kind, append(p.made[i].Want.Levels, a.level))
	p.exclusive[a.on()] = p.exclusive[a.on()] || a.exclusive
}

func (p *permissionWishes) declare(a accessWish, key string) resource.Decl[permission] {
	d := resource.Decl[permission]{
		Addr: resource.Addr{Kind: "permission", Scope: a.target.Name + "/" + a.kind + ":" + a.object, Name: a.to.name}, Key: key, At: a.at,
		Want: permission{
			Host: a.target.Host, ObjectType: a.kind, Object: a.object, PrincipalType: a.to.kind, Principal: a.to.principal,
		},
	}
	if addr, made := declaredDirectory(p.Wishes, a.target.Host, a.object); made && a.kind == "directory" {
		d.Want.ObjectID = resource.From(addr, "object_id")
	}
	if a.to.kind != ofSpec {
		return d
	}
	for _, t := range p.Targets {
		if t.Host == a.target.Host && t.ServicePrincipal == a.to.name {
			d.Want.Assigned = true
			d.Needs = append(d.Needs, resource.Need{
				Addr: assignmentAddr(t.Name, t.ServicePrincipal).String(), Why: "the workspace knows a principal once it is assigned to it",
			})
		}
	}
	return d
}

// takeOver says on every wish for an object that an exclusive entry names that the list there is the spec's, and
// on the first one who is on the list.
func (p *permissionWishes) takeOver() {
	first := map[string]int{}
	for i, d := range p.made {
		on := d.Want.Host + " " + d.Want.object()
		if !p.exclusive[on] {
			continue
		}
		at, known := first[on]
		if !known {
			at, first[on] = i, i
		}
		p.made[i].Want.Exclusive = d.Addr.Scope
		p.made[at].Want.Among = append(p.made[at].Want.Among, listed{d.Want.PrincipalType, d.Want.Principal})
	}
}
