package credentials

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mlopsctl/mlopsctl/internal/github"
	"github.com/mlopsctl/mlopsctl/internal/sandbox"
	"github.com/mlopsctl/mlopsctl/pkg/ledger"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

const day = 24 * time.Hour

func TestASecretIsKnownByItsIDOnceItIsRecorded(t *testing.T) {
	r := openLife(t)
	r.settle(t, inProd, r.source)
	first := r.recorded(t)
	if !slices.Equal(r.idsNow(), []string{first.RemoteID}) || first.Issue != "oauth_secret" || first.Principal != "taxi-prod" {
		t.Errorf("recorded is %+v; want the id of %v", first, r.idsNow())
	}
	// Another one, made in the same minute, would be taken for it by the times.
	if _, err := r.opt.Fleet.IssueOAuthSecret(t.Context(), r.source.PrincipalID, r.source.Lifetime-time.Hour); err != nil {
		t.Fatal(err)
	}
	if err := r.opt.Fleet.RevokeOAuthSecret(t.Context(), r.source.PrincipalID, first.RemoteID); err != nil {
		t.Fatal(err)
	}
	now := r.plan(t, inProd, r.source)
	if now.Need != Rotation || !strings.Contains(now.Renew, first.RemoteID+", which it holds, was revoked") {
		t.Errorf("it is %+v; want it rotated, as its OAuth secret has gone", now)
	}
	r.settle(t, inProd, r.source)
	if !r.works(inProd) {
		t.Error("what is stored does not log in")
	}
}

func TestAValueThatSomebodyElseWroteIsRepaired(t *testing.T) {
	r := openLife(t)
	outside, command := Source{Env: "MLOPS_X", Address: "secret/X"}, Source{Command: []string{"echo", "y"}, Address: "secret/Y"}
	r.env["MLOPS_X"] = "a value"
	places := map[github.Place]Source{inProd: r.source, {Name: "X"}: outside, {Name: "Y"}: command}
	for p, s := range places {
		r.settle(t, p, s)
	}
	r.pass(time.Hour)
	for p := range places { // by another hand, without a record
		if _, err := r.put(t.Context(), p, sealed("typed in")); err != nil {
			t.Fatal(err)
		}
	}
	for p, s := range places {
		now := r.plan(t, p, s)
		if now.Need != Repair || now.Renew != "somebody else wrote it at 2026-11-23T10:00:00Z" {
			t.Errorf("%s is %q (%s)", p, now.Renew, now.Need)
		}
		r.settle(t, p, s)
	}
	if !r.works(inProd) || !r.sandbox.HoldsSecret("acme/taxi", "", "X", "a value") {
		t.Error("the values were not put back")
	}
}

func TestAListingThatLagsBehindIsNobodyElsesWrite(t *testing.T) {
	r := openLife(t)
	r.settle(t, inProd, r.source)
	r.pass(80 * day)
	r.inject(sandbox.Fault{Method: "GET", Path: "*/environments/prod/secrets", Nth: 2, Times: 1, Action: sandbox.FaultStale})
	if _, err := r.apply(t, inProd, r.source); err != nil {
		t.Fatal(err)
	}
	if got := r.recorded(t); got.UpdatedAt != moment(r.clock.Now()) {
		t.Errorf("recorded is %s at %s; want when it was stored", got.UpdatedAt, r.clock.Now())
	}
	r.steady(t, inProd, r.source)
	r.inject(sandbox.Fault{Method: "GET", Path: "*/environments/prod/secrets", Action: sandbox.FaultStale})
	r.steady(t, inProd, r.source)
}

func TestAChangedValueFromOutsideIsSeen(t *testing.T) {
	r := openLife(t)
	place, source := github.Place{Name: "X"}, Source{Env: "MLOPS_X", Address: "secret/X"}
	r.env["MLOPS_X"] = "one"
	r.settle(t, place, source)
	first := *r.books.ledger.FindSecret("secret/X")
	if len(first.Salt) != 32 || len(first.Check) != 4 || strings.Contains(fmt.Sprint(first), "one") {
		t.Errorf("recorded is %+v; want a salt of 16 bytes and a check value of two", first)
	}
	delete(r.env, "MLOPS_X")
	if now := r.plan(t, place, source); now.Need != "" || !strings.Contains(now.Uncompared, "MLOPS_X is not set") {
		t.Errorf("without a value it is %+v; want no change, and why it was not compared", now)
	}
	r.env["MLOPS_X"] = "two"
	if now := r.plan(t, place, source); now.Need != Repair || now.Renew != "its value in MLOPS_X is another one than was stored" {
		t.Errorf("with another value it is %+v", now)
	}
	r.settle(t, place, source)
	second := *r.books.ledger.FindSecret("secret/X")
	if second.Salt == first.Salt {
		t.Error("a new value has the salt of the old one")
	}
	r.begin(t)
	r.Force([]string{"secret/X"})
	if now, err := r.carryOut(t, place, source); err != nil || now.Need != "" {
		t.Errorf("once it was rotated it is %+v, %v", now, err)
	}
	if third := *r.books.ledger.FindSecret("secret/X"); third.Salt != second.Salt || r.books.saves != 3 {
		t.Errorf("the same value has another salt, or was not stored again (%d times)", r.books.saves)
	}
}

func TestAValueFromOutsideGrowsOld(t *testing.T) {
	for name, source := range map[string]Source{"env": {Env: "MLOPS_X"}, "file": {File: "x"}, "command": {Command: []string{"echo", "x"}}} {
		t.Run(name, func(t *testing.T) {
			r := openLife(t)
			place := github.Place{Name: "X"}
			source.Address, source.RotateBefore = "secret/X", 30*day
			r.env["MLOPS_X"] = "value"
			if source.File != "" {
				source = Source{Env: "MLOPS_X", Address: "secret/X", RotateBefore: 30 * day}
			}
			r.settle(t, place, source)
			r.pass(30*day - time.Minute)
			r.steady(t, place, source)
			r.pass(time.Minute)
			if now := r.plan(t, place, source); now.Need != Rotation || !strings.Contains(now.Renew, "it was stored on 2026-11-23T09:00:00Z") {
				t.Errorf("after its time it is %+v", now)
			}
			r.settle(t, place, source)
		})
	}
}

func TestARotationKeepsTheOldSecretForItsOverlap(t *testing.T) {
	r := openLife(t)
	r.source.Overlap = 48 * time.Hour
	r.settle(t, inProd, r.source)
	old := r.recorded(t).RemoteID
	r.pass(77 * day)
	if now := r.plan(t, inProd, r.source); now.Need != Rotation || !now.Expiring {
		t.Errorf("in its last two weeks it is %+v", now)
	}
	r.settle(t, inProd, r.source)
	got := r.recorded(t)
	want := []ledger.Replaced{{RemoteID: old, RevokeAfter: moment(r.clock.Now().Add(48 * time.Hour))}}
	if got.RemoteID == old || !slices.Equal(got.Replaced, want) || len(r.idsNow()) != 2 || r.books.saves != 2 {
		t.Errorf("recorded is %+v of %v, in %d pushes; want %v", got, r.idsNow(), r.books.saves, want)
	}
	r.pass(48*time.Hour - time.Second)
	r.steady(t, inProd, r.source)
	r.pass(time.Second)
	if now := r.plan(t, inProd, r.source); now.Need != Tidying || !strings.Contains(now.Renew, old) {
		t.Errorf("after the overlap it is %+v; want %s revoked", now, old)
	}
	r.settle(t, inProd, r.source)
	if ids := r.idsNow(); !slices.Equal(ids, []string{got.RemoteID}) || len(r.recorded(t).Replaced) > 0 || !r.works(inProd) {
		t.Errorf("there are %v, recorded is %+v", ids, r.recorded(t))
	}
}

func TestAReplacedSecretThatExpiredIsDropped(t *testing.T) {
	r := openLife(t)
	r.source.Lifetime, r.source.RotateBefore = 2*day, 2*time.Hour
	r.settle(t, inProd, r.source)
	r.pass(47 * time.Hour)
	r.settle(t, inProd, r.source)
	r.pass(2 * time.Hour) // the old one has expired, within its overlap
	r.steady(t, inProd, r.source)
	r.pass(45 * time.Hour)
	r.settle(t, inProd, r.source)
	if got := r.recorded(t).Replaced; len(got) != 1 || r.sent("DELETE /api/2.0/accounts") > 0 {
		t.Errorf("replaced are %v; want the last one, and nothing revoked that was gone", got)
	}
}

func TestAFullPrincipalGivesUpWhatIsCertainlyUseless(t *testing.T) {
	r := openLife(t)
	r.settle(t, inProd, r.source)
	r.pass(80 * day)
	r.settle(t, inProd, r.source)
	old := r.recorded(t).Replaced[0].RemoteID
	for range 3 {
		if _, err := r.opt.Fleet.IssueOAuthSecret(t.Context(), r.source.PrincipalID, 700*day); err != nil {
			t.Fatal(err)
		}
	}
	r.begin(t)
	r.Force([]string{r.source.Address})
	var blocked *resource.Blocked
	if _, err := r.Stored(t.Context(), inProd, r.source); !asBlocked(err, &blocked) || !strings.Contains(blocked.Reason, old) {
		t.Fatalf("within the overlap it is %v; want it blocked, with the ids", err)
	}
	r.pass(2 * day)
	r.begin(t)
	r.Force([]string{r.source.Address})
	if _, err := r.carryOut(t, inProd, r.source); err != nil {
		t.Fatal(err)
	}
	if ids := r.idsNow(); slices.Contains(ids, old) || len(ids) != maxSecrets || !r.works(inProd) {
		t.Errorf("there are %v; want %s replaced by a new one", ids, old)
	}
}

func TestATokensSecretGoesWithItsToken(t *testing.T) {
	r := openLife(t)
	place, source := github.Place{Name: "TOKEN"}, r.source
	source.Issue, source.Address = AccessToken, "secret/TOKEN"
	r.settle(t, place, source)
	first := *r.books.ledger.FindSecret("secret/TOKEN")
	if first.Issue != "access_token" || !slices.Equal(r.idsNow(), []string{first.RemoteID}) {
		t.Errorf("recorded is %+v", first)
	}
	r.pass(49 * time.Minute)
	r.steady(t, place, source)
	r.pass(2 * time.Minute)
	if now := r.plan(t, place, source); now.Need != Ageing {
		t.Errorf("in its last ten minutes it is %+v", now)
	}
	r.settle(t, place, source)
	second := *r.books.ledger.FindSecret("secret/TOKEN")
	want := []ledger.Replaced{{RemoteID: first.RemoteID, RevokeAfter: first.ExpiresAt}}
	if !slices.Equal(second.Replaced, want) {
		t.Errorf("replaced are %v; want %v", second.Replaced, want)
	}
	r.pass(10 * time.Minute)
	r.steady(t, place, source) // the one behind the first token has expired with it
	if ids := r.idsNow(); !slices.Equal(ids, []string{second.RemoteID}) {
		t.Errorf("there are %v", ids)
	}
}

func TestWhatWasIssuedGoesWithItsSecret(t *testing.T) {
	r := openLife(t)
	r.settle(t, inProd, r.source)
	r.pass(80 * day)
	r.settle(t, inProd, r.source)
	other, err := r.opt.Fleet.IssueOAuthSecret(t.Context(), r.source.PrincipalID, r.source.Lifetime)
	if err != nil {
		t.Fatal(err)
	}
	r.begin(t)
	r.inject(sandbox.Fault{Method: "DELETE", Path: "*/secrets/DATABRICKS_CLIENT_SECRET", Action: sandbox.FaultStatus, Status: http.StatusForbidden})
	if err := r.Discard(t.Context(), inProd, r.source); err == nil {
		t.Fatal("what GitHub refused was done")
	}
	if err := r.Discard(t.Context(), inProd, r.source); err != nil {
		t.Fatal(err)
	}
	if ids := r.idsNow(); !slices.Equal(ids, []string{other.ID}) {
		t.Errorf("there are %v; want the one that was not recorded, %s", ids, other.ID)
	}
}

func TestARecordOfAnotherPrincipalRevokesNothing(t *testing.T) {
	r := openLife(t)
	r.settle(t, inProd, r.source)
	source := r.source
	source.Principal = "somebody-else"
	r.begin(t)
	if err := r.Discard(t.Context(), inProd, source); err != nil {
		t.Fatal(err)
	}
	if ids := r.idsNow(); len(ids) != 1 {
		t.Errorf("there are %v", ids)
	}
}

func TestNoRecordHoldsAValue(t *testing.T) {
	r := openLife(t)
	r.env["MLOPS_X"] = "canary-from-outside"
	r.settle(t, inProd, r.source)
	r.settle(t, github.Place{Name: "X"}, Source{Env: "MLOPS_X", Address: "secret/X"})
	r.begin(t)
	entry := r.Entry(inProd, r.source, r.plan(t, inProd, r.source))
	text, err := json.Marshal([]any{r.books.ledger, entry, r.Adopted()})
	if err != nil {
		t.Fatal(err)
	}
	for _, canary := range []string{"canary", "dose"} {
		if strings.Contains(string(text), canary) {
			t.Errorf("%s is in %s", canary, text)
		}
	}
	if entry.Source != "oauth_secret of taxi-prod" || !entry.Renewed.Equal(r.clock.Now().Add(76*day)) || entry.RemoteID == "" {
		t.Errorf("the entry is %+v", entry)
	}
}
