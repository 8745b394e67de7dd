package spec

import (
	"fmt"
	"regexp"
	"strconv"
	"time"
)

const day = 24 * time.Hour

// longest is what Databricks allows an OAuth secret.
const longest = 730 * day

var span = regexp.MustCompile(`^([0-9]{1,9})([dh])$`)

// parseSpan reads 90d or 24h. Units that have no one length, as a month, are not spans.
func parseSpan(text string) (time.Duration, error) {
	parts := span.FindStringSubmatch(text)
	if parts == nil {
		return 0, fmt.Errorf("%q is not a span of time", text)
	}
	n, err := strconv.Atoi(parts[1])
	if err != nil {
		return 0, fmt.Errorf("reading %q: %w", text, err)
	}
	unit := map[string]time.Duration{"d": day, "h": time.Hour}[parts[2]]
	if time.Duration(n) > 100*longest/unit { // far beyond every limit, and short of an overflow
		return 100 * longest, nil
	}
	return time.Duration(n) * unit, nil
}

// showSpan is parseSpan's inverse.
func showSpan(d time.Duration) string {
	if d%day == 0 {
		return fmt.Sprintf("%dd", d/day)
	}
	return fmt.Sprintf("%dh", d/time.Hour)
}

// checkSpan returns the span at n, and whether there is a usable one.
func (r *reading) checkSpan(n *node, what string) (time.Duration, bool) {
	value, ok := n.value()
	if !ok {
		return 0, false
	}
	d, err := parseSpan(value)
	switch {
	case err != nil:
		r.fail(n, found("spec/lifetime", fmt.Sprintf("%s is not %s", n.quote(), what),
			"write days or hours, as in 90d or 24h; two years are 730d"))
	case d <= 0:
		r.fail(n, found("spec/lifetime", fmt.Sprintf("%s is nothing", n.quote()), "write days or hours, as in 90d or 24h"))
	default:
		return d, true
	}
	return 0, false
}
