package kinds

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/mlopsctl/mlopsctl/internal/github"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// repositoryKind is the GitHub repository of the stack.
var repositoryKind = resource.Kind[*github.Client, repository]{
	Name:         "repository",
	Doc:          "The hosted Git repository that holds the project.",
	Identity:     []string{"host", "owner", "name", "former", "oidc"},
	LiveIdentity: []string{"id"},
	Guard:        resource.DataLoss,
	Declare:      declareRepository,
	Read:         readRepository,
	Create:       createRepository,
	Update:       updateRepository,
	Delete:       deleteRepository,
	Warn:         warnOfHiddenRepository,
	Moved: func(want, was repository) repository {
		want.Former, want.Called = was.Name, want.Name
		return want
	},
	Ready: func(ctx context.Context, c *github.Client, _ repository) (bool, error) {
		return c.RepositoryReady(ctx)
	},
}

type repository struct {
	Host        string  `json:"host"`
	Owner       string  `json:"owner"`
	Name        string  `json:"name"`
	Former      string  `json:"former,omitempty"` // under which it is found until it is called what is wished
	Called      string  `json:"called,omitempty"`
	Visibility  string  `json:"visibility,omitempty"`
	Description *string `json:"description,omitempty"`
	ID          string  `json:"id,omitempty"`
	OwnerID     string  `json:"owner_id,omitempty"`
	FullName    string  `json:"full_name,omitempty"`
	// OIDC says that a principal is logged in as by jobs of pull requests, so that their subject is needed.
	OIDC               bool   `json:"oidc,omitempty"`
	OIDCIssuer         string `json:"oidc_issuer,omitempty"`
	PullRequestSubject string `json:"pull_request_subject,omitempty"`
	// Why the subject cannot be told, which holds up what is made with it and nothing else.
	PullRequestSubjectBlocked string `json:"pull_request_subject_blocked,omitempty"`
}

var repositoryAddr = resource.Addr{Kind: "repository"}

// inRepository is the field by which everything in the repository depends on it.
func inRepository() resource.Text { return resource.From(repositoryAddr, "id") }

func declareRepository(w resource.Wishes) []resource.Decl[repository] {
	return []resource.Decl[repository]{{
		Addr: repositoryAddr,
		Want: repository{
			Host: w.Git.Host, Owner: w.Git.Owner, Name: w.Git.Name,
			Visibility: w.Git.Visibility, Description: w.Git.Description,
			OIDC: w.ReadBy() != "",
		},
		At: w.At("git", "repository"),
	}}
}

func readRepository(ctx context.Context, c *github.Client, want repository) (repository, error) {
	if want.Former != "" {
		if err := c.Formerly(ctx, want.Former); err != nil {
			return want, err
		}
	}
	live, err := c.Repository(ctx)
	if err != nil {
		return want, err
	}
	if live.Archived {
		return want, &resource.Blocked{Reason: fmt.Sprintf("%s is archived and takes no change: unarchive it in its settings on GitHub", live.FullName)}
	}
	return withPullRequests(ctx, c, seenRepository(want, live))
}

// withPullRequests adds what the tokens of pull requests' jobs say, where a principal is logged in as by them. That they
// may not be looked at leaves the repository as readable as it is.
func withPullRequests(ctx context.Context, c *github.Client, have repository) (repository, error) {
	if !have.OIDC {
		return have, nil
	}
	subject, blocked, err := subjectOf(ctx, c, github.Job{PullRequest: true})
	if errors.Is(err, resource.ErrForbidden) || errors.Is(err, resource.ErrNotFound) {
		blocked, err = err.Error(), nil
	}
	have.OIDCIssuer, have.PullRequestSubject, have.PullRequestSubjectBlocked = c.Issuer(), subject, blocked
	return have, err
}

func seenRepository(want repository, live github.Repository) repository {
	called := ""
	if want.Called != "" {
		called = live.Name
	}
	return repository{
		Host: want.Host, Owner: want.Owner, Name: want.Name, Called: called, OIDC: want.OIDC,
		Visibility: live.Visibility, Description: &live.Description,
		ID: strconv.FormatInt(live.ID, 10), OwnerID: strconv.FormatInt(live.Owner.ID, 10), FullName: live.FullName,
	}
}

func createRepository(ctx context.Context, c *github.Client, want repository) (repository, error) {
	n := github.NewRepository{Visibility: want.Visibility}
	if want.Description != nil {
		n.Description = *want.Description
	}
	made, err := c.CreateRepository(ctx, n)
	if err != nil {
		return want, err
	}
	have, err := withPullRequests(ctx, c, seenRepository(want, made))
	if err != nil { // it is made all the same
		have.PullRequestSubjectBlocked = err.Error()
	}
	return have, nil
}

// updateRepository sends the name and the visibility by themselves: an organisation may forbid to change
// one of them, and would refuse the others with it.
func updateRepository(ctx context.Context, c *github.Client, have, want repository) (repository, error) {
	if want.Called != "" && have.Called != want.Called {
		if err := c.RenameRepository(ctx); err != nil {
			return have, err
		}
	}
	if want.Description != nil && (have.Description == nil || *have.Description != *want.Description) {
		if _, err := c.EditRepository(ctx, map[string]any{"description": *want.Description}); err != nil {
			return have, err
		}
	}
	if want.Visibility != "" && have.Visibility != want.Visibility {
		if _, err := c.EditRepository(ctx, map[string]any{"visibility": want.Visibility}); err != nil {
			return have, err
		}
	}
	return readRepository(ctx, c, want)
}

func deleteRepository(ctx context.Context, c *github.Client, have repository) error {
	id, err := strconv.ParseInt(have.ID, 10, 64)
	if err != nil {
		return fmt.Errorf("deleting repository %s: its id %q is not a number", have.FullName, have.ID)
	}
	return c.DeleteRepository(ctx, id)
}

func warnOfHiddenRepository(want repository, have *repository) *resource.Warning {
	if have != nil {
		return nil
	}
	return &resource.Warning{
		Code:    "plan/repository-may-be-hidden",
		Summary: fmt.Sprintf("%s/%s is not there, or is private and hidden from this token", want.Owner, want.Name),
		Detail:  "GitHub answers the same for both; if the name is taken, creating it fails and nothing is adopted",
	}
}
