#!/usr/bin/env bash
# A night keeps at most 20 MB: more would fill an organisation's storage in a month. Removes nothing, says what is large,
# also in the job summary, for the files themselves are then not kept.
set -euo pipefail

limit=$((20 * 1024 * 1024))
size=$(du --bytes --summarize "$FOLDER" | cut -f1)
if [ "$size" -gt "$limit" ]; then
  remedy='Drive fewer scenarios in one run, or write files of your own elsewhere'
  echo "::error title=chamiperf::the artifacts take $size bytes, the limit is $limit: the runs are not kept. $remedy."
  # Not through `head`, whose early end would end this script as well.
  largest=$(cd "$FOLDER" && find . -type f -printf '%s %P\n' | sort --numeric-sort --reverse | sed -n '1,5p')
  echo "$largest"
  printf '### Too much to keep\n\nThe artifacts take %s bytes, the limit is %s: the report is kept, the runs are not. %s.\n\n````text\n%s\n````\n\n' \
    "$size" "$limit" "$remedy" "${largest//\`/_}" >>"${GITHUB_STEP_SUMMARY:-/dev/stderr}"
  printf 'exit-code=2\n' >>"${GITHUB_OUTPUT:-/dev/stderr}"
  exit 2
fi
echo "artifacts: $size bytes of $limit"
