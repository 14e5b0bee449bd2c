#!/usr/bin/env bash
# Names the baselines to judge by: the caller's FILE, or the toolkit's own targets where there is none yet. Says in the
# output `next` what a person can do next, for the end of the job summary.
set -euo pipefail

toolkit=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
docs="${PROJECT_URL:-chamiperf-ci}/docs"
FILE="${FILE:-baselines.json}"
file="$FILE"
next=''
if [ "${STACK:-}" = embedded ]; then
  next+="- This was a self-test of the toolkit: it measured the stand-in, not your stack. To measure your stack, describe it in \`chamiperf.toml\`, write ${NAMED_BY:-\`target: NAME\` in place of \`stack: embedded\` (\`chamiperf init --target NAME\` does)} in the workflow, and store its token as the secret \`CHAMICORE_INTERNAL_TOKEN\` ($docs/your-stack.md)."$'\n'
fi
# What is there and is no file is left to `compare`, which names it.
if [ ! -e "$file" ]; then
  file="$toolkit/baselines.json"
  if [ "${PROPOSE:-}" = true ]; then
    how="After the fifth valid night, a pull request with the first baseline opens automatically. Review and merge it."
  else
    how="After five valid nights, write the first baseline: $docs/first-night.md says how."
  fi
  # Pairs are compared with each other.
  if [ -z "${PAIRS:-}" ]; then
    echo "::notice title=chamiperf::$FILE does not exist: judged by the toolkit's targets alone, without a baseline. $how"
    next+="- There is no \`baselines.json\` yet, so nothing is compared. $how"$'\n'
  fi
fi
printf 'file=%s\nown=%s\n' "$file" "$([ "$file" != "$FILE" ] || echo true)" >>"$GITHUB_OUTPUT"
printf 'next<<END-OF-NEXT\n%sEND-OF-NEXT\n' "$next" >>"$GITHUB_OUTPUT"
