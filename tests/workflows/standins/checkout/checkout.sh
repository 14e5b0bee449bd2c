#!/usr/bin/env bash
# Copies the toolkit to TO (a fresh machine first), or fetches a commit or branch of the caller's remote.
set -euo pipefail

if [ "$REPOSITORY" = OWNER/chamiperf-ci ]; then
  [ "$REF" = COMMIT ] || { echo "no such ref: $REF"; exit 1; }
  # The jobs of a matrix run side by side, here on one machine: none of them empties it under the others.
  [ "$GITHUB_JOB" = shard ] || find "$HOME" "$TMPDIR" "$XDG_RUNTIME_DIR" -mindepth 1 -delete
  mkdir -p "$TO"
  cp -r "$HARNESS_TOOLKIT/." "$TO"
elif [ -z "$REPOSITORY" ]; then
  git init --quiet "$TO"
  cd "$TO"
  git remote add origin "file://$HARNESS_REMOTE"
  git fetch --quiet --depth 1 origin "${REF:-main}"
  git checkout --quiet --force --detach FETCH_HEAD
  [ "$DEPTH" != 0 ] || git fetch --quiet --unshallow origin '+refs/heads/*:refs/remotes/origin/*'
else
  echo "the stand-in knows no $REPOSITORY at ${REF:-the default}"
  exit 1
fi
