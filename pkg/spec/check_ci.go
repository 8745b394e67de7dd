package spec

import (
	"fmt"
	"slices"
	"strings"
)

// The environments that the operator's jobs run in.
const (
	PlanEnvironment  = "mlopsctl-plan"
	ApplyEnvironment = "mlopsctl-apply"
)

// checkCI keeps who reads apart from who does. A job of any pull request logs in as the reader, whatever the pull
// request makes of that job: so the reader may do little.
func (r *reading) checkCI() {
	ci := r.root.get("ci")
	operator, operates := ci.get("operator").value()
	reader, reads := ci.get("reader").value()
	if operates && operator == reader {
		r.fail(ci.get("operator"), found("spec/ci-principal", fmt.Sprintf("%s is the reader, too", ci.get("operator").quote()),
			"a pull request's job logs in as the reader; who applies after the merge is somebody else"))
	}
	for _, key := range []string{"reader", "operator"} {
		r.checkOfNoTarget(ci.get(key))
	}
	if operates {
		r.checkOperatorsPlace(ci.get("operator"))
	}
	if reads {
		r.checkReaderHasLittle(reader)
	}
}

// checkOfNoTarget refuses the principal of a target: its own jobs log in as it.
func (r *reading) checkOfNoTarget(n *node) {
	name, ok := n.value()
	if !ok {
		return
	}
	for _, t := range r.root.get("targets").children() {
		if principal, ok := t.get("service_principal").value(); ok && principal == name {
			advice := "a pull request's job logs in as the reader, and must not get what a target's principal may do; give it a name of its own"
			if strings.HasSuffix(n.where(), "operator") {
				advice = "the operator may do all that the spec wishes, and a target's jobs must not; give it a name of its own"
			}
			r.fail(n, found("spec/ci-principal", fmt.Sprintf("%s is the principal of target %s", n.quote(), t.name()), advice))
			return
		}
	}
}

// checkOperatorsPlace: its jobs run in environments that admit the default branch alone, and no target's may be one of them.
func (r *reading) checkOperatorsPlace(n *node) {
	branches := r.root.get("branches")
	isDefault := func(b *node) bool { return b.truth("default") }
	if !slices.ContainsFunc(branches.children(), isDefault) && !branches.anyBroken() {
		r.fail(n, found("spec/ci-branch", fmt.Sprintf("nothing says which branch %s applies from", n.quote()),
			"its environments admit the default branch alone: branches: { main: { default: true } }"))
	}
	for _, t := range r.root.get("targets").children() {
		if slices.Contains([]string{PlanEnvironment, ApplyEnvironment}, strings.ToLower(t.name())) {
			r.failName(t, found("spec/duplicate-name", fmt.Sprintf("the environment %s is the operator's", t.name()), "rename the target"))
		}
	}
}

// checkReaderHasLittle refuses what the spec gives the reader beyond seeing what is there.
func (r *reading) checkReaderHasLittle(reader string) {
	refuse := func(n *node, what string) {
		r.fail(n, found("spec/ci-power", fmt.Sprintf("the reader of pull requests %s", what),
			"any pull request can have a job that logs in as the reader; give this to a principal of its own"))
	}
	spelled := "service_principal:" + reader
	for _, p := range r.root.get("permissions").children() {
		if p.str("principal") != spelled {
			continue
		}
		for _, privilege := range p.get("privileges").children() {
			if v, ok := privilege.value(); ok && !slices.Contains([]string{"BROWSE", "USE_CATALOG", "USE_SCHEMA"}, v) {
				refuse(privilege, "gets "+v)
			}
		}
		if level, ok := p.get("level").value(); ok && level != "CAN_READ" && level != "CAN_VIEW" {
			refuse(p.get("level"), "gets "+level)
		}
	}
	for _, g := range r.root.get("groups").children() {
		for _, m := range g.get("members").children() {
			if m.text == spelled {
				refuse(m, "is a member of "+g.name()+", and has what that has")
			}
		}
	}
	for _, p := range r.root.get("service_principals").children() {
		for _, u := range p.get("users").children() {
			if u.text == spelled {
				refuse(u, "may run as "+p.name())
			}
		}
		if p.name() != reader {
			continue
		}
		for _, g := range p.get("groups").children() {
			refuse(g, "is a member of "+g.text+", and has what that has")
		}
		if c := p.get("git_credential"); c != nil {
			refuse(c, "gets a Git credential")
		}
		if d := p.get("directory"); d != nil {
			refuse(d, "may change what is in "+d.text)
		}
		for _, e := range p.get("entitlements").children() {
			if e.text != "workspace-access" {
				refuse(e, "gets "+e.text)
			}
		}
	}
}
