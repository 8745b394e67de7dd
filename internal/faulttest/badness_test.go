package faulttest

import (
	"flag"
	"maps"
	"slices"
)

// -bad runs what is known to be wrong, too.
var bad = flag.Bool("bad", false, "run the cases that are known to fail, too")

// badness is what the program does wrong today, by a glob of the cases that show it. An entry goes when its
// cases pass: `go test ./internal/faulttest -faults=all -bad` says which do.
func badness() map[string]string {
	return map[string]string{}
}

// knownBad reports whether a case is known to fail, and why.
func knownBad(c faultCase) (why string, known bool) {
	if *bad {
		return "", false
	}
	for _, pattern := range slices.Sorted(maps.Keys(badness())) {
		if glob(pattern, c.class+"/"+c.name) {
			return badness()[pattern], true
		}
	}
	return "", false
}
