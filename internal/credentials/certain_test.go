package credentials

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mlopsctl/mlopsctl/internal/github"
	"github.com/mlopsctl/mlopsctl/internal/sandbox"
	"github.com/mlopsctl/mlopsctl/pkg/ledger"
)

// killedAfterIssuing leaves n OAuth secrets and one open intent.
func (r *life) killedAfterIssuing(t *testing.T, n int) []string {
	t.Helper()
	r.begin(t)
	if err := r.intend(t, r.source); err != nil {
		t.Fatal(err)
	}
	var left []string
	for range n {
		x, err := r.opt.Fleet.IssueOAuthSecret(t.Context(), r.source.PrincipalID, r.source.Lifetime)
		if err != nil {
			t.Fatal(err)
		}
		left = append(left, x.ID)
	}
	r.pass(time.Minute)
	return left
}

func TestWhatIsNotCertainlyOursIsReportedAndStays(t *testing.T) {
	for name, c := range map[string]struct {
		made    bool
		left    int
		revoked bool
	}{
		"one, on a principal that was made":    {true, 1, true},
		"one, on a principal that was adopted": {false, 1, false},
		"more than there were intents":         {true, 2, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := openLife(t)
			r.books.made = c.made
			r.settle(t, inProd, r.source)
			r.pass(5 * time.Minute) // what is issued from now on cannot be what was stored before
			left := r.killedAfterIssuing(t, c.left)
			before := r.plan(t, inProd, r.source)
			if c.revoked != (before.Need == Tidying) || c.revoked != (len(before.Spare) == 0) {
				t.Errorf("a plan says %q, spare are %v", before.Renew, before.Spare)
			}
			if _, err := r.apply(t, inProd, r.source); err != nil {
				t.Fatal(err)
			}
			for _, id := range left {
				if slices.Contains(r.idsNow(), id) == c.revoked {
					t.Errorf("%s is there: %t", id, !c.revoked)
				}
				if reported := strings.Contains(strings.Join(r.plan(t, inProd, r.source).Spare, ","), id); reported == c.revoked {
					t.Errorf("%s is reported: %t", id, reported)
				}
			}
			if !r.works(inProd) {
				t.Error("what is stored does not log in")
			}
		})
	}
}

// A run that was killed stored its new secret in the second in which the one before was stored: by what GitHub
// shows the record may still hold, and revoking the new one would leave a value that does not log in.
func TestWhatMayBeStoredIsReplacedBeforeItIsRevoked(t *testing.T) {
	r := openLife(t)
	r.books.made = true
	r.settle(t, inProd, r.source)
	left := r.killedAfterIssuing(t, 1)
	if before := r.plan(t, inProd, r.source); before.Need != Repair {
		t.Errorf("a plan says %q: %s", before.Need, before.Renew)
	}
	if _, err := r.apply(t, inProd, r.source); err != nil {
		t.Fatal(err)
	}
	if !r.works(inProd) || slices.Contains(r.idsNow(), left[0]) {
		t.Errorf("what is stored logs in: %t; %s is there: %t", r.works(inProd), left[0], slices.Contains(r.idsNow(), left[0]))
	}
}

func TestNothingIsRevokedWhenAnotherValueIsStoredByThen(t *testing.T) {
	r := openLife(t)
	r.settle(t, inProd, r.source)
	r.pass(80 * day)
	r.settle(t, inProd, r.source)
	r.pass(2 * day)
	if now := r.plan(t, inProd, r.source); now.Need != Tidying {
		t.Fatalf("it is %+v", now)
	}
	if _, err := r.put(t.Context(), inProd, sealed("typed in")); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Tidy(t.Context(), inProd, r.source); err == nil || !strings.Contains(err.Error(), "plan again") || len(r.idsNow()) != 2 {
		t.Errorf("it is %v, and there are %v; want nothing revoked", err, r.idsNow())
	}
}

func TestALostCredentialIsRevokedWhereItIsCertainlyOurs(t *testing.T) {
	for name, made := range map[string]bool{"made": true, "adopted": false} {
		t.Run(name, func(t *testing.T) {
			r := openLife(t)
			r.books.made = made
			r.inject(sandbox.Fault{Method: "POST", Path: "*/credentials/secrets", Times: 1, Action: sandbox.FaultResetAfter})
			_, err := r.apply(t, inProd, r.source)
			ids := r.idsNow()
			switch {
			case len(ids) != 1:
				t.Errorf("there are %v", ids)
			case made && (err != nil || r.recorded(t).RemoteID != ids[0] || !r.works(inProd)):
				t.Errorf("it is %v, there are %v; want the second one recorded", err, ids)
			case !made && (err == nil || !strings.Contains(err.Error(), ids[0])):
				t.Errorf("it is %v; want %s named", err, ids[0])
			}
		})
	}
}

func TestWhatIsAdoptedIsRecordedAsFarAsItIsCertain(t *testing.T) {
	r := openLife(t)
	r.env["MLOPS_X"] = "one"
	place, source := github.Place{Name: "X"}, Source{Env: "MLOPS_X", Address: "secret/X"}
	for p, s := range map[github.Place]Source{inProd: r.source, place: source} {
		if _, err := r.Store(t.Context(), p, s); err != nil { // without a ledger
			t.Fatal(err)
		}
	}
	id := r.idsNow()[0]
	r.pass(time.Minute)
	for _, want := range []string{id, ""} {
		r.begin(t)
		for p, s := range map[github.Place]Source{inProd: r.source, place: source} {
			if now, err := r.Stored(t.Context(), p, s); err != nil || now.Need != "" {
				t.Fatalf("%s is %+v, %v", p, now, err)
			}
		}
		adopted := r.Adopted()
		if len(adopted) != 2 || adopted[1].Address != r.source.Address || adopted[1].RemoteID != want || adopted[0].Check == "" {
			t.Errorf("adopted are %+v; want the id %q", adopted, want)
		}
		if _, err := r.opt.Fleet.IssueOAuthSecret(t.Context(), r.source.PrincipalID, r.source.Lifetime); err != nil {
			t.Fatal(err)
		}
	}
	r.books.ledger = ledger.Ledger{Secrets: r.Adopted()}
	r.env["MLOPS_X"] = "two"
	if now := r.plan(t, place, source); now.Need != Repair {
		t.Errorf("with another value it is %+v", now)
	}
}

func TestASecretThatNothingRenewsIsWarnedOf(t *testing.T) {
	r := openLife(t)
	r.source.RotateBefore = 0
	r.settle(t, inProd, r.source)
	for _, c := range []struct {
		after    time.Duration
		expiring bool
	}{{75 * day, false}, {2 * day, true}} {
		r.pass(c.after)
		if now := r.plan(t, inProd, r.source); now.Need != "" || now.Expiring != c.expiring {
			t.Errorf("on %s it is %+v", r.clock.Now(), now)
		}
	}
}
