package faulttest

import (
	"context"
	"slices"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/gitrepo"
	"github.com/mlopsctl/mlopsctl/pkg/ledger"
)

func (w *world) remote() gitrepo.Remote {
	token := w.sandbox.Operator()["GITHUB_TOKEN"]
	return gitrepo.Remote{
		URL: "https://github.com/acme/taxi.git", Transport: w.sandbox.RoundTripper(),
		Token: func(context.Context) (string, error) { return token, nil },
	}
}

// history is every version of the ledger, the newest first; none where there is no repository.
func (w *world) history() []gitrepo.Version {
	w.t.Helper()
	if status, _ := w.try("GET", repo, nil); status != 200 {
		return nil
	}
	refs, err := gitrepo.ReadRefs(context.Background(), w.remote(), ledger.Prefix)
	if err != nil {
		w.t.Fatalf("reading the ledger's refs: %v", err)
	}
	var all []gitrepo.Version
	for _, ref := range []string{ledger.StateRef, ledger.LeaseRef} {
		if refs.Hashes[ref] == "" {
			continue
		}
		versions, err := gitrepo.Fetch(context.Background(), w.remote(), refs.Hashes[ref], 0)
		if err != nil {
			w.t.Fatalf("reading %s: %v", ref, err)
		}
		all = append(all, versions...)
	}
	return all
}

// ledger is the newest version.
func (w *world) ledger() (ledger.Ledger, bool) {
	w.t.Helper()
	for _, v := range w.history() {
		if data, ok := v.Files["ledger.json"]; ok {
			l, err := ledger.Decode(data)
			if err != nil {
				w.t.Fatalf("the ledger: %v\n%s", err, data)
			}
			return l, true
		}
	}
	return ledger.Ledger{}, false
}

// ledgerRemembers holds the ledger, right after a run that went wrong, to knowing everything that the stack
// made: nothing of it is taken for somebody else's, to be adopted.
func (w *world) ledgerRemembers(p changes) {
	w.t.Helper()
	for _, c := range p.Changes {
		// Nothing was recorded yet when a run ended right after making the repository, which the ledger lies in.
		if c.Action == "adopt" && c.Address != "repository" {
			w.t.Errorf("%s was made here, and the ledger does not know: adopt, %s", c.Address, c.Reason)
		}
	}
}

// ledgerExplains holds the ledger, once all is done, to what is there: nothing in it that is not, all of it
// made here, and every OAuth secret and token of the stack's principals recorded or
// spoken of.
func (w *world) ledgerExplains(p changes) {
	w.t.Helper()
	l, ok := w.ledger()
	if !ok {
		w.t.Errorf("there is no ledger")
		return
	}
	there := map[string]bool{}
	for _, c := range p.Changes {
		there[c.Address] = c.Action == "none"
	}
	if l.Run.EndedAt == "" || len(l.Intents) > 0 {
		w.t.Errorf("the ledger's last run ended at %q, and its intents are %+v", l.Run.EndedAt, l.Intents)
	}
	for _, o := range l.Objects {
		if !there[o.Address] {
			w.t.Errorf("the ledger has %s, which is not there", o.Address)
		}
		if o.Origin != ledger.Made && o.Address != "repository" {
			w.t.Errorf("the ledger says that %s was %s, but it was made here", o.Address, o.Origin)
		}
	}
	w.secretsAreKnown(l)
}

func (w *world) secretsAreKnown(l ledger.Ledger) {
	w.t.Helper()
	var said strings.Builder
	for _, o := range w.said {
		said.WriteString(o.out + withoutDebug(o.err))
	}
	var recorded []string
	for _, s := range l.Secrets {
		recorded = append(recorded, s.RemoteID)
		for _, r := range s.Replaced {
			recorded = append(recorded, r.RemoteID)
		}
	}
	for _, name := range []string{"taxi-staging", "taxi-prod"} {
		for _, id := range w.principals(name) {
			left := w.oauthSecrets(id)
			for _, secret := range left {
				if !slices.Contains(recorded, secret) && !strings.Contains(said.String(), secret) {
					w.t.Errorf("the OAuth secret %s of %s is neither recorded nor spoken of", secret, name)
				}
			}
			for _, token := range w.personalTokens(id) {
				if !slices.Contains(recorded, token) && !strings.Contains(said.String(), token) {
					w.t.Errorf("the token %s of %s is neither recorded nor spoken of", token, name)
				}
			}
			for _, s := range l.Secrets {
				if s.PrincipalID == id && s.Issue == "oauth_secret" && !slices.Contains(left, s.RemoteID) {
					w.t.Errorf("the ledger has the OAuth secret %s of %s, which is not there", s.RemoteID, name)
				}
			}
		}
	}
}
