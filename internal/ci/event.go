package ci

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Event is what a CI system says of the run that it started: the pull request that it is about, if it is about one.
type Event struct {
	Name       string // pull_request, pull_request_target, push, …; "" outside of GitHub Actions
	Repository string // OWNER/NAME of where the run is, and the pull request
	Pull       int    // 0: it is about none
	HeadSHA    string
	BaseSHA    string
	BaseRef    string // the branch that the pull request is for
	HeadRepo   string // OWNER/NAME; "" where it is gone or not said
}

// Fork reports whether the pull request comes from another repository: then what it proposes may be
// anybody's, and a job that it starts by itself has no secrets.
func (e Event) Fork() bool {
	return e.Pull != 0 && !strings.EqualFold(e.HeadRepo, e.Repository)
}

// Privileged reports whether the event gives a run the base branch's secrets though it is about what somebody
// proposes: the proposal must then not be checked out.
func (e Event) Privileged() bool {
	return e.Name == "pull_request_target" || e.Name == "workflow_run" || e.Name == "issue_comment"
}

// ReadEvent reads the file that GITHUB_EVENT_PATH names. The runner writes it; what a proposal calls its branches
// stands in it as it is.
func ReadEvent(name, repository string, data []byte) (Event, error) {
	e := Event{Name: name, Repository: repository}
	var payload struct {
		Repository struct {
			FullName string `json:"full_name"`
		} `json:"repository"`
		Number int   `json:"number"`
		Pull   *pull `json:"pull_request"`
		Run    *struct {
			Pulls []pull `json:"pull_requests"`
			Head  string `json:"head_sha"`
		} `json:"workflow_run"`
		Issue *struct {
			Number int              `json:"number"`
			Pull   *json.RawMessage `json:"pull_request"`
		} `json:"issue"`
	}
	if err := json.Unmarshal(data, &payload); err != nil {
		return e, fmt.Errorf("the event is not as GitHub documents it: %w", err)
	}
	if e.Repository == "" {
		e.Repository = payload.Repository.FullName
	}
	switch {
	case payload.Pull != nil:
		e.about(*payload.Pull)
		if e.Pull == 0 {
			e.Pull = payload.Number
		}
	case payload.Run != nil && len(payload.Run.Pulls) == 1: // of a fork's run it lists none
		e.about(payload.Run.Pulls[0])
	case payload.Issue != nil && payload.Issue.Pull != nil:
		e.Pull = payload.Issue.Number
	}
	return e, nil
}

type pull struct {
	Number int `json:"number"`
	Head   tip `json:"head"`
	Base   tip `json:"base"`
}

type tip struct {
	Ref  string `json:"ref"`
	SHA  string `json:"sha"`
	Repo *struct {
		FullName string `json:"full_name"`
	} `json:"repo"`
}

func (e *Event) about(p pull) {
	e.Pull, e.HeadSHA, e.BaseSHA, e.BaseRef = p.Number, p.Head.SHA, p.Base.SHA, p.Base.Ref
	if p.Head.Repo != nil {
		e.HeadRepo = p.Head.Repo.FullName
	}
}
