#!/usr/bin/env bash
# Checks what the caller gave before anything is installed or deployed: one line that names the input, and exit code 2.
set -euo pipefail -f

stop() { # input, wrong, remedy
  local line="$1: $2. $3"
  line="${line//$'\r'/ }"
  line="${line//$'\n'/ }"
  echo "::error title=chamiperf::${line//%/%25}"
  printf '### chamiperf stopped\n\n````text\n%s\n````\n\n' "${line//\`\`\`\`/}" >>"${GITHUB_STEP_SUMMARY:-/dev/stderr}"
  printf 'exit-code=2\n' >>"${GITHUB_OUTPUT:-/dev/stderr}"
  exit 2
}

one_of() { # input, value, allowed words
  case " $3 " in *" $2 "*) ;; *) stop "$1" "'$2' is not one of: ${3// /, }" "Write one of them under with:" ;; esac
}

script() { # input, path
  [ -n "$2" ] || return 0
  [ -e "$2" ] || stop "$1" "$2 does not exist in the commit that is measured" \
    "Commit a script there (examples/deploy has one of five lines), or leave the input out for a stack that runs already"
  [ -f "$2" ] || stop "$1" "$2 is not a file" "Name a script"
  [ -x "$2" ] || stop "$1" "$2 is not executable" "Run: git update-index --chmod=+x $2"
  # A bare name would be looked for on the path.
  case "$2" in */*) ;; *) stop "$1" "$2 names no folder" "Write ./$2" ;; esac
}

one_of kind "$KIND" "night quick drill"
one_of confirm "$CONFIRM" "repeats pairs none"
k6=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../k6" && pwd)
one_of profile "${PROFILE:-quick}" "$(cd "$k6/profiles" && find . -name '*.json' -printf '%f\n' | sort | sed 's/\.json$//' | xargs)"
scenarios="$(sed -nE 's/^    "([a-z_]+)": \{$/\1/p' "$k6/scenarios.json" | xargs) all"
for word in ${SCENARIOS:-}; do one_of scenarios "$word" "$scenarios"; done
for word in ${FAIL_ON:-}; do one_of fail-on "$word" "regression target invalid inconclusive drift"; done
script deploy-script "$DEPLOY"
script redeploy-script "$REDEPLOY"
script teardown-script "$TEARDOWN"
[ -z "$PAIRS" ] || [ -n "$AGAINST" ] || stop against "pairs need an old side" "Name a target of chamiperf.toml"
[ "$CONFIRM" != pairs ] || [ -n "$AGAINST" ] || stop against "confirm: pairs needs an old side" "Name a target of chamiperf.toml"
[ "$RETENTION" -ge 1 ] && [ "$RETENTION" -le 90 ] || stop retention-days "$RETENTION is out of range" "Give 1 to 90"
if [ "${SHARDS:=0}" != 0 ]; then
  [[ $SHARDS =~ ^[1-9][0-9]{0,2}$ ]] && [ "$SHARDS" -le 256 ] || stop shards "$SHARDS is out of range" "Give 2 to 256"
fi
if [ "$SHARDS" -gt 1 ]; then
  shared="a load that several machines share"
  [ -z "$STACK" ] || stop shards "$shared cannot have an embedded stack, which one machine alone reaches" "Name a stack that all of them reach"
  [ "$KIND" != drill ] || stop shards "a drill measures on one machine" "Leave shards out"
  [ -z "$PAIRS" ] && [ "$CONFIRM" != pairs ] || stop shards "pairs are measured by one machine" "Leave pairs, or shards, out"
  [ "$OWN_TOKEN" != true ] || stop shards "own-token makes a token that other jobs cannot get" "Give the secret CHAMICORE_INTERNAL_TOKEN"
  case " $SCENARIOS " in *" all "* | *" dhcp_sync_burst "*) stop scenarios "$shared has no dhcp_sync_burst" "Name the others" ;; esac
  printf 'shards=[%s]\n' "$(seq -s , "$SHARDS")" >>"${GITHUB_OUTPUT:-/dev/stderr}"
fi
[ -z "$STACK" ] || [ "$STACK" = embedded ] || stop stack "'$STACK' is not known" "Write embedded, or name your stack by target:"
for side in "target $TARGET" "against $AGAINST"; do
  read -r input name <<<"$side"
  # A deploy script may write the file.
  [ -n "$name" ] && [ -z "$STACK" ] && [ "$name" != embedded ] && [ -z "$DEPLOY" ] || continue
  [ -f chamiperf.toml ] || stop "$input" "there is no chamiperf.toml that says where $name is" \
    "Commit one: docs/your-stack.md shows a whole file"
  grep -Eq "^[[:space:]]*\[+[[:space:]]*targets[[:space:]]*\.[[:space:]]*[\"']?$(sed 's/[][\.*^$]/\\&/g' <<<"$name")[\"']?[[:space:]]*[].]|^[[:space:]]*targets\b" chamiperf.toml \
    || stop "$input" "chamiperf.toml has no [targets.$name]" "Add it, or correct the name"
done
echo "Nothing is missing."
