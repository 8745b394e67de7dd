package credentials

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mlopsctl/mlopsctl/internal/github"
	"github.com/mlopsctl/mlopsctl/pkg/ledger"
)

// strike kills a run at its nth request or push, before or after that has its effect: from then on
// nothing that the run does reaches anybody.
type strike struct {
	mu   sync.Mutex
	blow blow
	seen []string
	look func(moment string) // at the world, after each of them
}

// blow is when a strike falls.
type blow struct {
	at    int // counted from 1; 0 is never
	after bool
}

var errKilled = errors.New("killed")

// arm sets the next strike.
func (s *strike) arm(b blow) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.blow, s.seen = b, nil
}

func (s *strike) around(what string, f func() error) error {
	s.mu.Lock()
	s.seen = append(s.seen, what)
	n, at, after, look := len(s.seen), s.blow.at, s.blow.after, s.look
	s.mu.Unlock()
	if at > 0 && (n > at || n == at && !after) {
		return errKilled
	}
	err := f()
	if look != nil {
		look(what)
	}
	if n == at {
		return errKilled
	}
	return err
}

type striking struct {
	base   http.RoundTripper
	strike *strike
}

func (s striking) RoundTrip(r *http.Request) (resp *http.Response, err error) {
	_, path, _ := strings.Cut(r.URL.Path, "/")
	struck := s.strike.around(r.Method+" "+path, func() error { resp, err = s.base.RoundTrip(r); return err })
	if errors.Is(struck, errKilled) {
		if resp != nil {
			_ = resp.Body.Close()
		}
		return nil, struck
	}
	return resp, err
}

// interruption is something that an apply does with the secret in prod, and that is killed.
type interruption struct {
	name    string
	prepare func(*testing.T, *life)
	works   bool // what is stored logs in before it, and must at every moment
	made    bool // the principal, by this stack
}

func interruptions() []interruption {
	install := func(t *testing.T, r *life) { r.settle(t, inProd, r.source) }
	rotate := func(t *testing.T, r *life) { install(t, r); r.pass(80 * day) }
	tidy := func(t *testing.T, r *life) { rotate(t, r); install(t, r); r.pass(2 * day) }
	return []interruption{
		{"first install", func(*testing.T, *life) {}, false, false},
		{"rotation", rotate, true, false},
		{"revocation", tidy, true, false},
		{"rotation and revocation", func(t *testing.T, r *life) { tidy(t, r); r.pass(77 * day) }, true, false},
		{"repair", func(t *testing.T, r *life) {
			install(t, r)
			r.pass(time.Hour)
			if _, err := r.put(t.Context(), inProd, sealed("typed in")); err != nil {
				t.Fatal(err)
			}
		}, false, false},
	}
}

func TestAnApplyThatIsKilledAnywhereLosesAndLeavesNothing(t *testing.T) {
	moments := 0
	for _, what := range interruptions() {
		for _, made := range []bool{true, false} {
			what.made = made
			t.Run(fmt.Sprintf("%s, made %t", what.name, made), func(t *testing.T) {
				for at := 1; killed(t, what, blow{at: at}); at++ {
					killed(t, what, blow{at: at, after: true})
					moments += 2
				}
			})
		}
	}
	t.Logf("killed at %d moments", moments)
}

// killed kills an apply at a moment and applies once more; false if the apply had ended before.
func killed(t *testing.T, what interruption, b blow) bool {
	t.Helper()
	r := openLife(t)
	r.books.made = what.made
	what.prepare(t, r)
	if what.works {
		r.strike.look = func(moment string) {
			if !r.works(inProd) {
				t.Errorf("killed at %+v: nothing that is stored logs in after %s", b, moment)
			}
		}
	}
	r.strike.arm(b)
	_, err := r.apply(t, inProd, r.source)
	seen := r.strike.seen
	r.strike.arm(blow{})
	if len(seen) < b.at {
		if err != nil {
			t.Fatalf("an apply that nobody killed: %v", err)
		}
		return false
	}
	r.pass(3 * time.Minute)
	if _, err := r.apply(t, inProd, r.source); err != nil {
		t.Fatalf("killed at %s (after: %t), the next apply: %v", seen[b.at-1], b.after, err)
	}
	r.accounted(t, fmt.Sprintf("killed at %s (after: %t)", seen[b.at-1], b.after))
	return true
}

// accounted holds that what is stored logs in, that a plan has nothing to do, and that every OAuth secret is
// recorded or, where it is not certain whose it is, reported.
func (r *life) accounted(t *testing.T, when string) {
	t.Helper()
	now := r.plan(t, inProd, r.source)
	if !r.works(inProd) || now.Need != "" {
		t.Errorf("%s: what is stored logs in: %t; a plan says %q", when, r.works(inProd), now.Renew)
	}
	records := append(r.books.Secrets(), r.Adopted()...)
	for _, x := range r.live() {
		recorded := slices.ContainsFunc(records, func(s ledger.Secret) bool { return holds(s, x.ID) })
		reported := slices.ContainsFunc(now.Spare, func(text string) bool { return strings.HasPrefix(text, x.ID+" ") })
		if !recorded && (r.books.made || !reported) {
			t.Errorf("%s: OAuth secret %s is neither recorded nor reported (%v)", when, x.ID, now.Spare)
		}
	}
}

func TestRunsThatAreKilledOneAfterAnotherFillNothingUp(t *testing.T) {
	r := openLife(t)
	for i := range 12 {
		r.strike.arm(blow{at: 4 + i%9, after: i%2 == 0})
		if _, err := r.apply(t, inProd, r.source); err != nil && r.strike.blow.at > len(r.strike.seen) {
			t.Fatal(err)
		}
		r.strike.arm(blow{})
		r.pass(20 * time.Minute)
	}
	if _, err := r.apply(t, inProd, r.source); err != nil {
		t.Fatal(err)
	}
	r.accounted(t, "after twelve runs")
	if n := len(r.live()); n > 2 {
		t.Errorf("%d OAuth secrets are left", n)
	}
}

func TestTwoSecretsOfOnePrincipalThatWereInterruptedAreToldApart(t *testing.T) {
	r := openLife(t)
	place, other := github.Place{Name: "SECOND"}, r.source
	other.Address = "secret/SECOND"
	r.begin(t)
	if err := r.intend(t, r.source, other); err != nil {
		t.Fatal(err)
	}
	for _, p := range []github.Place{inProd, place} { // both issued and stored, neither recorded
		secret, err := r.opt.Fleet.IssueOAuthSecret(t.Context(), r.source.PrincipalID, r.source.Lifetime)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.put(t.Context(), p, secret.Value); err != nil {
			t.Fatal(err)
		}
	}
	r.begin(t)
	for _, s := range []struct {
		p github.Place
		s Source
	}{{inProd, r.source}, {place, other}} {
		if now, err := r.Stored(t.Context(), s.p, s.s); err != nil || now.Need != Rotation {
			t.Fatalf("%s is %+v, %v", s.p, now, err)
		}
	}
	if _, err := r.Store(t.Context(), inProd, r.source); err != nil {
		t.Fatal(err)
	}
	if !r.works(place) {
		t.Error("the second place lost its value with the first one's renewal")
	}
	if _, err := r.Store(t.Context(), place, other); err != nil {
		t.Fatal(err)
	}
	if n := len(r.live()); n != 2 || !r.works(inProd) || !r.works(place) {
		t.Errorf("%d OAuth secrets for two places", n)
	}
}

func TestASecretMadeByHandIsNobodysToRevoke(t *testing.T) {
	r := openLife(t)
	r.settle(t, inProd, r.source)
	r.begin(t)
	if err := r.intend(t, r.source); err != nil { // and is killed; the intent stays, as no apply has anything to do
		t.Fatal(err)
	}
	r.pass(3 * time.Hour)
	r.begin(t)
	byHand, err := r.opt.Fleet.IssueOAuthSecret(t.Context(), r.source.PrincipalID, 30*day)
	if err != nil {
		t.Fatal(err)
	}
	r.settle(t, inProd, r.source)
	r.pass(day)
	r.begin(t)
	r.Force([]string{r.source.Address})
	if _, err := r.carryOut(t, inProd, r.source); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(r.idsNow(), byHand.ID) {
		t.Error("it was revoked")
	}
}
