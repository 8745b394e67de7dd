package spec

import (
	"fmt"
	"slices"
	"strings"
)

// check looks at what the schema cannot say: names that services refuse, references to what the spec
// does not declare, and values that contradict each other.
func (r *reading) check() {
	for _, c := range []func(*reading){
		(*reading).checkRepository,
		(*reading).checkPaths,
		(*reading).checkHosts,
		(*reading).checkProfiles,
		(*reading).checkBranches,
		(*reading).checkTargets,
		(*reading).checkEnvironments,
		(*reading).checkPrincipals,
		(*reading).checkGroups,
		(*reading).checkDirectories,
		(*reading).checkCatalogs,
		(*reading).checkPermissions,
		(*reading).checkSecrets,
		(*reading).checkActionsNames,
		(*reading).checkTargetHosts,
		(*reading).checkTargetCatalogs,
		(*reading).checkProjects,
		(*reading).checkPolicy,
		(*reading).checkMoved,
		(*reading).checkCI,
	} {
		c(r)
	}
}

// absent reports whether a mapping lacks a key, and no misspelt or refused key may stand for it.
func (r *reading) absent(n *node, key string) bool {
	return n != nil && n.form == mapping && !n.strange && n.get(key) == nil && !r.meant[Pointer(child(n.path, key)...)]
}

// declared returns the names in a section of the spec, and false when the section is not sound
// enough to say that a name is missing from it.
func (r *reading) declared(section string) ([]string, bool) {
	n := r.root.get(section)
	if n == nil {
		return nil, r.absent(r.root, section)
	}
	return n.keys, n.form == mapping && !n.broken && !n.strange
}

// refers reports whether n names something that the section declares. What cannot be told for an
// error that was reported already counts as declared, and returns false with no report.
func (r *reading) refers(n *node, section, what string) bool {
	name, ok := n.value()
	if !ok {
		return false
	}
	known, sound := r.declared(section)
	if slices.Contains(known, name) {
		return true
	}
	if sound {
		r.fail(n, found("spec/unknown-"+what, fmt.Sprintf("unknown %s %s", what, n.quote()),
			unknownAdvice(name, section, known)))
	}
	return false
}

func unknownAdvice(name, section string, known []string) string {
	if len(known) == 0 {
		return fmt.Sprintf("declare it under %s", section)
	}
	return orNearest(fmt.Sprintf("declare it under %s, which has %s", section, oneOf(known)), name, known)
}

// checkRepository words what OWNER/NAME takes.
func (r *reading) checkRepository() {
	n := r.root.find("git", "repository")
	value, ok := n.value()
	if !ok {
		return
	}
	refuse := func(advice string) {
		r.fail(n, found("spec/repository", fmt.Sprintf("%s is not a repository", n.quote()), advice))
	}
	owner, name, _ := strings.Cut(value, "/")
	switch {
	case strings.Contains(value, "://") || strings.HasPrefix(value, "git@"):
		refuse("write OWNER/NAME alone; the host stands in git.host")
	case name == "":
		refuse("write OWNER/NAME; the owner is an organisation or a user")
	case strings.HasSuffix(name, ".git"), strings.HasSuffix(name, ".wiki"):
		refuse("GitHub takes no name that ends in .git or .wiki")
	case name == "." || name == "..":
		refuse("GitHub takes no such name")
	case !schemaAt(n.path).matches(value) || strings.HasSuffix(owner, "-"):
		refuse("an owner has letters, digits, - and _, at most 39; a name has letters, digits, ., - and _, at most 100")
	}
}

// checkBranches looks at names, at what a branch comes from, and at the default.
func (r *reading) checkBranches() {
	branches := r.root.get("branches")
	var first *node
	for _, b := range branches.children() {
		if advice := refuseBranchName(b.name()); advice != "" {
			r.failName(b, found("spec/branch-name", fmt.Sprintf("%q is not a branch's name", b.name()), advice))
		}
		if b.truth("default") {
			if first != nil {
				r.fail(b.get("default"), found("spec/default-branch", fmt.Sprintf("%s is a second default branch", b.name()),
					fmt.Sprintf("a repository has one; the other is %s, in line %d", first.name(), first.keyAt.Line)))
				continue
			}
			first = b
			if from := b.get("from"); from != nil {
				r.failKey(from, found("spec/default-branch", fmt.Sprintf("the default branch %s comes from no other", b.name()),
					"leave from out; an empty repository gets its default branch by git.first_commit"))
			}
		}
	}
	for _, b := range branches.children() {
		r.refers(b.get("from"), "branches", "branch")
	}
	r.checkBranchCycles(branches)
}

// checkBranchCycles reports each circle of branches once, at the first of its branches in the file.
func (r *reading) checkBranchCycles(branches *node) {
	done := map[string]bool{}
	for _, b := range branches.children() {
		var way []string
		for at := b.name(); at != "" && !done[at]; at = branches.get(at).str("from") {
			if i := slices.Index(way, at); i >= 0 {
				circle := append(slices.Clone(way[i:]), at)
				r.fail(branches.find(at, "from"), found("spec/branch-cycle",
					fmt.Sprintf("branches come from each other: %s", strings.Join(circle, " from ")), "one of them must come from another branch"))
				break
			}
			way = append(way, at)
		}
		for _, w := range way {
			done[w] = true
		}
	}
}

// refuseBranchName returns why git or GitHub takes no branch of that name, or "".
func refuseBranchName(name string) string {
	parts := strings.Split(name, "/")
	switch {
	case strings.HasPrefix(name, "refs/"):
		return "write the branch's name alone, without refs/heads/"
	case name == "" || name == "@" || name == "HEAD" || len(name) > 244:
		return "git takes no such name"
	case strings.HasPrefix(name, "-"):
		return "git takes no name that begins with -"
	case strings.Contains(name, "..") || strings.Contains(name, "@{"):
		return "git takes no .. and no @{ in a name"
	case strings.ContainsAny(name, " ~^:?*[\\") || strings.ContainsFunc(name, func(c rune) bool { return c < ' ' || c == 0x7f }):
		return `git takes no spaces and none of ~ ^ : ? * [ \ in a name`
	case slices.Contains(parts, ""):
		return "git takes no / at an end of a name, nor two in a row"
	case strings.HasSuffix(name, "."):
		return "git takes no name that ends in a full stop"
	case slices.ContainsFunc(parts, func(p string) bool { return strings.HasPrefix(p, ".") || strings.HasSuffix(p, ".lock") }):
		return "no part of a name may begin with a full stop or end in .lock"
	case len(name) == 40 && strings.Trim(name, "0123456789abcdef") == "":
		return "GitHub takes no name that looks like a commit"
	default:
		return ""
	}
}
