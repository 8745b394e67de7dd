package sandbox

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

func ghRefRoutes() []ghRoute {
	read, write := reads("contents", readAccess), writes("contents", writeAccess)
	return []ghRoute{
		{pattern: "GET ~/git/ref/{ref...}", need: read, handle: (*ghCall).getRef},
		{pattern: "GET ~/git/matching-refs/{ref...}", need: read, handle: (*ghCall).matchingRefs},
		{pattern: "POST ~/git/refs", need: write, handle: (*ghCall).createRef},
		{pattern: "PATCH ~/git/refs/{ref...}", need: write, handle: (*ghCall).updateRef},
		{pattern: "DELETE ~/git/refs/{ref...}", need: write, handle: (*ghCall).deleteRef},
	}
}

// openGit opens the repository's git folder. Git operations on an empty repository are a 409.
func (g *ghCall) openGit() (*gitStore, error) {
	st, err := g.gitStore(g.repo)
	if err != nil {
		return nil, err
	}
	if empty, err := st.isEmpty(); err != nil || empty {
		return nil, errors.Join(err, ghConflict("Git Repository is empty."))
	}
	return st, nil
}

func (g *ghCall) refObject(st *gitStore, ref gitRef) ghObject {
	kind := "commit"
	if o, err := st.repo.Storer.EncodedObject(plumbing.AnyObject, ref.hash); err == nil {
		kind = o.Type().String()
	}
	url := g.apiBase() + "/repos/" + g.gh.fullName(g.repo)
	return ghObject{
		"ref": ref.name, "node_id": ghNode("Ref", g.repo.ID) + ref.name, "url": url + "/git/" + ref.name,
		"object": ghObject{"type": kind, "sha": ref.hash.String(), "url": url + "/git/" + kind + "s/" + ref.hash.String()},
	}
}

func (g *ghCall) getRef() (any, error) {
	st, err := g.openGit()
	if err != nil {
		return nil, err
	}
	name := "refs/" + g.vars["ref"]
	hash, err := st.ref(name)
	if err != nil {
		return nil, err
	}
	if hash.IsZero() {
		return nil, ghMissing()
	}
	return g.refObject(st, gitRef{name, hash}), nil
}

// matchingRefs lists every ref that begins so; it has no pages.
func (g *ghCall) matchingRefs() (any, error) {
	st, err := g.openGit()
	if err != nil {
		return nil, err
	}
	prefix := "refs/" + g.vars["ref"]
	if strings.HasSuffix(g.path, "/") && !strings.HasSuffix(prefix, "/") {
		prefix += "/"
	}
	refs, err := st.refs(prefix)
	if err != nil {
		return nil, err
	}
	list := []ghObject{}
	for _, ref := range refs {
		list = append(list, g.refObject(st, ref))
	}
	return list, nil
}

func (g *ghCall) createRef() (any, error) {
	var body struct{ Ref, SHA string }
	if err := g.read(&body); err != nil {
		return nil, err
	}
	st, err := g.openGit()
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(body.Ref, "refs/") || strings.Count(body.Ref, "/") < 2 {
		return nil, ghUnprocessable("Reference name must start with 'refs/' and contain at least two slashes.")
	}
	if !plumbing.IsHash(body.SHA) {
		return nil, ghUnprocessable("The sha parameter must be exactly 40 characters and contain only [0-9a-f].")
	}
	old, err := st.ref(body.Ref)
	if err != nil {
		return nil, err
	}
	if !old.IsZero() {
		return nil, ghUnprocessable("Reference already exists")
	}
	if !st.has(plumbing.NewHash(body.SHA)) {
		return nil, ghUnprocessable("Object does not exist")
	}
	change := refChange{name: body.Ref, new: plumbing.NewHash(body.SHA)}
	if err := g.moveRef(st, change); err != nil {
		return nil, err
	}
	o := g.refObject(st, gitRef{change.name, change.new})
	return &reply{status: http.StatusCreated, header: http.Header{"Location": {fmt.Sprint(o["url"])}}, body: o}, nil
}

func (g *ghCall) updateRef() (any, error) {
	var body struct {
		SHA   string
		Force bool
	}
	if err := g.read(&body); err != nil {
		return nil, err
	}
	st, err := g.openGit()
	if err != nil {
		return nil, err
	}
	change := refChange{name: "refs/" + g.vars["ref"], new: plumbing.NewHash(body.SHA)}
	if change.old, err = st.ref(change.name); err != nil {
		return nil, err
	}
	if change.old.IsZero() {
		return nil, ghUnprocessable("Reference does not exist")
	}
	if !plumbing.IsHash(body.SHA) || !st.has(change.new) {
		return nil, ghUnprocessable("Object does not exist")
	}
	if !body.Force {
		forward, err := st.contains(change.new, change.old)
		if err != nil {
			return nil, err
		}
		if !forward {
			return nil, ghUnprocessable("Update is not a fast forward")
		}
	}
	if err := g.moveRef(st, change); err != nil {
		return nil, err
	}
	return g.refObject(st, gitRef{change.name, change.new}), nil
}

func (g *ghCall) deleteRef() (any, error) {
	st, err := g.openGit()
	if err != nil {
		return nil, err
	}
	change := refChange{name: "refs/" + g.vars["ref"]}
	if change.old, err = st.ref(change.name); err != nil {
		return nil, err
	}
	if change.old.IsZero() {
		return nil, ghUnprocessable("Reference does not exist")
	}
	if err := g.moveRef(st, change); err != nil {
		return nil, err
	}
	return &reply{status: http.StatusNoContent}, nil
}

// moveRef is the way of every REST operation that moves a ref: it is refused like a push would be,
// in REST's words.
func (g *ghCall) moveRef(st *gitStore, c refChange) error {
	refusal, err := g.refuseMove(g.who, g.repo, st, c)
	if err != nil {
		return err
	}
	if refusal != nil {
		return refusal.asREST()
	}
	if err := g.applyMove(g.repo, st, c); err != nil {
		return err
	}
	g.changed = true
	return nil
}
