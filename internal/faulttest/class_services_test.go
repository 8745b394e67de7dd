package faulttest

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/mlopsctl/mlopsctl/internal/sandbox"
)

// read is a request that a plan sends to see an object.
type read struct{ name, path string }

func (r read) github() bool { return strings.Contains(strings.Split(r.path, "/")[0], "github") }

func (r read) fault(status, times int) sandbox.Fault {
	return sandbox.Fault{Method: http.MethodGet, Path: r.path, Action: sandbox.FaultStatus, Status: status, Times: times}
}

// reads are the requests of a plan of what is installed, one for each sort of object.
func reads() []read {
	return []read{
		{"repository", "api.github.com/repos/acme/taxi"},
		{"branch", "api.github.com/*/git/matching-refs/heads/"},
		{"branch_protections", "api.github.com/*/taxi/rulesets"},
		{"branch_protection", "api.github.com/*/taxi/rulesets/*"},
		{"team", "api.github.com/*/taxi/teams"},
		{"workflow_permissions", "api.github.com/*/actions/permissions/workflow"},
		{"environment", "api.github.com/*/taxi/environments"},
		{"environments_branches", "api.github.com/*/environments/prod/deployment-branch-policies"},
		{"variable", "api.github.com/*/actions/variables"},
		{"environments_variable", "api.github.com/*/environments/prod/variables"},
		{"secret", "api.github.com/*/actions/secrets"},
		{"environments_secret", "api.github.com/*/environments/prod/secrets"},
		{"subject", "api.github.com/*/actions/oidc/customization/sub"},
		{"service_principal", accountHost + "/*/scim/v2/ServicePrincipals"},
		{"oauth_secret", accountHost + "/*/credentials/secrets"},
		{"federation_policy", accountHost + "/*/federationPolicies"},
		{"workspace_assignment", accountHost + "/*/permissionassignments"},
		{"catalog", "prod.cloud.databricks.com/*/unity-catalog/catalogs"},
		{"schema", "prod.cloud.databricks.com/*/unity-catalog/schemas"},
		{"catalog_binding", "prod.cloud.databricks.com/*/bindings/catalog/prod"},
		{"catalogs_grant", "prod.cloud.databricks.com/*/permissions/catalog/prod"},
		{"schemas_grant", "prod.cloud.databricks.com/*/permissions/schema/prod.taxi"},
		{"entitlement", "prod.cloud.databricks.com/*/scim/v2/ServicePrincipals"},
		{"principal_user", accountHost + "/*/access-control/rule-sets"},
		{"git_credential", "prod.cloud.databricks.com/*/git-credentials"},
		{"personal_access_token", "prod.cloud.databricks.com/*/token-management/tokens"},
		{"metastore", "prod.cloud.databricks.com/*/current-metastore-assignment"},
	}
}

// looks plans and applies what is installed while its reads go wrong: nothing is to be done, so nothing
// may be planned or sent that does anything.
func looks(w *world) outcome {
	w.t.Helper()
	p, _ := w.plan()
	for _, c := range p.Changes {
		switch c.Action {
		case "none", "unknown", "blocked", "wait":
		default:
			w.t.Errorf("%s is %s: %s, though it is there and right", c.Address, c.Action, c.Reason)
		}
	}
	o := w.apply()
	if sent := o.mutations(); len(sent) > 0 {
		w.t.Errorf("%s %s%s was sent though all is as it should be", sent[0].Method, sent[0].Host, sent[0].Path)
	}
	return o
}

func lookCase(class, name string, faults ...sandbox.Fault) faultCase {
	return faultCase{class: class, name: "read/" + name, start: quiet, act: looks, faults: faults, codes: []int{0, 1, 4}}
}

func lostAnswers(rows []row) []faultCase {
	var list []faultCase
	for _, r := range rows {
		for class, action := range map[string]sandbox.FaultAction{"F06": sandbox.FaultResetAfter, "F07": sandbox.FaultResetBefore} {
			c := faultCase{class: class, name: r.String(), row: r, faults: []sandbox.Fault{r.fault(action)}, codes: []int{0}}
			if r.issues() {
				c.codes = []int{0, 6} // its value is lost with the answer, and none is issued twice blindly
			}
			if strings.HasSuffix(r.path, "/dispatches") && class == "F07" {
				c.codes = []int{6} // a run that may have been started is not started again by the same process
			}
			list = append(list, c)
		}
	}
	return list
}

func failures(rows []row) []faultCase {
	var list []faultCase
	statuses := []int{500, 502, 503, 504}
	often := map[string]int{"once": 1, "thrice": 3, "for_ever": -1}
	for i, r := range rows {
		for word, times := range often {
			status := statuses[i%len(statuses)]
			list = append(list, faultCase{class: "F08", name: fmt.Sprintf("%s/%d_%s", r, status, word), row: r, faults: []sandbox.Fault{r.status(status, times)}})
		}
	}
	for i, r := range reads() {
		for word, times := range often {
			status := statuses[i%len(statuses)]
			c := lookCase("F08", fmt.Sprintf("%s/%d_%s", r.name, status, word), r.fault(status, times))
			if times == 1 && status != 500 {
				c.codes = []int{0}
			}
			list = append(list, c)
		}
	}
	return list
}

func conflicts(rows []row) []faultCase {
	var list []faultCase
	for i, r := range rows {
		status := []int{408, 409, 412, 423}[i%4]
		list = append(list, faultCase{class: "F09", name: fmt.Sprintf("%s/%d", r, status), row: r, faults: []sandbox.Fault{r.status(status, 1)}})
	}
	return list
}

// asks is how a service says for how long it wants to be left alone.
type asks struct {
	name   string
	status int
	header map[string]string
	body   string
	times  int
	codes  []int // of an apply
}

// limits are those of both services, on a read and on writes.
func limits(rows []row) []faultCase {
	began := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	after := func(d time.Duration) string { return fmt.Sprint(began.Add(d).Unix()) }
	const secondary = `{"message":"You have exceeded a secondary rate limit. Please wait a few minutes before you try again."}`
	const primary = `{"message":"API rate limit exceeded for user ID 7."}`
	patient, gone := []int{0}, []int{1, 4, 6}
	list := limited("F10", rows, func(github bool) bool { return !github }, []asks{
		{"seconds", 429, map[string]string{"Retry-After": "3"}, "", 1, patient},
		{"a_date", 429, map[string]string{"Retry-After": began.Add(20 * time.Second).Format(http.TimeFormat)}, "", 1, patient},
		{"nothing", 429, nil, "", 2, patient},
		{"a_day", 429, map[string]string{"Retry-After": "86400"}, "", -1, gone},
		{"less_than_nothing", 429, map[string]string{"Retry-After": "-5"}, "", 1, patient},
		{"a_word", 429, map[string]string{"Retry-After": "soon"}, "", 1, patient},
		{"for_ever", 429, map[string]string{"Retry-After": "2"}, "", -1, gone},
	})
	isGitHub := func(github bool) bool { return github }
	list = append(list, limited("F11", rows, isGitHub, []asks{
		{"soon", 403, map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": after(time.Minute)}, primary, 1, patient},
		{"too_many_soon", 429, map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": after(time.Minute)}, primary, 1, patient},
		{"in_the_past", 403, map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": after(-time.Hour)}, primary, 1, patient},
		{"unsaid", 403, map[string]string{"X-RateLimit-Remaining": "0"}, primary, 1, patient},
		{"far_away", 403, map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": after(50 * time.Minute)}, primary, -1, gone},
	})...)
	return append(list, limited("F12", rows, isGitHub, []asks{
		{"words_alone", 403, nil, secondary, 1, patient},
		{"words_again", 403, nil, secondary, 2, patient},
		{"retry_after", 403, map[string]string{"Retry-After": "30"}, secondary, 1, patient},
		{"reset", 429, map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": after(2 * time.Minute)}, secondary, 1, patient},
		{"for_ever", 403, map[string]string{"Retry-After": "60"}, secondary, -1, gone},
	})...)
}

// limited puts each of the limits on two reads, and on the first write of each method.
func limited(class string, rows []row, ours func(github bool) bool, how []asks) []faultCase {
	var list []faultCase
	for _, a := range how {
		with := func(f sandbox.Fault) sandbox.Fault {
			f.Action, f.Status, f.Times, f.Header, f.Body = sandbox.FaultStatus, a.status, a.times, a.header, a.body
			return f
		}
		methods := map[string]bool{}
		for _, r := range rows {
			if methods[r.method] || !ours(r.github()) || strings.Contains(r.path, ".git/") {
				continue
			}
			methods[r.method] = true
			list = append(list, faultCase{class: class, name: r.String() + "/" + a.name, row: r, faults: []sandbox.Fault{with(r.fault(""))}, codes: a.codes})
		}
		left := 2
		for _, r := range reads() {
			if !ours(r.github()) || left == 0 {
				continue
			}
			left--
			c := lookCase(class, r.name+"/"+a.name, with(r.fault(0, 0)))
			c.codes = a.codes
			list = append(list, c)
		}
	}
	return list
}
