package spec

import (
	"bytes"
	"regexp"
	"strings"
	"unicode/utf8"
)

// credential is a form of text that only a credential has.
type credential struct {
	what    string
	pattern *regexp.Regexp
}

// credentials lists the forms that services publish for secret scanning, and those of the hosts
// that a spec deals with. A form that a plain name could have is not in it.
func credentials() []credential {
	return knownCredentials
}

var knownCredentials = []credential{
	{"a Databricks token", regexp.MustCompile(`\b(?:dapi|dkea|dosp|dsapi)[0-9A-Za-z]*[0-9][0-9A-Za-z]{11,}(?:-[0-9])?`)},
	{"a Databricks OAuth secret", regexp.MustCompile(`\bdose[0-9a-f]{16,}`)},
	{"a GitHub token", regexp.MustCompile(`\bgh[oprsu]_[0-9A-Za-z]{16,}`)},
	{"a GitHub token", regexp.MustCompile(`\bgithub_pat_[0-9A-Za-z_]{16,}`)},
	{"a GitLab token", regexp.MustCompile(`\bglpat-[0-9A-Za-z_-]{16,}`)},
	{"an AWS access key", regexp.MustCompile(`\b(?:AKIA|ASIA)[0-9A-Z]{16}\b`)},
	{"a Google API key", regexp.MustCompile(`\bAIza[0-9A-Za-z_-]{35}`)},
	{"a Slack token", regexp.MustCompile(`\bxox[abeprs]-[0-9A-Za-z-]{10,}`)},
	{"an Azure client secret", regexp.MustCompile(`[0-9A-Za-z_~.]{3}[78]Q~[0-9A-Za-z_~.-]{31,34}`)},
	{"a JSON web token", regexp.MustCompile(`\beyJ[0-9A-Za-z_-]{8,}\.[0-9A-Za-z_-]{8,}(?:\.[0-9A-Za-z_-]*)?`)},
	{"a private key", regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY-----`)},
	{"a URL with a password", regexp.MustCompile(`\b[a-z][a-z0-9+.-]*://[^/\s:@]*:[^/\s@]+@`)},
}

// lookLike returns what a text holds a credential of, or "".
func lookLike(value string) string {
	for _, c := range credentials() {
		if c.pattern.MatchString(value) {
			return c.what
		}
	}
	return ""
}

// redact takes every credential out of a message.
func redact(message string) string {
	for _, c := range credentials() {
		message = c.pattern.ReplaceAllString(message, "[redacted]")
	}
	return message
}

const credentialAdvice = "take it out and revoke it: whoever can read the file has it; " +
	"a secret's value enters by its env:, file: or command: alone"

func credentialFinding(what string) finding {
	return found("spec/credential", "this looks like "+what, credentialAdvice)
}

// refuseCredentials looks at every value, and at what YAML does not read: keys and comments.
func (r *reading) refuseCredentials() {
	reported := map[int]bool{}
	r.root.walk(func(n *node) {
		if n.form != text {
			return
		}
		if what := lookLike(n.text); what != "" {
			r.fail(n, credentialFinding(what))
			for i := range 1 + strings.Count(n.text, "\n") + 1 { // the lines of a block
				reported[n.at.Line+i] = true
			}
		}
	})
	for i, line := range bytes.Split(r.data, []byte("\n")) {
		for _, c := range credentials() {
			at := c.pattern.FindIndex(line)
			if at == nil || reported[i+1] {
				continue
			}
			reported[i+1] = true
			r.failAt(r.pos(i+1, utf8.RuneCount(line[:at[0]])+1), credentialFinding(c.what))
		}
	}
	r.root.walk(func(n *node) { n.broken = n.broken || lookLike(strings.Join(n.keys, " ")) != "" })
}
