package sandbox

import (
	"encoding/base64"
	"io"
	"net/http"
	"net/url"
	"testing"
)

// upload writes a file as the stock CLI does: the whole path is one escaped segment.
func (d *dbxTest) upload(status int, path, content, query string) map[string]any {
	d.t.Helper()
	return d.do(status, "POST", stagingHost+"/api/2.0/workspace-files/import-file/"+url.PathEscape(path[1:])+query, []byte(content))
}

func (d *dbxTest) statusOf(code int, path string) map[string]any {
	d.t.Helper()
	return d.do(code, "GET", stagingHost+"/api/2.0/workspace/get-status?path="+url.QueryEscape(path)+"&return_export_info=true", nil)
}

func (d *dbxTest) mkdirs(status int, path string) map[string]any {
	d.t.Helper()
	return d.do(status, "POST", stagingHost+"/api/2.0/workspace/mkdirs", map[string]any{"path": path})
}

func (d *dbxTest) content(path string) string {
	d.t.Helper()
	o := d.do(200, "GET", stagingHost+"/api/2.0/workspace/export?format=AUTO&path="+url.QueryEscape(path), nil)
	text, err := base64.StdEncoding.DecodeString(o["content"].(string))
	if err != nil {
		d.t.Fatal(err)
	}
	return string(text)
}

func TestAFileNeedsItsFolder(t *testing.T) {
	d := newDatabricksTest(t, "").worker("bundle", stagingHost)
	home := "/Workspace/Users/" + d.id
	d.message(d.upload(404, home+"/state/metadata.json", "{}", "?overwrite=true"), "The parent folder")
	d.mkdirs(200, home+"/state")
	d.mkdirs(200, home+"/state") // what is there is fine
	d.upload(200, home+"/state/metadata.json", "{}", "?overwrite=true")
	d.upload(200, home+"/state/metadata.json", `{"version":1}`, "?overwrite=true")
	d.message(d.upload(409, home+"/state/metadata.json", "{}", "?overwrite=false"), "already exists")
	d.message(d.mkdirs(400, home+"/state/metadata.json/below"), "RESOURCE_ALREADY_EXISTS")
	if got := d.content(home + "/state/metadata.json"); got != `{"version":1}` {
		t.Errorf("the file holds %q", got)
	}
	with, without := d.statusOf(200, home+"/state/metadata.json"), d.statusOf(200, home[len("/Workspace"):]+"/state/metadata.json")
	if with["object_id"] != without["object_id"] || with["path"] == without["path"] || with["object_type"] != "FILE" || with["size"] != 13.0 {
		t.Errorf("with the mount %v, without it %v: want one file under the path that was asked for", with, without)
	}
}

func TestASourceFileCanBeANotebook(t *testing.T) {
	d := newDatabricksTest(t, "")
	d.mkdirs(200, "/Shared/project")
	d.upload(200, "/Shared/project/train.py", "# Databricks notebook source\nprint(1)\n", "")
	o := d.statusOf(200, "/Shared/project/train")
	if o["object_type"] != "NOTEBOOK" || o["language"] != "PYTHON" {
		t.Errorf("it is %v, want a notebook", o)
	}
	d.message(d.upload(400, "/Shared/project/train.py", "# Databricks notebook source\n", ""), "already exists.")
	d.message(d.statusOf(404, "/Shared/project/train.py"), "doesn't exist")
	d.do(200, "POST", stagingHost+"/api/2.0/workspace/import", map[string]any{
		"path": "/Shared/project/score", "format": "SOURCE", "language": "SQL", "content": base64.StdEncoding.EncodeToString([]byte("select 1")),
	})
	if got := d.content("/Shared/project/score"); got != "select 1" {
		t.Errorf("the notebook holds %q", got)
	}
	d.message(d.do(400, "POST", stagingHost+"/api/2.0/workspace/import", map[string]any{"path": "/Shared/project/other", "format": "SOURCE"}), "language")
	for _, at := range []string{"/api/2.0/workspace/export?direct_download=true&path=/Shared/project/score", "/api/2.0/workspace-files/Workspace%2FShared%2Fproject%2Fscore"} {
		if got := d.download(at); got != "select 1" {
			t.Errorf("%s: as it is, the notebook holds %q", at, got)
		}
	}
}

// download is the content as the stock CLI asks for it: no JSON.
func (d *dbxTest) download(at string) string {
	d.t.Helper()
	req, err := http.NewRequestWithContext(d.t.Context(), "GET", stagingHost+at, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+d.login(stagingHost))
	resp, err := d.s.RoundTripper().RoundTrip(req)
	if err != nil {
		d.t.Fatal(err)
	}
	got, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		d.t.Fatalf("downloading %s: %d %s %v", at, resp.StatusCode, got, err)
	}
	return string(got)
}

func TestAFolderOfFilesGoesWithWhatItHolds(t *testing.T) {
	d := newDatabricksTest(t, "")
	d.mkdirs(200, "/Shared/a/b")
	d.upload(200, "/Shared/a/one.txt", "1", "")
	list := d.do(200, "GET", stagingHost+"/api/2.0/workspace/list?path=/Workspace/Shared/a", nil)["objects"].([]any)
	if len(list) != 2 || list[0].(map[string]any)["path"] != "/Workspace/Shared/a/b" {
		t.Errorf("the folder lists %v", list)
	}
	remove := func(status int, path string, recursive bool) map[string]any {
		return d.do(status, "POST", stagingHost+"/api/2.0/workspace/delete", map[string]any{"path": path, "recursive": recursive})
	}
	d.message(remove(400, "/Shared/a", false), "DIRECTORY_NOT_EMPTY")
	remove(200, "/Shared/a", true)
	d.message(remove(404, "/Shared/a", true), "doesn't exist")
	d.message(remove(400, "/Shared", true), "DIRECTORY_PROTECTED")
	if o := d.do(200, "GET", stagingHost+"/api/2.0/workspace/list?path=/Shared", nil); len(o) != 0 {
		t.Errorf("an empty folder lists %v", o)
	}
}

func TestABundlesHomeIsSeenByItsOwnerAndAdministrators(t *testing.T) {
	admin := newDatabricksTest(t, "")
	one, other := admin.worker("one", stagingHost), admin.worker("other", stagingHost)
	one.mkdirs(200, "/Users/"+one.id+"/.bundle")
	other.message(other.statusOf(403, "/Users/"+one.id+"/.bundle"), "PERMISSION_DENIED")
	other.message(other.mkdirs(403, "/Users/"+one.id+"/x"), "PERMISSION_DENIED")
	other.message(other.mkdirs(403, "/top"), "PERMISSION_DENIED")
	admin.statusOf(200, "/Workspace/Users/"+one.id+"/.bundle")
	admin.message(admin.statusOf(404, "/Users/nobody@acme.example"), "doesn't exist")
	admin.message(admin.statusOf(400, "relative"), "doesn't start with '/'")
}
