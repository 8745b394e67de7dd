package kinds

import (
	"strings"
	"testing"

	"github.com/mlopsctl/mlopsctl/internal/credentials"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

func TestAllThatAPlanMustSayOfASecretIsSaid(t *testing.T) {
	token := secret{Name: "TOKEN", Issue: credentials.AccessToken, Principal: "taxi"}
	oauth := secret{Name: "S", Issue: credentials.OAuthSecret, Principal: "taxi"}
	for code, c := range map[string]struct {
		want, have secret
		says       []string
	}{
		"plan/spare-secret":         {token, secret{Spare: []string{"id-1 made today"}}, []string{"id-1", "lives for one hour"}},
		"plan/token-lives-one-hour": {token, secret{}, []string{"lives for one hour"}},
		"policy/secret-expires":     {oauth, secret{Expiring: true, ExpiresAt: "2026-12-01T00:00:00Z"}, []string{"2026-12-01", "secrets rotate S"}},
		"plan/not-compared":         {secret{Name: "X", Env: "MLOPS_X"}, secret{Uncompared: "MLOPS_X is not set"}, []string{"MLOPS_X is not set"}},
	} {
		w := warnOfSecret(c.want, &c.have)
		if w == nil || w.Code != code {
			t.Errorf("%s: it is %+v", code, w)
			continue
		}
		for _, text := range c.says {
			if !strings.Contains(w.Summary+" "+w.Detail, text) {
				t.Errorf("%s: %q is not in %+v", code, text, w)
			}
		}
	}
	if w := warnOfSecret(oauth, &secret{}); w != nil {
		t.Errorf("of a secret that is as it should be: %+v", w)
	}
}

func TestARevocationIssuesNothing(t *testing.T) {
	for need, issues := range map[string]bool{"": true, "rotation": true, "repair": true, "ageing": true, "tidying": false} {
		after := resource.Object{"name": "S", "address": "secret/S", "issue": "oauth_secret", "principal": "taxi", "principal_id": "7", "need": need}
		w, ok, err := Issues(after)
		if err != nil || ok != issues || ok && w != (credentials.Wanted{Address: "secret/S", Principal: "taxi", PrincipalID: "7"}) {
			t.Errorf("%q: it is %+v, %t, %v", need, w, ok, err)
		}
	}
	due := secretKind.Due(secret{Renew: "somebody else wrote it", Need: credentials.Repair})
	if due.Ageing || !due.Tidy || due.Reason == "" {
		t.Errorf("a repair is %+v; want an update", due)
	}
}
