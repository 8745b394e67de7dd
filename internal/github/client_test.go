package github

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

func TestEveryHostHasItsOwnInterfaces(t *testing.T) {
	for host, want := range map[string][2]string{
		"https://github.com":         {"https://api.github.com/", "https://token.actions.githubusercontent.com"},
		"https://octocorp.ghe.com":   {"https://api.octocorp.ghe.com/", "https://token.actions.octocorp.ghe.com"},
		"https://git.acme.example":   {"https://git.acme.example/api/v3/", "https://git.acme.example/_services/token"},
		"http://127.0.0.1:8080":      {"http://127.0.0.1:8080/api/v3/", "http://127.0.0.1:8080/_services/token"},
		"https://github.com.example": {"https://github.com.example/api/v3/", "https://github.com.example/_services/token"},
	} {
		s, err := siteOf(host)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, [2]string{s.api.String(), s.issuer}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", host, diff)
		}
	}
	for _, bad := range []string{"", "github.com", "https://github.com/acme", "::"} {
		if _, err := siteOf(bad); err == nil {
			t.Errorf("%q is taken for a host", bad)
		}
	}
}

func TestAListingIsFetchedOnceHoweverManyAsk(t *testing.T) {
	h, c := newHub(t, map[string]answer{"GET repos/acme/taxi/actions/variables": {pages: []string{
		`{"total_count":2,"variables":[{"name":"A","value":"1"}]}`, `{"total_count":2,"variables":[{"name":"b","value":"2"}]}`,
	}}})
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			got, err := c.Variables(t.Context(), "")
			if diff := cmp.Diff(map[string]string{"A": "1", "B": "2"}, got); err != nil || diff != "" {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
	group.Wait()
	if n := h.count("GET repos/acme/taxi/actions/variables"); n != 2 {
		t.Errorf("%d requests for two pages", n)
	}
}

func TestTheNextPageIsWhereItsLinkLeads(t *testing.T) {
	for query, link := range map[string]string{
		"per_page=1&page=2":            `<https://other.example/repositories/1/x?per_page=1&page=2>; rel="next", <https://other.example/x?page=9>; rel="last"`,
		"after=Y3Vyc29y%3D&per_page=1": `<https://other.example/x?page=1>; rel="prev", <https://other.example/x?after=Y3Vyc29y%3D&per_page=1>; rel="next"`,
		"cursor=2":                     `<https://other.example/x?cursor=2>; title="two"; rel=next`,
	} {
		first := ok(`{"total_count":2,"variables":[{"name":"A","value":"1"}]}`)
		first.header = http.Header{"Link": {link}}
		first.next = map[string]answer{query: ok(`{"total_count":2,"variables":[{"name":"b","value":"2"}]}`)}
		_, c := newHub(t, map[string]answer{"GET repos/acme/taxi/actions/variables": first})
		got, err := c.Variables(t.Context(), "")
		if diff := cmp.Diff(map[string]string{"A": "1", "B": "2"}, got); err != nil || diff != "" {
			t.Errorf("%s: got %v, %v", link, got, err)
		}
	}
}

func TestAWriteShowsWithoutANewListing(t *testing.T) {
	h, c := newHub(t, map[string]answer{
		"GET repos/acme/taxi/actions/variables":           ok(`{"variables":[]}`),
		"POST repos/acme/taxi/actions/variables":          {status: http.StatusCreated},
		"GET repos/acme/taxi/actions/variables/A":         ok(`{"name":"A","value":"1"}`),
		"GET repos/acme/taxi/environments/prod/variables": ok(`{"variables":[]}`),
	})
	look := func() {
		for _, environment := range []string{"", "prod"} {
			if _, err := c.Variables(t.Context(), environment); err != nil {
				t.Fatal(err)
			}
		}
	}
	look()
	if err := c.CreateVariable(t.Context(), Place{Name: "A"}, "1"); err != nil {
		t.Fatal(err)
	}
	look()
	if all, err := c.Variables(t.Context(), ""); err != nil || all["A"] != "1" {
		t.Errorf("the variables are %v, %v; want A, which was made", all, err)
	}
	if n := h.count("GET repos/acme/taxi/actions/variables"); n != 1 {
		t.Errorf("the listing that was written to was fetched %d times, want 1", n)
	}
	if n := h.count("GET repos/acme/taxi/environments/prod/variables"); n != 1 {
		t.Errorf("another listing was fetched %d times, want 1", n)
	}
}

func TestARepositoryThatAnswersUnderAnotherNameIsAnError(t *testing.T) {
	_, c := newHub(t, map[string]answer{"GET repos/acme/taxi": ok(strings.ReplaceAll(repoJSON, "Acme/taxi", "acme/cabs"))})
	_, err := c.Repository(t.Context())
	if err == nil || !strings.Contains(err.Error(), "acme/taxi") || !strings.Contains(err.Error(), "acme/cabs") {
		t.Errorf("the error is %v, want both names in it", err)
	}
	h, c := newHub(t, map[string]answer{"PATCH repos/acme/taxi": {
		status: http.StatusTemporaryRedirect, header: http.Header{"Location": {"/api/v3/repositories/456789"}},
	}})
	if _, err := c.EditRepository(t.Context(), map[string]any{"description": "x"}); err == nil {
		t.Error("a write to a repository that was renamed succeeds")
	}
	if n := h.count("PATCH repositories/456789"); n != 0 {
		t.Error("the redirect of a write was followed")
	}
}

func TestWhatIsHiddenIsNeverAbsent(t *testing.T) {
	_, c := newHub(t, map[string]answer{"GET repos/acme/taxi": ok(repoJSON)})
	looks := map[string]func() error{
		"branches":     func() error { _, err := c.Branches(t.Context()); return err },
		"rulesets":     func() error { _, err := c.Ruleset(t.Context(), "x"); return err },
		"teams":        func() error { _, err := c.RepositoryTeams(t.Context()); return err },
		"org teams":    func() error { _, err := c.OrganizationTeams(t.Context()); return err },
		"environments": func() error { _, err := c.Environment(t.Context(), "prod"); return err },
		"secrets":      func() error { _, err := c.Secrets(t.Context(), ""); return err },
		"variables":    func() error { _, err := c.Variables(t.Context(), ""); return err },
		"permissions":  func() error { _, err := c.WorkflowPermissions(t.Context()); return err },
		"subject":      func() error { _, err := c.Subject(t.Context(), Job{Environment: "prod"}); return err },
	}
	for name, look := range looks {
		if err := look(); !errors.Is(err, resource.ErrForbidden) || errors.Is(err, resource.ErrNotFound) {
			t.Errorf("%s: a 404 is %v, want that it is not permitted", name, err)
		}
	}
	if _, err := c.Variables(t.Context(), "prod"); !errors.Is(err, resource.ErrNotFound) {
		t.Errorf("a missing environment is %v, want not found", err)
	}
}

func TestANewRepositorysPartsAreNotVisibleYet(t *testing.T) {
	h, c := newHub(t, map[string]answer{
		"GET users/acme":       ok(`{"id":123456,"login":"acme","type":"Organization"}`),
		"POST orgs/acme/repos": {status: http.StatusCreated, body: repoJSON},
	})
	if _, err := c.CreateRepository(t.Context(), NewRepository{Visibility: "internal", Description: "Taxi"}); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"name": "taxi", "private": true, "visibility": "internal", "description": "Taxi"}
	if diff := cmp.Diff(want, h.sent(t, "POST orgs/acme/repos")); diff != "" {
		t.Error(diff)
	}
	if ready, err := c.RepositoryReady(t.Context()); ready || err != nil {
		t.Errorf("ready is %v, %v while GitHub answers 404", ready, err)
	}
	if _, err := c.WorkflowPermissions(t.Context()); !errors.Is(err, resource.ErrNotYet) {
		t.Errorf("below a new repository a 404 is %v, want not yet", err)
	}
	h.set("GET repos/acme/taxi", ok(repoJSON))
	h.set("GET repos/acme/taxi/git/matching-refs/heads/", answer{status: http.StatusConflict, body: `{"message":"Git Repository is empty."}`})
	if ready, err := c.RepositoryReady(t.Context()); !ready || err != nil {
		t.Errorf("ready is %v, %v of an empty repository", ready, err)
	}
	h.set("POST repos/acme/taxi/git/refs", answer{status: http.StatusConflict, body: `{"message":"Git Repository is empty."}`})
	if err := c.CreateBranch(t.Context(), "release", "1"); !errors.Is(err, resource.ErrNotYet) {
		t.Errorf("a branch right after the first push is %v, want not yet", err)
	}
	h.pass(2 * infancy)
	if _, err := c.WorkflowPermissions(t.Context()); errors.Is(err, resource.ErrNotYet) {
		t.Errorf("a repository is new for ever: %v", err)
	}
}

func TestANameThatIsTakenIsNoAdoption(t *testing.T) {
	_, c := newHub(t, map[string]answer{
		"GET users/acme": ok(`{"id":1,"login":"acme","type":"Organization"}`),
		"POST orgs/acme/repos": {status: http.StatusUnprocessableEntity,
			body: `{"message":"Repository creation failed.","errors":[{"resource":"Repository","code":"custom","field":"name","message":"name already exists on this account"}]}`},
	})
	_, err := c.CreateRepository(t.Context(), NewRepository{})
	if err == nil || errors.Is(err, resource.ErrExists) || !strings.Contains(err.Error(), "may not see") {
		t.Errorf("the error is %v, want one that is no adoption and says why", err)
	}
}

func TestOnlyItsOwnerCreatesAUsersRepository(t *testing.T) {
	_, c := newHub(t, map[string]answer{
		"GET users/acme": ok(`{"id":1,"login":"acme","type":"User"}`),
		"GET user":       ok(`{"id":2,"login":"ada","type":"User"}`),
	})
	if _, err := c.CreateRepository(t.Context(), NewRepository{}); err == nil || !strings.Contains(err.Error(), "ada") {
		t.Errorf("the error is %v, want it to say whose the token is", err)
	}
}

func TestPathsAreEscaped(t *testing.T) {
	h, c := newHub(t, map[string]answer{"GET repos/acme/taxi/environments/a%2Fb%20c/variables": ok(`{"variables":[]}`)})
	if _, err := c.Variables(t.Context(), "a/b c"); err != nil {
		t.Errorf("%v; asked were %v", err, h.asked)
	}
}

func TestWorkflowPermissionsNameTheOrganisationsLimit(t *testing.T) {
	_, c := newHub(t, map[string]answer{
		"PUT repos/acme/taxi/actions/permissions/workflow": {status: http.StatusConflict, body: `{"message":"Conflict"}`},
		"GET orgs/acme/actions/permissions/workflow":       ok(`{"default_workflow_permissions":"read","can_approve_pull_request_reviews":false}`),
	})
	write := "write"
	err := c.SetWorkflowPermissions(t.Context(), WorkflowPermissions{Default: &write})
	if err == nil || !strings.Contains(err.Error(), "gives its workflows read permissions") || !strings.Contains(err.Error(), "may not create pull requests") {
		t.Errorf("the error is %v", err)
	}
}

func TestAPlanThatCannotBeSeenLacksNothing(t *testing.T) {
	_, c := newHub(t, map[string]answer{"GET repos/acme/taxi": ok(repoJSON), "GET orgs/acme": ok(`{"login":"acme"}`)})
	c.host.dialect = public
	if lacking, err := c.Lacks(t.Context(), EnvironmentReviews, "private"); lacking != "" || err != nil {
		t.Errorf("got %q, %v", lacking, err)
	}
	_, c = newHub(t, map[string]answer{"GET repos/acme/taxi": ok(repoJSON), "GET orgs/acme": ok(`{"login":"acme","plan":{"name":"team"}}`)})
	c.host.dialect = public
	for feature, lacks := range map[Feature]bool{EnvironmentReviews: true, EnvironmentPolicy: false, Rulesets: false} {
		if got, err := c.Lacks(t.Context(), feature, "private"); (got != "") != lacks || err != nil {
			t.Errorf("%s on the plan team: %q, %v", feature, got, err)
		}
	}
	if got, err := c.Lacks(t.Context(), EnvironmentReviews, "public"); got != "" || err != nil {
		t.Errorf("a public repository lacks %q, %v", got, err)
	}
}
