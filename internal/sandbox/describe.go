package sandbox

import (
	"fmt"
	"slices"
	"strings"
)

// Summary is a readable account of a sandbox's state.
type Summary struct {
	AccountID  string         `json:"account_id"`
	Workspaces []string       `json:"workspaces"`
	Principals []string       `json:"principals"`
	Groups     []string       `json:"groups"`
	Securables []string       `json:"securables"`
	Grants     []string       `json:"grants"`
	Objects    []string       `json:"objects"` // of workspaces: directories, files, experiments, jobs, cluster policies
	GitHub     []string       `json:"github"`
	Faults     []Fault        `json:"faults"`
	Requests   map[string]int `json:"requests"` // by operation, of this process
}

// Describe summarises the state, without any credential.
func (s *Sandbox) Describe() Summary {
	s.lock()
	defer s.unlock()
	d := s.state.Databricks
	sum := Summary{AccountID: d.AccountID, Faults: []Fault{}, Requests: map[string]int{}}
	for _, w := range d.Workspaces {
		sum.Workspaces = append(sum.Workspaces, fmt.Sprintf("%s  id %d, %d assigned, metastore %s", w.Host, w.ID, len(w.Assignments), d.metastoreName(w.Metastore)))
	}
	for _, p := range d.Principals {
		sum.Principals = append(sum.Principals, p.describe())
	}
	for _, g := range d.Groups {
		sum.Groups = append(sum.Groups, fmt.Sprintf("%s  id %d, %d members", g.Name, g.ID, len(g.Members)))
	}
	for _, o := range d.Securables {
		if o.Owner != "System user" {
			sum.Securables = append(sum.Securables, fmt.Sprintf("%s:%s  owner %s", o.Type, o.Name, d.called(o.Owner)))
		}
	}
	for _, g := range d.Grants {
		for _, row := range g.Rows {
			sum.Grants = append(sum.Grants, fmt.Sprintf("%s:%s  %s: %s", g.Type, g.Name, d.called(row.Principal), strings.Join(row.Privileges, ", ")))
		}
	}
	for _, w := range d.Workspaces {
		sum.Objects = append(sum.Objects, d.describeObjects(w)...)
	}
	for _, list := range [][]string{sum.Workspaces, sum.Principals, sum.Groups, sum.Securables, sum.Grants, sum.Objects} {
		slices.Sort(list)
	}
	sum.GitHub = s.describeGitHub()
	for _, f := range s.state.Faults {
		sum.Faults = append(sum.Faults, *f)
	}
	for _, r := range s.log {
		sum.Requests[r.Operation]++
	}
	return sum
}

// Lines is the summary as text.
func (s Summary) Lines() []string {
	lines := []string{"account " + s.AccountID}
	for _, part := range []struct {
		name string
		list []string
	}{
		{"workspaces", s.Workspaces}, {"principals", s.Principals}, {"groups", s.Groups}, {"securables", s.Securables},
		{"grants", s.Grants}, {"objects", s.Objects}, {"github", s.GitHub},
	} {
		if len(part.list) == 0 {
			continue
		}
		lines = append(lines, part.name)
		for _, item := range part.list {
			lines = append(lines, "  "+item)
		}
	}
	if len(s.Faults) > 0 {
		lines = append(lines, "faults")
	}
	for _, f := range s.Faults {
		lines = append(lines, fmt.Sprintf("  %s %s: %s, matched %d, fired %d", f.Method, f.Path, f.Action, f.Seen, f.Fired))
	}
	return lines
}

func (p *dbxPrincipal) describe() string {
	line := fmt.Sprintf("%s  id %d, %s", p.DisplayName, p.ID, p.login())
	if !p.Active {
		line += ", deactivated"
	}
	if len(p.Secrets) > 0 {
		line += fmt.Sprintf(", %d OAuth secrets", len(p.Secrets))
	}
	for _, f := range p.Policies {
		line += ", trusts " + f.OIDC.Subject
	}
	return line
}

func (d *Databricks) metastoreName(id string) string {
	if m := d.metastore(id); m != nil {
		return m.Name
	}
	return "none"
}

// describeObjects names what people made in a workspace, with who was given what on it.
func (d *Databricks) describeObjects(w *dbxWorkspace) []string {
	objects := map[string]accessObject{}
	for _, n := range w.Tree {
		if !n.standard() {
			objects[strings.ToLower(n.Type)+":"+n.Path] = n.object()
		}
	}
	for _, e := range w.Experiments {
		objects["experiment:"+e.Name+map[bool]string{false: " (deleted)"}[e.active()]] = e.object()
	}
	for _, j := range w.Jobs {
		objects["job:"+j.name()+" "+numeral(j.ID)] = j.object()
	}
	for _, p := range w.ClusterPolicies {
		objects["cluster_policy:"+p.Name] = p.object()
	}
	var lines []string
	for name, o := range objects {
		var who []string
		for _, a := range w.entries(o) {
			who = append(who, d.called(a.Name)+" "+a.Level)
		}
		lines = append(lines, fmt.Sprintf("%s  %s  %s", w.Host, name, strings.Join(who, ", ")))
	}
	return lines
}

// called is a readable name for who grants and owners name.
func (d *Databricks) called(name string) string {
	if p := d.byLogin(name); p != nil {
		return p.DisplayName
	}
	return name
}

// describeGitHub names the repositories and what stands in each.
func (s *Sandbox) describeGitHub() []string {
	var lines []string
	for _, r := range s.state.GitHub.Repositories {
		lines = append(lines, s.state.GitHub.fullName(r))
	}
	slices.Sort(lines)
	return lines
}
