package spec

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// credential is a form of text that only a credential has.
type credential struct {
	what    string
	marks   []string // it has one of them; to look for a mark is much faster than to match
	pattern *regexp.Regexp
}

// credentials lists the forms that services publish for secret scanning, and those of the hosts
// that a spec deals with. A form that a plain name could have is not in it.
var credentials = []credential{
	credentialForm("a Databricks token", `(?:dapi|dkea|dosp|dsapi)[0-9A-Za-z]*[0-9][0-9A-Za-z]{11,}(?:-[0-9])?`, "dapi", "dkea", "dosp", "dsapi"),
	credentialForm("a Databricks OAuth secret", `dose[0-9a-f]{16,}`, "dose"),
	credentialForm("a GitHub token", `gh[oprsu]_[0-9A-Za-z]{16,}`, "gho_", "ghp_", "ghr_", "ghs_", "ghu_"),
	credentialForm("a GitHub token", `github_pat_[0-9A-Za-z_]{16,}`, "github_pat_"),
	credentialForm("a GitLab token", `glpat-[0-9A-Za-z_-]{16,}`, "glpat-"),
	credentialForm("an AWS access key", `\b(?:AKIA|ASIA)[0-9A-Z]{16}\b`, "AKIA", "ASIA"),
	credentialForm("a Google API key", `\bAIza[0-9A-Za-z_-]{35}`, "AIza"),
	credentialForm("a Slack token", `\bxox[abeprs]-[0-9A-Za-z-]{10,}`, "xox"),
	credentialForm("an Azure client secret", `[0-9A-Za-z_~.]{3}[78]Q~[0-9A-Za-z_~.-]{31,34}`, "7Q~", "8Q~"),
	credentialForm("a JSON web token", `\beyJ[0-9A-Za-z_-]{8,}\.[0-9A-Za-z_-]{8,}(?:\.[0-9A-Za-z_-]*)?`, "eyJ"),
	credentialForm("a private key", `-----BEGIN [A-Z ]*PRIVATE KEY-----`, "PRIVATE KEY"),
	credentialForm("a URL with a password", `\b[a-z][a-z0-9+.-]*://[^/\s:@]*:[^/\s@]+@`, "://"),
}

func credentialForm(what, pattern string, marks ...string) credential {
	return credential{what: what, marks: marks, pattern: regexp.MustCompile(pattern)}
}

// find returns where in a text the credential begins and ends, or nil.
func (c credential) find(text string) []int {
	if !slices.ContainsFunc(c.marks, func(mark string) bool { return strings.Contains(text, mark) }) {
		return nil
	}
	return c.pattern.FindStringIndex(text)
}

// lookLike returns what a text holds a credential of, or "".
func lookLike(value string) string {
	for _, c := range credentials {
		if c.find(value) != nil {
			return c.what
		}
	}
	return ""
}

// CredentialIn returns what a text holds a credential of, and in which line; "" where it holds none. Forms that a
// plain name could have are none.
func CredentialIn(text string) (what string, line int) {
	first := len(text) + 1
	for _, c := range credentials {
		if at := c.find(text); at != nil && at[0] < first {
			what, first = c.what, at[0]
		}
	}
	if what == "" {
		return "", 0
	}
	return what, 1 + strings.Count(text[:first], "\n")
}

// redact takes every credential out of a message.
func redact(message string) string {
	for _, c := range credentials {
		if c.find(message) != nil {
			message = c.pattern.ReplaceAllString(message, "[redacted]")
		}
	}
	return message
}

const credentialAdvice = "take it out and revoke it: whoever can read the file has it; " +
	"a secret's value enters by its env:, file: or command: alone"

func credentialFinding(what string) finding {
	return found("spec/credential", "this looks like "+what, credentialAdvice)
}

// isSecretValue reports whether a path is where other tools put a secret's value.
func isSecretValue(path []string) bool {
	below := len(path) == 3 && path[0] == "secrets" || len(path) == 5 && matches("service_principals.*.git_credential.token.*", path)
	return below && slices.Contains([]string{"value", "token", "secret", "password", "plaintext"}, path[len(path)-1])
}

// isSource reports whether a path is where a mapping says where a secret's value comes from.
func isSource(path []string) bool {
	return len(path) == 2 && path[0] == "secrets" || matches("service_principals.*.git_credential.token", path)
}

// secretFinding is for a value that stands where only a secret's value would: whatever it looks like, it
// is never shown.
func secretFinding() finding {
	return found("spec/credential", "a secret's value stands in the spec", credentialAdvice)
}

// refuseCredentials looks at every key and value, and at what YAML does not read: comments.
func (r *reading) refuseCredentials() {
	lines := strings.Split(string(r.data), "\n")
	reported := map[int]bool{}
	r.root.walk(func(n *node) {
		if what := lookLike(n.name()); what != "" {
			r.failKey(n, credentialFinding(what))
			n.misnamed = true // all is said of the name
			reported[n.keyAt.Line] = true
		}
		what := lookLike(n.text)
		if what == "" {
			return
		}
		r.fail(n, credentialFinding(what))
		reported[n.at.Line] = true
		if lookLike(lines[n.at.Line-1]) == "" { // a block's lines follow the one that begins it
			for i := range strings.Count(n.text, "\n") + 1 {
				reported[n.at.Line+1+i] = true
			}
		}
	})
	for i, line := range lines {
		for _, c := range credentials {
			at := c.find(line)
			if at == nil || reported[i+1] {
				continue
			}
			reported[i+1] = true
			r.failAt(r.pos(i+1, utf8.RuneCountInString(line[:at[0]])+1), credentialFinding(c.what))
		}
	}
}
