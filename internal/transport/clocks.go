package transport

import (
	"net/http"
	"strings"
	"sync"
	"time"
)

// Clocks compares this machine's clock with those of the hosts that answer. The zero Clocks is ready; it may
// be used from any goroutine, and a nil one compares nothing.
type Clocks struct {
	mu    sync.Mutex
	ahead map[string]time.Duration
}

// Ahead returns how far this machine's clock is ahead of a host's, to a second or two; known is false for a host
// that has not said what time it is. A host stands as in a URL, in lower case.
func (c *Clocks) Ahead(host string) (ahead time.Duration, known bool) {
	if c == nil {
		return 0, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	ahead, known = c.ahead[host]
	return ahead, known
}

// note keeps the least difference of an answer's date: what is older may have come from a cache.
func (c *Clocks) note(now time.Time, req *http.Request, resp *http.Response) {
	if c == nil {
		return
	}
	theirs, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ahead == nil {
		c.ahead = map[string]time.Duration{}
	}
	host, ahead := strings.ToLower(req.URL.Host), now.Sub(theirs).Truncate(time.Second)
	if have, known := c.ahead[host]; !known || ahead.Abs() < have.Abs() {
		c.ahead[host] = ahead
	}
}
