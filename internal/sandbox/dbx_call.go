package sandbox

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// dbxCall is a request of a principal who is known, to the account or to one workspace.
type dbxCall struct {
	*call
	d  *Databricks
	me *dbxPrincipal
	at *dbxWorkspace // nil at the account
}

// dbxHandler is a handler that knows its caller.
type dbxHandler func(*dbxCall) (any, error)

// databricksRoutes registers every operation of the account and of a workspace.
func (s *Sandbox) databricksRoutes() {
	s.loginRoutes()
	s.accountPrincipalRoutes()
	s.workspacePrincipalRoutes()
	s.assignmentRoutes()
	s.credentialRoutes()
	s.ruleSetRoutes()
	s.tokenRoutes()
	s.gitCredentialRoutes()
	s.federationRoutes()
	s.metastoreRoutes()
	s.catalogRoutes()
	s.schemaRoutes()
	s.tableRoutes()
	s.grantRoutes()
	s.workspaceTreeRoutes()
	s.treeFileRoutes()
	s.permissionRoutes()
	s.jobRoutes()
	s.jobWriteRoutes()
	s.runRoutes()
	s.experimentRoutes()
	s.experimentWriteRoutes()
	s.modelRoutes()
	s.clusterPolicyRoutes()
}

// onAccount adds operations for account admins, below /api/2.0/accounts/{account}.
func (s *Sandbox) onAccount(method, path string, h dbxHandler) {
	s.onAccountAt(method, "/api/2.0/accounts/{account}"+path, h)
}

// onAccountAt adds an operation for account admins whose path has the account elsewhere.
func (s *Sandbox) onAccountAt(method, path string, h dbxHandler) {
	s.on(accountService, method, path, func(c *call) (any, error) {
		dc := &dbxCall{call: c, d: c.state.Databricks}
		if err := dc.authenticate(); err != nil {
			return nil, err
		}
		if dc.vars["account"] != dc.d.AccountID {
			return nil, dbxForbidden("The caller is not a member of account %s.", dc.vars["account"])
		}
		if !dc.d.accountAdmin(dc.me) {
			return nil, dbxForbidden("This API is disabled for users without account admin status.")
		}
		return h(dc)
	})
}

// onWorkspace adds operations for those who may enter a workspace.
func (s *Sandbox) onWorkspace(method, path string, h dbxHandler) {
	s.on(workspaceService, method, path, func(c *call) (any, error) {
		dc := &dbxCall{call: c, d: c.state.Databricks, at: c.state.Databricks.workspace(c.workspaceHost())}
		if err := dc.authenticate(); err != nil {
			return nil, err
		}
		if len(dc.d.permissions(dc.at, dc.me.ID)) == 0 {
			return nil, dbxForbidden("Principal %s is not assigned to workspace %d.", dc.me.login(), dc.at.ID)
		}
		return h(dc)
	})
}

// workspaceHost is the configured workspace that a request's host stands for.
func (c *call) workspaceHost() string {
	for _, w := range c.opt.Hosts.Workspaces {
		if sameHost(w, c.host) {
			return w
		}
	}
	return ""
}

// authenticate finds out who the bearer of the request's token is.
func (c *dbxCall) authenticate() error {
	scheme, token, _ := strings.Cut(c.req.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return dbxUnauthenticated("Credential was not sent or was of an unsupported type for this API.")
	}
	hash := hashed(token)
	t := first(c.d.Tokens, func(t *dbxToken) bool { return t.Hash == hash })
	switch {
	case t == nil:
		return dbxUnauthenticated("Invalid access token.")
	case !c.now().Before(t.Expires):
		return dbxUnauthenticated("Access token expired.")
	}
	// A workspace's token is good at that workspace alone, unless its address is the account's too.
	issuer := first(c.d.Workspaces, func(w *dbxWorkspace) bool { return w.ID == t.Workspace })
	here := func(host string) bool { return sameHost(issuer.Host, host) }
	if issuer != nil && issuer != c.at && !slices.ContainsFunc(c.hosts(c.req), here) {
		return dbxUnauthenticated("The access token was issued by another workspace.")
	}
	c.me = c.d.principal(t.Principal)
	if c.me == nil || !c.me.Active {
		return dbxUnauthenticated("The principal is deactivated.")
	}
	c.caller = &caller{Login: c.me.login(), Admin: c.d.accountAdmin(c.me)}
	return nil
}

// workspaceAdmin refuses callers who do not administer the workspace.
func (c *dbxCall) workspaceAdmin() error {
	if slices.Contains(c.d.permissions(c.at, c.me.ID), "ADMIN") {
		return nil
	}
	return dbxForbidden("Only workspace admins may do this.")
}

func dbxUnauthenticated(message string) *failure {
	return &failure{status: http.StatusUnauthorized, code: "UNAUTHENTICATED", message: message}
}

func dbxForbidden(format string, args ...any) *failure {
	return &failure{status: http.StatusForbidden, code: "PERMISSION_DENIED", message: fmt.Sprintf(format, args...)}
}

func dbxInvalid(format string, args ...any) *failure {
	return &failure{status: http.StatusBadRequest, code: "INVALID_PARAMETER_VALUE", message: fmt.Sprintf(format, args...)}
}

func dbxMissing(code, format string, args ...any) *failure {
	return &failure{status: http.StatusNotFound, code: code, message: fmt.Sprintf(format, args...)}
}

func dbxExists(code, format string, args ...any) *failure {
	return &failure{status: http.StatusBadRequest, code: code, message: fmt.Sprintf(format, args...)}
}

// renderDatabricksFailure puts a refusal in Databricks' form: the one of SCIM, or everybody else's.
func (c *call) renderDatabricksFailure(f *failure) *reply {
	if f.scim || strings.Contains(c.path, "/scim/v2/") {
		body := dbxObject{"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:Error"}, "detail": f.message, "status": strconv.Itoa(f.status)}
		if strings.HasPrefix(f.code, "invalid") {
			body["scimType"] = f.code
		}
		return &reply{status: f.status, header: f.header, body: body}
	}
	if strings.HasPrefix(c.path, "/oidc/") {
		return &reply{status: f.status, header: f.header, body: dbxObject{"error": f.code, "error_description": f.message}}
	}
	return &reply{status: f.status, header: f.header, body: dbxObject{
		"error_code": f.code, "message": f.message,
		"details": []any{dbxObject{"@type": "type.googleapis.com/google.rpc.RequestInfo", "request_id": c.requestID(), "serving_data": ""}},
	}}
}

// fields reads a body as an object whose absent fields are absent.
func (c *dbxCall) fields() (map[string]json.RawMessage, error) {
	fields := map[string]json.RawMessage{}
	if err := c.read(&fields); err != nil {
		return nil, err
	}
	return fields, nil
}

// text reads one string of a body; it is absent where the body lacks it or has a null.
func text(fields map[string]json.RawMessage, name string) (value string, given bool, err error) {
	raw, given := fields[name]
	if !given || string(raw) == "null" {
		return "", false, nil
	}
	if json.Unmarshal(raw, &value) != nil {
		return "", true, dbxInvalid("Field %s must be a string.", name)
	}
	return value, true, nil
}

// page cuts one page out of a list. The token is the position, in a form that nobody should build.
func page[T any](list []T, token string, size int) (part []T, next string, err error) {
	start := 0
	if token != "" {
		start, err = strconv.Atoi(strings.TrimPrefix(token, "page-"))
		if err != nil || start < 0 || start > len(list) || !strings.HasPrefix(token, "page-") {
			return nil, "", dbxInvalid("Invalid page token.")
		}
	}
	end := min(len(list), start+size)
	if end < len(list) {
		next = "page-" + strconv.Itoa(end)
	}
	return list[start:end], next, nil
}

// pageSize reads a parameter that bounds a page; absent or 0 is the server's own size.
func (c *dbxCall) pageSize(name string, limit int) (int, error) {
	given := c.req.URL.Query().Get(name)
	if given == "" || given == "0" {
		return limit, nil
	}
	n, err := strconv.Atoi(given)
	if err != nil || n < 0 {
		return 0, dbxInvalid("%s must be a number that is not negative.", name)
	}
	return min(n, limit), nil
}

func hashed(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// dbxTime is the form in which the identity APIs write times.
func dbxTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
