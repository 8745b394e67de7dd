package sandbox

import (
	"fmt"
	"net/http"
	"strconv"
)

// ghFieldError is one entry of a 422's errors.
type ghFieldError struct {
	Resource string `json:"resource"`
	Code     string `json:"code"`
	Field    string `json:"field,omitempty"`
	Message  string `json:"message,omitempty"`
}

// renderGitHubFailure puts a refusal in GitHub's form.
func renderGitHubFailure(f *failure) (int, http.Header, any) {
	header := f.header.Clone()
	if header == nil {
		header = http.Header{}
	}
	header.Set("Content-Type", "application/json; charset=utf-8")
	if header.Get("X-GitHub-Request-Id") == "" {
		header.Set("X-GitHub-Request-Id", ghRequestID(0))
	}
	body := ghObject{"message": f.message, "documentation_url": "https://docs.github.com/rest", "status": strconv.Itoa(f.status)}
	if f.errors != nil {
		body["errors"] = f.errors
	}
	return f.status, header, body
}

func ghRequestID(n int64) string { return fmt.Sprintf("5A4D:2F1C:%07X:%07X", n, n*3+1) }

func ghMissing() *failure { return &failure{status: http.StatusNotFound, message: "Not Found"} }

func ghRefused(format string, args ...any) *failure {
	return &failure{status: http.StatusForbidden, message: fmt.Sprintf(format, args...)}
}

func ghConflict(format string, args ...any) *failure {
	return &failure{status: http.StatusConflict, message: fmt.Sprintf(format, args...)}
}

// ghUnprocessable is a 422 that is only a message.
func ghUnprocessable(format string, args ...any) *failure {
	return &failure{status: http.StatusUnprocessableEntity, message: fmt.Sprintf(format, args...)}
}

// ghInvalid is a 422 of "Validation Failed" with what is wrong.
func ghInvalid(errors ...ghFieldError) *failure {
	f := &failure{status: http.StatusUnprocessableEntity, message: "Validation Failed"}
	for _, e := range errors {
		f.errors = append(f.errors, e)
	}
	return f
}

func ghHeader(name, value string) http.Header {
	h := http.Header{}
	h.Set(name, value)
	return h
}
