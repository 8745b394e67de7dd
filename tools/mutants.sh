#!/bin/sh
# Each file tools/mutants/NN-name.patch is a defect of a line or two. Its header says what it breaks, and which
# test must see it. A copy of the module is broken by one after another; a defect that its test lets pass, that no
# longer applies or no longer compiles, fails the run.
#
#   tools/mutants.sh [NUMBER...]    all of them, or those whose names begin so
#   KEEP=DIR                        where to keep what the tests said, if a mutant was not caught
#   WORKERS=N                       how many at a time; as many as there are processors, if it is not said
set -eu

workers=${WORKERS:-$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)}

# told prints what a header says after a word.
told() { sed -n "s/^$2: //p" "$1" | head -n 1; }

# package and test are the parts of "go test PACKAGE -run '^NAME$'".
package() { told "$1" 'caught by' | awk '{ print $3 }'; }
test_of() { told "$1" 'caught by' | sed "s/.*'^\(.*\)\\\$'.*/\1/"; }

# compile makes the test binary of a package. Paths are trimmed, so that all copies share the build cache.
compile() { go test -trimpath -vet=off -c -o "$2" "$1"; }

# run runs one test where go test would: in the folder of its package.
run() { (cd "$1" && exec "$2" -test.run "^$3\$" -test.v -test.timeout 4m); }

# judge breaks the copy in the current folder by one defect, and prints what became of it.
judge() {
	patch=$1 name=$(basename "$1" .patch) began=$(date +%s)
	pkg=$(package "$patch") test=$(test_of "$patch")
	binary=$PWD/../mutant.test-$2 log=$PWD/../log-$name
	verdict=caught
	if ! git apply --recount "$patch" >"$log" 2>&1; then
		verdict="NO LONGER APPLIES"
	else
		if ! compile "$pkg" "$binary" >"$log" 2>&1; then
			verdict="DOES NOT COMPILE"
		else
			code=0
			run "$pkg" "$binary" "$test" >"$log" 2>&1 || code=$?
			# 1 is a test that failed; 2 is a panic, or a test that did not end.
			if [ "$code" -eq 0 ]; then
				verdict=SURVIVED
			elif [ "$code" -ne 1 ] || ! grep -qF -e "--- FAIL: $test (" "$log"; then
				verdict="FAILED OTHERWISE ($code)"
			fi
		fi
		git apply -R --recount "$patch"
	fi
	printf '%-44s %-24s %4ss  %s %s\n' "$name" "$verdict" $(($(date +%s) - began)) "$pkg" "$test"
}

# whole sees to it that a test passes without any defect: else that it fails says nothing.
whole() {
	log=$PWD/../log-whole
	compile "$1" "$PWD/../whole.test" && run "$1" "$PWD/../whole.test" "($2)" >"$log" 2>&1 || { cat "$log"; echo "a test of $1 fails without any defect"; return 1; }
	for t in $(echo "$2" | tr '|' ' '); do
		grep -qF -e "--- PASS: $t (" "$log" || { echo "$1 has no test $t"; return 1; }
	done
}

if [ "${1:-}" = --worker ]; then # NUMBER PATCH...
	worker=$2
	shift 2
	n=0
	for p in "$@"; do
		n=$((n + 1))
		[ $((n % workers)) -ne "$worker" ] || judge "$p" "$worker"
	done
	exit
fi

keep=${KEEP:+$(mkdir -p "$KEEP" && cd "$KEEP" && pwd)}
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
trap 'exit 130' INT TERM
export GIT_CEILING_DIRECTORIES="$temp" # git apply must not take a copy for a part of this repository

patches=
for p in tools/mutants/*.patch; do
	[ $# -gt 0 ] || patches="$patches $p"
	for wanted in "$@"; do
		case $(basename "$p") in "$wanted"*) patches="$patches $p" ;; esac
	done
done
[ -n "$patches" ] || { echo "no mutant is called so"; exit 1; }

began=$(date +%s)
worker=0
while [ $worker -lt "$workers" ]; do
	mkdir -p "$temp/$worker/module"
	git ls-files -co --exclude-standard | while IFS= read -r f; do [ ! -f "$f" ] || printf '%s\n' "$f"; done |
		tar -cf - -T - | tar -xf - -C "$temp/$worker/module"
	worker=$((worker + 1))
done

cd "$temp/0/module"
for pkg in $(for p in $patches; do package "$p"; done | sort -u); do
	whole "$pkg" "$(for p in $patches; do [ "$(package "$p")" != "$pkg" ] || test_of "$p"; done | sort -u | paste -s -d '|' -)"
done
echo "every test passes without a defect, after $(($(date +%s) - began)) s"

pids=
worker=0
while [ $worker -lt "$workers" ]; do
	(cd "$temp/$worker/module" && WORKERS=$workers exec sh tools/mutants.sh --worker $worker $patches) | tee "$temp/$worker/rows" &
	pids="$pids $!"
	worker=$((worker + 1))
done
for pid in $pids; do wait "$pid"; done

all=$(echo $patches | wc -w)
caught=$(cat "$temp"/*/rows | awk '$2 == "caught"' | wc -l)
echo "$caught of $all mutants caught, in $(($(date +%s) - began)) s"
if [ "$caught" -ne "$all" ]; then
	sort "$temp"/*/rows | awk '$2 != "caught"'
	[ -z "$keep" ] || cp "$temp"/*/log-* "$keep"
	exit 1
fi
