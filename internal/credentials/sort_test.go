package credentials

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/mlopsctl/mlopsctl/internal/github"
	"github.com/mlopsctl/mlopsctl/internal/outsider"
)

// token is the source of a personal access token of the bank's principal, for the secret in prod.
func (r *life) token() Source {
	id, _ := parted(r.source.PrincipalID)
	s := Source{
		Address: r.source.Address, Issue: PersonalToken, Host: workspace, Principal: "taxi-prod", ApplicationID: r.source.ApplicationID,
		Lifetime: 100 * day, RotateBefore: 14 * day, Overlap: day,
	}
	return s.At(id)
}

// held are the ids of a holder's credentials as they are now.
func (r *life) held(t *testing.T, of string) []string {
	t.Helper()
	r.forgetIssued(of)
	secrets, err := r.Issued(t.Context(), of)
	if err != nil {
		t.Fatal(err)
	}
	return idsOf(secrets)
}

func TestATokenIsRenewedAndTheOldOneRevokedAfterItsOverlap(t *testing.T) {
	r := openLife(t)
	token := r.token()
	r.settle(t, inProd, token)
	first := r.recorded(t)
	if !slices.Equal(r.held(t, token.PrincipalID), []string{first.RemoteID}) || first.Issue != "personal_access_token" {
		t.Fatalf("recorded is %+v", first)
	}
	r.pass(85 * day)
	r.steady(t, inProd, token)
	r.pass(2 * day)
	if now := r.plan(t, inProd, token); now.Need != Rotation {
		t.Errorf("13 days before its end it is %+v", now)
	}
	r.settle(t, inProd, token)
	second := r.recorded(t)
	if got := r.held(t, token.PrincipalID); len(got) != 2 || !r.works(inProd) {
		t.Errorf("within the overlap there are %v", got)
	}
	r.pass(23 * time.Hour)
	r.steady(t, inProd, token)
	r.pass(2 * time.Hour)
	if now := r.plan(t, inProd, token); now.Need != Tidying || now.Renew != "revokes token "+first.RemoteID+", which was replaced" {
		t.Errorf("after the overlap it is %+v", now)
	}
	r.settle(t, inProd, token)
	if got := r.held(t, token.PrincipalID); !slices.Equal(got, []string{second.RemoteID}) || len(r.recorded(t).Replaced) > 0 || !r.works(inProd) {
		t.Errorf("after the overlap there are %v, recorded is %+v", got, r.recorded(t))
	}
}

// TestUsingTokensIsAllowedBesideOthers: to replace the list would revoke the tokens of everybody whom it leaves out.
func TestUsingTokensIsAllowedBesideOthers(t *testing.T) {
	r := openLife(t)
	const list = "/api/2.0/permissions/authorization/tokens"
	operator := outsider.Person{Base: r.sandbox.RoundTripper(), Env: r.sandbox.Operator()}
	users := func() []string {
		var all []string
		for _, e := range outsider.Items(operator.Send(t, http.MethodGet, workspace+list, nil), "access_control_list") {
			for _, key := range []string{"service_principal_name", "group_name"} {
				if name, ok := e[key].(string); ok {
					all = append(all, name)
				}
			}
		}
		return all
	}
	operator.Send(t, http.MethodPatch, workspace+list, json.RawMessage(`{"access_control_list":[{"group_name":"users","permission_level":"CAN_USE"}]}`))
	before, changes := users(), r.sent("PATCH "+list)
	r.settle(t, inProd, r.token())
	after := users()
	for _, name := range append(before, r.source.ApplicationID) {
		if !slices.Contains(after, name) {
			t.Errorf("%s may no longer use tokens: %v", name, after)
		}
	}
	r.pass(90 * day)
	r.settle(t, inProd, r.token())
	if n := r.sent("PATCH "+list) - changes; n != 1 || r.sent("PUT "+list) > 0 {
		t.Errorf("it was let use tokens %d times, and the list replaced %d times; want once, and never", n, r.sent("PUT "+list))
	}
}

// TestACredentialOfAnotherSortGoesAfterItsOverlap has one sort of source after another for one secret. What was issued
// before is no spare that somebody has to look after: it stays for its overlap, and then the next apply revokes it.
func TestACredentialOfAnotherSortGoesAfterItsOverlap(t *testing.T) {
	for name, sorts := range map[string][]string{
		"a token in place of an OAuth secret":         {"oauth", "token"},
		"an OAuth secret in place of a token":         {"token", "oauth"},
		"a token and back, within the overlap":        {"oauth", "token", "oauth"},
		"an OAuth secret and back":                    {"token", "oauth", "token"},
		"a value from outside in place of a token":    {"token", "env"},
		"a value from outside in place of a secret":   {"oauth", "env"},
		"a value from outside, and an OAuth secret":   {"token", "env", "oauth"},
		"a value from outside after both, in a hurry": {"oauth", "token", "env"},
	} {
		t.Run(name, func(t *testing.T) {
			r := openLife(t)
			r.runsAs, r.env["MLOPS_X"] = []string{"taxi-prod"}, "a value"
			source := map[string]Source{"oauth": r.source, "token": r.token(), "env": {Address: r.source.Address, Env: "MLOPS_X"}}
			holders := []string{r.source.PrincipalID, r.token().PrincipalID}
			issued := 0
			for i, sort := range sorts {
				r.settle(t, inProd, source[sort])
				if sort != "env" {
					issued++
				}
				if got := len(r.held(t, holders[0])) + len(r.held(t, holders[1])); got != issued {
					t.Errorf("after step %d there are %d credentials, want %d", i+1, got, issued)
				}
				r.pass(time.Hour - time.Minute)
			}
			last := source[sorts[len(sorts)-1]]
			r.pass(25 * time.Hour)
			if now := r.plan(t, inProd, last); now.Need != Tidying || len(now.Spare) > 0 {
				t.Errorf("after the overlap it is %+v; want what was replaced revoked", now)
			}
			r.settle(t, inProd, last)
			var left []string
			for _, of := range holders {
				left = append(left, r.held(t, of)...)
			}
			want := []string{r.recorded(t).RemoteID}
			if last.Issue == "" {
				want = nil
			}
			if !slices.Equal(left, want) || len(r.recorded(t).Replaced) > 0 {
				t.Errorf("there are %v, want %v; recorded is %+v", left, want, r.recorded(t))
			}
			if last.Issue != "" && !r.works(inProd) {
				t.Error("what is stored does not log in")
			}
		})
	}
}

// TestWhatASecretReplacedGoesWithIt: a secret that is deleted takes along what it replaced of another sort.
func TestWhatASecretReplacedGoesWithIt(t *testing.T) {
	r := openLife(t)
	r.settle(t, inProd, r.source)
	r.pass(time.Hour)
	r.settle(t, inProd, r.token())
	r.begin(t)
	if err := r.Discard(t.Context(), inProd, r.token()); err != nil {
		t.Fatal(err)
	}
	if left := append(r.held(t, r.source.PrincipalID), r.held(t, r.token().PrincipalID)...); len(left) > 0 {
		t.Errorf("left are %v", left)
	}
}

// TestAnotherPrincipalsCredentialIsRevokedWhereTheSpecNamesIt: the ledger's word for whose it is is not enough.
func TestAnotherPrincipalsCredentialIsRevokedWhereTheSpecNamesIt(t *testing.T) {
	for _, named := range []bool{true, false} {
		r := openLife(t)
		place := github.Place{Name: "X"}
		issued, outside := r.source, Source{Env: "MLOPS_X", Address: "secret/X"}
		issued.Address, r.env["MLOPS_X"] = "secret/X", "a value"
		if named {
			r.runsAs = []string{"taxi-prod"}
		}
		r.settle(t, place, issued)
		r.pass(time.Hour)
		r.settle(t, place, outside)
		r.pass(2 * day)
		if now := r.plan(t, place, outside); named != (now.Need == Tidying) || named != (len(now.Spare) == 0) {
			t.Errorf("named %t: it is %+v", named, now)
		}
		if _, err := r.apply(t, place, outside); err != nil {
			t.Fatal(err)
		}
		if left := r.held(t, r.source.PrincipalID); (len(left) == 0) != named {
			t.Errorf("named %t: left are %v", named, left)
		}
	}
}
