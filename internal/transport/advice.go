package transport

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// advice says what to do about an answer of 400 and above.
func advice(req *http.Request, resp *http.Response, e *Error) string {
	switch {
	case e.limited:
		return fmt.Sprintf("%s limits the requests of these credentials; try again in %s", req.URL.Host, e.asked.Round(time.Second))
	case resp.Header.Get("X-Github-Sso") != "":
		return "the organisation requires single sign-on for this token; authorise it: " + resp.Header.Get("X-Github-Sso")
	case strings.Contains(strings.ToLower(e.Message), "archived"): // GitHub has no code for it
		return "the repository is archived; unarchive it first"
	case strings.Contains(e.Message, "Upgrade to GitHub"): // nor for this
		return "the plan of GitHub's lacks it for private repositories: upgrade it, make the repository public, or take it out of the spec"
	case errors.Is(e.kind, resource.ErrForbidden) && resp.Header.Get("X-Accepted-Github-Permissions") != "":
		return "the token needs " + strings.ReplaceAll(resp.Header.Get("X-Accepted-Github-Permissions"), "; ", " or ")
	case tokenEndpoint(req) && e.Status < 500:
		return adviceOnLogin(req, e)
	case jobLogin(req) && e.Status < 500:
		return "GitHub gave the job no identity token: does it have the permission id-token: write?"
	case appLogin(req) && e.Status < 500:
		return "the App's login was refused: are its id, its private key and the id of its installation right, and this machine's clock?"
	case errors.Is(e.kind, resource.ErrUnauthorized):
		return "the credential for " + req.URL.Host + " was not accepted: it may be expired, revoked or another host's"
	case e.page && e.Status < 500: // from there on it is a gateway's, in front of a service that fails
		return "" // no service of these says so, and what it means is said with it
	case errors.Is(e.kind, resource.ErrForbidden):
		return rights(req)
	case e.Status == http.StatusTooManyRequests:
		return req.URL.Host + " limits the requests of these credentials; try again later"
	case e.Status >= 500 && e.Status != http.StatusNotImplemented:
		return "the service failed rather than refuse: try again later; its support can look the request up"
	case e.Status == http.StatusNotFound && onGitHub(req) && req.Method != http.MethodGet && req.Method != http.MethodDelete:
		return "GitHub answers so as well where a token may not do it: " + rights(req)
	case e.Status == http.StatusNotFound && e.strange:
		return fmt.Sprintf("its API does not answer so: is %s the right host, and does a proxy stand in front of it?", req.URL.Host)
	case e.Code == "QUOTA_EXCEEDED", e.Code == "RESOURCE_LIMIT_EXCEEDED":
		return "delete what nobody needs, or have the limit raised"
	case e.Code == "ENDPOINT_NOT_FOUND":
		return fmt.Sprintf("it has no such API: is %s the right host?", req.URL.Host)
	default:
		return adviceOnAccount(req, e)
	}
}

// adviceOnLogin says what a refused login may mean. The account's id stands in the address of its
// logins alone, and a wrong one is refused like a wrong secret.
func adviceOnLogin(req *http.Request, e *Error) string {
	if e.Code == "invalid_grant" {
		return "the login was refused: does a federation policy of the service principal name the issuer, the subject and an audience of this OIDC token?"
	}
	const asked = "the login was refused: are the client id and secret right, not expired, and of a principal that this host knows"
	if id, ok := strings.CutPrefix(req.URL.Path, "/oidc/accounts/"); ok {
		id, _, _ = strings.Cut(id, "/")
		return asked + ", and is " + id + " the account's id?"
	}
	return asked + "?"
}

func adviceOnAccount(req *http.Request, e *Error) string {
	parts := strings.Split(req.URL.Path, "/") // "", api, 2.0, accounts, ID, …
	if e.Status != http.StatusNotFound || len(parts) < 5 || parts[3] != "accounts" || len(parts[4]) != 36 {
		return ""
	}
	if strings.HasSuffix(e.Code, "DOES_NOT_EXIST") && !strings.Contains(e.Message, parts[4]) {
		return "" // it speaks of something in the account
	}
	return "is " + parts[4] + " the account's id?"
}

// adviceOnRedirect says what a redirect means; none is followed, as a credential would travel along.
func adviceOnRedirect(req *http.Request, resp *http.Response) string {
	to := resp.Header.Get("Location")
	at, err := req.URL.Parse(to)
	within := err == nil && at.Host == req.URL.Host // on another host it is not the repository that moved
	switch {
	case within && (strings.Contains(req.URL.Path, "/repos/") || strings.Contains(req.URL.Path, ".git/")):
		return "the repository answers under another name: it was renamed or moved; put its present name into the spec"
	case strings.Contains(to, "login"):
		return fmt.Sprintf("it asks for a login in a browser: is %s the right host?", req.URL.Host)
	default:
		return "redirects are not followed: put the host that answers itself into the spec"
	}
}
