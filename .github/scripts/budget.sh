#!/usr/bin/env bash
# A night keeps at most 20 MB: more would fill an organisation's storage in a month. Removes nothing, says what is large.
set -euo pipefail

limit=$((20 * 1024 * 1024))
size=$(du --bytes --summarize "$FOLDER" | cut -f1)
if [ "$size" -gt "$limit" ]; then
  echo "::error title=chamiperf::the artifacts take $size bytes, the limit is $limit ($FOLDER). The largest are listed below."
  du --bytes --all "$FOLDER" | sort --numeric-sort --reverse | head -5
  exit 2
fi
echo "artifacts: $size bytes of $limit"
