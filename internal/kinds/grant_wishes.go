package kinds

import (
	"slices"
	"strconv"
	"strings"

	"github.com/mlopsctl/mlopsctl/pkg/diag"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

// grantWishes gathers what the entries of permissions ask for. All that they wish for one principal on
// one securable is one grant, at the place of the first.
type grantWishes struct {
	resource.Wishes
	decls     []resource.Decl[grant]
	exclusive map[string]bool // securables, as addresses call them, in lower case
}

func declareGrants(w resource.Wishes) []resource.Decl[grant] {
	g := &grantWishes{Wishes: w, exclusive: map[string]bool{}}
	for i, p := range w.Permissions {
		at := w.At("permissions", strconv.Itoa(i))
		if p.Level != "" {
			continue // it is on an object of a workspace
		}
		switch p.Grant {
		case "training":
			g.recipe(p, func(c corner) { g.training(c, p, at) })
		case "batch_inference":
			g.recipe(p, func(c corner) { g.batchInference(c, p, at) })
		default:
			g.spelledOut(p, at)
		}
	}
	g.browsing()
	g.takeOver()
	return g.decls
}

// browsing lets the principal that plans pull requests see what is in the catalogs, and no data.
func (g *grantWishes) browsing() {
	reader := g.ReadBy()
	if reader == "" {
		return
	}
	for _, c := range g.Catalogs {
		if !c.Exists {
			g.spelledOut(spec.Permission{Principal: spelledPrincipal + reader, On: "catalog:" + c.Name, Privileges: []string{"BROWSE"}}, g.At("ci", "reader"))
		}
	}
}

// spelledPrincipal begins the name of a service principal that the spec does not make, whose application
// id is looked up.
const spelledPrincipal = "service_principal:"

// takeOver says on every wish for a securable that an exclusive entry names that the list there is the
// spec's, and on the first one who is on the list.
func (g *grantWishes) takeOver() {
	for scope := range g.exclusive {
		first := -1
		for i, d := range g.decls {
			if strings.ToLower(d.Addr.Scope) != scope {
				continue
			}
			if first < 0 {
				first = i
			}
			g.decls[i].Want.Exclusive = d.Addr.Scope
			g.decls[first].Want.Among = append(g.decls[first].Want.Among, nameIn(d.Want))
		}
	}
}

// nameIn is a wish's principal on the list.
func nameIn(w grant) resource.Text {
	if w.PrincipalType == ofOther {
		return resource.Known(spelledPrincipal + w.Principal.Value)
	}
	return w.Principal
}

// corner is where a recipe is resolved: a target's catalog, for the target's principal.
type corner struct {
	home      home
	catalog   string
	to        grantee
	exclusive bool
}

func (g *grantWishes) recipe(p spec.Permission, resolve func(corner)) {
	for _, name := range p.Targets {
		t := g.Target(name)
		if t == nil || t.Host == "" || t.ServicePrincipal == "" {
			continue // such a target's recipe is an error of the spec
		}
		to := grantee{
			name: t.ServicePrincipal, kind: ofSpec,
			principal: resource.From(principalAddr(t.ServicePrincipal), "application_id"),
			needs: []resource.Need{{
				Addr: assignmentAddr(t.Name, t.ServicePrincipal).String(), Why: "the workspace knows a principal once it is assigned to it",
			}},
		}
		resolve(corner{home: homeAt(g.Wishes, t.Catalog, *t), catalog: t.Catalog, to: to, exclusive: p.Exclusive})
	}
}

// training is the guide's list for a training job, and SELECT on its input, which the guide forgets.
func (g *grantWishes) training(c corner, p spec.Permission, at diag.Pos) {
	g.add(c.on("catalog", "", at), "USE_CATALOG")
	g.add(c.on("schema", p.Schema, at), "USE_SCHEMA", "MODIFY", "CREATE_MODEL", "CREATE_TABLE")
	g.reading(c, p.Input, at)
}

// batchInference is the guide's list for a batch inference job. Its USAGE is the old name of
// USE_CATALOG and USE_SCHEMA.
func (g *grantWishes) batchInference(c corner, p spec.Permission, at diag.Pos) {
	g.add(c.on("catalog", "", at), "USE_CATALOG")
	g.reading(c, p.Input, at)
	if schema, _, ok := strings.Cut(p.Output, "."); ok {
		g.add(c.on("schema", schema, at), "USE_SCHEMA")
		output := c.on("table", p.Output, at)
		output.whenMissing = moot // the job makes the table, and owns it
		g.add(output, "MODIFY")
	}
}

func (g *grantWishes) reading(c corner, table string, at diag.Pos) {
	if schema, _, ok := strings.Cut(table, "."); ok {
		g.add(c.on("schema", schema, at), "USE_SCHEMA")
		g.add(c.on("table", table, at), "SELECT")
	}
}

func (c corner) on(kind, name string, at diag.Pos) securableWish {
	full := c.catalog
	if name != "" {
		full += "." + name
	}
	return securableWish{home: c.home, kind: kind, full: full, to: c.to, whenMissing: blocks, exclusive: c.exclusive, at: at}
}

func (g *grantWishes) spelledOut(p spec.Permission, at diag.Pos) {
	kind, full, _ := strings.Cut(p.On, ":")
	wish := securableWish{kind: kind, full: full, to: g.grantee(p.Principal), whenMissing: blocks, exclusive: p.Exclusive, at: at}
	for _, h := range g.homes(p, full) {
		wish.home = h
		g.add(wish, p.Privileges...)
	}
}

// homes returns where the securable of a wish that is spelled out lives.
func (g *grantWishes) homes(p spec.Permission, full string) []home {
	catalogName, _, _ := strings.Cut(full, ".")
	t := g.Target(p.Target)
	switch {
	case t != nil && full == "":
		return []home{{target: t.Name, host: t.Host, metastore: metastoreOf(g.Wishes, t.Host), several: g.wishesSeveralMetastores()}}
	case t != nil:
		return []home{homeAt(g.Wishes, catalogName, *t)}
	case full == "":
		homes := gather(g.Wishes, func(spec.Target) bool { return true })
		return homes[:min(1, len(homes))] // without a target the spec's checks let only one host pass
	default:
		return homesOf(g.Wishes, catalogName)
	}
}

// wishesSeveralMetastores reports whether grants are wished on more metastores than one, so that
// "metastore" alone does not say which.
func (g *grantWishes) wishesSeveralMetastores() bool {
	seen := map[string]bool{}
	for _, p := range g.Permissions {
		if t := g.Target(p.Target); t != nil && p.On == "metastore:" {
			seen[metastoreOf(g.Wishes, t.Host)] = true
		}
	}
	return len(seen) > 1
}

// grantee is a principal as the spec names it and as the grant will.
type grantee struct {
	name      string // in the address
	kind      string
	principal resource.Text
	needs     []resource.Need
}

func (g *grantWishes) grantee(text string) grantee {
	kind, name, _ := strings.Cut(text, ":")
	switch of := g.Group(name); {
	case kind == "service_principal" && makesPrincipal(g.Wishes, name):
		return grantee{name: name, kind: ofSpec, principal: resource.From(principalAddr(name), "application_id")}
	case kind == ofGroup && of != nil && !of.Exists:
		return grantee{name: text, kind: ofGroup, principal: resource.From(groupAddr(of.Name), "name")}
	case kind == "service_principal":
		kind = ofOther
	}
	return grantee{name: text, kind: kind, principal: resource.Known(name)}
}

// securableWish is one wish for privileges, before those of one principal on one securable are one.
type securableWish struct {
	home        home
	kind, full  string
	to          grantee
	whenMissing string
	exclusive   bool
	at          diag.Pos
}

func (g *grantWishes) add(s securableWish, privileges ...string) {
	needs, declared := g.parents(s)
	if declared {
		s.whenMissing = madeFirst
	}
	key := s.home.key(s.kind, s.full, s.to.kind, s.to.name)
	i := slices.IndexFunc(g.decls, func(d resource.Decl[grant]) bool { return d.Key == key })
	if i < 0 {
		i = len(g.decls)
		g.decls = append(g.decls, resource.Decl[grant]{
			Addr: s.address(), Key: key, At: s.at,
			Want: grant{
				Host: s.home.host, SecurableType: s.kind, Securable: strings.ToLower(s.full),
				PrincipalType: s.to.kind, Principal: s.to.principal, WhenMissing: s.whenMissing,
			},
		})
	}
	d := &g.decls[i]
	if s.exclusive {
		g.exclusive[strings.ToLower(d.Addr.Scope)] = true
	}
	d.Want.Privileges = sortedSet(append(d.Want.Privileges, privileges...))
	if d.Want.WhenMissing == moot {
		d.Want.WhenMissing = s.whenMissing // one wish that cannot do without it is enough
	}
	for _, n := range append(needs, s.to.needs...) {
		if !slices.Contains(d.Needs, n) {
			d.Needs = append(d.Needs, n)
		}
	}
}

// parents returns what a grant on the securable needs, and whether the spec makes the securable.
func (g *grantWishes) parents(s securableWish) (needs []resource.Need, declared bool) {
	catalogName, rest, _ := strings.Cut(s.full, ".")
	schemaName, _, _ := strings.Cut(rest, ".")
	switch s.kind {
	case "metastore":
		return nil, false
	case "catalog":
		c := g.Catalog(catalogName)
		needs, declared = catalogNeeds(g.Wishes, catalogName, s.home), c != nil && !c.Exists
	case "schema":
		needs, declared = schemaNeeds(g.Wishes, catalogName, schemaName, s.home), declaresSchema(g.Wishes, catalogName, schemaName)
	default:
		return schemaNeeds(g.Wishes, catalogName, schemaName, s.home), false
	}
	if len(needs) > 0 && (declared || s.kind == "catalog") {
		needs[0].Why = "it is granted on this " + s.kind
	}
	return needs, declared
}

func (s securableWish) address() resource.Addr {
	securable := s.kind
	if s.full != "" {
		securable += ":" + s.full
	}
	a := s.home.address("grant", s.to.name)
	if a.Scope != "" {
		securable = a.Scope + "/" + securable
	}
	a.Scope = securable
	return a
}
