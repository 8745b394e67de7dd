package kinds

import (
	"fmt"

	"github.com/mlopsctl/mlopsctl/pkg/diag"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// ofPullRequests is what the policy of the reader is called, as that of a target is called by it.
const ofPullRequests = "pull_request"

// checkersPolicies let the jobs in that check pull requests, and those that apply after the merge. What a pull request's job
// does may be anybody's who can push a branch, so that its subject is trusted for the reader and for nobody else.
func checkersPolicies(w resource.Wishes) []resource.Decl[federationPolicy] {
	var decls []resource.Decl[federationPolicy]
	add := func(l checkersLogin) {
		decls = append(decls, resource.Decl[federationPolicy]{
			Addr: resource.Addr{Kind: "federation_policy", Scope: l.principal, Name: l.name},
			Want: federationPolicy{
				Principal: l.principal, PrincipalID: resource.From(principalAddr(l.principal), "id"),
				PolicyID: policyID(w.Name, l.name), Target: l.name,
				Description: fmt.Sprintf("GitHub Actions of %s/%s%s", w.Git.Owner, w.Git.Name, l.described),
				Issuer:      resource.From(l.from, "oidc_issuer"), Subject: resource.From(l.from, l.subject), SubjectClaim: "sub",
				Audiences: checkersAudiences(w), Keys: keysOf(w.Git.Host),
			},
			Needs: []resource.Need{{Addr: l.from.String(), Why: "what a job must be to log in is settled there first"}},
			At:    l.at,
		})
	}
	if reader := w.ReadBy(); reader != "" {
		add(checkersLogin{principal: reader, name: ofPullRequests, described: " for its pull requests, by mlopsctl",
			from: repositoryAddr, subject: "pull_request_subject", at: w.At("ci", "reader")})
	}
	for _, name := range operatorsEnvironments(w.Stack) {
		add(checkersLogin{principal: w.AppliedBy(), name: name, described: fmt.Sprintf(" in the environment %s, by mlopsctl", name),
			from: environmentAddr(name), subject: "oidc_subject", at: w.At("ci", "operator")})
	}
	return decls
}

// checkersLogin is how a principal of ci is logged in as, and by which object that is known.
type checkersLogin struct {
	principal, name, described string
	from                       resource.Addr
	subject                    string
	at                         diag.Pos
}

// checkersAudiences: such a job speaks to the account, and asks for tokens that are meant for it. Without one there are
// the workspaces.
func checkersAudiences(w resource.Wishes) []string {
	if w.Account != nil {
		return []string{w.Account.ID}
	}
	var all []string
	for _, t := range w.Targets {
		if t.Host != "" && t.ServicePrincipal != "" {
			all = append(all, audiences(nil, t.Host)...)
		}
	}
	return sortedSet(all)
}
