#!/usr/bin/env bash
# Finds the program that run.sh runs: the one that is given, or a release, whose archive has to have the
# right checksum before anything of it is unpacked.
set -euo pipefail

fail() {
  echo "::error title=mlopsctl is not installed::$1"
  exit 1
}

# sha256 prints the checksum of a file. macOS has another program for it.
sha256() {
  if command -v sha256sum >/dev/null; then
    sha256sum "$1" | cut -d ' ' -f 1
  else
    shasum -a 256 "$1" | cut -d ' ' -f 1
  fi
}

get() { # URL FILE
  curl --fail --silent --show-error --location --proto '=https' --retry 3 --max-time 300 --output "$2" "$1" ||
    fail "$1 cannot be downloaded; on a runner without a way to it, give the input releases or binary."
}

found() {
  echo "program=$1" >>"$GITHUB_OUTPUT"
  "$1" version
  exit 0
}

if [ -n "$BINARY" ]; then
  if [ ! -f "$BINARY" ] || [ ! -x "$BINARY" ]; then
    fail "the input binary names no program."
  fi
  found "$(cd "$(dirname "$BINARY")" && pwd)/$(basename "$BINARY")"
fi

version=${VERSION:-$ACTION_REF} # of an action that is pinned by its commit, no version is known
version=${version#v}
if ! [[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$ ]]; then
  fail "which release to install is not known; give the input version, such as 1.2.3."
fi
if ! [[ $RELEASES =~ ^https://[^[:space:]]+$ ]]; then
  fail "the input releases has to begin with https://."
fi
case $RUNNER_OS in
  Linux) os=linux ;;
  macOS) os=darwin ;;
  Windows) os=windows ;;
  *) fail "there is no release for ${RUNNER_OS}." ;;
esac
case $RUNNER_ARCH in
  X64) arch=amd64 ;;
  ARM64) arch=arm64 ;;
  *) fail "there is no release for ${RUNNER_ARCH}." ;;
esac

name=mlopsctl program=mlopsctl ending=tar.gz
if [ "$os" = windows ]; then
  program=mlopsctl.exe ending=zip
fi
archive=${name}_${version}_${os}_${arch}.$ending
folder=$(mktemp -d "$RUNNER_TEMP/mlopsctl.XXXXXX")

get "$RELEASES/v$version/$archive" "$folder/$archive"
wanted=$(tr 'A-F' 'a-f' <<<"$CHECKSUM")
if [ -z "$wanted" ]; then
  get "$RELEASES/v$version/checksums.txt" "$folder/checksums.txt"
  wanted=$(awk -v archive="$archive" '$2 == archive { print $1 }' "$folder/checksums.txt")
fi
if ! [[ $wanted =~ ^[0-9a-f]{64}$ ]]; then
  fail "there is no checksum of ${archive}."
fi
if [ "$(sha256 "$folder/$archive")" != "$wanted" ]; then
  fail "the checksum of $archive is not the one that was published; nothing of it was unpacked."
fi
if [ "$ending" = zip ]; then
  unzip -q "$folder/$archive" "$program" -d "$folder"
else
  tar -xzf "$folder/$archive" -C "$folder" "$program"
fi
found "$folder/$program"
