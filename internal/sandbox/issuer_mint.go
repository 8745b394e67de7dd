package sandbox

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// MintRequest describes the job of a workflow that asks for its OIDC token.
type MintRequest struct {
	Repository  string // owner/name
	Environment string // the job's environment; "" for none
	Ref         string // a branch, or a full ref name; "" is the default branch
	Event       string // push unless said; pull_request runs on refs/pull/1/merge unless Ref says otherwise
	Audience    string // "" is GitHub's default, the owner's address
	Workflow    string // the workflow's file below .github/workflows; "deploy.yml" unless said
	Actor       string
}

// Mint makes the token that GitHub would give the job, or refuses where the policy of the job's
// environment excludes the ref. An environment that is not there is created unprotected, as GitHub
// does.
func (s *Sandbox) Mint(m MintRequest) (string, error) {
	s.lock()
	defer s.unlock()
	owner, name, _ := strings.Cut(m.Repository, "/")
	r, renamed := s.state.GitHub.repository(owner, name)
	if r == nil || renamed {
		return "", fmt.Errorf("minting a token: there is no repository %q", m.Repository)
	}
	token, err := s.mint(r, m)
	if err != nil {
		return "", fmt.Errorf("minting a token for %s: %w", m.Repository, err)
	}
	return token, s.save()
}

func (s *Sandbox) mint(r *ghRepo, m MintRequest) (string, error) {
	m.Event, m.Workflow, m.Actor = cmp.Or(m.Event, "push"), cmp.Or(m.Workflow, "deploy.yml"), cmp.Or(m.Actor, "octocat")
	if m.Ref == "" && m.Event == "pull_request" {
		m.Ref = "refs/pull/1/merge"
	}
	m.Ref = cmp.Or(m.Ref, r.Default)
	if !strings.HasPrefix(m.Ref, "refs/") {
		m.Ref = "refs/heads/" + m.Ref
	}
	sha, err := s.headOf(r, m)
	if err != nil {
		return "", err
	}
	if m.Environment != "" {
		if err := s.enterEnvironment(r, m); err != nil {
			return "", err
		}
	}
	claims := s.jobClaims(r, m)
	claims["sha"], claims["job_workflow_sha"], claims["workflow_sha"] = sha, sha, sha
	claims["sub"] = s.state.GitHub.subject(r, claims)
	key, err := s.signingKey()
	if err != nil {
		return "", err
	}
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	token.Header["kid"] = keyID(&key.PublicKey)
	signed, err := token.SignedString(key)
	if err != nil {
		return "", fmt.Errorf("signing the token: %w", err)
	}
	return signed, nil
}

// headOf is the commit that the job runs on; a branch must be there for a workflow to run on it.
func (s *Sandbox) headOf(r *ghRepo, m MintRequest) (string, error) {
	st, err := s.gitStore(r)
	if err != nil {
		return "", err
	}
	hash, err := st.ref(m.Ref)
	if err != nil {
		return "", err
	}
	if hash.IsZero() && m.Event == "pull_request" {
		hash, err = st.branch(r.Default) // stands in for the merge commit
		if err != nil {
			return "", err
		}
	}
	if hash.IsZero() {
		return "", ghUnprocessable("No ref found for: %s", m.Ref)
	}
	return hash.String(), nil
}

// enterEnvironment holds the job against the environment's branch policy.
func (s *Sandbox) enterEnvironment(r *ghRepo, m MintRequest) error {
	e := r.environment(m.Environment)
	if e == nil {
		s.addEnvironment(r, m.Environment)
		return nil
	}
	covered := func(branch string) bool {
		return r.Protection[branch] != nil || slices.ContainsFunc(r.Rulesets, func(set *ghRuleset) bool {
			return set.Enforcement == "active" && set.covers(r, "refs/heads/"+branch)
		})
	}
	st, err := s.gitStore(r)
	if err != nil {
		return err
	}
	branches, err := st.refs("refs/heads/")
	if err != nil {
		return err
	}
	// "Protected branches only" lets every branch deploy while none is protected.
	nobody := !slices.ContainsFunc(branches, func(b gitRef) bool { return covered(strings.TrimPrefix(b.name, "refs/heads/")) })
	if e.admits(r, m.Ref, func(branch string) bool { return nobody || covered(branch) }) {
		return nil
	}
	kind, short := "Branch", strings.TrimPrefix(m.Ref, "refs/heads/")
	if tag, ok := strings.CutPrefix(m.Ref, "refs/tags/"); ok {
		kind, short = "Tag", tag
	}
	return &failure{status: http.StatusForbidden,
		message: fmt.Sprintf("%s %q is not allowed to deploy to %s due to environment protection rules.", kind, short, e.Name)}
}

func (s *Sandbox) jobClaims(r *ghRepo, m MintRequest) jwt.MapClaims {
	gh, now := s.state.GitHub, s.now()
	owner := gh.accountByID(r.Owner)
	workflow := fmt.Sprintf("%s/.github/workflows/%s@%s", gh.fullName(r), m.Workflow, m.Ref)
	audience := cmp.Or(m.Audience, strings.TrimSuffix(s.opt.Hosts.GitHub, "/")+"/"+owner.Login)
	refType := "branch"
	if strings.HasPrefix(m.Ref, "refs/tags/") {
		refType = "tag"
	}
	claims := jwt.MapClaims{
		"iss": s.issuerURL(), "aud": audience, "jti": s.state.nextUUID(),
		"iat": now.Unix(), "nbf": now.Add(-10 * time.Minute).Unix(), "exp": now.Add(5 * time.Minute).Unix(),
		"repository": gh.fullName(r), "repository_id": fmt.Sprint(r.ID), "repository_owner": owner.Login,
		"repository_owner_id": fmt.Sprint(owner.ID), "repository_visibility": r.Visibility,
		"actor": m.Actor, "actor_id": "1", "event_name": m.Event, "ref": m.Ref, "ref_type": refType, "ref_protected": "false",
		"workflow": m.Workflow, "workflow_ref": workflow, "job_workflow_ref": workflow,
		"run_id": "1", "run_number": "1", "run_attempt": "1", "runner_environment": "github-hosted", "head_ref": "", "base_ref": "",
	}
	if a := gh.account(m.Actor); a != nil {
		claims["actor_id"] = fmt.Sprint(a.ID)
	}
	if m.Environment != "" {
		claims["environment"] = m.Environment
	}
	if m.Event == "pull_request" {
		claims["base_ref"] = r.Default
	}
	return claims
}

// subjectPrefix is the repository's part of a subject: with ids where subjects are immutable.
func (gh *GitHub) subjectPrefix(r *ghRepo) string {
	owner := gh.accountByID(r.Owner)
	if r.Subject.Immutable && !gh.Enterprise {
		return fmt.Sprintf("repo:%s@%d/%s@%d", owner.Login, owner.ID, r.Name, r.ID)
	}
	return "repo:" + owner.Login + "/" + r.Name
}

// subject is made by the repository's template, else the organisation's where the repository has
// chosen to follow it, else GitHub's default.
func (gh *GitHub) subject(r *ghRepo, claims jwt.MapClaims) string {
	keys := []string{"repo", "context"}
	if !r.Subject.UseDefault {
		if owner := gh.accountByID(r.Owner); r.Subject.Keys == nil && owner.Subject != nil {
			keys = owner.Subject.Keys
		}
		if r.Subject.Keys != nil {
			keys = r.Subject.Keys
		}
	}
	var parts []string
	for _, key := range keys {
		switch key {
		case "repo":
			parts = append(parts, gh.subjectPrefix(r))
		case "context":
			parts = append(parts, ghContext(claims))
		case "repository", "repository_owner":
			// Ids are part of an immutable subject however it is made up.
			value := fmt.Sprint(claims[key])
			if r.Subject.Immutable && !gh.Enterprise {
				value = strings.TrimPrefix(gh.subjectPrefix(r), "repo:")
				if key == "repository_owner" {
					value, _, _ = strings.Cut(value, "/")
				}
			}
			parts = append(parts, key+":"+ghEscapeClaim(value))
		default:
			value := ""
			if claims[key] != nil {
				value = fmt.Sprint(claims[key])
			}
			parts = append(parts, key+":"+ghEscapeClaim(value))
		}
	}
	return strings.Join(parts, ":")
}

// ghContext is the job's part of a default subject: its environment before anything else, then its
// being a pull request's, then its ref.
func ghContext(claims jwt.MapClaims) string {
	switch {
	case claims["environment"] != nil:
		return "environment:" + ghEscapeClaim(fmt.Sprint(claims["environment"]))
	case claims["event_name"] == "pull_request":
		return "pull_request"
	default:
		return "ref:" + fmt.Sprint(claims["ref"])
	}
}

// ghEscapeClaim keeps a value from looking like two of a subject's parts.
func ghEscapeClaim(value string) string { return strings.ReplaceAll(value, ":", "%3A") }
