package sandbox

import (
	"cmp"
	"hash/fnv"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"
)

// The types of what lies in a workspace's tree, as the service calls them.
const (
	directoryNode = "DIRECTORY"
	fileNode      = "FILE"
	notebookNode  = "NOTEBOOK"
)

// dbxNode is a directory, a file or a notebook in a workspace's tree.
type dbxNode struct {
	ID       int64     `json:"id"`
	Path     string    `json:"path"` // clean, and without the /Workspace that callers may put before it
	Type     string    `json:"type"`
	Language string    `json:"language,omitempty"` // of a notebook
	Content  []byte    `json:"content,omitempty"`
	Created  time.Time `json:"created"`
	Modified time.Time `json:"modified"`
}

func (s *Sandbox) workspaceTreeRoutes() {
	const below = "/api/2.0/workspace"
	s.onWorkspace(http.MethodGet, below+"/get-status", (*dbxCall).getStatus)
	s.onWorkspace(http.MethodGet, below+"/list", (*dbxCall).listTree)
	s.onWorkspace(http.MethodPost, below+"/mkdirs", (*dbxCall).mkdirs)
	s.onWorkspace(http.MethodPost, below+"/delete", (*dbxCall).deleteNode)
}

// The folders that every workspace has.
const (
	sharedFolder = "/Shared"
	usersFolder  = "/Users"
)

// plant gives a workspace the folders that every one has, and everybody the run of the shared one.
func (w *dbxWorkspace) plant() {
	for _, folder := range []string{"/", sharedFolder, usersFolder} {
		if w.node(folder) != nil {
			continue
		}
		n := &dbxNode{Path: folder, Type: directoryNode}
		if folder != "/" { // whose id is 0
			n.ID = folderID(w.Host + folder)
		}
		w.Tree = append(w.Tree, n)
		if folder == sharedFolder {
			w.allow(n.object(), dbxAccess{Kind: groupAccess, Name: everyUser, Level: canManage})
		}
	}
}

// standard says whether a node is one of those folders.
func (n *dbxNode) standard() bool {
	return n.Path == "/" || n.Path == sharedFolder || n.Path == usersFolder
}

// folderID gives a folder that every workspace has the same number in every sandbox.
func folderID(name string) int64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // a hash never fails
	return 2_000_000_000_000_000 + int64(h.Sum64()%1_000_000_000_000_000)
}

// objectID is a number as long as those of what lies in a workspace.
func (s *State) objectID() int64 { return 3_000_000_000_000_000 + s.nextID() }

// treePath is the one form of a path in which the tree keeps it.
func treePath(given string) string {
	clean := path.Clean("/" + given)
	if rest, ok := strings.CutPrefix(clean, "/Workspace"); ok && (rest == "" || rest[0] == '/') {
		clean = cmp.Or(rest, "/")
	}
	return clean
}

func (w *dbxWorkspace) node(at string) *dbxNode {
	return first(w.Tree, func(n *dbxNode) bool { return n.Path == at })
}

// above are the directories that hold a path and are there, the nearest first.
func (w *dbxWorkspace) above(at string) []*dbxNode {
	var list []*dbxNode
	for at != "/" {
		at = path.Dir(at)
		if n := w.node(at); n != nil {
			list = append(list, n)
		}
	}
	return list
}

// object is how the permissions API calls a node.
func (n *dbxNode) object() accessObject {
	kind := map[string]string{directoryNode: "directories", fileNode: "files", notebookNode: "notebooks"}[n.Type]
	return accessObject{Type: kind, ID: numeral(n.ID)}
}

// welcomeHome makes the home folder of somebody who is assigned to the workspace, the first time that
// anybody asks for it or for anything in it.
func (c *dbxCall) welcomeHome(at string) {
	rest, below := strings.CutPrefix(at, usersFolder+"/")
	login, _, _ := strings.Cut(rest, "/")
	p := c.d.byLogin(login)
	home := usersFolder + "/" + login
	if !below || p == nil || c.at.node(home) != nil || len(c.d.permissions(c.at, p.ID)) == 0 {
		return
	}
	n := c.plantNode(home, directoryNode)
	c.at.allow(n.object(), p.access(canManage))
}

// plantNode adds a node to the tree.
func (c *dbxCall) plantNode(at, kind string) *dbxNode {
	n := &dbxNode{ID: c.state.objectID(), Path: at, Type: kind, Created: c.now().UTC(), Modified: c.now().UTC()}
	c.at.Tree, c.changed = append(c.at.Tree, n), true
	return n
}

// nodeAt returns the node at a path as somebody wrote it, if the caller may do on it what the level is for.
func (c *dbxCall) nodeAt(given, level string) (*dbxNode, error) {
	if !strings.HasPrefix(given, "/") {
		return nil, dbxInvalid("Path (%s) doesn't start with '/'", given)
	}
	at := treePath(given)
	c.welcomeHome(at)
	n := c.at.node(at)
	switch {
	case n == nil:
		return nil, dbxMissing("RESOURCE_DOES_NOT_EXIST", "Path (%s) doesn't exist.", given)
	case !c.may(n.object(), at, level):
		return nil, dbxForbidden("%s does not have %s permissions on %s. Please contact the owner or an administrator for access.", c.me.login(), level, given)
	}
	return n, nil
}

// nodeWire shows a node under the path by which it was asked for: with /Workspace before it or without.
func (n *dbxNode) nodeWire(asked string) dbxObject {
	shown := n.Path
	if strings.HasPrefix(path.Clean(asked), "/Workspace") {
		shown = path.Join("/Workspace", n.Path)
	}
	o := dbxObject{"object_type": n.Type, "path": shown, "object_id": n.ID, "resource_id": numeral(n.ID)}
	set(o, "language", n.Language)
	if n.Type == fileNode {
		o["size"], o["created_at"], o["modified_at"] = len(n.Content), n.Created.UnixMilli(), n.Modified.UnixMilli()
	}
	return o
}

func (c *dbxCall) getStatus() (any, error) {
	asked := c.req.URL.Query().Get("path")
	n, err := c.nodeAt(asked, canRead)
	if err != nil {
		return nil, err
	}
	return n.nodeWire(asked), nil
}

// listTree shows one level, in one answer.
func (c *dbxCall) listTree() (any, error) {
	asked := c.req.URL.Query().Get("path")
	n, err := c.nodeAt(asked, canRead)
	if err != nil {
		return nil, err
	}
	if n.Type != directoryNode {
		return dbxObject{"objects": []dbxObject{n.nodeWire(asked)}}, nil
	}
	var list []dbxObject
	for _, child := range c.at.Tree {
		if child != n && path.Dir(child.Path) == n.Path && c.may(child.object(), child.Path, canRead) {
			list = append(list, child.nodeWire(asked))
		}
	}
	slices.SortFunc(list, func(a, b dbxObject) int { return strings.Compare(a["path"].(string), b["path"].(string)) })
	if len(list) == 0 {
		return dbxObject{}, nil
	}
	return dbxObject{"objects": list}, nil
}

// mkdirs makes a directory and those above it. One that is there already is no error, a file in the way is.
func (c *dbxCall) mkdirs() (any, error) {
	var b struct {
		Path string `json:"path"`
	}
	if err := c.read(&b); err != nil {
		return nil, err
	}
	if !strings.HasPrefix(b.Path, "/") {
		return nil, dbxInvalid("Path (%s) doesn't start with '/'", b.Path)
	}
	at := treePath(b.Path)
	c.welcomeHome(at)
	if n := c.at.node(at); n != nil && n.Type == directoryNode {
		return dbxObject{}, nil
	}
	for _, up := range slices.Concat([]*dbxNode{c.at.node(at)}, c.at.above(at)) {
		if up != nil && up.Type != directoryNode {
			return nil, dbxExists("RESOURCE_ALREADY_EXISTS", "Cannot create directory %s because a node with the path %s already exists", b.Path, up.Path)
		}
	}
	if up := c.at.above(at)[0]; !c.may(up.object(), up.Path, canManage) {
		return nil, dbxForbidden("%s does not have %s permissions on %s. Please contact the owner or an administrator for access.", c.me.login(), canManage, up.Path)
	}
	var missing []string
	for dir := at; c.at.node(dir) == nil; dir = path.Dir(dir) {
		missing = append(missing, dir)
	}
	slices.Reverse(missing)
	for _, dir := range missing {
		n := c.plantNode(dir, directoryNode)
		c.at.allow(n.object(), c.me.access(canManage)) // who makes a directory manages it
	}
	return dbxObject{}, nil
}

// deleteNode removes what is empty, or anything with recursive.
func (c *dbxCall) deleteNode() (any, error) {
	var b struct {
		Path      string `json:"path"`
		Recursive bool   `json:"recursive"`
	}
	if err := c.read(&b); err != nil {
		return nil, err
	}
	n, err := c.nodeAt(b.Path, canManage)
	if err != nil {
		return nil, err
	}
	if n.standard() || path.Dir(n.Path) == usersFolder {
		return nil, &failure{status: http.StatusBadRequest, code: "DIRECTORY_PROTECTED", message: "Folder " + b.Path + " is protected"}
	}
	inside := func(at string) bool { return strings.HasPrefix(at, n.Path+"/") }
	holds := slices.ContainsFunc(c.at.Tree, func(o *dbxNode) bool { return inside(o.Path) }) ||
		slices.ContainsFunc(c.at.Experiments, func(e *dbxExperiment) bool { return inside(e.Name) && e.active() })
	if holds && !b.Recursive {
		return nil, &failure{status: http.StatusBadRequest, code: "DIRECTORY_NOT_EMPTY", message: "Folder (" + b.Path + ") is not empty"}
	}
	c.at.Tree = slices.DeleteFunc(c.at.Tree, func(o *dbxNode) bool {
		gone := o == n || inside(o.Path)
		if gone {
			c.at.disown(o.object())
		}
		return gone
	})
	for _, e := range c.at.Experiments {
		if inside(e.Name) {
			e.Stage = "deleted"
		}
	}
	c.changed = true
	return dbxObject{}, nil
}
