package transport

import (
	"net/http"
	"strings"
	"time"
)

// limit reports whether an answer asks for patience rather than judging the request, and for how long.
// The request was then not carried out, whatever its method.
func (e *Error) limit(now time.Time, req *http.Request, resp *http.Response) {
	now = serverTime(now, resp)
	asked, said := retryAfter(now, resp.Header.Get("Retry-After"))
	if resp.StatusCode == http.StatusServiceUnavailable {
		e.asked = asked // patience is asked for, but the request may have been carried out
		return
	}
	if resp.StatusCode != http.StatusTooManyRequests && resp.StatusCode != http.StatusForbidden {
		return
	}
	// GitHub's two limits come as 403 or 429, with or without Retry-After; for some the words are the
	// only sign (docs.github.com, rate limits for the REST API).
	words := strings.ToLower(e.Message)
	secondary := strings.Contains(words, "secondary rate limit") || strings.Contains(words, "abuse detection")
	primary := resp.Header.Get("X-Ratelimit-Remaining") == "0" || strings.Contains(words, "api rate limit exceeded")
	if onGitHub(req) {
		e.scope = hostScope
		if primary && !secondary {
			e.scope = quotaScope
		}
	}
	switch {
	case said:
		e.limited, e.asked = true, asked
	case secondary:
		e.limited, e.asked, e.growing = true, time.Minute, true // what GitHub asks for where it names no time
	case primary:
		e.limited = true
		if left, known := untilReset(now, resp.Header.Get("X-Ratelimit-Reset")); known {
			e.asked = max(left, time.Second) // over already: clocks differ, and a window ends with its second
		} else {
			e.asked, e.growing = time.Minute, true
		}
	case resp.StatusCode == http.StatusTooManyRequests:
		e.limited = e.again || e.scim || e.Code == "REQUEST_LIMIT_EXCEEDED" || e.Code == "RESOURCE_EXHAUSTED"
		e.asked = time.Second
	}
}
