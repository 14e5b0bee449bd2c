#!/usr/bin/env bash
# The last step of a job: says in the job summary how each step ended, and ends with the code of the night.
#
# STEPS holds a line for each step: name, outcome (success, failure, cancelled, skipped), exit code if it said one.
# A verdict outranks the steps before it: what `confirm` decided, else what `compare` or a `drill` did; a step that failed
# before any verdict gives its own code. Without a code of its own, an upload counts as 4 (GitHub) and anything else as 3
# (nothing could be measured): a script of the caller's, or a command of ours that was killed, since one that fails by
# itself says a code, 70 included. Where no step ended at all, the code is 70.
set -euo pipefail

# What the steps said of themselves, by their name.
declare -A line=()
while read -r name said; do
  [ -z "$name" ] || : "${line[$name]:=$name $said}"
done < <(cat -- "${CHAMIPERF_STEP_LINES:-/dev/null}" 2>/dev/null)

verdict='' first='' ended='' stopped='' good='' left=''
while read -r name outcome code; do
  [ -n "$name" ] || continue
  case "$outcome" in
    success) good+="${good:+, }${line[$name]:-$name}" ;;
    failure)
      said="ended with $code"
      case "$code:$name" in
        :deploy* | :teardown*) code=3 said='ended with an error of its own: its log says which' ;;
        :upload* | :hand-over) code=4 said='was refused by GitHub: its log says why' ;;
        :*) code=3 said='ended with no code, as a program does that is killed, for want of memory say: its log says more' ;;
      esac
      ended+="- **$name** $said"$'\n'
      # A drill that says no has ended all the same, and keeps nothing from running.
      [ "$name" = drill ] || : "${stopped:=$name}"
      ;;
    cancelled)
      code=3
      ended+="- **$name** was cancelled"$'\n'
      : "${stopped:=$name}"
      ;;
    *)
      case "$name" in
        wait | smoke | lock | seed | load | compare | report | hand-over)
          [ -z "$stopped" ] || left+="${left:+, }$name"
          ;;
      esac
      ;;
  esac
  case "$name:$outcome" in
    compare:success | confirm:success | compare:failure | confirm:failure | drill:success | drill:failure)
      verdict="${code:-0}"
      ;;
    *:failure | *:cancelled) : "${first:=$code}" ;;
  esac
done <<<"$STEPS"

# What failed after a good verdict (tidying up, the report) is red as well; a bad verdict stays what it is.
result="${verdict:-${first:-70}}"
[ "$result" != 0 ] || result="${first:-0}"

minutes=$((($(date +%s) - ${STARTED:-$(date +%s)} + 59) / 60))
{
  printf '### Steps\n\n%s' "$ended"
  [ -z "$left" ] || printf -- '- not run because of %s: %s\n' "$stopped" "$left"
  [ -z "$good" ] || printf -- '- 🟢 %s\n' "$good"
  [ -z "${NEXT:-}" ] || printf '\n### What comes next\n\n%s\n' "$NEXT"
  printf '\nExit code %s. Runner minutes used: %s.\n\n' "$result" "$minutes"
} >>"${GITHUB_STEP_SUMMARY:-/dev/stderr}"
# Steps of the job after this one write their own lines again.
printf 'CHAMIPERF_STEP_LINES=\n' >>"${GITHUB_ENV:-/dev/null}"
printf 'exit-code=%s\n' "$result" >>"${GITHUB_OUTPUT:-/dev/stderr}"
exit "$result"
