"""Each action as the only one of its job: it installs itself, and works or names what is missing."""

import re
import shutil

import harness
import pytest
import yaml

pytestmark = [pytest.mark.needs_act, pytest.mark.timeout(900)]

ALONE = {
    "stack": ({"ports": "ephemeral"}, "0"),
    "wait": ({"target": "embedded", "timeout": "1s"}, "2"),
    "seed": ({"target": "embedded"}, "2"),
    "smoke": ({"target": "embedded"}, "2"),
    "load": ({"dry-run": "true", "args": "--spike-vus 20"}, "0"),
    "compare": ({}, "2"),
    "confirm": ({"target": "embedded"}, "2"),
    "baselines": ({}, "2"),
    "drill": ({"target": "embedded"}, "2"),
    "report": ({}, "2"),
    "comment": ({}, "2"),
    "alert": ({}, "2"),
    "update-baseline": ({"reason": "the tests' own"}, "2"),
}
"""Action to its inputs and the exit code in an empty repository."""

BAD_ARGS = {"args": "--no-such-option"}, "2"


def job(name, given, expected, needs):
    """A job with one action, and a step that looks at how it ended."""
    then = f'[ "$CODE" = {expected} ] || {{ echo "the exit code was $CODE"; exit 1; }}'
    if name == "stack":
        # What it has put on the path serves the steps after it.
        then = f"chamiperf stack down; {then}"
    return {
        "runs-on": "ubuntu-24.04",
        "needs": needs,
        "if": "always()",
        "steps": [
            {"id": "it", "continue-on-error": True, "uses": f"OWNER/chamiperf-ci/actions/{name}@COMMIT", "with": given},
            {"run": then, "env": {"CODE": "${{ steps.it.outputs.exit-code }}"}},
        ],
    }


@pytest.mark.parametrize("half", [0, 1])
def test_each_action_alone_works_or_names_what_is_missing(adopter, half):
    jobs, last = {}, []
    for name, (given, expected) in [*ALONE.items(), ("load", BAD_ARGS)][half::2]:
        label = name if name not in jobs else f"{name}-again"
        jobs[label] = job(name, given, expected, last)
        last = [label]
    text = yaml.safe_dump({"on": "workflow_dispatch", "permissions": {}, "jobs": jobs})
    adopter.write(".github/workflows/alone.yml", text)
    ran = adopter.run("alone.yml")
    assert ran.jobs == dict.fromkeys(jobs, "success"), ran.log
    assert not re.search("command not found|internal error|Traceback", ran.log)


OTHERS = r"""
on: workflow_dispatch
permissions: {}
jobs:
  foreign:
    runs-on: ubuntu-24.04
    steps:
      - run: |
          mkdir "$RUNNER_TEMP/other"
          printf '#!/bin/sh\necho "the foreign one was asked"\n' >"$RUNNER_TEMP/other/chamiperf"
          chmod +x "$RUNNER_TEMP/other/chamiperf"
          echo "$RUNNER_TEMP/other" >>"$GITHUB_PATH"
      - run: chamiperf | grep 'foreign one'
      - id: it
        uses: OWNER/chamiperf-ci/actions/load@COMMIT
        with: {dry-run: true}
      - run: '[ "$CODE" = 0 ] && chamiperf --version | grep "^chamiperf"'
        env: {CODE: "${{ steps.it.outputs.exit-code }}"}
  mixed:
    needs: foreign
    runs-on: ubuntu-24.04
    steps:
      - uses: OWNER/chamiperf-ci/actions/load@COMMIT
        with: {dry-run: true}
      - id: it
        continue-on-error: true
        uses: OWNER/chamiperf-ci/actions/load@OTHER
        with: {dry-run: true}
      - run: '[ "$CODE" = 2 ]'
        env: {CODE: "${{ steps.it.outputs.exit-code }}"}
"""


def test_only_the_chamiperf_of_the_jobs_own_commit_is_started(adopter):
    other = shutil.copytree(adopter.toolkit, adopter.folder / "other")
    (other / "chamiperf_ci" / "later.py").write_text("# what another commit has\n")
    adopter.write(".github/workflows/others.yml", OTHERS)
    ran = adopter.run("others.yml", arguments=["--local-repository", f"OWNER/chamiperf-ci@OTHER={other}"])
    assert ran.jobs == {"foreign": "success", "mixed": "success"}, ran.log
    assert ran.log.splitlines().count("the foreign one was asked") == 1
    here, there = "OWNER/chamiperf-ci@COMMIT", "OWNER/chamiperf-ci@OTHER"
    assert f"this action is of {there}, and the job has installed chamiperf from {here}" in ran.log


OUTPUTS = """
      - if: always()
        run: '[ "$VERDICT" = "targets only" ] && [ -s "$REPORT" ]'
        env:
          VERDICT: ${{ steps.chain.outputs.verdict }}
          REPORT: ${{ steps.chain.outputs.report-path }}
"""


def test_the_workflow_of_the_readme_runs_the_whole_chain(adopter):
    readme = (harness.ROOT / "README.md").read_text()
    workflow = readme.partition("```yaml\n")[2].partition("```")[0]
    uses = "      - uses: OWNER/chamiperf-ci@COMMIT\n"
    assert workflow.endswith(uses)
    adopter.write(
        ".github/workflows/chain.yml",
        workflow.replace("      - uses: OWNER", "      - id: chain\n        uses: OWNER") + OUTPUTS,
    )
    ran = adopter.run("chain.yml")
    assert ran.jobs == {"performance": "success"}, ran.log
    assert (ran.artifacts / "chamiperf" / "report.html").is_file()
    summary = ran.summaries["performance"]
    done = re.search("- 🟢 (.*)", summary)[1]
    steps = ("stack", "wait", "smoke", "lock", "seed", "load", "compare", "report", "unlock", "stop", "upload")
    assert [step for step in steps if step not in done] == []
    assert "### What comes next\n\n- This was a self-test of the toolkit" in summary
    assert "Exit code 0." in summary
