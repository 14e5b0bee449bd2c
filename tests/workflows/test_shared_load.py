"""A load that three jobs share, with `act`: all there, one that never starts, one that dies, one of another plan."""

import shutil
import time
from dataclasses import replace

import psutil
import pytest
from made_targets import target_of
from test_copied_workflows import verdict_of

from chamiperf_ci.adapters.chamicore import Chamicore
from chamiperf_ci.models.run import Run
from chamiperf_ci.models.vocabulary import RunReason
from chamiperf_ci.steps.lock import inspect

pytestmark = [pytest.mark.needs_act, pytest.mark.timeout(600)]

NODES, SHARDS = 200, 3
GENERATOR = {RunReason.GENERATOR_SATURATED, RunReason.LOAD_NOT_REACHED}
"""Three generators and a stack share two cores here."""


@pytest.fixture
def shared(adopter, deployed):
    """Run a night that three jobs share; `edit` changes the pipeline, old text to new."""
    stack, urls = deployed

    def run(edit=None, rendezvous="120s", meanwhile=None):
        toolkit = adopter.folder / "toolkit"
        shutil.copytree(adopter.toolkit, toolkit)
        pipeline = toolkit / ".github" / "workflows" / "pipeline.yml"
        text = pipeline.read_text()
        for old, new in (edit or {}).items():
            assert old in text
            text = text.replace(old, new)
        pipeline.write_text(text)
        changed = replace(adopter, toolkit=toolkit)
        changed.copy(
            "nightly.yml",
            edit={
                "stack: embedded": f'environment: lab\n      shards: {SHARDS}\n      rendezvous: "{rendezvous}"',
                "sustained: 30s": "sustained: 15s",
                'nodes: "2000"': f'nodes: "{NODES}"',
                'vus: "50"': 'vus: "30"',
                "      history-branch: chamiperf-data\n": "",
                "propose-first-baseline: true": "propose-first-baseline: false",
                "      nightly-workflow: chamiperf-nightly.yml": "      # no alerts",
            },
        )
        variables = [word for name, url in urls.items() for word in ("--var", f"{name}={url}")]
        return changed.run("nightly.yml", arguments=variables, meanwhile=meanwhile)

    yield run
    with Chamicore(target_of(stack)) as client:
        assert inspect(client) is None


def merged(ran):
    """The merged run, and the files of the shards beside it."""
    kept = ran.artifacts / "chamiperf-chamiperf-1"
    run = Run.model_validate_json((kept / "runs" / "boot_storm.json").read_bytes())
    return run, sorted(path.name for path in (kept / "shards").iterdir())


def missing(run):
    """What the run says of shards that are no part of it."""
    return [problem.text for problem in run.problems if problem.reason is RunReason.SHARD_MISSING]


def test_three_jobs_make_one_run_that_is_judged(shared):
    ran = shared()
    run, files = merged(ran)
    assert missing(run) == [], ran.log
    assert (run.fingerprint.shards, len(files)) == (SHARDS, SHARDS)
    assert (ran.jobs["prepare"], set(ran.jobs)) == ("success", {"prepare", "shard", "measure"})
    booted = {each.name: each.value for each in run.scalars}
    assert (booted["nodes booted"], booted["nodes never served"]) == (NODES, 0)
    assert {problem.reason for problem in run.problems} <= GENERATOR
    judged = {row.key.metric: row.current for row in verdict_of(ran).rows}
    # Compared as any run: without a baseline and a history there is nothing to compare with, which is exit code 3.
    assert (judged["p50"] is not None) == run.valid
    assert "Exit code 3." in ran.summaries["measure"]
    assert ran.steps["Remove the seeded nodes"] == ran.steps["Release the lock"] == "success"


JOBS = "        shard: ${{ fromJSON(inputs.shards > 1 && needs.prepare.outputs.shards || '[1]') }}"
TWO = "        shard: [1, 2]"
"""As where no runner takes the third; `act` has one for every label."""


def test_a_job_that_never_starts_is_named_and_the_others_wait_no_longer_than_they_were_told(shared):
    ran = shared({JOBS: TWO}, rendezvous="45s")
    run, files = merged(ran)
    assert files == ["boot_storm.shard-1-of-3.json", "boot_storm.shard-2-of-3.json"]
    said = "\n".join(missing(run))
    assert "shard 3 of 3 is missing: it left no file" in said
    assert "shard 3 of 3 did not come within 45 s" in said
    assert "Exit code 3." in ran.summaries["measure"]
    assert ran.steps["Remove the seeded nodes"] == ran.steps["Release the lock"] == "success"


SHARE = "          args: --shard"
LONGER = "          sustained: ${{ matrix.shard == 3 && '20s' || inputs.sustained }}\n"
PLANNED = (
    "          sustained: ${{ inputs.sustained }}\n          # The profile's spike belongs to the profile's VUs.\n"
)


def kill_the_second(act):
    """Kill `load --shard 2/3` and its k6 once k6 runs, as a machine that dies."""
    for _ in range(3000):
        for process in psutil.Process(act.pid).children(recursive=True):
            try:
                command = process.cmdline()
                found = "--shard" in command and "2/3" in command and process.children()
                k6s = [child for child in found or () if "run" in child.cmdline() and child.name() == "k6"]
            except psutil.Error:
                continue
            if any("probe.js" not in " ".join(child.cmdline()) for child in k6s):
                time.sleep(8)
                for each in (process, *k6s):
                    each.kill()
                return
        time.sleep(0.1)


def test_a_job_that_dies_and_one_of_another_plan_are_named(shared):
    ran = shared({PLANNED + SHARE: LONGER + SHARE}, meanwhile=kill_the_second)
    run, files = merged(ran)
    assert files == ["boot_storm.shard-1-of-3.json", "boot_storm.shard-3-of-3.json"]
    assert [text.partition(":")[0] for text in missing(run)] == [
        "shard 2 of 3 is missing",
        "shard 3 of 3 is of another plan",
    ]
    # Of the first alone: nothing is scaled up.
    assert 0 < sum(each.requests for each in run.traffic) < SHARDS * 30 / 0.1 * 8
    assert "Exit code 3." in ran.summaries["measure"]
    assert ran.steps["Remove the seeded nodes"] == ran.steps["Release the lock"] == "success"
