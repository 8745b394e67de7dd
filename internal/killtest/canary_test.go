package killtest

import (
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
)

// TestASecretIsFoundWhereverItLeaks leaks on purpose, once into each place that is searched and in each
// form, and expects each leak to be found: a search that finds nothing must not be one that cannot.
func TestASecretIsFoundWhereverItLeaks(t *testing.T) {
	w := settle(t, newSite(t), byApp)
	key, _ := appKey()
	line := strings.Split(key, "\n")[7]
	for name, leak := range map[string]func(){
		"a header":     func() { w.ask(atGitHub, "/repos", http.Header{"X-Trace": {"Bearer " + fileValue}}, "") },
		"an address":   func() { w.ask(atGitHub, "/repos?after="+url.QueryEscape(envValue), nil, "") },
		"a body":       func() { w.ask(atDatabricks, "/api", nil, `{"comment":"`+commandValue+`"}`) },
		"a login":      func() { w.ask(atGitHub, "/repos", basic("x", profileValue), "") },
		"a file":       func() { w.write(w.home(".cache/mlopsctl/state"), "token: "+proxyValue) },
		"a git object": func() { w.write(w.spec("notes"), ghValue); w.commit("a leak"); w.must(os.Remove(w.spec("notes"))) },
		"stdout":       func() { w.secrets.search("stdout", []byte("wrote "+tokenValue)) },
		"in base64": func() {
			w.secrets.search("stderr", []byte(base64.StdEncoding.EncodeToString([]byte("user:"+profileValue+"!"))))
		},
		"in hex":        func() { w.secrets.search("stderr", []byte(hex.EncodeToString([]byte(fileValue)))) },
		"a line of PEM": func() { w.secrets.search("a panic", []byte("parsing "+line)) },
	} {
		t.Run(name, func(t *testing.T) {
			before, _ := w.secrets.found()
			leak()
			w.searchFiles()
			if after, _ := w.secrets.found(); len(after) == len(before) {
				t.Errorf("a leak into %s is not found", name)
			}
		})
	}
	w.must(w.sandbox.Close())
}

// TestACommandLineIsSearched runs the program with a secret among its arguments.
func TestACommandLineIsSearched(t *testing.T) {
	w := settle(t, newSite(t), byToken)
	s := &strike{with: kill, when: before, at: point{"POST /api/v3/orgs/acme/repos", 1}}
	w.do(s, "apply", "--auto-approve", "--var", "x="+envValue)
	hits, _ := w.secrets.found()
	if len(hits) != 1 || !strings.HasPrefix(hits[0], "the command line of") {
		t.Errorf("found %q, want the command line alone", hits)
	}
	w.must(w.sandbox.Close())
}

// TestASecretThatLogsInWhereItBelongsIsNoLeak holds the search to no false alarm.
func TestASecretThatLogsInWhereItBelongsIsNoLeak(t *testing.T) {
	w := settle(t, newSite(t), byToken)
	w.ask(atDatabricks, "/oidc/v1/token", basic("x", profileValue), "grant_type=client_credentials")
	w.searchFiles()
	if hits, searched := w.secrets.found(); len(hits) > 0 || searched < 10 {
		t.Errorf("%d texts searched, found %q", searched, hits)
	}
	w.must(w.sandbox.Close())
}

// ask shows the search a request.
func (w *world) ask(to home, path string, header http.Header, body string) {
	w.t.Helper()
	req := w.request(http.MethodPost, w.site.hosts.GitHub+path, body)
	if header != nil {
		req.Header = header
	}
	w.secrets.searchRequest(to, req, []byte(body))
}

func basic(user, password string) http.Header {
	req := http.Request{Header: http.Header{}}
	req.SetBasicAuth(user, password)
	return req.Header
}
