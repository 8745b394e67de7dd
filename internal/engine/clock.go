package engine

import (
	"time"

	"github.com/mlopsctl/mlopsctl/internal/transport"
)

// serviceClock shows the time that GitHub has, once it has answered anything: what expires does so by the
// services' clocks, and a machine whose clock is wrong must not take a good credential for one that has.
type serviceClock struct {
	transport.Clock

	clocks *transport.Clocks
	host   string // of the repository
}

// Now implements transport.Clock.
func (c serviceClock) Now() time.Time {
	ahead, known := c.clocks.Ahead("api." + c.host)
	if !known {
		ahead, _ = c.clocks.Ahead(c.host)
	}
	return c.Clock.Now().Add(-ahead)
}
