package sandbox

import (
	"cmp"
	"encoding/json"
	"fmt"
	"path"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"go.yaml.in/yaml/v3"
)

// bundleFile is the part of a databricks.yml, and of the files that it includes, that decides what a
// deployment leaves.
type bundleFile struct {
	Bundle    struct{ Name string }
	Include   []string
	Workspace bundlePlace
	Targets   map[string]struct{ Workspace bundlePlace }
	Resources struct{ Jobs map[string]map[string]any }
}

type bundlePlace struct {
	Host string
	Root string `yaml:"root_path"`
}

// carryOut leaves in the workspace what is seen of a job that deploys a bundle: its metadata, and its
// jobs with their schedules. Nothing else of a job is done here: nobody runs its steps. It returns how
// the job ends: one that could not log in, or has no such target, fails.
func (s *Sandbox) carryOut(r *ghRepo, run *ghRun, j *ghJob) string {
	st, err := s.gitStore(r)
	if err != nil {
		return "failure"
	}
	d := bundleDeploy{Sandbox: s, repo: r, run: run, job: j, store: st}
	if d.files, err = st.files(plumbing.NewHash(run.SHA)); err != nil {
		return "failure"
	}
	file := d.workflow()
	if command, found := file.proposes(j.Key); found {
		if err := d.propose(file.Jobs[j.Key], command); err != nil {
			return "failure"
		}
		return "success"
	}
	target := file.deploysTo(j.Key)
	if target == "" {
		return "success"
	}
	if err := d.deploy(cmp.Or(file.Jobs[j.Key].Defaults.Run.Dir, file.Defaults.Run.Dir), target, file.tokens(j.Key)); err != nil {
		return "failure"
	}
	return "success"
}

type bundleDeploy struct {
	*Sandbox
	repo  *ghRepo
	run   *ghRun
	job   *ghJob
	store *gitStore
	files gitFiles
}

// read is a file of the run's commit; one that is not there is empty.
func (d bundleDeploy) read(at string) []byte {
	text, err := d.store.readBlob(d.files[at].Hash)
	if err != nil {
		return nil
	}
	return text
}

// variable is what the job sees under a name: its environment's before the repository's.
func (d bundleDeploy) variable(name string) string {
	lists := [][]*ghVariable{d.repo.Vault.Variables}
	if e := d.repo.environment(d.job.Environment); e != nil {
		lists = [][]*ghVariable{e.Vault.Variables, d.repo.Vault.Variables}
	}
	for _, list := range lists {
		if v := first(list, func(v *ghVariable) bool { return strings.EqualFold(v.Name, name) }); v != nil {
			return v.Value
		}
	}
	return ""
}

// login is whom a job logs in as: by its variables, else by the token that the repository's secret holds.
func (d bundleDeploy) login(target string, tokens []string) *dbxPrincipal {
	db := d.state.Databricks
	id := cmp.Or(d.variable("DATABRICKS_CLIENT_ID"), d.variable(strings.ToUpper(target)+"_DATABRICKS_CLIENT_ID"))
	if p := db.byLogin(id); p != nil {
		return p
	}
	for _, name := range tokens {
		secret := d.repo.Vault.secret(name)
		if secret == nil || secret.Token == "" {
			continue
		}
		t := first(db.Tokens, func(t *dbxToken) bool { return t.Hash == secret.Token && d.now().Before(t.Expires) })
		if t != nil {
			return db.principal(t.Principal)
		}
	}
	return nil
}

// deploy leaves a deployment of the bundle in a folder.
func (d bundleDeploy) deploy(dir, target string, tokens []string) error {
	f := &bundleFile{}
	if err := yaml.Unmarshal(d.read(path.Join(dir, "databricks.yml")), f); err != nil || f.Bundle.Name == "" {
		return fmt.Errorf("there is no bundle in %s", dir)
	}
	t, known := f.Targets[target]
	host := cmp.Or(t.Workspace.Host, f.Workspace.Host)
	db := d.state.Databricks
	w, p := db.workspace(strings.TrimSuffix(host, "/")), d.login(target, tokens)
	if !known || w == nil || p == nil || !p.Active || len(db.permissions(w, p.ID)) == 0 {
		return fmt.Errorf("nobody can log in for the target %s", target)
	}
	c := &dbxCall{call: &call{Sandbox: d.Sandbox}, d: db, me: p, at: w}
	names := strings.NewReplacer("${bundle.target}", target, "${bundle.name}", f.Bundle.Name)
	root := "/Users/" + p.login() + "/.bundle/" + f.Bundle.Name + "/" + target
	if given := cmp.Or(t.Workspace.Root, f.Workspace.Root); given != "" {
		root = treePath(names.Replace(given))
	}
	jobs := map[string]any{}
	for key, settings := range d.jobs(dir, f) {
		id, err := c.deployJob(settings, names, root)
		if err != nil {
			return err
		}
		jobs[key] = map[string]any{"id": id, "relative_path": "databricks.yml"}
	}
	metadata, err := json.Marshal(map[string]any{"version": 1, "extra": map[string]any{}, "config": map[string]any{
		"bundle":    map[string]any{"name": f.Bundle.Name, "target": target, "git": map[string]any{"branch": d.run.Branch, "commit": d.run.SHA, "bundle_root_path": dir}},
		"workspace": map[string]any{"file_path": mountPoint + root + "/files"}, "resources": map[string]any{"jobs": jobs}}})
	if err != nil {
		return err
	}
	for at := root + "/state"; c.at.node(at) == nil; at = path.Dir(at) {
		c.welcomeHome(at)
		n := c.plantNode(at, directoryNode)
		c.at.allow(n.object(), p.access(canManage))
	}
	return c.write(upload{&dbxNode{Path: root + "/state/metadata.json", Type: fileNode, Content: metadata}, true})
}

// mountPoint is the name under which the tree of a workspace is a file system.
const mountPoint = "/Workspace"

// jobs are those of the bundle's files, by their keys.
func (d bundleDeploy) jobs(dir string, f *bundleFile) map[string]map[string]any {
	all := map[string]map[string]any{}
	add := func(more map[string]map[string]any) {
		for key, settings := range more {
			all[key] = settings
		}
	}
	add(f.Resources.Jobs)
	for _, pattern := range f.Include {
		for at := range d.files {
			if ok, err := path.Match(path.Join(dir, pattern), at); err == nil && ok {
				included := &bundleFile{}
				if yaml.Unmarshal(d.read(at), included) == nil {
					add(included.Resources.Jobs)
				}
			}
		}
	}
	return all
}

// deployJob makes a job of a bundle, or brings the one of its name and its deployment up to date.
func (c *dbxCall) deployJob(settings map[string]any, names *strings.Replacer, root string) (string, error) {
	text, err := json.Marshal(settings)
	if err != nil {
		return "", err
	}
	wanted := jobSettings{}
	if err := json.Unmarshal([]byte(names.Replace(string(text))), &wanted); err != nil {
		return "", err
	}
	delete(wanted, "permissions")
	file := mountPoint + root + "/state/metadata.json"
	wanted["deployment"], wanted["edit_mode"] = dbxObject{"kind": "BUNDLE", "metadata_file_path": file}, "UI_LOCKED"
	kept, err := c.keptSettings(wanted)
	if err != nil {
		return "", err
	}
	j := first(c.at.Jobs, func(j *dbxJob) bool {
		deployment, _ := j.settings()["deployment"].(map[string]any)
		return j.name() == field(wanted, "name") && field(deployment, "metadata_file_path") == file
	})
	if j == nil {
		j = c.addJob(c.at, c.me, kept)
	}
	j.Settings = kept
	return numeral(j.ID), nil
}
