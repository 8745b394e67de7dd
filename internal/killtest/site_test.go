package killtest

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/mlopsctl/mlopsctl/internal/sandbox"
)

// site is where the services of one run after another are found: the same addresses for all of them, as
// what one run leaves behind is where the next begins.
type site struct {
	hosts sandbox.Hosts
	names *strings.Replacer // the example's hosts, as they are found here
	now   atomic.Pointer[gate]

	mu     sync.Mutex
	closed *sync.Cond
	open   map[net.Conn]bool
}

const accountID = "11111111-2222-3333-4444-555555555555"

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{open: map[net.Conn]bool{}}
	s.closed = sync.NewCond(&s.mu)
	listen := func() string {
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			g := s.now.Load()
			if g == nil {
				http.Error(w, "nothing is served", http.StatusServiceUnavailable)
				return
			}
			g.ServeHTTP(w, r)
		}))
		server.Config.ConnState = s.note
		server.Start()
		t.Cleanup(server.Close)
		return server.URL
	}
	s.hosts = sandbox.Hosts{Account: listen(), AccountID: accountID, GitHub: listen(), Owner: "acme"}
	s.hosts.Workspaces = []string{listen(), listen(), listen()}
	s.names = strings.NewReplacer(
		"https://accounts.cloud.databricks.com", s.hosts.Account,
		"https://dev.cloud.databricks.com", s.hosts.Workspaces[0],
		"https://e2-dogfood.staging.cloud.databricks.com", s.hosts.Workspaces[1],
		"https://e2-demo-field-eng.cloud.databricks.com", s.hosts.Workspaces[2],
		"git:\n", "git:\n  host: "+s.hosts.GitHub+"\n",
	)
	return s
}

// note keeps count of the connections.
func (s *site) note(c net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch state {
	case http.StateNew:
		s.open[c] = true
	case http.StateClosed, http.StateHijacked:
		delete(s.open, c)
		s.closed.Broadcast()
	}
}

// quiet waits until nothing of the runs that ended is under way any more.
func (s *site) quiet() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.open) > 0 {
		s.closed.Wait()
	}
}

// prod is the address of the workspace of the target of that name.
func (s *site) prod() string { return s.hosts.Workspaces[2] }
