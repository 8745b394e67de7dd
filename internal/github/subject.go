package github

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// Job is what is known of a job that asks GitHub for an OIDC token: its environment, and the branch
// that it runs from. Either may be "". One of a pull request has neither.
type Job struct {
	Environment, Branch string
	PullRequest         bool
}

// Issuer returns the issuer of the OIDC tokens of the host's Actions. An enterprise that gave itself an
// issuer of its own (a further path segment) cannot be told from outside.
func (c *Client) Issuer() string { return c.host.issuer }

// Subject returns the subject of the OIDC tokens that such a job gets from this repository. The error
// is a *resource.Blocked where the template asks for a claim that only the job itself will know.
func (c *Client) Subject(ctx context.Context, j Job) (string, error) {
	t, err := c.subjectTemplate(ctx)
	if err != nil {
		return "", err
	}
	r, err := c.Repository(ctx)
	if err != nil {
		return "", err
	}
	s := subject{repository: r, prefix: t.prefix(r), job: j}
	if t.UseDefault {
		return s.prefix + ":" + s.context(), nil
	}
	keys := t.Keys
	if len(keys) == 0 {
		organization, err := c.organizationTemplate(ctx)
		if err != nil {
			return "", err
		}
		keys = organization.Keys
	}
	if len(keys) == 0 {
		keys = []string{"repo", "context"}
	}
	return s.of(keys)
}

// prefix is what GitHub says that subjects begin with. It is believed even where
// use_immutable_subject beside it says otherwise: it is what tokens are seen to hold.
func (t SubjectTemplate) prefix(r Repository) string {
	switch {
	case t.Prefix != "":
		return strings.TrimSuffix(t.Prefix, ":")
	case t.UseImmutable:
		owner, name, _ := strings.Cut(r.FullName, "/")
		return fmt.Sprintf("repo:%s@%d/%s@%d", owner, r.Owner.ID, name, r.ID)
	default:
		return "repo:" + r.FullName
	}
}

type subject struct {
	repository Repository
	prefix     string
	job        Job
}

// context is the part that names the environment, or the ref of a job without one. A colon in a name
// is escaped, as colons separate the parts.
func (s subject) context() string {
	if s.job.Environment != "" {
		return "environment:" + strings.ReplaceAll(s.job.Environment, ":", "%3A")
	}
	if s.job.PullRequest {
		return "pull_request"
	}
	return "ref:refs/heads/" + s.job.Branch
}

// of returns the subject that a template with these keys makes.
func (s subject) of(keys []string) (string, error) {
	parts := make([]string, 0, len(keys))
	for _, key := range keys {
		part, err := s.claim(key)
		if err != nil {
			return "", err
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ":"), nil
}

func (s subject) claim(key string) (string, error) {
	owner, _, _ := strings.Cut(s.repository.FullName, "/")
	// GitHub documents what the immutable format makes of the repo part and of no other.
	immutable := strings.Contains(s.prefix, "@")
	value := ""
	switch key {
	case "repo":
		return s.prefix, nil
	case "context":
		return s.context(), nil
	case "repository":
		if !immutable {
			value = s.repository.FullName
		}
	case "repository_owner":
		if !immutable {
			value = owner
		}
	case "repository_id":
		value = strconv.FormatInt(s.repository.ID, 10)
	case "repository_owner_id":
		value = strconv.FormatInt(s.repository.Owner.ID, 10)
	case "repository_visibility":
		value = s.repository.Visibility
	case "environment":
		value = strings.ReplaceAll(s.job.Environment, ":", "%3A")
	case "event_name":
		if s.job.PullRequest {
			value = "pull_request"
		}
	case "ref":
		if s.job.Branch != "" {
			value = "refs/heads/" + s.job.Branch
		}
	case "ref_type":
		if s.job.Branch != "" {
			value = "branch"
		}
	}
	if value == "" {
		return "", &resource.Blocked{Reason: fmt.Sprintf("the OIDC subject template of %s holds the claim %q, whose value nobody can tell before a job runs: take it out of the template, or use another ci_auth", s.repository.FullName, key)}
	}
	return key + ":" + value, nil
}

// Author returns the name and the address that a commit by the token's user bears, or "" where the
// token belongs to no user.
func (c *Client) Author(ctx context.Context) (name, email string, err error) {
	self, err := c.Self(ctx)
	if errors.Is(err, resource.ErrForbidden) || errors.Is(err, resource.ErrNotFound) {
		return "", "", nil
	}
	if err != nil {
		return "", "", err
	}
	name = self.Name
	if name == "" {
		name = self.Login
	}
	return name, fmt.Sprintf("%d+%s@users.noreply.%s", self.ID, self.Login, c.host.web.Hostname()), nil
}
