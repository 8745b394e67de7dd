package sandbox

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Deed is what a person, or a runner of Actions, does on GitHub. Where GitHub has an operation for it, it is
// done by that operation, as that person; the rest is how a run ends, which only a runner knows.
type Deed struct {
	Do         string `json:"do"`                   // merge, review, close, reopen, commit, finish, approve, reject, all
	Repository string `json:"repository"`           // OWNER/NAME; "" is the only one
	On         string `json:"on"`                   // a pull request's number or head branch; a run's id, or its workflow's file; a branch
	As         string `json:"as,omitempty"`         // a login; "" is the operator, or who may
	Conclusion string `json:"conclusion,omitempty"` // of a run: success unless said; of a review: APPROVE unless said
	Message    string `json:"message,omitempty"`    // of a review, an approval or a commit
	Path       string `json:"path,omitempty"`       // of a commit's file
	Text       string `json:"text,omitempty"`       // and what is in it
}

// Deeds are what Do takes.
func Deeds() []string {
	return []string{"merge", "review", "close", "reopen", "commit", "finish", "approve", "reject", "all"}
}

// Do does it, and says in a sentence what was done.
func (s *Sandbox) Do(ctx context.Context, d Deed) (string, error) {
	done, err := s.do(ctx, d)
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", d.Do, d.On, err)
	}
	return done, nil
}

func (s *Sandbox) do(ctx context.Context, d Deed) (string, error) {
	full, err := s.repositoryOf(d)
	if err != nil {
		return "", err
	}
	p := person{box: s, repository: full, login: d.As}
	switch d.Do {
	case "merge", "review", "close", "reopen":
		return p.onPull(ctx, d)
	case "commit":
		return p.commit(ctx, d)
	case "approve", "reject":
		return p.onDeployment(ctx, d)
	case "all":
		n, err := s.DoAll(ctx, full)
		return fmt.Sprintf("%d things were done: jobs ended, runs approved, pull requests merged.", n), err
	case "finish":
		return s.finishRuns(full, d)
	default:
		return "", fmt.Errorf("nobody can do that; it is one of %s", strings.Join(Deeds(), ", "))
	}
}

func (s *Sandbox) repositoryOf(d Deed) (string, error) {
	s.lock()
	defer s.unlock()
	gh := s.state.GitHub
	if d.Repository != "" {
		owner, name, _ := strings.Cut(d.Repository, "/")
		r, _ := gh.repository(owner, name)
		if r == nil {
			return "", fmt.Errorf("there is no repository %s", d.Repository)
		}
		return gh.fullName(r), nil
	}
	if len(gh.Repositories) != 1 {
		return "", fmt.Errorf("there are %d repositories: name one", len(gh.Repositories))
	}
	return gh.fullName(gh.Repositories[0]), nil
}

// person sends requests as somebody.
type person struct {
	box        *Sandbox
	repository string
	login      string
}

// wish is one request of a person's, below the repository.
type wish struct {
	method, path string
	body         any
}

// send makes one request as GitHub would get it from the person.
func (p person) send(ctx context.Context, r wish, out any) error {
	data, err := json.Marshal(r.body)
	if err != nil {
		return err
	}
	base := strings.TrimSuffix(p.box.opt.Hosts.GitHub, "/") + "/api/v3"
	if sameHost(p.box.opt.Hosts.GitHub, "github.com") {
		base = "https://api.github.com"
	}
	req, err := http.NewRequestWithContext(ctx, r.method, base+"/repos/"+p.repository+r.path, bytes.NewReader(data))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+p.box.tokenOf(p.login))
	a, err := p.box.answer(req)
	if err != nil {
		return err
	}
	if a.status >= http.StatusBadRequest {
		var said struct {
			Message string
			Errors  []any
		}
		_ = json.Unmarshal(a.body, &said) // what is no JSON says nothing
		text := fmt.Sprintf("GitHub answers %d %s", a.status, strings.TrimSpace(said.Message))
		for _, e := range said.Errors {
			text += fmt.Sprintf("; %v", e)
		}
		return fmt.Errorf("%s", text)
	}
	if out == nil || len(a.body) == 0 {
		return nil
	}
	return json.Unmarshal(a.body, out)
}

// tokenOf is a token of a person's, good for this process; "" is the operator.
func (s *Sandbox) tokenOf(login string) string {
	s.lock()
	defer s.unlock()
	if login == "" {
		return s.operatorGitHubToken()
	}
	if s.persons == "" {
		s.persons = rand.Text()
	}
	return s.persons + "." + login
}

// byPerson recognises such a token.
func (s *Sandbox) byPerson(token string) *actor {
	login, ok := strings.CutPrefix(token, s.persons+".")
	if s.persons == "" || !ok {
		return nil
	}
	account := s.state.GitHub.account(login)
	if account == nil {
		return nil
	}
	return &actor{account: account, kind: classicToken, scopes: []string{"repo", "workflow"}}
}

// pullRequest is what a person sees of one.
type pullRequest struct {
	Number int
	Title  string
	User   struct{ Login string }
	Head   struct{ Ref string }
}

// find finds a pull request by its number, or the newest by its head branch.
func (p person) find(ctx context.Context, on string) (pullRequest, error) {
	owner, _, _ := strings.Cut(p.repository, "/")
	var found pullRequest
	if _, err := strconv.Atoi(on); err == nil {
		return found, p.send(ctx, wish{http.MethodGet, "/pulls/" + on, nil}, &found)
	}
	var list []pullRequest
	err := p.send(ctx, wish{http.MethodGet, "/pulls?state=all&head=" + url.QueryEscape(owner+":"+on), nil}, &list)
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("no pull request has that head")
	}
	if err != nil {
		return found, err
	}
	return list[0], nil
}

func (p person) onPull(ctx context.Context, d Deed) (string, error) {
	pull, err := person{box: p.box, repository: p.repository}.find(ctx, d.On)
	if err != nil {
		return "", err
	}
	at := fmt.Sprintf("/pulls/%d", pull.Number)
	switch d.Do {
	case "merge":
		err = p.send(ctx, wish{http.MethodPut, at + "/merge", map[string]any{}}, nil)
	case "review":
		if p.login == "" {
			p.login = p.box.reviewerOf(p.repository, pull.User.Login)
		}
		if p.login == "" {
			return "", fmt.Errorf("nobody but %s may review it: add somebody to the world, and say who (--as)", pull.User.Login)
		}
		event := cmp.Or(d.Conclusion, "APPROVE")
		err = p.send(ctx, wish{http.MethodPost, at + "/reviews", map[string]any{"event": event, "body": d.Message}}, nil)
	case "close", "reopen":
		state := map[string]string{"close": "closed", "reopen": "open"}[d.Do]
		err = p.send(ctx, wish{http.MethodPatch, at, map[string]any{"state": state}}, nil)
	}
	past := map[string]string{"merge": "merged", "review": "reviewed", "close": "closed", "reopen": "opened again"}[d.Do]
	return fmt.Sprintf("Pull request #%d (%s) is %s.", pull.Number, pull.Title, past), err
}

// reviewerOf is somebody else who may write, the first by name; "" where there is nobody.
func (s *Sandbox) reviewerOf(full, author string) string {
	s.lock()
	defer s.unlock()
	owner, name, _ := strings.Cut(full, "/")
	r, _ := s.state.GitHub.repository(owner, name)
	var logins []string
	for _, a := range s.state.GitHub.Accounts {
		if !a.Org && a.Login != author && s.state.GitHub.role(&actor{account: a}, r) >= writeAccess {
			logins = append(logins, a.Login)
		}
	}
	slices.Sort(logins)
	return append(logins, "")[0]
}

// commit puts a file on a branch, as a person does in the editor of GitHub's page.
func (p person) commit(ctx context.Context, d Deed) (string, error) {
	var old struct{ SHA string }
	at := "/contents/" + d.Path
	_ = p.send(ctx, wish{http.MethodGet, at + "?ref=" + url.QueryEscape(d.On), nil}, &old) // a new file has none
	body := map[string]any{"branch": d.On, "message": cmp.Or(d.Message, "Update "+d.Path), "content": base64.StdEncoding.EncodeToString([]byte(d.Text))}
	if old.SHA != "" {
		body["sha"] = old.SHA
	}
	return fmt.Sprintf("%s is committed on %s.", d.Path, d.On), p.send(ctx, wish{http.MethodPut, at, body}, nil)
}
