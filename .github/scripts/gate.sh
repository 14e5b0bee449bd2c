#!/usr/bin/env bash
# The last step of a job: says in the job summary how each step ended, and ends with the code of the night.
#
# STEPS holds a line for each step: name, outcome (success, failure, cancelled, skipped), exit code if it said one.
# A verdict outranks the steps before it: what `confirm` decided, else what `compare` or a `drill` did; a step that failed
# before any verdict gives its own code. One that failed without a code (the runner could not start it) counts as 70.
set -euo pipefail

verdict='' first='' rows='' stopped=''
while read -r name outcome code; do
  [ -n "$name" ] || continue
  case "$outcome" in
    success) said='done' ;;
    failure)
      said="ended with ${code:-70: its log says why}"
      code="${code:-70}"
      # A drill that says no has ended all the same, and keeps nothing from running.
      [ "$name" = drill ] || : "${stopped:=$name}"
      ;;
    cancelled)
      code=3
      said='cancelled'
      : "${stopped:=$name}"
      ;;
    *)
      case "$name" in
        wait | smoke | lock | seed | load | compare | report | hand-over)
          said="${stopped:+not run, because of $stopped}"
          : "${said:=not needed}"
          ;;
        *) said='not needed' ;;
      esac
      ;;
  esac
  rows+="| $name | $said |"$'\n'
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
  printf '### Steps\n\n| step | how it ended |\n|---|---|\n%s\n' "$rows"
  printf 'Exit code %s. Runner minutes used: %s.\n\n' "$result" "$minutes"
} >>"${GITHUB_STEP_SUMMARY:-/dev/stderr}"
printf 'exit-code=%s\n' "$result" >>"${GITHUB_OUTPUT:-/dev/stderr}"
exit "$result"
