package workflows

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"slices"
	"strings"
)

// writtenBy is the first line of every file that is generated; the second has the sum of what follows.
const (
	writtenBy = "# Written by mlopsctl from mlops.yaml. A change belongs there: the next apply offers this file anew.\n"
	sumLine   = "# Unedited, what follows has the sum %s.\n"
)

// signed puts the sum below the first line of a generated file.
func signed(content []byte) ([]byte, error) {
	rest, ok := bytes.CutPrefix(content, []byte(writtenBy))
	if !ok {
		return nil, fmt.Errorf("the template does not begin with %q", writtenBy)
	}
	return slices.Concat([]byte(writtenBy), fmt.Appendf(nil, sumLine, sum(rest)), rest), nil
}

func sum(text []byte) string {
	digest := sha256.Sum256(text)
	return hex.EncodeToString(digest[:8])
}

// Written says of the content of a file whether this package has written it, and whether it is still as it
// was written.
func Written(content []byte) (ours, unedited bool) {
	below, ours := bytes.CutPrefix(content, []byte(writtenBy))
	line, rest, _ := bytes.Cut(below, []byte("\n"))
	return ours, ours && string(line)+"\n" == fmt.Sprintf(sumLine, sum(rest))
}

// MayWrite reports whether a path is one of those that files are generated for.
func MayWrite(at string) bool {
	return slices.Contains([]string{CIFile(), CheckFile, ApplyFile, DriftFile}, at) ||
		path.Dir(at) == path.Dir(CIFile()) && strings.HasSuffix(at, "-deploy.yml")
}
