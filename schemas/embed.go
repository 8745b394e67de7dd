// Package schemas holds the JSON schemas of the files that mlopsctl reads. Editors use them through
// a comment at the top of the file: `# yaml-language-server: $schema=…`.
package schemas

import _ "embed"

//go:embed mlops.schema.json
var mlops string

// Mlops returns the schema of mlops.yaml.
func Mlops() []byte { return []byte(mlops) }
