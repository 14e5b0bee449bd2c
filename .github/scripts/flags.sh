#!/usr/bin/env bash
# Refuses a flag that is neither true nor false: it would be taken for false without a word. FLAGS has a line for each: its
# name, a blank, its value. Refuses a word of FAIL_ON that is none as well, which only the step after the load would.
set -euo pipefail -f

stop() {
  local said="$1 under with:"
  echo "::error title=chamiperf::${said//%/%25}"
  printf '### chamiperf stopped\n\n````text\n%s\n````\n\n' "${said//\`\`\`\`/}" >>"${GITHUB_STEP_SUMMARY:-/dev/stderr}"
  printf 'exit-code=2\n' >>"${GITHUB_OUTPUT:-/dev/stderr}"
  exit 2
}

while read -r name value; do
  case "$name:$value" in
    : | *:true | *:false) ;;
    *) stop "$name: '$value' is neither true nor false. Write one of them" ;;
  esac
done <<<"$FLAGS"
words='regression target invalid inconclusive drift'
for word in ${FAIL_ON:-}; do
  case " $words " in
    *" $word "*) ;;
    *) stop "fail-on: '$word' is not one of: ${words// /, }. Write some of them" ;;
  esac
done
# From here on a step that went well keeps its line for the last one, which joins them behind the verdict.
printf 'CHAMIPERF_STEP_LINES=%s\n' "${RUNNER_TEMP:-/tmp}/chamiperf-steps-${GITHUB_ACTION:-}" >>"${GITHUB_ENV:-/dev/null}"
