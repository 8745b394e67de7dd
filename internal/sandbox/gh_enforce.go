package sandbox

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

// refChange is a wish to move one ref; a zero hash stands for its absence.
type refChange struct {
	name     string
	old, new plumbing.Hash
}

func (c refChange) creates() bool { return c.old.IsZero() }
func (c refChange) deletes() bool { return c.new.IsZero() }

// violations lists what the repository's active rulesets and classic protection have against a
// change by who. Rules of a private repository on a free plan are kept but not enforced.
func (s *Sandbox) violations(who *actor, r *ghRepo, st *gitStore, c refChange) ([]string, error) {
	gh := s.state.GitHub
	if r.Visibility != "public" && gh.accountByID(r.Owner).Plan == "free" {
		return nil, nil
	}
	var all []string
	for _, set := range r.Rulesets {
		if set.Enforcement != "active" || !set.covers(r, c.name) || gh.bypasses(who, r, set) {
			continue
		}
		for _, rule := range set.Rules {
			against, err := s.ruleAgainst(rule, r, st, c)
			if err != nil {
				return nil, err
			}
			if against != "" && !slices.Contains(all, against) {
				all = append(all, against)
			}
		}
	}
	return all, nil
}

// ruleAgainst is what one rule has against a change, "" for nothing.
func (s *Sandbox) ruleAgainst(rule ghRule, r *ghRepo, st *gitStore, c refChange) (string, error) {
	moves := !c.creates() && !c.deletes()
	switch rule.Type {
	case "creation":
		if c.creates() {
			return "Cannot create ref due to creations being restricted.", nil
		}
	case "deletion":
		if c.deletes() {
			return "Cannot delete this branch", nil
		}
	case "update":
		if moves {
			return "Cannot update this protected ref.", nil
		}
	case "non_fast_forward":
		if moves {
			forward, err := st.contains(c.new, c.old)
			if err != nil || forward {
				return "", err
			}
			return "Cannot force-push to this branch", nil
		}
	case "pull_request":
		// A new branch has nothing that could be reviewed against: the "creation" rule is for that.
		if moves {
			return "Changes must be made through a pull request.", nil
		}
	case "required_status_checks":
		if lenient, _ := rule.Parameters["do_not_enforce_on_create"].(bool); c.deletes() || c.creates() && lenient {
			return "", nil
		}
		return r.missingChecks(rule, c.new.String()), nil
	case "required_linear_history":
		return st.mergesIn(c)
	case "required_signatures":
		return st.unsignedIn(c)
	case "branch_name_pattern", "tag_name_pattern":
		if c.creates() && !rule.matchesName(path.Base(c.name)) {
			return "Ref name must match a given pattern.", nil
		}
	}
	return "", nil
}

// missingChecks says which required status checks have not succeeded on a commit.
func (r *ghRepo) missingChecks(rule ghRule, sha string) string {
	wanted, _ := rule.Parameters["required_status_checks"].([]any)
	var missing []string
	for _, entry := range wanted {
		check, _ := entry.(map[string]any)
		name, _ := check["context"].(string)
		if r.status(sha, name) != "success" {
			missing = append(missing, name)
		}
	}
	switch len(missing) {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf("Required status check %q is expected.", missing[0])
	default:
		return fmt.Sprintf("%d of %d required status checks are expected.", len(missing), len(wanted))
	}
}

// status is the latest of a check on a commit: a status that was set, or a job.
func (r *ghRepo) status(sha, name string) string {
	for _, run := range slices.Backward(r.Runs) {
		for _, j := range run.Jobs {
			if run.SHA == sha && j.Name == name {
				return j.Conclusion
			}
		}
	}
	for _, status := range slices.Backward(r.Statuses) {
		if status.SHA == sha && status.Context == name {
			return status.State
		}
	}
	return ""
}

func (rule ghRule) matchesName(name string) bool {
	pattern, _ := rule.Parameters["pattern"].(string)
	negate, _ := rule.Parameters["negate"].(bool)
	var hit bool
	switch rule.Parameters["operator"] {
	case "starts_with":
		hit = strings.HasPrefix(name, pattern)
	case "ends_with":
		hit = strings.HasSuffix(name, pattern)
	case "contains":
		hit = strings.Contains(name, pattern)
	default:
		expression, err := regexp.Compile(pattern)
		hit = err == nil && expression.MatchString(name)
	}
	return hit != negate
}

func (st *gitStore) mergesIn(c refChange) (string, error) {
	if c.creates() || c.deletes() {
		return "", nil
	}
	tip, err := st.peel(c.new)
	if err != nil || tip.NumParents() < 2 {
		return "", nil
	}
	return "This branch must not contain merge commits.", nil
}

func (st *gitStore) unsignedIn(c refChange) (string, error) {
	if c.deletes() {
		return "", nil
	}
	tip, err := st.peel(c.new)
	if err != nil || tip.PGPSignature != "" {
		return "", nil
	}
	return "Commits must have verified signatures.", nil
}

// covers says whether a ruleset is about a ref.
func (set *ghRuleset) covers(r *ghRepo, ref string) bool {
	prefix := map[string]string{"branch": "refs/heads/", "tag": "refs/tags/"}[set.Target]
	if prefix == "" || !strings.HasPrefix(ref, prefix) {
		return false
	}
	hit := func(pattern string) bool {
		switch pattern {
		case "~ALL":
			return true
		case "~DEFAULT_BRANCH":
			return ref == "refs/heads/"+r.Default
		default:
			return ghGlob(pattern, ref)
		}
	}
	return slices.ContainsFunc(set.Include, hit) && !slices.ContainsFunc(set.Exclude, hit)
}

// bypasses says whether who stands on the ruleset's bypass list. Administrators bypass nothing by
// being administrators.
func (gh *GitHub) bypasses(who *actor, r *ghRepo, set *ghRuleset) bool {
	if who == nil {
		return false
	}
	owner := gh.accountByID(r.Owner)
	for _, b := range set.Bypass {
		if b.Mode == "pull_request" {
			continue // only when it merges a pull request
		}
		id := int64(0)
		if b.ID != nil {
			id = *b.ID
		}
		var hit bool
		switch b.Type {
		case "RepositoryRole": // the built-in roles
			hit = gh.role(who, r) >= map[int64]access{2: maintainAccess, 4: writeAccess, 5: adminAccess}[id] && (id == 2 || id == 4 || id == 5)
		case "OrganizationAdmin":
			member := (*ghMember)(nil)
			if who.account != nil {
				member = owner.member(who.account.Login)
			}
			hit = member != nil && member.Owner
		case "Team":
			i := slices.IndexFunc(owner.Teams, func(t *ghTeam) bool { return t.ID == id })
			hit = i >= 0 && who.account != nil && owner.Teams[i].Members[strings.ToLower(who.account.Login)] != ""
		case "User":
			hit = who.account != nil && who.account.ID == id
		case "Integration":
			hit = who.app != nil && who.app.ID == id
		}
		if hit {
			return true
		}
	}
	return false
}

// ghGlob matches the way GitHub's patterns for branches do: a star stops at a slash, two do not.
func ghGlob(pattern, name string) bool {
	var expression strings.Builder
	expression.WriteString("^")
	for i := 0; i < len(pattern); i++ {
		switch rest := pattern[i:]; {
		case strings.HasPrefix(rest, "**/"):
			expression.WriteString("(?:.*/)?")
			i += 2
		case strings.HasPrefix(rest, "**"):
			expression.WriteString(".*")
			i++
		case rest[0] == '*':
			expression.WriteString("[^/]*")
		case rest[0] == '?':
			expression.WriteString("[^/]")
		case rest[0] == '[' && strings.Contains(rest, "]"):
			end := strings.Index(rest, "]")
			expression.WriteString(strings.Replace(rest[:end+1], "[!", "[^", 1))
			i += end
		default:
			expression.WriteString(regexp.QuoteMeta(string(rest[0])))
		}
	}
	compiled, err := regexp.Compile(expression.String() + "$")
	return err == nil && compiled.MatchString(name)
}
