#!/bin/sh
# The life of a stack, rehearsed: validate, plan, apply, and a second plan that must be empty.
set -eu

mlopsctl=$1
spec=examples/mlops-stack-demo/mlops.yaml
sandbox=$(mktemp -d "${TMPDIR:-/tmp}/mlopsctl-demo.XXXXXX")
# A secret of the example comes from here. The value is made up, and the sandbox keeps no values.
export MLOPS_WORKFLOW_TOKEN=made-up-for-the-demo

say() { printf '\n== %s\n' "$*"; }
run() { printf '$ mlopsctl %s\n' "$*"; "$mlopsctl" "$@"; }

say "The spec is checked without sending anything"
run validate --file "$spec"
say "What would change, in a sandbox that begins with examples/mlops-stack-demo/world.yaml"
run plan --file "$spec" --sandbox "$sandbox"
say "Do it"
run apply --file "$spec" --sandbox "$sandbox" --auto-approve
say "Plan again: exit code 0 says that nothing is left to do"
run plan --file "$spec" --sandbox "$sandbox" --detailed-exitcode

say "Where to look next"
cat <<END
  $spec                   the spec; change it and plan again
  $mlopsctl plan --file $spec --sandbox $sandbox
  $mlopsctl sandbox state --file $spec --sandbox $sandbox    what the sandbox holds now
  $mlopsctl graph --file $spec --sandbox $sandbox -o mermaid
  $mlopsctl explain targets.ci_auth                          the meaning of a key
  README.md                                                  how to use it on real accounts
  docs/tour.md                                               how it works, five minutes
END
