package killtest

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// trove is what nobody may see: the secrets that were planted, and those that the services gave out
// since. It searches text for them, in every form in which text holds a value, and keeps what it finds.
type trove struct {
	mu       sync.Mutex
	secrets  []canary
	searched int // texts
	hits     []string
}

type canary struct {
	what  string
	home  home
	forms [][]byte
}

// home is where a secret logs in; nobody else may get it as a login.
type home string

const (
	atGitHub     home = "GitHub"
	atDatabricks home = "Databricks"
	nowhere      home = "nowhere"

	atGitProvider home = "a Git provider" // Databricks keeps it
)

// add makes a secret known. One that spans lines is known by each of them that is long enough to be
// nobody else's.
func (t *trove) add(what, value string, at home) {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := []string{value}
	if strings.Contains(value, "\n") {
		lines = slices.DeleteFunc(strings.Split(value, "\n"), func(line string) bool { return len(line) < 40 || strings.HasPrefix(line, "-----") })
	}
	for _, line := range lines {
		t.secrets = append(t.secrets, canary{what: what, home: at, forms: forms(line)})
	}
}

// forms are the ways in which a text may hold a value.
func forms(value string) [][]byte {
	all := []string{value, url.QueryEscape(value), hex.EncodeToString([]byte(value)), strings.ToUpper(hex.EncodeToString([]byte(value)))}
	// In base64 a value looks different at each of three places; the characters at both ends depend on
	// what stands beside it.
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for shift := range 3 {
			text := encoding.EncodeToString(append(make([]byte, shift), value...))
			first := []int{0, 2, 3}[shift]
			last := (len(value) + shift) / 3 * 4
			all = append(all, text[first:last])
		}
	}
	slices.Sort(all)
	var out [][]byte
	for _, form := range slices.Compact(all) {
		out = append(out, []byte(form))
	}
	return out
}

// search looks for the secrets in a text.
func (t *trove) search(where string, text []byte) { t.searchBut("", where, text) }

// searchBut looks for all secrets but those that log in at one home.
func (t *trove) searchBut(at home, where string, text []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.searched++
	for _, s := range t.secrets {
		if s.home == at {
			continue
		}
		for _, form := range s.forms {
			if i := bytes.Index(text, form); i >= 0 {
				t.hits = append(t.hits, fmt.Sprintf("%s holds %s (%d bytes in, as %d characters)", where, s.what, i, len(form)))
				break
			}
		}
	}
}

// searchRequest looks for the secrets in a request to a home, where none has business: its address, every
// header but the credential that logs in there, and its body but where a login asks for a token.
func (t *trove) searchRequest(to home, r *http.Request, body []byte) {
	where := r.Method + " " + r.URL.Path
	t.search("the address of "+where, []byte(r.URL.String()))
	header := r.Header.Clone()
	t.searchBut(to, "the login of "+where, []byte(header.Get("Authorization")))
	header.Del("Authorization")
	var text bytes.Buffer
	_ = header.Write(&text) // to memory
	t.search("a header of "+where, text.Bytes())
	switch {
	case strings.HasSuffix(r.URL.Path, "/v1/token"):
	case strings.Contains(r.URL.Path, "/git-credentials"):
		t.searchBut(atGitProvider, "the body of "+where, body)
	default:
		t.search("the body of "+where, body)
	}
}

// found returns what was found so far, and how many texts were searched.
func (t *trove) found() (hits []string, searched int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.hits), t.searched
}
