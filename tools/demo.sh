#!/bin/sh
# The life of a stack, rehearsed: validate, plan, apply, and a second plan that must be empty.
set -eu

mlopsctl=$1
spec=examples/mlops-stack-demo/mlops.yaml
folder=$(mktemp -d "${TMPDIR:-/tmp}/mlopsctl-demo.XXXXXX")
sandbox=$folder/sandbox
# A secret of the example comes from here. The value is made up, and the sandbox keeps no values.
export MLOPS_WORKFLOW_TOKEN=made-up-for-the-demo

say() { printf '\n== %s\n' "$*"; }
run() { printf '$ mlopsctl %s\n' "$*" >&2; "$mlopsctl" "$@"; }

say "The spec is checked without sending anything"
run validate --file "$spec"
say "What would change, in a sandbox that begins with examples/mlops-stack-demo/world.yaml"
run plan --file "$spec" --sandbox "$sandbox"
say "Do it: the same plan, now carried out (all of it in $folder/apply.txt)"
run apply --file "$spec" --sandbox "$sandbox" --auto-approve >"$folder/apply.txt"
tail -n 1 "$folder/apply.txt"
say "Plan again: exit code 0 says that nothing is left to do"
run plan --file "$spec" --sandbox "$sandbox" --detailed-exitcode

say "Where to look next"
cat <<END
The spec is $spec. Change it, and plan again in the same sandbox:
  $mlopsctl plan --file $spec --sandbox $sandbox
What the sandbox holds now, and the plan as a picture:
  $mlopsctl sandbox state --file $spec --dir $sandbox
  $mlopsctl graph --file $spec --sandbox $sandbox -o mermaid
The meaning of a key of the spec:
  $mlopsctl explain targets.ci_auth
README.md says how to use it on real accounts, docs/tour.md how it works.
END
