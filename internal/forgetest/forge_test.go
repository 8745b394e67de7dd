package forgetest

import (
	"context"

	"github.com/mlopsctl/mlopsctl/internal/gitrepo"
	"github.com/mlopsctl/mlopsctl/pkg/ledger"
)

// remote is the stack's repository as a forger pushes to it.
func (w *world) remote() gitrepo.Remote {
	return gitrepo.Remote{URL: github + "/acme/taxi.git", Transport: w.sandbox.RoundTripper(),
		Token: func(context.Context) (string, error) { return w.sandbox.Operator()["GITHUB_TOKEN"], nil }}
}

// stands returns the hash that a ref stands at.
func (w *world) stands(ref string) string {
	w.t.Helper()
	refs, err := gitrepo.ReadRefs(w.t.Context(), w.remote(), ledger.Prefix)
	if err != nil {
		w.t.Fatal(err)
	}
	return refs.Hashes[ref]
}

// push puts a file on a ref as its next version.
func (w *world) push(ref, file string, content []byte) {
	w.t.Helper()
	old := w.stands(ref)
	_, err := gitrepo.MoveRefs(w.t.Context(), w.remote(), []gitrepo.Move{{Ref: ref, Old: old, New: &gitrepo.NewCommit{
		Parent: old, Files: map[string][]byte{file: content}, Message: "apply: nothing \x1b[31mspecial",
		Author: gitrepo.Signature{Name: "Mallory", Email: "mallory@acme.test", When: w.clock.Now()},
	}}})
	if err != nil {
		w.t.Fatal(err)
	}
}

// ledger is the newest version.
func (w *world) ledger() ledger.Ledger {
	w.t.Helper()
	versions, err := gitrepo.Fetch(w.t.Context(), w.remote(), w.stands(ledger.StateRef), 1)
	if err != nil {
		w.t.Fatal(err)
	}
	l, err := ledger.Decode(versions[0].Files["ledger.json"])
	if err != nil {
		w.t.Fatal(err)
	}
	return l
}

// forge pushes a ledger that differs from the newest one, in the form of one that the program wrote.
func (w *world) forge(change func(*ledger.Ledger)) {
	w.t.Helper()
	l := w.ledger()
	change(&l)
	data, err := l.Encode()
	if err != nil {
		w.t.Fatal(err)
	}
	w.push(ledger.StateRef, "ledger.json", data)
}
