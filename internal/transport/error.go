package transport

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// Error is a request that did not succeed: what was sent where, what the service said about it and
// what to do. It matches the errors of package resource. Its texts are one line, bounded, and free of
// known secrets and of characters that a terminal would act on.
type Error struct {
	Host, Method, Path string
	Status             int    // of the answer; 0 where there was none
	Code               string // the service's own, as ALREADY_EXISTS
	Message            string // the service's own words, or what happened on the way
	RequestID          string
	Advice             string
	Fields             []Field // what GitHub says of single fields
	Cause              error   // nil where the service answered

	kind    error // the error of package resource that it matches, or nil
	page    bool  // it is a web page's, and no answer of the API
	scim    bool  // it has SCIM's form, which knows no codes for most refusals
	strange bool  // it has none of the forms in which the API speaks of a failure
	limited bool  // the service asks for patience, and did not look at the request
	scope   scope // of that limit
	growing bool  // nobody says for how long: each time for longer
	unsent  bool
	again   bool          // doing it twice is doing it once
	asked   time.Duration // how long the service asks to wait
}

// Field is what GitHub says of one field of a request.
type Field struct{ Resource, Field, Code, Message string }

// Error returns the whole in one line.
func (e *Error) Error() string {
	var b strings.Builder
	message := e.Message
	fmt.Fprintf(&b, "%s %s%s: ", e.Method, e.Host, e.Path)
	if e.Status != 0 {
		title := cmp.Or(e.Code, http.StatusText(e.Status), "status")
		fmt.Fprintf(&b, "%d %s", e.Status, title)
		if e.Message == title {
			message = "" // GitHub's, as a rule
		}
		if message != "" {
			b.WriteString(": ")
		}
	}
	b.WriteString(message)
	if errors.Is(e.kind, resource.ErrLost) {
		b.WriteString(": nobody knows whether it was done")
	}
	if e.RequestID != "" {
		fmt.Fprintf(&b, " (request %s)", e.RequestID)
	}
	if e.Advice != "" {
		b.WriteString("; " + e.Advice)
	}
	return b.String()
}

// Is reports whether target is the error of package resource that this one stands for.
func (e *Error) Is(target error) bool {
	if target == resource.ErrRefused {
		// A service that fails may have done what it was asked first, whatever the method.
		return e.unsent || e.limited || e.Status >= 400 && e.Status < 500 && !errors.Is(e.kind, resource.ErrLost)
	}
	return e.kind != nil && target == e.kind
}

// Unwrap returns what broke the connection, if something did.
func (e *Error) Unwrap() error { return e.Cause }

// interrupted returns e for a caller who stopped waiting for its next attempt.
func (e *Error) interrupted(by error) *Error {
	out := *e
	out.Cause = errors.Join(e.Cause, by)
	out.Message = strings.TrimPrefix(e.Message+"; interrupted while waiting to send it again", "; ")
	return &out
}

// kindOf says which error of package resource an answer stands for. Databricks' codes say more than
// its statuses do: the same code comes with 400, 404 and 409, by service.
func kindOf(e *Error) error {
	switch code := e.Code; {
	case e.limited:
		return nil
	case strings.HasSuffix(code, "ALREADY_EXISTS"): // not GitHub's already_exists: that is a field of a 422
		return resource.ErrExists
	case strings.HasSuffix(code, "DOES_NOT_EXIST"), code == "NOT_FOUND":
		return resource.ErrNotFound
	case code == "PERMISSION_DENIED":
		return resource.ErrForbidden
	case code == "UNAUTHENTICATED", code == "invalid_client", code == "unauthorized_client", code == "invalid_grant", code == "access_denied":
		return resource.ErrUnauthorized
	}
	switch e.Status {
	case http.StatusUnauthorized:
		return resource.ErrUnauthorized
	case http.StatusForbidden:
		return resource.ErrForbidden
	case http.StatusNotFound:
		if e.page || e.strange || e.Code == "ENDPOINT_NOT_FOUND" {
			return nil // a wrong host answers, or what stands before the right one: it says nothing of what was asked for
		}
		return resource.ErrNotFound
	case http.StatusPreconditionFailed:
		return resource.ErrConflict
	case http.StatusConflict:
		// SCIM has one sort of conflict, a name that is taken, and no code for it (RFC 7644, 3.3);
		// GitHub says it in words alone ("Already exists - Variable already exists").
		if strings.Contains(e.Path, "/scim/v2/") || strings.Contains(strings.ToLower(e.Message), "already exists") {
			return resource.ErrExists
		}
		return resource.ErrConflict
	}
	if (e.Status >= 500 && e.Status != http.StatusNotImplemented || e.Status == http.StatusRequestTimeout) && !e.again {
		return resource.ErrLost
	}
	return nil
}

// repeatable reports whether doing a request twice is doing it once. That holds for every request
// that changes nothing, a login among them.
func repeatable(req *http.Request) bool {
	return readOnly(req) || req.Method == http.MethodPut || req.Method == http.MethodDelete
}
