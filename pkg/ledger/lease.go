package ledger

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// How long a lease lasts, how often it is renewed, and how much earlier than others its holder takes it
// for over: a margin for the second that a server's Date is rounded by, and for clocks that drift.
const (
	leaseLasts  = 60 * time.Second
	leaseRenews = 20 * time.Second
	leaseMargin = 5 * time.Second
)

const leaseFile = "lease.json"

// Lease is what keeps a second apply out.
type Lease struct {
	FormatVersion string  `json:"format_version"`
	Stack         string  `json:"stack"`
	Run           string  `json:"run"`
	Who           string  `json:"who"`
	Process       Process `json:"process"`
	TakenAt       string  `json:"taken_at"`
	ExpiresAt     string  `json:"expires_at"` // by the server's clock
	Renewed       int     `json:"renewed"`    // how often
}

// Process is a process of one machine. Only one of this very boot and PID namespace can be told to run no
// longer.
type Process struct {
	Host    string `json:"host"`
	Boot    string `json:"boot,omitempty"`
	Space   string `json:"pid_namespace,omitempty"`
	PID     int    `json:"pid"`
	Started string `json:"started,omitempty"`
}

// here reports whether p is, or was, a process of this machine as self sees it.
func (p Process) here(self Process) bool {
	return self.Boot != "" && self.Space != "" && p.Host == self.Host && p.Boot == self.Boot && p.Space == self.Space
}

func (l Lease) encode() ([]byte, error) {
	l.FormatVersion = FormatVersion
	data, err := json.MarshalIndent(l, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing the lease: %w", err)
	}
	return append(data, '\n'), nil
}

// decodeLease reads what lies on LeaseRef. What cannot be read, or expires later than any lease, is held
// by nobody who can be named.
func decodeLease(data []byte) (Lease, error) {
	var l Lease
	if err := json.Unmarshal(data, &l); err != nil {
		return Lease{}, fmt.Errorf("%w: the lease: %v", ErrTorn, err) //nolint:errorlint // the JSON error is a detail
	}
	if _, err := time.Parse(time.RFC3339, l.ExpiresAt); err != nil {
		return Lease{}, fmt.Errorf("%w: the lease expires at %q", ErrTorn, l.ExpiresAt)
	}
	return l, nil
}

// expired reports whether nobody has to wait for the lease any longer. One that claims to last longer
// than leases do, as a forged one may, counts from the moment at which it was first seen.
func (l Lease) expired(now, seen time.Time) bool {
	at, err := time.Parse(time.RFC3339, l.ExpiresAt)
	if err != nil {
		return now.After(seen.Add(leaseLasts))
	}
	if at.After(seen.Add(leaseLasts + leaseMargin)) {
		at = seen.Add(leaseLasts)
	}
	return now.After(at)
}

// String names the holder to people, in printable letters: whoever can push can have written it.
func (l Lease) String() string {
	return fmt.Sprintf("%s on %s (process %d), since %s, until %s",
		printable(l.Who), printable(l.Process.Host), l.Process.PID, printable(l.TakenAt), printable(l.ExpiresAt))
}

// printable is text of at most a few words, without what a terminal would obey.
func printable(text string) string {
	const longest = 80
	quoted := []rune(strconv.Quote(text))
	quoted = quoted[1 : len(quoted)-1]
	if len(quoted) > longest {
		return string(quoted[:longest]) + "…"
	}
	return string(quoted)
}

// HeldError is a lease that somebody else kept for as long as was waited.
type HeldError struct {
	Lease  Lease
	Waited time.Duration
}

// Error names the holder.
func (h *HeldError) Error() string {
	return fmt.Sprintf("another apply holds the ledger: %s; waited %s for it", h.Lease, h.Waited)
}
