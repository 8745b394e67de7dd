// Package verify finds out, after an apply, whether the principal of each target can log in the way that its CI
// job does and holds what the spec promises. It looks as the principal itself where this program runs as it,
// in such a job, and from an operator's desk otherwise; it writes nothing.
package verify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mlopsctl/mlopsctl/internal/databricks"
	"github.com/mlopsctl/mlopsctl/internal/github"
	"github.com/mlopsctl/mlopsctl/internal/rights"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// Target is one that has a principal.
type Target struct {
	Name, Host, Principal, CIAuth string
	Environment, Branch           string // that a job of it has; "" is none
}

// Promise is what a principal is to hold on a securable.
type Promise struct {
	Principal, Host string
	Securable       databricks.Securable
	Privileges      []string
	Optional        bool // nothing is promised while the securable is not there
}

// Verifier asks the clients of a run. Plan makes the plan that an operator's look begins with; it is asked for
// once, when the first target needs it. In a job a login that is refused is what was to be found out.
type Verifier struct {
	Fleet    *databricks.Fleet
	GitHub   *github.Client
	Logins   databricks.Logins
	Profiles map[string]string // by host
	Targets  []Target          // all of the spec
	Promises []Promise
	Plan     func(context.Context) (*plan.Plan, error)
	InJob    bool
	Now      time.Time
}

// Verify judges the targets of those names, all where there are none.
func (v Verifier) Verify(ctx context.Context, names ...string) ([]rights.Verdict, error) {
	var all []rights.Verdict
	for _, t := range v.Targets {
		if len(names) > 0 && !slices.Contains(names, t.Name) {
			continue
		}
		d := rights.Verdict{Target: t.Name, Host: t.Host, Principal: t.Principal, CIAuth: t.CIAuth, As: "an operator", Findings: []rights.Finding{}}
		me, err := v.Fleet.Who(ctx, t.Host)
		switch {
		case err == nil && me.Display == t.Principal && !strings.Contains(me.User, "@"):
			d.As = "the principal"
			v.asPrincipal(ctx, t, me, &d)
		case v.InJob && errors.Is(err, resource.ErrUnauthorized):
			d.As = "the principal"
			d.Findings = append(d.Findings, failed("the login, as the CI job does it", err.Error(), ""))
		default:
			if err := v.fromDesk(ctx, t, &d); err != nil {
				return nil, err
			}
		}
		all = append(all, d)
	}
	return all, nil
}

func held(what, why string) rights.Finding {
	return rights.Finding{What: what, State: rights.OK, Why: why}
}

func failed(what, why, fix string) rights.Finding {
	return rights.Finding{What: what, State: rights.Failed, Why: why, Fix: fix}
}

func unchecked(what, why, fix string) rights.Finding {
	return rights.Finding{What: what, State: rights.Unchecked, Why: why, Fix: fix}
}

// asPrincipal looks as the target's principal itself.
func (v Verifier) asPrincipal(ctx context.Context, t Target, me databricks.Person, d *rights.Verdict) {
	login, err := v.Logins.Find(v.host(t.Host))
	if err != nil {
		d.Findings = append(d.Findings, failed("the login", err.Error(), "")) // impossible: it has just logged in
		return
	}
	d.Findings = append(d.Findings, v.way(t, login, me))
	v.privileges(ctx, t, d, append(me.Groups, me.User))
	for _, o := range v.Targets {
		if o.Name != t.Name && o.Principal != t.Principal {
			d.Findings = append(d.Findings, v.strangers(ctx, t, o))
		}
	}
}

// way says whether the login is the one that the target's CI job is to use.
func (v Verifier) way(t Target, login databricks.Login, me databricks.Person) rights.Finding {
	what := "the login, by " + login.Origin
	ways := map[string][]string{
		"oidc": {"github-oidc", "env-oidc", "file-oidc"}, "oauth_secret": {"oauth-m2m"},
		"access_token": {"pat"}, "personal_access_token": {"pat"},
	}
	if slices.Contains(ways[t.CIAuth], login.Method) {
		return held(what, fmt.Sprintf("%s lets it in as %s (%s)", t.Host, me.Display, me.User))
	}
	return unchecked("the login by "+t.CIAuth, fmt.Sprintf("it logged in by %s instead, as %s", login.Method, me.Display), "run this as the CI job of the target does")
}

func (v Verifier) host(url string) databricks.Host {
	return databricks.Host{URL: url, Profile: v.Profiles[url]}
}

// strangers finds out that a job of one target is nobody else: on a workspace that both use it must not be let
// in as the other's principal, on the other's own it must not be let in at all.
func (v Verifier) strangers(ctx context.Context, t, o Target) rights.Finding {
	if o.Host != t.Host {
		what := "that " + o.Host + " of target " + o.Name + " refuses it"
		_, err := v.Fleet.Who(ctx, o.Host)
		switch {
		case err == nil:
			return failed(what, "it lets it in", "remove the principal from that workspace, unless the spec wishes it there")
		case errors.Is(err, resource.ErrUnauthorized), errors.Is(err, resource.ErrForbidden):
			return held(what, "its login there is refused")
		default:
			return unchecked(what, err.Error(), "")
		}
	}
	what := "that it is refused as " + o.Principal + " of target " + o.Name
	found, err := v.Fleet.Principals(ctx, t.Host, o.Principal)
	if err != nil || len(found) == 0 {
		return unchecked(what, "the workspace does not show that principal to it", "")
	}
	err = v.Logins.Impostor(ctx, v.host(t.Host), found[0].ApplicationID)
	switch {
	case err == nil:
		return failed(what, "with the proof of this job "+t.Host+" lets it in as that one", "look at the federation policies and secrets of "+o.Principal)
	case errors.Is(err, resource.ErrUnauthorized):
		return held(what, "its proof is taken for nobody else")
	default:
		return unchecked(what, err.Error(), "")
	}
}

// privileges compares what the principal effectively holds with what is promised to it. Names are what grants
// call it and its groups.
func (v Verifier) privileges(ctx context.Context, t Target, d *rights.Verdict, names []string) {
	for _, p := range v.Promises {
		if p.Principal != t.Principal {
			continue
		}
		// An operator sees it from where the grant is made; the principal from its own workspace alone.
		host, elsewhere := p.Host, false
		if d.As == "the principal" {
			host, elsewhere = t.Host, p.Host != t.Host
		}
		what := "its privileges on " + p.Securable.String()
		effective, err := v.Fleet.EffectivePrivileges(ctx, host, p.Securable, names...)
		switch {
		case errors.Is(err, resource.ErrNotFound) && (p.Optional || elsewhere):
			continue
		case errors.Is(err, resource.ErrForbidden):
			d.Findings = append(d.Findings, v.hidden(p, d, err))
			continue
		case err != nil:
			d.Findings = append(d.Findings, unchecked(what, err.Error(), ""))
			continue
		}
		owner, err := v.Fleet.Owner(ctx, host, p.Securable)
		if err == nil && slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, owner) }) {
			d.Findings = append(d.Findings, held(what, "it owns it"))
			continue
		}
		d.Findings = append(d.Findings, compared(what, p, effective))
	}
}

// hidden: what a principal may not even look at, it holds nothing on; an operator may lack the right to look.
func (v Verifier) hidden(p Promise, d *rights.Verdict, err error) rights.Finding {
	what := "its privileges on " + p.Securable.String()
	if d.As == "the principal" {
		return failed(what, "it may not even see it: "+err.Error(), "apply again")
	}
	return unchecked(what, err.Error(), "")
}

func compared(what string, p Promise, effective []databricks.Effective) rights.Finding {
	var lacks, from []string
	for _, privilege := range p.Privileges {
		i := slices.IndexFunc(effective, func(e databricks.Effective) bool { return e.Gives(privilege) })
		switch {
		case i < 0:
			lacks = append(lacks, privilege)
		case effective[i].From != "":
			from = append(from, privilege+" from "+effective[i].From)
		}
	}
	if len(lacks) > 0 {
		return failed(what, "it does not hold "+strings.Join(lacks, ", "), "apply again, and see who revoked it")
	}
	why := strings.Join(p.Privileges, ", ")
	if len(from) > 0 {
		why += "; " + strings.Join(from, ", ")
	}
	return held(what, why)
}
