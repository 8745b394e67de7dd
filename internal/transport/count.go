package transport

import (
	"maps"
	"sync"
)

// Counter counts the requests that really went out, every attempt of each. The zero Counter is ready;
// it may be used from any goroutine, and a nil one counts nothing.
type Counter struct {
	mu    sync.Mutex
	hosts map[string]int
}

// Total returns how many requests went out.
func (c *Counter) Total() int {
	total := 0
	for _, n := range c.ByHost() {
		total += n
	}
	return total
}

// ByHost returns how many requests went out to each host.
func (c *Counter) ByHost() map[string]int {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.hosts)
}

func (c *Counter) add(host string) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.hosts == nil {
		c.hosts = map[string]int{}
	}
	c.hosts[host]++
}
