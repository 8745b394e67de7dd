package databricks

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mlopsctl/mlopsctl/internal/transport"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// service is a server on loopback that plays the account and a workspace, and remembers what it was
// asked.
type service struct {
	*httptest.Server
	mu    sync.Mutex
	asked []*http.Request
}

func serve(t *testing.T, answer http.HandlerFunc) *service {
	t.Helper()
	s := &service{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.asked = append(s.asked, r)
		s.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *service) requests() []*http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked)
}

// fleet returns a fleet whose account and only workspace are the service.
func (s *service) fleet(t *testing.T, o Options) *Fleet {
	t.Helper()
	guard := &transport.Guard{}
	guard.AllowWrites()
	wire := transport.New(transport.Options{Guard: guard})
	t.Cleanup(func() { wire.(interface{ CloseIdleConnections() }).CloseIdleConnections() })
	env := map[string]string{"DATABRICKS_HOST": s.URL, "DATABRICKS_TOKEN": "a-token"}
	o.Config = Logins{Transport: wire, Secrets: &transport.Scrubber{}, Env: func(name string) (string, bool) {
		value, ok := env[name]
		return value, ok
	}}.Config
	o.Account = &Host{URL: s.URL, AccountID: "an-account"}
	o.Workspaces = []Host{{URL: s.URL}}
	return New(o)
}

func write(t *testing.T, w http.ResponseWriter, v any) {
	t.Helper()
	if err := json.NewEncoder(w).Encode(v); err != nil {
		t.Error(err)
	}
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"error_code":%q,"message":%q}`, code, message) // to a recorder of a test
}

func TestANewFleetSendsNothing(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) { refuse(w, http.StatusInternalServerError, "", "") })
	s.fleet(t, Options{Principals: []string{"a"}})
	if n := len(s.requests()); n != 0 {
		t.Errorf("%d requests went out", n)
	}
}

// directory answers SCIM searches for principals of 130 names, two pages of the first name.
func directory(t *testing.T) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		var all []map[string]any
		for i := range 130 {
			name := fmt.Sprintf("p%d", i)
			if !strings.Contains(q.Get("filter"), `"`+name+`"`) {
				continue
			}
			copies := 1
			if i == 0 {
				copies = 120
			}
			for c := range copies {
				all = append(all, map[string]any{"id": fmt.Sprint(1000*i + c), "applicationId": fmt.Sprintf("app-%d-%d", i, c), "displayName": name, "active": true})
			}
		}
		start, err := strconv.Atoi(q.Get("startIndex"))
		if err != nil || start < 1 {
			t.Errorf("startIndex is %q", q.Get("startIndex"))
			start = 1
		}
		count, err := strconv.Atoi(q.Get("count"))
		if err != nil {
			t.Errorf("count is %q", q.Get("count"))
		}
		write(t, w, map[string]any{"totalResults": len(all), "startIndex": start, "Resources": all[start-1 : min(len(all), start-1+count)]})
	}
}

func TestPrincipalsAreLookedUpTogetherAndOnce(t *testing.T) {
	s := serve(t, directory(t))
	var names []string
	for i := range 130 {
		names = append(names, fmt.Sprintf("p%d", i))
	}
	f := s.fleet(t, Options{Principals: names})
	var wg sync.WaitGroup
	for _, name := range names {
		wg.Go(func() {
			found, err := f.Principals(t.Context(), "", name)
			want := 1
			if name == "p0" {
				want = 120
			}
			if err != nil || len(found) != want {
				t.Errorf("%s: %d principals, %v", name, len(found), err)
			}
		})
	}
	wg.Wait()
	// Three filters of at most 50 names; the first finds 169 principals, two pages.
	if n := len(s.requests()); n != 4 {
		t.Errorf("it took %d requests", n)
	}
}

func TestANameCannotBreakOutOfAFilter(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) { write(t, w, map[string]any{"totalResults": 0}) })
	f := s.fleet(t, Options{})
	if _, err := f.Principals(t.Context(), "", `a" or displayName sw "\`); err != nil {
		t.Fatal(err)
	}
	got := s.requests()[0].URL.Query().Get("filter")
	if want := `displayName eq "a\" or displayName sw \"\\"`; got != want {
		t.Errorf("filter %s, want %s", got, want)
	}
}

func TestAWrongAccountIsNoAbsentPrincipal(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, http.StatusNotFound, "NOT_FOUND", "no such account")
	})
	_, err := s.fleet(t, Options{}).Principals(t.Context(), "", "a")
	if err == nil || errors.Is(err, resource.ErrNotFound) || !strings.Contains(err.Error(), "no such account") {
		t.Errorf("the error is %v", err)
	}
}

func TestAWorkspaceWithoutMetastoreBlocks(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, http.StatusNotFound, "METASTORE_DOES_NOT_EXIST", "No metastore assigned for the current workspace.")
	})
	var blocked *resource.Blocked
	if _, err := s.fleet(t, Options{}).Catalog(t.Context(), s.URL, "prod"); !errors.As(err, &blocked) {
		t.Errorf("the error is %v", err)
	}
}

func TestAWorkspaceWithoutMetastoreTellsItsID(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/Me") {
			w.Header().Set("X-Databricks-Org-Id", "4711")
			write(t, w, map[string]any{"userName": "me@acme.com"})
			return
		}
		refuse(w, http.StatusNotFound, "METASTORE_DOES_NOT_EXIST", "No metastore assigned for the current workspace.")
	})
	if id, err := s.fleet(t, Options{}).WorkspaceID(t.Context(), s.URL); err != nil || id != "4711" {
		t.Errorf("id %q, %v", id, err)
	}
}

func TestNamesInPathsAreEscaped(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/catalogs") {
			write(t, w, map[string]any{})
			return
		}
		refuse(w, http.StatusNotFound, "CATALOG_DOES_NOT_EXIST", "no")
	})
	_, err := s.fleet(t, Options{}).Catalog(t.Context(), s.URL, "a/b?c#d e")
	if !errors.Is(err, resource.ErrNotFound) {
		t.Fatal(err)
	}
	got := s.requests()[1].URL
	if got.EscapedPath() != "/api/2.1/unity-catalog/catalogs/a%2Fb%3Fc%23d%20e" {
		t.Errorf("it asked for %s", got)
	}
}

func TestGrantsOfAllPagesAreReadAndNormalised(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		row := func(principal string, privileges ...string) map[string]any {
			return map[string]any{"principal": principal, "privileges": privileges}
		}
		if r.URL.Query().Get("max_results") != "0" {
			t.Errorf("max_results is %q", r.URL.Query().Get("max_results"))
		}
		if r.URL.Query().Get("page_token") == "" {
			write(t, w, map[string]any{"privilege_assignments": []any{row("a", "use catalog", "MODIFY")}, "next_page_token": "more"})
			return
		}
		write(t, w, map[string]any{"privilege_assignments": []any{row("", "SELECT"), row("b", "SELECT")}})
	})
	f := s.fleet(t, Options{})
	got, err := f.Grants(t.Context(), s.URL, Securable{Type: "model", Name: "c.s.m"})
	if err != nil {
		t.Fatal(err)
	}
	want := []Grant{{Principal: "a", Privileges: []string{"MODIFY", "USE_CATALOG"}}, {Principal: "b", Privileges: []string{"SELECT"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if path := s.requests()[0].URL.Path; path != "/api/2.1/unity-catalog/permissions/function/c.s.m" {
		t.Errorf("a model's grants were asked for at %s", path)
	}
}

func TestAProblemWithOneAssignmentHidesNoOther(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		write(t, w, map[string]any{"permission_assignments": []any{
			map[string]any{"principal": map[string]any{"principal_id": 1}, "permissions": []string{"USER"}},
			map[string]any{"principal": map[string]any{"principal_id": 2}, "error": "it cannot be resolved"},
		}})
	})
	f := s.fleet(t, Options{})
	at := Workspace{Host: s.URL, ID: "7"}
	if got, err := f.Assignment(t.Context(), at, "1"); err != nil || !slices.Equal(got, []string{"USER"}) {
		t.Errorf("the one without a problem: %v, %v", got, err)
	}
	if got, err := f.Assignment(t.Context(), at, "2"); err == nil || errors.Is(err, resource.ErrNotFound) || !strings.Contains(err.Error(), "it cannot be resolved") {
		t.Errorf("the one with a problem: %v, %v", got, err)
	}
	if _, err := f.Assignment(t.Context(), at, "3"); !errors.Is(err, resource.ErrNotFound) {
		t.Errorf("none: %v", err)
	}
}

func TestAPermissionThatWouldRemoveEverythingIsNotSent(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) { write(t, w, map[string]any{}) })
	for _, permission := range []string{"", "user", "VIEWER"} {
		if _, err := s.fleet(t, Options{}).Assign(t.Context(), Workspace{Host: s.URL}, "1", permission); err == nil {
			t.Errorf("%q was accepted", permission)
		}
	}
	if n := len(s.requests()); n != 0 {
		t.Errorf("%d requests went out", n)
	}
}

func TestARefusalInsideAnAnswerIsAnError(t *testing.T) {
	for message, notYet := range map[string]bool{"Principal 1 not in workspace 2": true, "Workspace is not identity federated": false} {
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPut {
				write(t, w, map[string]any{"error": message})
				return
			}
			write(t, w, map[string]any{"metastore_id": "m", "workspace_id": 2})
		})
		_, err := s.fleet(t, Options{}).Assign(t.Context(), Workspace{Host: s.URL}, "1", "USER")
		if err == nil || errors.Is(err, resource.ErrNotYet) != notYet {
			t.Errorf("%s: %v", message, err)
		}
	}
}

func TestASealedValueShowsNowhere(t *testing.T) {
	const value = "dose-not-a-real-one"
	secret := Secret{ID: "1", Value: Seal(value)}
	data, err := json.Marshal(map[string]any{"secret": secret, "value": secret.Value})
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("issued", "secret", secret, "value", secret.Value)
	shown := []string{string(data), log.String()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		shown = append(shown, fmt.Sprintf(verb, secret), fmt.Sprintf(verb, secret.Value), fmt.Sprintf(verb, &secret))
	}
	for _, text := range shown {
		if strings.Contains(text, value) || strings.Contains(text, fmt.Sprintf("%x", value)) {
			t.Errorf("the value shows in %s", text)
		}
	}
	if secret.Value.Reveal() != value {
		t.Error("Reveal does not give the value")
	}
}

func TestExchangeSendsTheSecretAsTheStandardSays(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		id, secret, _ := r.BasicAuth()
		form := url.Values{}
		if err := r.ParseForm(); err == nil {
			form = r.PostForm
		}
		if id != "app" || secret != url.QueryEscape("s/+ :") || form.Get("grant_type") != "client_credentials" || form.Get("scope") != "all-apis" {
			t.Errorf("%s %s %v", id, secret, form)
		}
		write(t, w, map[string]any{"access_token": "t", "expires_in": 3600})
	})
	token, err := s.fleet(t, Options{}).Exchange(t.Context(), s.URL, "app", Seal("s/+ :"))
	if err != nil || token.Value.Reveal() != "t" || token.Lifetime.Hours() != 1 {
		t.Errorf("%v lives %s, %v", token.Value.Reveal(), token.Lifetime, err)
	}
}

func TestAnEmptyListingCountsOnlyForWhoSeesAllOfIt(t *testing.T) {
	for name, c := range map[string]struct {
		owner, metastoreOwner string
		groups                []any
		all                   bool
	}{
		"the owner":                             {owner: "me", all: true},
		"a member of the owning group":          {owner: "admins", groups: []any{map[string]any{"display": "admins"}}, all: true},
		"the metastore's administrator":         {owner: "somebody", metastoreOwner: "me", all: true},
		"anybody else":                          {owner: "somebody", metastoreOwner: "somebody"},
		"whoever is shown no owner of anything": {all: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, func(w http.ResponseWriter, r *http.Request) {
				catalog := map[string]any{"name": "prod", "owner": c.owner}
				switch path := r.URL.Path; {
				case strings.HasSuffix(path, "/Me"):
					write(t, w, map[string]any{"userName": "me", "groups": c.groups})
				case strings.HasSuffix(path, "/catalogs"):
					write(t, w, map[string]any{"catalogs": []any{catalog}})
				case strings.HasSuffix(path, "/metastore_summary"):
					write(t, w, map[string]any{"metastore_id": "m", "owner": c.metastoreOwner})
				default:
					write(t, w, map[string]any{})
				}
			})
			err := s.fleet(t, Options{}).AllGrants(t.Context(), s.URL, Securable{Type: "catalog", Name: "prod"}, nil)
			if (err == nil) != c.all || !c.all && !errors.Is(err, resource.ErrForbidden) {
				t.Errorf("AllGrants() = %v", err)
			}
		})
	}
}
