package databricks

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
)

// errCircle is a listing whose pages lead back to one of them.
var errCircle = errors.New("the listing goes round in a circle; " + newer)

// mostPages bounds a listing whose every page names another one.
const mostPages = 10_000

// followed are the pages that were asked for, by listing. The SDK follows a listing that goes round for ever.
type followed struct {
	mu     sync.Mutex
	tokens map[string]map[string]bool
}

// follow notes the page that a request asks for. A listing that is begun anew is another one.
func (f *followed) follow(req *http.Request) error {
	if req.Method != http.MethodGet {
		return nil
	}
	query := req.URL.Query()
	token := query.Get("page_token")
	query.Del("page_token")
	listing := req.URL.EscapedPath() + "?" + query.Encode()
	f.mu.Lock()
	defer f.mu.Unlock()
	if token == "" {
		delete(f.tokens, listing)
		return nil
	}
	if f.tokens[listing] == nil {
		if f.tokens == nil {
			f.tokens = map[string]map[string]bool{}
		}
		f.tokens[listing] = map[string]bool{}
	}
	if f.tokens[listing][token] || len(f.tokens[listing]) == mostPages {
		return fmt.Errorf("%s%s: %w", req.URL.Host, req.URL.EscapedPath(), errCircle)
	}
	f.tokens[listing][token] = true
	return nil
}
