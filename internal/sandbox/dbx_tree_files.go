package sandbox

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"path"
	"slices"
	"strings"
)

// maxExport is the size up to which a file can be exported.
const maxExport = 10 << 20

func (s *Sandbox) treeFileRoutes() {
	s.onWorkspace(http.MethodGet, "/api/2.0/workspace/export", (*dbxCall).exportNode)
	s.onWorkspace(http.MethodPost, "/api/2.0/workspace/import", (*dbxCall).importNode)
	s.onWorkspace(http.MethodPost, "/api/2.0/workspace-files/import-file/{path...}", (*dbxCall).importFile)
	s.onWorkspace(http.MethodGet, "/api/2.0/workspace-files/{path...}", (*dbxCall).readFile)
}

// exportNode answers what a file or a notebook holds, as JSON or as it is.
func (c *dbxCall) exportNode() (any, error) {
	query := c.req.URL.Query()
	n, err := c.nodeAt(query.Get("path"), canRead)
	if err != nil {
		return nil, err
	}
	format, raw := query.Get("format"), query.Get("direct_download") == "true"
	switch {
	case !slices.Contains([]string{"", "SOURCE", "AUTO"}, format):
		return nil, dbxInvalid("The sandbox exports as SOURCE or AUTO, not as %s.", format)
	case n.Type == directoryNode:
		return nil, dbxInvalid("The sandbox exports no directory as an archive.")
	case len(n.Content) > maxExport:
		return nil, dbxExists("MAX_NOTEBOOK_SIZE_EXCEEDED", "The file is larger than 10 MB.")
	case raw:
		return n.raw(), nil
	}
	o := dbxObject{"content": base64.StdEncoding.EncodeToString(n.Content)}
	set(o, "file_type", strings.TrimPrefix(path.Ext(n.Path), "."))
	return o, nil
}

// importNode writes a file or a notebook from JSON.
func (c *dbxCall) importNode() (any, error) {
	var b struct {
		Path      string `json:"path"`
		Content   []byte `json:"content"` // base64
		Format    string `json:"format"`
		Language  string `json:"language"`
		Overwrite bool   `json:"overwrite"`
	}
	if err := c.read(&b); err != nil {
		return nil, err
	}
	n := &dbxNode{Path: treePath(b.Path), Type: notebookNode, Language: b.Language, Content: b.Content}
	switch {
	case !strings.HasPrefix(b.Path, "/"):
		return nil, dbxInvalid("Path (%s) doesn't start with '/'", b.Path)
	case b.Format == "AUTO" || b.Format == "RAW":
		n = uploaded(n.Path, b.Content)
	case b.Format != "" && b.Format != "SOURCE":
		return nil, dbxInvalid("The sandbox imports as SOURCE, RAW or AUTO, not as %s.", b.Format)
	case b.Language == "":
		return nil, dbxInvalid("The language of a notebook in source format is missing.")
	}
	return dbxObject{}, c.write(upload{n, b.Overwrite})
}

// importFile writes a file, or a notebook where its first line says that it is one. No description
// has this operation; the stock CLI writes everything with it.
func (c *dbxCall) importFile() (any, error) {
	at := treePath(c.vars["path"])
	return dbxObject{}, c.write(upload{uploaded(at, c.body), c.req.URL.Query().Get("overwrite") == "true"})
}

// readFile answers what a file holds, as it is.
func (c *dbxCall) readFile() (any, error) {
	n, err := c.nodeAt("/"+c.vars["path"], canRead)
	if err != nil {
		return nil, err
	}
	if n.Type == directoryNode {
		return nil, dbxInvalid("Path (%s) is a directory.", n.Path)
	}
	return n.raw(), nil
}

// raw is what a file or a notebook holds.
func (n *dbxNode) raw() *reply {
	return &reply{status: http.StatusOK, header: http.Header{"Content-Type": {"application/octet-stream"}}, body: append([]byte{}, n.Content...)}
}

// uploaded is what a file becomes in the tree: a source file whose first line calls it a notebook is
// one, and loses its extension.
func uploaded(at string, content []byte) *dbxNode {
	for _, kind := range []struct{ ext, comment, language string }{
		{".py", "#", "PYTHON"}, {".r", "#", "R"}, {".scala", "//", "SCALA"}, {".sql", "--", "SQL"},
	} {
		if strings.EqualFold(path.Ext(at), kind.ext) && bytes.HasPrefix(content, []byte(kind.comment+" Databricks notebook source")) {
			return &dbxNode{Path: at[:len(at)-len(kind.ext)], Type: notebookNode, Language: kind.language, Content: content}
		}
	}
	return &dbxNode{Path: at, Type: fileNode, Content: content}
}

// upload is a file to be written, in the place of another one where it says so.
type upload struct {
	node      *dbxNode
	overwrite bool
}

// write puts a file where it belongs. Its directory has to be there, and whoever does not say
// overwrite finds what stood there untouched.
func (c *dbxCall) write(u upload) error {
	n := u.node
	c.welcomeHome(n.Path)
	parent, old := c.at.node(path.Dir(n.Path)), c.at.node(n.Path)
	switch {
	case parent == nil || parent.Type != directoryNode:
		return dbxMissing("NOT_FOUND", "The parent folder (%s) does not exist.", path.Dir(n.Path))
	case !c.may(parent.object(), parent.Path, canEdit):
		return dbxForbidden("%s does not have %s permissions on %s. Please contact the owner or an administrator for access.", c.me.login(), canEdit, parent.Path)
	case old == nil:
		old = c.plantNode(n.Path, n.Type)
		c.at.allow(old.object(), c.me.access(canManage)) // who makes a file manages it
	case old.Type == directoryNode:
		return dbxExists("RESOURCE_ALREADY_EXISTS", "A directory with path %s already exists.", n.Path)
	case !u.overwrite && old.Type == notebookNode:
		return dbxExists("RESOURCE_ALREADY_EXISTS", "Path (%s) already exists.", n.Path)
	case !u.overwrite:
		return &failure{status: http.StatusConflict, code: "ALREADY_EXISTS", message: "File already exists at (" + n.Path + ")."}
	case old.Type != n.Type:
		return dbxExists("RESOURCE_ALREADY_EXISTS", "Requested node type [%s] is different from the existing node type [%s]", n.Type, old.Type)
	}
	old.Content, old.Language, old.Modified = bytes.Clone(n.Content), n.Language, c.now().UTC()
	c.changed = true
	return nil
}
