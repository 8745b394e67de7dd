package sandbox

import "time"

// ghRepo is a repository; what git knows of it is in its git folder.
type ghRepo struct {
	ID          int64     `json:"id"`
	Owner       int64     `json:"owner"`
	Name        string    `json:"name"`
	Parent      int64     `json:"parent,omitempty"` // of which it is a fork
	Former      []string  `json:"former"`           // full names that now redirect here
	Visibility  string    `json:"visibility"`
	Description *string   `json:"description"`
	Homepage    *string   `json:"homepage"`
	Archived    bool      `json:"archived"`
	Topics      []string  `json:"topics"`
	Default     string    `json:"default_branch"`
	Created     time.Time `json:"created"`
	Updated     time.Time `json:"updated"`
	Pushed      time.Time `json:"pushed"`
	Quiet       int       `json:"quiet"` // requests that still do not see it

	Flags         map[string]bool   `json:"flags"`  // has_issues, allow_merge_commit, ...
	Titles        map[string]string `json:"titles"` // merge_commit_title, ...
	Teams         map[string]string `json:"teams"`  // slug: pull, triage, push, maintain, admin
	Collaborators map[string]string `json:"collaborators"`

	Rulesets     []*ghRuleset        `json:"rulesets"`
	Environments []*ghEnvironment    `json:"environments"`
	Vault        ghVault             `json:"vault"`
	Workflow     ghWorkflow          `json:"workflow"`
	Actions      ghActions           `json:"actions"`
	Subject      ghSubject           `json:"subject"`
	Pulls        []*ghPull           `json:"pulls"`
	Comments     []*ghComment        `json:"comments"`
	Issues       []*ghIssue          `json:"issues,omitempty"`
	Statuses     []*ghStatus         `json:"statuses"`
	Runs         []*ghRun            `json:"runs,omitempty"`
	Protection   map[string]ghObject `json:"protection"` // classic protection, by branch
	RefuseRefs   []string            `json:"refuse_refs,omitempty"`
}

// ghActions are the settings of Actions on a repository.
type ghActions struct {
	Enabled bool   `json:"enabled"`
	Allowed string `json:"allowed"`
	Pinned  bool   `json:"sha_pinning_required"`
}

// ghRepoFlags are the boolean settings with the values that a new repository has.
func ghRepoFlags() map[string]bool {
	return map[string]bool{
		"has_issues": true, "has_projects": true, "has_wiki": true, "has_downloads": true,
		"allow_merge_commit": true, "allow_squash_merge": true, "allow_rebase_merge": true,
		"has_discussions": false, "is_template": false, "allow_auto_merge": false, "delete_branch_on_merge": false,
		"allow_update_branch": false, "allow_forking": false, "web_commit_signoff_required": false,
		"use_squash_pr_title_as_default": false,
	}
}

// ghMergeSettings are left out of an answer to a caller who may not write contents.
func ghMergeSettings() []string {
	return []string{"allow_merge_commit", "allow_squash_merge", "allow_rebase_merge", "allow_auto_merge",
		"delete_branch_on_merge", "allow_update_branch", "use_squash_pr_title_as_default"}
}

func ghRepoTitles() map[string]string {
	return map[string]string{
		"squash_merge_commit_title": "COMMIT_OR_PR_TITLE", "squash_merge_commit_message": "COMMIT_MESSAGES",
		"merge_commit_title": "MERGE_MESSAGE", "merge_commit_message": "PR_TITLE",
	}
}

// addRepository makes a repository with GitHub's defaults; its git folder comes with the first use.
func (s *Sandbox) addRepository(owner *ghAccount, name string) *ghRepo {
	gh, now := s.state.GitHub, s.now()
	r := &ghRepo{
		ID: s.state.nextID(), Owner: owner.ID, Name: name, Visibility: "public", Default: gh.DefaultBranch, Topics: []string{},
		Created: now, Updated: now, Pushed: now, Quiet: gh.Delay,
		Flags: ghRepoFlags(), Titles: ghRepoTitles(), Teams: map[string]string{}, Collaborators: map[string]string{},
		Workflow: owner.Workflow, Actions: ghActions{Enabled: true, Allowed: "all"},
		Subject: ghSubject{UseDefault: true, Immutable: !gh.Enterprise && !now.Before(immutableSince())},
	}
	if r.Workflow.Default == "" {
		r.Workflow.Default = "read"
	}
	gh.Repositories = append(gh.Repositories, r)
	return r
}

// immutableSince is when github.com began to put ids in the subjects of new repositories' tokens.
func immutableSince() time.Time { return time.Date(2026, time.July, 15, 0, 0, 0, 0, time.UTC) }
