package transport

import (
	"net/http"
	"path"
	"strings"

	"golang.org/x/time/rate"
)

// family is a part of an API with a limit of its own.
type family struct {
	name     string
	rate     rate.Limit // requests a second, sustained
	burst    int        // requests at once, before the rate counts
	inFlight int        // requests under way on the whole host; 0 is no bound
}

// familyOf says what a request counts as. The rates are the documented ones
// (docs.databricks.com/aws/en/resources/limits; docs.github.com, rate limits for the REST API: 900
// points a minute, of which a read costs one and a write five; 80 new things a minute). The bursts let
// a small project's plan and apply through unhindered; a service that minds says so.
func familyOf(req *http.Request) family {
	p, write := req.URL.Path, writes(req)
	switch {
	case onGitHub(req):
		return familyOnGitHub(req)
	case strings.Contains(p, "/accounts/") && strings.Contains(p, "/scim/v2/"):
		return familyOfAccount(req)
	case strings.Contains(p, "/permissions/") && write:
		return family{name: "permissions write", rate: 30, burst: 60}
	case strings.Contains(p, "/mlflow/") && strings.HasSuffix(p, "/search"):
		return family{name: "mlflow search", rate: 7, burst: 20}
	case strings.Contains(p, "/jobs/") && write:
		return family{name: "jobs write", rate: 20, burst: 40}
	case strings.Contains(p, "/unity-catalog/") && write:
		return family{name: "unity catalog write", rate: 20, burst: 50}
	case strings.Contains(p, "/unity-catalog/"):
		return family{name: "unity catalog read", rate: 50, burst: 100}
	case write:
		return family{name: "write", rate: 20, burst: 50}
	default:
		return family{name: "read", rate: 50, burst: 100}
	}
}

// writes reports whether a service counts a request as one that changes something.
func writes(req *http.Request) bool {
	return req.Method != http.MethodGet && req.Method != http.MethodHead
}

func familyOnGitHub(req *http.Request) family {
	switch {
	case quotaOnGitHub(req) == "graphql":
		return family{name: "github graphql", rate: 30, burst: 100, inFlight: 16} // 2,000 points a minute
	case makesContent(req):
		return family{name: "github content", rate: 80.0 / 60, burst: 40, inFlight: 16}
	case writes(req):
		return family{name: "github write", rate: 3, burst: 50, inFlight: 16}
	default:
		return family{name: "github read", rate: 15, burst: 200, inFlight: 16}
	}
}

// makesContent reports whether a request makes something that people are told of, or that is stored
// for good: GitHub counts these apart.
func makesContent(req *http.Request) bool {
	if req.Method != http.MethodPost {
		return false
	}
	what := path.Base(req.URL.Path)
	return what == "repos" || what == "pulls" || what == "issues" || what == "comments" || strings.Contains(req.URL.Path, "/git/")
}

func familyOfAccount(req *http.Request) family {
	switch last := path.Base(req.URL.Path); {
	case req.Method == http.MethodPatch:
		return family{name: "account scim patch", rate: 2, burst: 10}
	case writes(req):
		return family{name: "account scim write", rate: 5, burst: 20}
	case last == "ServicePrincipals" || last == "Groups" || last == "Users":
		return family{name: "account scim list", rate: 4, burst: 60} // 240 a minute
	default:
		return family{name: "account scim read", rate: 20, burst: 60}
	}
}
