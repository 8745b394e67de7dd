package sandbox

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
)

// ghRun is a run of a workflow. Nobody runs it here: its jobs wait until somebody says how they ended.
type ghRun struct {
	ID       int64             `json:"id"`
	Number   int               `json:"number"`
	Workflow int64             `json:"workflow"`
	Path     string            `json:"path"`
	Name     string            `json:"name"`
	Title    string            `json:"title"`
	Event    string            `json:"event"`
	Branch   string            `json:"branch"`
	SHA      string            `json:"sha"`
	Pull     int               `json:"pull,omitempty"`
	Actor    string            `json:"actor"`
	Inputs   map[string]string `json:"inputs,omitempty"`
	Jobs     []*ghJob          `json:"jobs"`
	Created  time.Time         `json:"created"`
	Updated  time.Time         `json:"updated"`
}

type ghJob struct {
	ID          int64     `json:"id"`
	Key         string    `json:"key"`
	Name        string    `json:"name"`
	Environment string    `json:"environment,omitempty"`
	Needs       []string  `json:"needs,omitempty"`
	Always      bool      `json:"always,omitempty"`
	If          string    `json:"if,omitempty"`
	Approved    bool      `json:"approved,omitempty"`
	Conclusion  string    `json:"conclusion,omitempty"` // "": it has not ended
	Created     time.Time `json:"created"`
	Completed   time.Time `json:"completed,omitzero"`
}

// runStart is an event that starts runs.
type runStart struct {
	repo   *ghRepo
	store  *gitStore
	event  string
	branch string // that the run is of
	into   string // of a pull request, the branch that it is to be merged into
	commit plumbing.Hash
	before plumbing.Hash // what the changed files are counted from
	pull   int
	actor  string
	inputs map[string]string
}

// startRuns starts the runs that an event asks for, by the workflow files of its commit.
func (s *Sandbox) startRuns(e runStart) error {
	if !e.repo.Actions.Enabled {
		return nil
	}
	workflows, err := e.store.workflowFiles(e.commit)
	if err != nil || len(workflows) == 0 {
		return err
	}
	changed, err := e.store.changed(e.before, e.commit)
	if err != nil {
		return err
	}
	filtered := e.branch
	if e.into != "" {
		filtered = e.into
	}
	for _, w := range workflows {
		if t, ok := w.triggers[e.event]; ok && t.lets(filtered, changed) {
			s.addRun(w, e)
		}
	}
	return nil
}

func (s *Sandbox) addRun(w workflowFile, e runStart) *ghRun {
	number := 1
	for _, r := range e.repo.Runs {
		if r.Path == w.path {
			number++
		}
	}
	run := &ghRun{ID: s.state.nextID(), Number: number, Workflow: w.id(), Path: w.path, Name: w.called(), Title: w.called(), Event: e.event,
		Branch: e.branch, SHA: e.commit.String(), Pull: e.pull, Actor: e.actor, Inputs: e.inputs, Created: s.now(), Updated: s.now()}
	if e.event != "workflow_dispatch" {
		if c, err := e.store.repo.CommitObject(e.commit); err == nil {
			run.Title, _, _ = strings.Cut(c.Message, "\n")
		}
	}
	if w.title != "" {
		run.Title = e.titled(w.title)
	}
	for _, j := range w.jobs {
		run.Jobs = append(run.Jobs, &ghJob{ID: s.state.nextID(), Key: j.id, Name: j.name, Environment: j.environment, Needs: j.needs,
			Always: j.always, If: j.when, Created: s.now()})
		if j.environment != "" && e.repo.environment(j.environment) == nil {
			s.addEnvironment(e.repo, j.environment) // as GitHub does, without any protection
		}
	}
	e.repo.Runs = append(e.repo.Runs, run)
	s.advance(e.repo, run)
	return run
}

// changed lists the files that differ between two commits; a zero one is empty.
func (st *gitStore) changed(before, after plumbing.Hash) ([]string, error) {
	have := gitFiles{}
	if !before.IsZero() {
		files, err := st.files(before)
		if err != nil {
			return nil, err
		}
		have = files
	}
	want, err := st.files(after)
	if err != nil {
		return nil, err
	}
	return have.differing(want), nil
}

// differing lists the paths at which two sets of files are not the same, in order.
func (f gitFiles) differing(other gitFiles) []string {
	all := map[string]bool{}
	for _, files := range []gitFiles{f, other} {
		for path := range files {
			all[path] = all[path] || f[path].Hash != other[path].Hash || f[path].Mode != other[path].Mode
		}
	}
	maps.DeleteFunc(all, func(_ string, differs bool) bool { return !differs })
	return slices.Sorted(maps.Keys(all))
}

// change says in GitHub's word how a file of one set became that of another.
func (f gitFiles) change(other gitFiles, path string) string {
	_, was := f[path]
	_, is := other[path]
	switch {
	case !was:
		return "added"
	case !is:
		return "removed"
	default:
		return "modified"
	}
}

// jobStatus is how far a job is: queued, waiting for an approval, or completed; pending before what it needs.
func (s *Sandbox) jobStatus(r *ghRepo, run *ghRun, j *ghJob) string {
	switch {
	case j.Conclusion != "":
		return "completed"
	case !run.ended(j.Needs):
		return "queued" // behind other jobs
	case j.Environment != "" && !j.Approved && s.gated(r, j):
		return "waiting"
	default:
		return "queued"
	}
}

func (s *Sandbox) gated(r *ghRepo, j *ghJob) bool {
	e := r.environment(j.Environment)
	return e != nil && len(e.Reviewers) > 0
}

func (run *ghRun) job(key string) *ghJob {
	i := slices.IndexFunc(run.Jobs, func(j *ghJob) bool { return j.Key == key })
	if i < 0 {
		return nil
	}
	return run.Jobs[i]
}

func (run *ghRun) ended(keys []string) bool {
	return !slices.ContainsFunc(keys, func(key string) bool { j := run.job(key); return j != nil && j.Conclusion == "" })
}

// runStatus is that of a run: completed once all of its jobs are.
func (s *Sandbox) runStatus(r *ghRepo, run *ghRun) (status, conclusion string) {
	status, conclusion = "completed", "success"
	begun := false
	for _, j := range run.Jobs {
		switch s.jobStatus(r, run, j) {
		case "waiting":
			return "waiting", ""
		case "completed":
			begun = true
			if j.Conclusion != "success" && j.Conclusion != "skipped" {
				conclusion = j.Conclusion
			}
		default:
			status = "queued"
		}
	}
	if status == "completed" {
		return status, conclusion
	}
	if begun {
		status = "in_progress"
	}
	return status, ""
}

// advance ends the jobs that will not run: those behind one that failed, and those that their
// environment does not let this branch deploy to.
func (s *Sandbox) advance(r *ghRepo, run *ghRun) {
	end := func(j *ghJob, conclusion string) {
		j.Conclusion, j.Completed, run.Updated = conclusion, s.now(), s.now()
	}
	for again := true; again; {
		again = false
		for _, j := range run.Jobs {
			if j.Conclusion != "" || !run.ended(j.Needs) {
				continue
			}
			failed := slices.ContainsFunc(j.Needs, func(key string) bool { n := run.job(key); return n != nil && n.Conclusion != "success" })
			ref := "refs/heads/" + run.Branch
			if run.Pull > 0 {
				ref = "refs/pull/merge"
			}
			e := r.environment(j.Environment)
			switch {
			case failed && !j.Always, run.skips(j, ref):
				end(j, "skipped")
				again = true
			case e != nil && !e.admits(r, ref, func(branch string) bool { return r.Protection[branch] != nil }):
				end(j, "failure") // "Branch is not allowed to deploy to … due to environment protection rules."
				again = true
			}
		}
	}
}

// skips reports whether a job's condition keeps it from this run: it is for another branch, or the run was
// started for another target. More of a condition is not understood.
func (run *ghRun) skips(j *ghJob, ref string) bool {
	if only := refCondition.FindStringSubmatch(j.If); only != nil && only[1] != ref {
		return true
	}
	due, target := outputCondition.FindStringSubmatch(j.If), run.Inputs["target"]
	return due != nil && target != "" && due[1] != target
}

var (
	refCondition    = regexp.MustCompile(`github\.ref == '(refs/heads/[^']+)'`)
	outputCondition = regexp.MustCompile(`^needs\.guard\.outputs\.([A-Za-z0-9_-]+) == 'true'`)
)

// finish ends every job that somebody runs: those that wait neither for an approval nor for another job.
// What becomes free then is run too.
func (s *Sandbox) finish(r *ghRepo, run *ghRun, conclusion string) int {
	for ended := 0; ; ended++ {
		i := slices.IndexFunc(run.Jobs, func(j *ghJob) bool { return run.ended(j.Needs) && s.jobStatus(r, run, j) == "queued" })
		if i < 0 {
			return ended
		}
		j := run.Jobs[i]
		j.Conclusion, j.Completed, run.Updated = conclusion, s.now(), s.now()
		if conclusion == "success" {
			j.Conclusion = s.carryOut(r, run, j)
		}
		s.advance(r, run)
	}
}
