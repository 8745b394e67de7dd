#!/usr/bin/env bash
# Runs one command of mlopsctl in a job. What the program finds out becomes outputs of the step; it writes
# the summary and the annotations itself.
set -euo pipefail

fail() {
  echo "::error title=mlopsctl was not run::$1"
  exit 1
}

# plainly runs the program with its output taken for text: a name that somebody gave to an object must not
# be a command to the runner.
plainly() {
  local token code=0
  token=$(od -An -N 16 -tx1 /dev/urandom | tr -d ' \n')
  echo "::stop-commands::$token"
  "$PROGRAM" "$@" || code=$?
  echo "::$token::"
  return "$code"
}

case $FILE$PLAN_FILE in
  *$'\n'*) fail "a path has one line." ;;
esac
if [ -n "$PULL_REQUEST" ] && ! [[ $PULL_REQUEST =~ ^[1-9][0-9]*$ ]]; then
  fail "the input pull-request is a number."
fi

# An App's login goes before the job's own token, which reads neither environments nor secrets.
if [ -z "${MLOPSCTL_GITHUB_APP_ID:-}" ] && [ -z "${GITHUB_TOKEN:-}${GH_TOKEN:-}" ]; then
  export GITHUB_TOKEN=$TOKEN
fi
# An Enterprise Server that runs this job may have the job's own token back.
server=${GITHUB_SERVER_URL#*://}
if [ "$server" != github.com ]; then
  export MLOPSCTL_TRUSTED_HOSTS=${MLOPSCTL_TRUSTED_HOSTS:+$MLOPSCTL_TRUSTED_HOSTS,}$server
fi

code=0
case $COMMAND in
  ci)
    arguments=(ci --file "$FILE" --comment="$COMMENT")
    if [ -n "$PULL_REQUEST" ]; then
      arguments+=(--pull-request "$PULL_REQUEST" --head-from-api)
    fi
    if [ -n "$PLAN_FILE" ]; then
      arguments+=(--out "$PLAN_FILE")
    fi
    "$PROGRAM" "${arguments[@]}" || code=$?
    ;;
  plan) "$PROGRAM" ci --file "$FILE" --comment=false --out "${PLAN_FILE:-$RUNNER_TEMP/mlopsctl-plan.json}" || code=$? ;;
  drift) "$PROGRAM" ci --file "$FILE" --drift || code=$? ;;
  validate) plainly validate --file "$FILE" || code=$? ;;
  apply)
    if [ -z "$PLAN_FILE" ]; then
      fail "apply carries out the plan that the input plan-file names, and nothing else."
    fi
    plainly apply "$PLAN_FILE" --file "$FILE" --auto-approve || code=$?
    ;;
  *) fail "the input command is ci, plan, apply, drift or validate." ;;
esac
echo "exit-code=$code" >>"$GITHUB_OUTPUT"
exit "$code"
