#!/usr/bin/env bash
# A folder a name below HARNESS_ARTIFACTS.
set -euo pipefail

[ "$DAYS" -ge 1 ] && [ "$DAYS" -le 90 ] || { echo "retention-days is $DAYS"; exit 1; }
to="$HARNESS_ARTIFACTS/$NAME"
[ ! -e "$to" ] || { echo "an artifact named $NAME exists already"; exit 1; }
case "$NAME" in *[\":\<\>\|\*\?\\/]*) echo "not a name of an artifact: $NAME"; exit 1 ;; esac
files=()
if [ -d "$FROM" ]; then
  base="$FROM"
  while IFS= read -r -d '' file; do files+=("$file"); done < <(cd "$base" && find . -name '.?*' -prune -o -type f -print0)
elif [ -f "$FROM" ]; then
  base=$(dirname "$FROM")
  files=("$(basename "$FROM")")
fi
if [ ${#files[@]} -eq 0 ]; then
  echo "no files found: $FROM"
  [ "$MISSING" != error ] || exit 1
  exit 0
fi
mkdir -p "$to"
(cd "$base" && cp --parents "${files[@]}" "$to")
