package transport

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// Scrubber takes known secrets out of text. The zero Scrubber is ready; it may be used from any
// goroutine, and a nil one leaves text as it is.
type Scrubber struct {
	mu       sync.RWMutex
	forms    map[string]bool
	replacer *strings.Replacer
}

// redacted stands where a secret stood.
const redacted = "[redacted]"

// shortest is the length below which a secret is not looked for: it would tear ordinary words apart.
const shortest = 5

// Add makes a secret known, in every form in which it may come back: as it is, line by line, and
// escaped for a URL, for JSON and in base64.
func (s *Scrubber) Add(secret string) {
	if s == nil || len(secret) < shortest {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.forms[secret] {
		return
	}
	if s.forms == nil {
		s.forms = map[string]bool{}
	}
	for _, form := range formsOf(secret) {
		if len(form) >= shortest {
			s.forms[form] = true
		}
	}
	longestFirst := slices.SortedFunc(maps.Keys(s.forms), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b))
	})
	pairs := make([]string, 0, 2*len(longestFirst))
	for _, form := range longestFirst {
		pairs = append(pairs, form, redacted)
	}
	s.replacer = strings.NewReplacer(pairs...)
}

// Clean returns text without the secrets that are known so far.
func (s *Scrubber) Clean(text string) string {
	if s == nil {
		return text
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.replacer == nil {
		return text
	}
	return s.replacer.Replace(text)
}

func formsOf(secret string) []string {
	forms := []string{secret}
	for line := range strings.Lines(secret) {
		if line = strings.TrimSpace(line); len(line) >= 16 {
			forms = append(forms, line)
		}
	}
	for _, form := range slices.Clone(forms) {
		forms = append(forms, url.QueryEscape(form), url.PathEscape(form), inJSON(form))
		forms = append(forms, strings.NewReplacer("<", `\u003c`, ">", `\u003e`, "&", `\u0026`).Replace(inJSON(form)))
		forms = append(forms, inBase64(form)...)
	}
	return forms
}

func inJSON(text string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(text); err != nil {
		return text // impossible: every string has a JSON form
	}
	return strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(b.String()), `"`), `"`)
}

// inBase64 returns what of a text is sure to stand in the base64 of anything that contains it, such as
// the name:secret of basic authentication: that depends on where in a group of three bytes it begins.
func inBase64(text string) []string {
	forms := []string{base64.StdEncoding.EncodeToString([]byte(text)), base64.URLEncoding.EncodeToString([]byte(text))}
	for before := range 3 {
		data := append(make([]byte, before), text...)
		whole := len(data) / 3 * 4 // the last group depends on what follows
		first := (before + 2) / 3 * 4
		if whole-first < 12 {
			continue // too short to be told from ordinary text
		}
		forms = append(forms, base64.StdEncoding.EncodeToString(data)[first:whole], base64.URLEncoding.EncodeToString(data)[first:whole])
	}
	return forms
}
