package credentials

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mlopsctl/mlopsctl/internal/databricks"
	"github.com/mlopsctl/mlopsctl/internal/github"
	"github.com/mlopsctl/mlopsctl/internal/sandbox"
	"github.com/mlopsctl/mlopsctl/internal/transport"
	"github.com/mlopsctl/mlopsctl/internal/virtual"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// A library of the Databricks SDK's starts a worker of its own when it is loaded.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("go.opencensus.io/stats/view.(*worker).start"))
}

const (
	account   = "https://accounts.cloud.databricks.com"
	accountID = "11111111-2222-3333-4444-555555555555"
	workspace = "https://prod.cloud.databricks.com"
	repo      = "https://api.github.com/repos/acme/taxi"
)

// bank is a sandbox with the repository acme/taxi and one principal, and a vault on them.
type bank struct {
	*Vault
	t       *testing.T
	sandbox *sandbox.Sandbox
	wire    http.RoundTripper
	secrets *transport.Scrubber
	clock   *virtual.Clock
	env     map[string]string
	source  Source
	strike  strike

	runsAs []string // principals of the spec
}

func openBank(t *testing.T) *bank {
	t.Helper()
	b := &bank{t: t, env: map[string]string{}, secrets: &transport.Scrubber{}, clock: virtual.NewClock(time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC), 0)}
	s, err := sandbox.Open(sandbox.Options{
		Now:   b.clock.Now,
		Hosts: sandbox.Hosts{Account: account, AccountID: accountID, Workspaces: []string{workspace}, GitHub: "https://github.com", Owner: "acme"},
		World: []byte("github: {repositories: [{name: acme/taxi, environments: [prod]}]}\n" +
			"databricks: {service_principals: [{name: taxi-prod, workspaces: [" + workspace + "]}]}\n"),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	guard := &transport.Guard{}
	guard.AllowWrites()
	b.sandbox = s
	b.wire = transport.New(transport.Options{
		Base: striking{base: s.RoundTripper(), strike: &b.strike}, Guard: guard, Clock: b.clock, Secrets: b.secrets, Trusted: func(string) bool { return true },
	})
	b.renew(t)
	b.source = Source{Issue: OAuthSecret, Host: workspace, Principal: "taxi-prod", Lifetime: 90 * 24 * time.Hour, RotateBefore: 14 * 24 * time.Hour}
	b.source.PrincipalID, b.source.ApplicationID = b.principal()
	return b
}

// renew opens a vault as the next run would.
func (b *bank) renew(t *testing.T) {
	t.Helper()
	operator := b.sandbox.Operator()
	hub, err := github.New(github.Options{
		Host: "https://github.com", Owner: "acme", Repo: "taxi", Transport: b.wire, Now: b.clock.Now,
		Token: func(context.Context) (string, error) { return operator["GITHUB_TOKEN"], nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	logins := databricks.Logins{Transport: b.wire, Secrets: b.secrets, Env: func(name string) (string, bool) {
		value, ok := operator[name]
		return value, ok
	}}
	fleet := databricks.New(databricks.Options{
		Account: &databricks.Host{URL: account, AccountID: accountID}, Workspaces: []databricks.Host{{URL: workspace}},
		Config: logins.Config, Principals: []string{"taxi-prod"},
	})
	b.Vault = New(Options{
		GitHub: hub, Fleet: fleet, Principals: b.runsAs, Dir: t.TempDir(), Secrets: b.secrets, Clock: b.clock,
		LookupEnv: func(name string) (string, bool) { value, ok := b.env[name]; return value, ok },
	})
}

func (b *bank) principal() (id, application string) {
	b.t.Helper()
	list, err := b.opt.Fleet.Principals(b.t.Context(), workspace, "taxi-prod")
	if err != nil || len(list) != 1 {
		b.t.Fatalf("the principal is %v, %v", list, err)
	}
	return list[0].ID, list[0].ApplicationID
}

// live returns the ids of the principal's OAuth secrets as they are now.
func (b *bank) live() []databricks.Secret {
	b.t.Helper()
	b.opt.Fleet.ForgetOAuthSecrets(b.source.PrincipalID)
	secrets, err := b.opt.Fleet.OAuthSecrets(b.t.Context(), b.source.PrincipalID)
	if err != nil {
		b.t.Fatal(err)
	}
	return secrets
}

func (b *bank) inject(f sandbox.Fault) {
	b.t.Helper()
	if err := b.sandbox.Inject(f); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bank) sent(operation string) int {
	n := 0
	for _, r := range b.sandbox.Log() {
		if strings.Contains(r.Method+" "+r.Path, operation) {
			n++
		}
	}
	return n
}

var inProd = github.Place{Environment: "prod", Name: "DATABRICKS_CLIENT_SECRET"}

func TestAnOAuthSecretIsIssuedStoredAndSeenToLogIn(t *testing.T) {
	b := openBank(t)
	if _, err := b.Stored(t.Context(), inProd, b.source); !errors.Is(err, resource.ErrNotFound) {
		t.Fatalf("a missing secret is %v", err)
	}
	stored, err := b.Store(t.Context(), inProd, b.source)
	if err != nil {
		t.Fatal(err)
	}
	if stored.Renew != "" || !stored.ExpiresAt.Equal(b.clock.Now().Add(90*24*time.Hour)) {
		t.Errorf("what is stored is %+v", stored)
	}
	if n := b.sent("POST /oidc/v1/token"); n == 0 {
		t.Error("nobody tried whether it logs in")
	}
	if n := len(b.live()); n != 1 {
		t.Errorf("%d OAuth secrets were issued", n)
	}
}

func TestASecretIsDueWhenItsExpiryComesNear(t *testing.T) {
	b := openBank(t)
	if _, err := b.Store(t.Context(), inProd, b.source); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		after time.Duration
		renew string
	}{{75 * 24 * time.Hour, ""}, {2 * 24 * time.Hour, "it expires on 2027-02-21"}, {14 * 24 * time.Hour, "so it cannot log in"}} {
		_ = b.clock.Sleep(t.Context(), c.after)
		b.renew(t)
		stored, err := b.Stored(t.Context(), inProd, b.source)
		if err != nil || !strings.Contains(stored.Renew, c.renew) || (c.renew == "") != (stored.Renew == "") {
			t.Errorf("on %s it is %+v, %v; want %q", b.clock.Now(), stored, err, c.renew)
		}
	}
}

func TestAValueThatNoLiveSecretWasMadeForIsDue(t *testing.T) {
	b := openBank(t)
	b.env["MLOPS_X"] = "typed in by somebody"
	if _, err := b.Store(t.Context(), inProd, Source{Env: "MLOPS_X"}); err != nil {
		t.Fatal(err)
	}
	_ = b.clock.Sleep(t.Context(), time.Hour)
	if _, err := b.Store(t.Context(), github.Place{Name: "ELSEWHERE"}, b.source); err != nil {
		t.Fatal(err)
	}
	b.renew(t)
	stored, err := b.Stored(t.Context(), inProd, b.source)
	if err != nil || !strings.Contains(stored.Renew, "it cannot log in") {
		t.Errorf("it is %+v, %v", stored, err)
	}
}

func TestAnAccessTokenIsDueAfterItsHour(t *testing.T) {
	b := openBank(t)
	place := github.Place{Name: "PROD_WORKSPACE_TOKEN"}
	source := b.source
	source.Issue = AccessToken
	if _, err := b.Store(t.Context(), place, source); err != nil {
		t.Fatal(err)
	}
	secrets := b.live()
	if len(secrets) != 1 || !secrets[0].Expires.Equal(b.clock.Now().Add(time.Hour)) {
		t.Errorf("the OAuth secret behind it is %+v; want one that ends with the token", secrets)
	}
	for _, c := range []struct {
		after time.Duration
		due   bool
	}{{49 * time.Minute, false}, {2 * time.Minute, true}, {time.Hour, true}} {
		_ = b.clock.Sleep(t.Context(), c.after)
		b.renew(t)
		stored, err := b.Stored(t.Context(), place, source)
		if err != nil || (stored.Renew != "") != c.due {
			t.Errorf("at %s it is %+v, %v", b.clock.Now(), stored, err)
		}
	}
}

// Found by the random worlds: one principal may have a token in one place and a secret in another, both
// stored by one apply.
func TestASecretIsNotTakenForTheOneBehindAToken(t *testing.T) {
	b := openBank(t)
	token, short := b.source, b.source
	token.Issue, short.Lifetime = AccessToken, 30*24*time.Hour
	places := map[github.Place]Source{inProd: b.source, {Name: "SHORT"}: short, {Name: "TOKEN"}: token}
	for _, place := range []github.Place{inProd, {Name: "SHORT"}, {Name: "TOKEN"}} {
		if _, err := b.Store(t.Context(), place, places[place]); err != nil {
			t.Fatal(err)
		}
		_ = b.clock.Sleep(t.Context(), time.Second)
	}
	b.renew(t)
	for place, want := range map[github.Place]time.Duration{inProd: 90 * 24 * time.Hour, {Name: "SHORT"}: 30 * 24 * time.Hour} {
		stored, err := b.Stored(t.Context(), place, places[place])
		if err != nil || stored.Renew != "" || stored.ExpiresAt.Sub(b.clock.Now()).Round(time.Hour) != want {
			t.Errorf("%s is %+v, %v; want it to live for %s", place, stored, err, want)
		}
	}
}

func TestALostAnswerIsNotFollowedByASecondCredential(t *testing.T) {
	b := openBank(t)
	b.inject(sandbox.Fault{Method: "POST", Path: "*/credentials/secrets", Times: 1, Action: "reset_after"})
	_, err := b.Store(t.Context(), inProd, b.source)
	live := b.live()
	if len(live) != 1 {
		t.Fatalf("%d OAuth secrets exist, want the one whose answer was lost", len(live))
	}
	if err == nil || errors.Is(err, resource.ErrLost) || !strings.Contains(err.Error(), live[0].ID) {
		t.Errorf("the error is %v; want it final, with the orphan's id %s", err, live[0].ID)
	}
	if _, err := b.Store(t.Context(), inProd, b.source); err != nil {
		t.Errorf("the next apply: %v", err)
	}
}

func TestALostRequestIsSentAgain(t *testing.T) {
	b := openBank(t)
	b.inject(sandbox.Fault{Method: "POST", Path: "*/credentials/secrets", Times: 1, Action: "reset_before"})
	if _, err := b.Store(t.Context(), inProd, b.source); err != nil {
		t.Fatal(err)
	}
	if n := len(b.live()); n != 1 {
		t.Errorf("%d OAuth secrets were issued", n)
	}
}

func TestAWaitGoesOnWhereItStoodAndIssuesNothingAgain(t *testing.T) {
	for name, fault := range map[string]sandbox.Fault{
		"the login is refused at first": {Method: "POST", Path: "prod.cloud.databricks.com/oidc/v1/token", Times: 1, Action: "status", Status: 401, Body: `{"error":"invalid_client"}`},
		"the key is not there at first": {Method: "GET", Path: "*/environments/prod/secrets/public-key", Times: 1, Action: "status", Status: 404, Body: `{"message":"Not Found"}`},
	} {
		t.Run(name, func(t *testing.T) {
			b := openBank(t)
			if _, err := b.opt.Fleet.OAuthSecrets(t.Context(), b.source.PrincipalID); err != nil { // logged in before the fault
				t.Fatal(err)
			}
			b.inject(fault)
			if _, err := b.Store(t.Context(), inProd, b.source); !errors.Is(err, resource.ErrNotYet) {
				t.Fatalf("the first try is %v, want not yet", err)
			}
			if _, err := b.Store(t.Context(), inProd, b.source); err != nil {
				t.Fatalf("the second try: %v", err)
			}
			if n := len(b.live()); n != 1 {
				t.Errorf("%d OAuth secrets were issued", n)
			}
		})
	}
}

func TestACredentialThatCannotBeStoredIsRevoked(t *testing.T) {
	b := openBank(t)
	b.inject(sandbox.Fault{Method: "PUT", Path: "*/secrets/DATABRICKS_CLIENT_SECRET", Action: "status", Status: 403, Body: `{"message":"Resource not accessible by personal access token"}`})
	_, err := b.Store(t.Context(), inProd, b.source)
	if live := b.live(); len(live) != 0 || err == nil || !strings.Contains(err.Error(), "was revoked") || !errors.Is(err, resource.ErrForbidden) {
		t.Errorf("the error is %v, and there are %v; want that what was issued was revoked", err, live)
	}
}

func TestACredentialOfWhichNobodyKnowsWhetherItIsStoredIsNamed(t *testing.T) {
	b := openBank(t)
	b.inject(sandbox.Fault{Method: "PUT", Path: "*/secrets/DATABRICKS_CLIENT_SECRET", Times: -1, Action: sandbox.FaultStatus, Status: http.StatusInternalServerError})
	_, err := b.Store(t.Context(), inProd, b.source)
	if live := b.live(); len(live) != 1 || err == nil || !strings.Contains(err.Error(), live[0].ID) {
		t.Errorf("the error is %v, want the id of %v in it", err, live)
	}
}

func TestAKeyThatChangedIsFetchedAgain(t *testing.T) {
	b := openBank(t)
	b.env["MLOPS_X"] = "a value"
	b.inject(sandbox.Fault{Method: "PUT", Path: "*/secrets/X", Times: 1, Action: "status", Status: 422, Body: `{"message":"Bad request - key_id is not the current one"}`})
	if _, err := b.Store(t.Context(), github.Place{Name: "X"}, Source{Env: "MLOPS_X"}); err != nil {
		t.Fatal(err)
	}
	if n := b.sent("public-key"); n != 2 {
		t.Errorf("the key was fetched %d times", n)
	}
}

func TestAFullPrincipalIsToldWhatToDelete(t *testing.T) {
	b := openBank(t)
	for i := range maxSecrets {
		if _, err := b.Store(t.Context(), github.Place{Name: fmt.Sprintf("S%d", i)}, b.source); err != nil {
			t.Fatal(err)
		}
	}
	_, err := b.Store(t.Context(), inProd, b.source)
	if err == nil || !strings.Contains(err.Error(), b.live()[0].ID) {
		t.Errorf("the error is %v, want the ids that take the places", err)
	}
}

func TestCredentialsOfOnePrincipalAreIssuedOneAfterAnother(t *testing.T) {
	b := openBank(t)
	var group sync.WaitGroup
	for i := range 4 {
		group.Go(func() {
			if _, err := b.Store(t.Context(), github.Place{Name: fmt.Sprintf("S%d", i)}, b.source); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if n := len(b.live()); n != 4 {
		t.Errorf("%d OAuth secrets for 4 places", n)
	}
}

func TestNoValueIsEverShown(t *testing.T) {
	b := openBank(t)
	secret, err := b.issue(t.Context(), step{place: inProd, source: b.source})
	if err != nil {
		t.Fatal(err)
	}
	value := secret.Value.Reveal()
	j := &journey{Secret: secret, Value: secret.Value}
	text, err := json.Marshal(map[string]any{"secret": secret, "value": j.Value})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "%v %+v %#v %s %q %x %s", j, *j, *j, j.Value, j.Value, j.Value, text)
	if strings.Contains(out.String(), value) || strings.Contains(out.String(), fmt.Sprintf("%x", value)) {
		t.Errorf("the value is shown: %s", &out)
	}
	const outside = "a-value-from-outside"
	if _, err := b.take("x", outside); err != nil {
		t.Fatal(err)
	}
	for _, v := range []string{value, outside} {
		if strings.Contains(b.secrets.Clean("it is "+v), v) {
			t.Errorf("the scrubber does not know %s", v)
		}
	}
}

func TestASecretThatIsStoredNowhereIsSpare(t *testing.T) {
	b := openBank(t)
	b.inject(sandbox.Fault{Method: "PUT", Path: "*/secrets/*", Times: -1, Action: sandbox.FaultStatus, Status: http.StatusInternalServerError})
	if _, err := b.Store(t.Context(), inProd, b.source); err == nil {
		t.Fatal("what GitHub refused to store was stored")
	}
	lost := b.live()[0].ID
	if err := b.sandbox.ClearFaults(); err != nil {
		t.Fatal(err)
	}
	b.renew(t)
	_ = b.clock.Sleep(t.Context(), time.Minute)
	stored, err := b.Store(t.Context(), inProd, b.source)
	if err != nil || len(stored.Spare) != 1 || !strings.HasPrefix(stored.Spare[0], lost+" ") {
		t.Errorf("spare are %v, %v; want the one that was stored nowhere, %s", stored.Spare, err, lost)
	}
	two := b.source
	two.Places = 2
	if stored, err := b.Stored(t.Context(), inProd, two); err != nil || stored.Spare != nil {
		t.Errorf("spare are %v, %v; want none where two places hold one each", stored.Spare, err)
	}
	other := b.source
	other.Lifetime = 30 * 24 * time.Hour
	if stored, err := b.Stored(t.Context(), inProd, other); err != nil || stored.Spare != nil {
		t.Errorf("spare are %v, %v; want none of another lifetime: they are somebody else's", stored.Spare, err)
	}
	_ = b.clock.Sleep(t.Context(), 91*24*time.Hour)
	b.renew(t)
	if stored, err := b.Stored(t.Context(), inProd, b.source); err != nil || stored.Spare != nil {
		t.Errorf("spare are %v, %v; want none once they have expired", stored.Spare, err)
	}
}

func TestAPrincipalWithoutRoomIsKnownBeforeAnythingIsChanged(t *testing.T) {
	b := openBank(t)
	for i := range maxSecrets {
		if _, err := b.Store(t.Context(), github.Place{Name: fmt.Sprintf("S%d", i)}, b.source); err != nil {
			t.Fatal(err)
		}
	}
	b.renew(t)
	var blocked *resource.Blocked
	if _, err := b.Stored(t.Context(), inProd, b.source); !errors.As(err, &blocked) || !strings.Contains(blocked.Reason, b.live()[0].ID) {
		t.Errorf("it is %v; want it blocked, with the ids that take the places", err)
	}
	if _, err := b.Stored(t.Context(), inProd, Source{Env: "MLOPS_X"}); !errors.Is(err, resource.ErrNotFound) {
		t.Errorf("a secret from elsewhere is %v; want that it is not there", err)
	}
}
