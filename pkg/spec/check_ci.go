package spec

import "fmt"

// checkCI keeps who reads apart from who does: what plans a pull request may do little.
func (r *reading) checkCI() {
	ci := r.root.get("ci")
	reader, ok := ci.get("reader").value()
	if !ok {
		return
	}
	if operator, ok := ci.get("operator").value(); ok && operator == reader {
		r.fail(ci.get("operator"), found("spec/ci-principal", fmt.Sprintf("%s is the reader, too", ci.get("operator").quote()),
			"a pull request's job logs in as the reader; who applies after the merge is somebody else"))
	}
	for _, t := range r.root.get("targets").children() {
		if name, ok := t.get("service_principal").value(); ok && name == reader {
			r.fail(ci.get("reader"), found("spec/ci-principal", fmt.Sprintf("%s is the principal of target %s", ci.get("reader").quote(), t.name()),
				"a pull request's job logs in as the reader, and must not get what a target's principal may do; give it a name of its own"))
			return
		}
	}
}
