package transport

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// What one request may cost in attempts and in waiting: for faults, and for a service that says how
// long it wants to be left alone.
const (
	attempts = 5
	// A service that fails rather than be busy may do so because of what it was asked.
	attemptsAtFault = 3

	faultPatience = time.Minute
	limitPatience = 5 * time.Minute
)

// budget is what a request has used up so far.
type budget struct {
	started time.Time
	made    int
}

// next says whether to send a request again after it failed, and how long to wait before.
func (b *budget) next(now time.Time, req *http.Request, failed *Error) (time.Duration, bool) {
	b.made++
	pause, most := backoff(b.made), faultPatience
	if failed.limited {
		most = limitPatience
	}
	pause = max(pause, failed.asked)
	if failed.growing {
		pause = failed.asked << min(b.made-1, attempts)
	}
	if b.made >= attempts || failed.Status == http.StatusInternalServerError && b.made >= attemptsAtFault || now.Add(pause).Sub(b.started) > most || req.Context().Err() != nil {
		return pause, false
	}
	return pause, again(req, failed)
}

// again reports whether sending a request once more can do no harm and may do some good. A POST or
// PATCH is sent again only when it is certain that it was not carried out.
func again(req *http.Request, failed *Error) bool {
	if !rewindable(req) {
		return false
	}
	if failed.limited {
		return true
	}
	switch failed.Status {
	case 0:
		return passing(failed.Cause) && (failed.unsent || failed.again)
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return failed.again
	default:
		return false
	}
}

// backoff is half a second, doubled from attempt to attempt, and jittered by up to a half, so that
// requests that failed together do not come back together.
func backoff(made int) time.Duration {
	d := 500 * time.Millisecond << (made - 1)
	return d/2 + rand.N(d/2)
}

// retryAfter reads the header of that name: seconds or a date. What it cannot be is ignored; more seconds than
// can be counted are for ever.
func retryAfter(now time.Time, value string) (time.Duration, bool) {
	value = strings.TrimSpace(value)
	seconds, err := strconv.ParseUint(value, 10, 31)
	if err == nil || errors.Is(err, strconv.ErrRange) {
		return time.Duration(seconds) * time.Second, true
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(at.Sub(now), 0), true
	}
	return 0, false
}

// untilReset reads the time, in seconds since 1970, at which a limit of GitHub's opens again.
func untilReset(now time.Time, value string) (left time.Duration, said bool) {
	seconds, err := strconv.ParseInt(value, 10, 64)
	if err != nil || seconds < 0 || seconds > 1<<40 {
		return 0, false
	}
	return max(time.Unix(seconds, 0).Sub(now), 0), true
}

// serverTime is the time by the clock of who answered, where it is said: what it says of a time of day
// is meant by that clock, and this machine's may be wrong.
func serverTime(now time.Time, resp *http.Response) time.Time {
	if at, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		return at
	}
	return now
}
