"""The workflows as an adopter copies them, run with `act` against the embedded stack and a stand-in of GitHub."""

import base64
import json
import re
import shutil
import subprocess
import threading
from datetime import UTC, datetime, timedelta

import harness
import psutil
import pytest
from made_runs import made_run

from chamiperf_ci.adapters.files import write_document
from chamiperf_ci.models.run import Run, RunKind
from chamiperf_ci.models.verdict import Verdict
from chamiperf_ci.models.vocabulary import RowReason, RunReason
from chamiperf_ci.steps.history import EntryName

pytestmark = [pytest.mark.needs_act, pytest.mark.timeout(1500)]

SHORT = {"sustained: 30s": 'sustained: 15s\n      min-gap: "0"'}
"""As the recorded baseline was made, and without ten minutes between a run and its repeat."""

QUICK = {
    "profile: ${{ inputs.profile }}": 'profile: demo\n      nodes: "200"',
    "${{ inputs.vus }}": '"50"',
    "${{ inputs.sustained }}": "15s",
}

NIGHTS_RUN = "chamiperf-chamiperf-1/runs/boot_storm.json"
"""Where a night leaves its run among the artifacts, as the first test below sees."""

SLOW = "#!/bin/sh\nexec chamiperf stack fault set --service bss --route bootscript --latency-ms 8\n"
BROKEN = "#!/bin/sh\nexec chamiperf stack fault set --service bss --error-rate 1\n"


def deployed_by(script):
    """The edit that gives a workflow a deploy script of the adopter's own."""
    return {"      kind:": f"      deploy-script: ./{script}\n      kind:"}


def kept(adopter):
    """The names on the data branch."""
    listed = subprocess.run(
        ["git", "ls-tree", "-r", "--name-only", "chamiperf-data"],
        cwd=adopter.folder / "remote.git", capture_output=True, text=True, check=True, env=harness.clean_environment(),
    )  # fmt: skip
    return listed.stdout.splitlines()


def verdict_of(ran, key="chamiperf"):
    """The verdict that was handed over."""
    text = (ran.artifacts / f"chamiperf-verdict-{key}-1" / "verdict.json").read_text()
    return Verdict.model_validate(json.loads(text))


BUSY = {RunReason.GENERATOR_SATURATED, RunReason.LOAD_NOT_REACHED, RunReason.DROPPED_ITERATIONS}
"""What is wrong with a run for which others left too little of this machine."""


def was_busy(ran):
    """Whether the machine was too busy for a verdict; the workflow then did well to say so."""
    if not list(ran.artifacts.glob("chamiperf-verdict-*")):
        return False
    verdict = verdict_of(ran)
    files = (ran.artifacts / "chamiperf-chamiperf-1" / "runs").glob("*.json")
    reasons = {problem.reason for file in files for problem in Run.model_validate_json(file.read_bytes()).problems}
    if any(row.reason is RowReason.MACHINE_BUSY for row in verdict.rows):
        return True
    return verdict.outcome.word == "invalid" and bool(reasons) and reasons <= BUSY


@pytest.fixture
def night(adopter, hub):
    """Run the nightly, from the start again where the machine was too busy, as a person would; at most three times."""

    def run(arguments=()):
        for _ in range(2):
            ran = adopter.run("nightly.yml", arguments=arguments)
            if not was_busy(ran):
                return ran
            shutil.rmtree(adopter.artifacts)
            adopter.artifacts.mkdir()
            harness.git(adopter.folder / "remote.git", "update-ref", "-d", "refs/heads/chamiperf-data")
            for made in (hub.issues, hub.pulls, hub.comments):
                made.clear()
        return adopter.run("nightly.yml", arguments=arguments)

    return run


@pytest.fixture
def busy():
    """One processor of the machine works for somebody else, as on a hosted runner it may."""
    with subprocess.Popen(["sh", "-c", "while :; do :; done"]) as loop:
        try:
            yield
        finally:
            loop.kill()


@pytest.mark.usefixtures("busy")
def test_an_empty_repository_gets_to_a_green_night_with_what_init_writes(
    adopter, hub, night, record_testsuite_property
):
    adopter.init("--workflows", "nightly")
    ran = night()
    # The minutes that workflows/nightly.yml and the README state are from here (`pytest --junit-xml`).
    record_testsuite_property("seconds of each job", ran.seconds)
    assert ran.code == 0, ran.log
    assert ran.jobs == {"measure": "success", "history": "success", "propose": "success", "alert": "success"}
    assert ran.steps["Check out the caller, to reach the nights before"] == "success"
    assert hub.issues == hub.pulls == []
    assert verdict_of(ran).outcome.word == "learning"
    assert (ran.artifacts / NIGHTS_RUN).is_file()
    assert [name for name in kept(adopter) if ".boot_storm.night." in name]
    assert "boot_storm" in (ran.artifacts / "chamiperf-trend-chamiperf-1" / "trend.html").read_text()
    summary = ran.summaries["measure"]
    assert "chamiperf self-test (no product was measured)" in summary
    assert "### What comes next\n\n- This was a self-test of the toolkit" in summary
    assert "After the fifth valid night, a pull request with the first baseline opens automatically." in summary
    assert "### baselines.json" not in summary
    assert "embedded has 1 valid night of the 5 that a baseline takes" in ran.summaries["propose"]


def test_a_stack_is_named_by_its_addresses_and_published_by_its_environment(adopter, deployed, night):
    _, urls = deployed
    adopter.copy("nightly.yml", edit=SHORT | {"stack: embedded": "environment: lab"})
    variables = [word for name, url in urls.items() for word in ("--var", f"{name}={url}")]
    ran = night(arguments=variables)
    assert ran.code == 0, ran.log
    verdict = verdict_of(ran)
    assert (verdict.environment, verdict.outcome.word) == ("lab", "learning")
    assert {name.split("/")[0] for name in kept(adopter) if ".night." in name} == {"lab"}
    assert "127.0.0.1" not in ran.summaries["measure"]


def test_a_night_without_a_change_passes(adopter, baselines, night):
    adopter.copy("nightly.yml", edit=SHORT)
    adopter.write("baselines.json", baselines)
    ran = night()
    assert ran.code == 0, ran.log
    verdict = verdict_of(ran)
    assert verdict.counts.by_verdict.get("regression", 0) == 0
    assert verdict.scenarios[0].baseline_runs == 5


def test_a_night_with_a_planted_slow_down_is_red_and_names_it(adopter, hub, baselines, night):
    adopter.copy("nightly.yml", edit=SHORT | deployed_by("slow"))
    adopter.write("baselines.json", baselines)
    adopter.write("slow", SLOW, executable=True)
    ran = night()
    assert ran.jobs["measure"] == "failure"
    assert verdict_of(ran).outcome.word == "regression"
    assert "Exit code 1." in ran.summaries["measure"]
    # The night is kept all the same, for what comes after it.
    assert ran.jobs["history"] == ran.jobs["alert"] == "success"
    assert [issue["title"].partition(" (")[0] for issue in hub.issues] == ["embedded: boot_storm got worse"]


def test_a_slow_down_on_a_hosted_runner_is_a_warning(adopter, hub, baselines, night):
    adopter.variables["HARNESS_RUNNER"] = "github-hosted"
    adopter.copy("nightly.yml", edit=SHORT | deployed_by("slow"))
    # A missed target keeps its code everywhere, so let this slow-down miss none.
    adopter.write("baselines.json", baselines.replace('"limit": 10, "unit": "ms"', '"limit": 100, "unit": "ms"'))
    adopter.write("slow", SLOW, executable=True)
    ran = night()
    assert ran.jobs["measure"] == "success", ran.log
    assert verdict_of(ran).outcome.word == "regression"
    assert "Exit code 0." in ran.summaries["measure"]
    assert "p50 regressed" in ran.log
    assert "::error" not in ran.log
    assert hub.issues == []


def test_a_red_smoke_test_skips_the_load_and_says_so(adopter, hub):
    adopter.copy("nightly.yml", edit=SHORT | deployed_by("broken"))
    adopter.write("broken", BROKEN, executable=True)
    ran = adopter.run("nightly.yml")
    assert ran.jobs == {"measure": "failure", "alert": "success"}
    assert [issue["title"] for issue in hub.issues] == ["embedded: the nights are not measuring"]
    assert "- **smoke** ended with 1\n" in ran.summaries["measure"]
    assert "- not run because of smoke: lock, seed, load, compare" in ran.summaries["measure"]
    assert "Load" not in ran.steps
    # An action that fails still leaves its artifacts.
    assert (ran.artifacts / "chamiperf-chamiperf-1" / "smoke.json").is_file()


def test_a_workflow_that_names_no_stack_stops_before_seeding(adopter, hub):
    adopter.copy("nightly.yml", edit=SHORT | {"stack: embedded": 'stack: ""'})
    ran = adopter.run("nightly.yml")
    assert ran.jobs == {"measure": "failure", "alert": "success"}
    assert "the measuring job ended without a verdict (failure), exit code 2" in hub.issues[0]["body"]
    assert "CHAMICORE_TEST_" in ran.summaries["measure"]
    assert "Exit code 2." in ran.summaries["measure"]
    assert "Seed" not in ran.steps


def test_a_deployed_stack_comes_out_of_a_night_as_it_went_in(adopter):
    adopter.deploy_a_lab('vus: "5"\n      sustained: 3s')
    ran = adopter.run("nightly.yml")
    # So small a load decides nothing; what was made for it goes all the same.
    summary = ran.summaries["measure"]
    assert "removed components 200, interfaces 200, bootparams 200, payloads 200 of run " in ran.log, ran.log
    assert summary.count("\nfree\n") + summary.startswith("free\n") == 1
    assert "would remove nothing" in summary
    steps = ("Lock the stack", "Sweep what dead runs left", "Remove the seeded nodes", "Release the lock")
    assert {ran.steps[step] for step in steps} == {"success"}


class CommandLines(threading.Thread):
    """Collects the command lines of all processes while a workflow runs."""

    def __init__(self):
        super().__init__()
        self.seen = set()
        self._stop_now = threading.Event()

    def run(self):
        """Look once a second: more often would disturb the load on a small machine."""
        while not self._stop_now.wait(1):
            for process in psutil.process_iter(["cmdline"]):
                self.seen.add(" ".join(process.info["cmdline"] or []))

    def stop(self):
        """End the collection."""
        self._stop_now.set()
        self.join()


def test_a_quick_run_comments_and_tells_no_secret(adopter, hub):
    hub.add_pull(7, branch="topic", commit="c" * 40)
    canaries = {"CHAMICORE_INTERNAL_TOKEN": "canary-internal-token-4f1d", "GITHUB_TOKEN": "canary-github-token-9c2e"}
    adopter.secrets.update(canaries)
    adopter.copy("quick.yml", edit=QUICK)
    watch = CommandLines()
    watch.start()
    try:
        # Unmasked, so that a secret in the log is seen.
        ran = adopter.run("quick.yml", payload={"inputs": {"pull-request": "7"}}, arguments=["--insecure-secrets"])
    finally:
        watch.stop()
    # Whatever the verdict says, which on a busy machine may be that nothing was measured.
    assert ran.jobs["comment"] == "success", ran.log
    (comment,) = hub.comments
    assert (comment["pull"], comment["author"]) == (7, "github-actions[bot]")
    assert {asked.authorization for asked in hub.log} == {"token canary-github-token-9c2e"}
    kept = "".join(path.read_text(errors="replace") for path in ran.artifacts.rglob("*") if path.is_file())
    published = {
        "log": ran.log,
        "artifacts": kept,
        "summary": "".join(ran.summaries.values()),
        "comment": comment["body"],
        "command lines": "\n".join(watch.seen),
    }
    for canary in canaries.values():
        for form in (canary, base64.b64encode(canary.encode()).decode().rstrip("=")):
            assert [place for place, text in published.items() if form in text] == []


def test_a_quick_run_that_gets_to_no_verdict_says_so_in_the_comment(adopter, hub):
    hub.add_pull(7, branch="topic", commit="c" * 40)
    adopter.copy("quick.yml", edit=QUICK | deployed_by("broken"))
    adopter.write("broken", BROKEN, executable=True)
    ran = adopter.run("quick.yml", payload={"inputs": {"pull-request": "7"}})
    assert ran.jobs == {"measure": "failure", "comment": "success", "alert": "success"}, ran.log
    assert "This run brought no verdict." in hub.comments[0]["body"]


def test_a_verdict_that_could_not_be_handed_over_is_said_in_the_issue_and_in_the_comment(adopter, hub):
    hub.add_pull(7, branch="topic", commit="c" * 40)
    adopter.copy("nightly.yml", edit=SHORT | {"      kind: night": "      kind: night\n      pull-request: 7"})
    (adopter.artifacts / "chamiperf-verdict-chamiperf-1").write_text("its name is taken")
    ran = adopter.run("nightly.yml")
    others = ("comment", "history", "propose", "alert")
    assert ran.jobs == {"measure": "failure", **dict.fromkeys(others, "success")}, ran.log
    assert [issue["title"] for issue in hub.issues] == ["embedded: the nights are not measuring"]
    assert "the verdict (learning) did not reach the job that tells of it" in hub.issues[0]["body"]
    assert "This run brought no verdict." in hub.comments[0]["body"]


RELEASE = """
on: workflow_dispatch
permissions: {}
jobs:
  release:
    uses: ./.github/workflows/chamiperf-quick.yml
    permissions: {contents: write, pull-requests: write, issues: write, actions: read}
    with:
      pull-request: 7
    secrets: inherit
"""
"""A release pipeline that calls the workflow which people start by hand."""


def test_a_release_that_calls_the_quick_run_updates_its_comment(adopter, hub):
    hub.add_pull(7, branch="topic", commit="c" * 40)
    adopter.copy("quick.yml", edit=QUICK)
    adopter.write(".github/workflows/release.yml", RELEASE)
    for workflow, payload in (("quick.yml", {"inputs": {"pull-request": "7"}}), ("release.yml", None)):
        shutil.rmtree(adopter.artifacts)
        adopter.artifacts.mkdir()
        ran = adopter.run(workflow, payload=payload)
        assert ran.jobs["comment"] == "success", ran.log
    assert len(hub.comments) == 1


def test_a_forks_verdict_is_posted_by_the_base_repository(adopter, hub):
    hub.add_pull(7, head_repository="mallory/stack", branch="topic", commit="c" * 40)
    from sample_verdict import as_json  # noqa: PLC0415 - needs the models

    hub.add_artifact(4711, "chamiperf-verdict-fork-1", {"verdict.json": as_json()})
    adopter.copy("comment.yml")
    run = {
        "id": 4711, "event": "pull_request", "run_attempt": 1, "head_branch": "topic", "head_sha": "c" * 40,
        "head_repository": {"full_name": "mallory/stack"}, "html_url": "https://github.test/run", "name": "fork",
        "pull_requests": [],
    }  # fmt: skip
    ran = adopter.run("comment.yml", event="workflow_run", payload={"workflow_run": run})
    assert ran.code == 0, ran.log
    assert [comment["pull"] for comment in hub.comments] == [7]


def test_a_fork_is_measured_on_the_stand_in_without_any_right(adopter):
    adopter.copy("fork.yml")
    head = {"ref": "topic", "sha": "c" * 40, "repo": {"full_name": "mallory/stack"}}
    pull = {"number": 7, "base": {"ref": "main"}, "head": head}
    adopter.write("baselines.json", (harness.ROOT / "baselines.json").read_text())
    ran = adopter.run("fork.yml", event="pull_request", payload={"action": "opened", "pull_request": pull})
    verdict = verdict_of(ran, key="fork")
    assert verdict.self_test
    # A machine that others keep busy makes an invalid run, which is red and says why.
    assert ran.jobs == {"check": "failure" if verdict.outcome.word == "invalid" else "success"}, ran.log
    assert ran.steps["Stop the embedded stack"] == "success"


def test_a_push_notices_that_the_schedule_is_off(adopter, hub):
    hub.workflows["chamiperf-nightly.yml"] = "disabled_inactivity"
    adopter.copy("watch.yml")
    ran = adopter.run("watch.yml", event="push")
    assert ran.code == 0, ran.log
    assert "GitHub switched the schedule off" in hub.issues[0]["body"]


def test_a_push_notices_that_an_environment_has_no_nights_any_more(adopter, hub):
    last = EntryName("lab", datetime.now(UTC) - timedelta(days=3), "boot_storm", RunKind.NIGHT, "w1").path
    adopter.copy("watch.yml")
    adopter.write(last, "{}")
    harness.git(adopter.repository, "add", last)
    harness.git(adopter.repository, "commit", "--quiet", "--message", "A night")
    harness.git(adopter.repository, "push", "--quiet", str(adopter.folder / "remote.git"), "HEAD:chamiperf-data")
    ran = adopter.run("watch.yml", event="push")
    assert ran.code == 0, ran.log
    assert [issue["title"] for issue in hub.issues] == ["lab: the nights are not measuring"]


def test_a_chat_that_is_away_is_red_and_its_address_is_nowhere(adopter, hub):
    hub.workflows["chamiperf-nightly.yml"] = "disabled_manually"
    adopter.secrets["CHAMIPERF_ALERT_WEBHOOK"] = "http://127.0.0.1:9/services/canary-of-the-chat"
    adopter.copy("watch.yml")
    # Unmasked, so that a secret in the log is seen.
    ran = adopter.run("watch.yml", event="push", arguments=["--insecure-secrets"])
    assert ran.jobs == {"watch": "failure"}
    assert len(hub.issues) == 1
    assert "Not delivered" in ran.summaries["watch"]
    assert "canary-of-the-chat" not in ran.log + "".join(ran.summaries.values())


def opened(adopter, hub, before, after):
    """A pull request that changes baselines.json from one text to another; None for no file."""
    (adopter.repository / "README").write_text("a repository\n")
    for text, branch in ((before, "develop"), (after, "main")):
        adopter.write("baselines.json", text or "")
        if text is None:
            (adopter.repository / "baselines.json").unlink()
        harness.git(adopter.repository, "add", "--all")
        harness.git(adopter.repository, "commit", "--quiet", "--message", branch)
        harness.git(adopter.repository, "push", "--quiet", str(adopter.folder / "remote.git"), f"HEAD:{branch}")
    adopter.copy("pull-request.yml")
    pull = {"number": 7, "base": {"ref": "develop"}, "head": {"ref": "main", "repo": {"full_name": hub.repository}}}
    return adopter.run("pull-request.yml", event="pull_request", payload={"action": "opened", "pull_request": pull})


def test_a_pull_request_that_weakens_a_gate_shows_it_to_the_reviewer(adopter, hub):
    before = (harness.ROOT / "baselines.json").read_text()
    after = before.replace('"tolerance": 0.2', '"tolerance": 0.5', 1)
    assert after != before
    ran = opened(adopter, hub, before, after)
    assert ran.jobs == {"baselines": "success"}, ran.log
    assert "| weaker | tolerance loosened |" in ran.summaries["baselines"]
    assert "boot_storm" in ran.summaries["baselines"].partition("### Load")[2]
    assert "1 gate is weakened; is that meant?" in ran.log


def test_a_pull_request_that_takes_the_baselines_away_is_red(adopter, hub):
    ran = opened(adopter, hub, (harness.ROOT / "baselines.json").read_text(), None)
    assert ran.jobs == {"baselines": "failure"}, ran.log


def test_a_dispatch_opens_a_pull_request_that_accepts_the_runs(adopter, hub):
    write_document(adopter.artifacts / NIGHTS_RUN, made_run(0))
    adopter.copy("update-baseline.yml")
    before = dict(hub.refs)
    inputs = {"run-id": "1", "artifact": "chamiperf-chamiperf-1", "reason": "The first night", "replace": "false"}
    ran = adopter.run("update-baseline.yml", payload={"inputs": inputs})
    assert ran.code == 0, ran.log
    (pull,) = hub.pulls
    assert pull["base"] == "main"
    assert f"set-output:: pull-request={pull['number']}\n" in ran.log
    assert hub.refs["main"] == before["main"]


def test_an_app_opens_the_pull_request_in_its_own_name(adopter, hub):
    write_document(adopter.artifacts / NIGHTS_RUN, made_run(0))
    adopter.secrets["APP_PRIVATE_KEY"] = "canary-of-the-key"
    adopter.copy("update-baseline-with-app.yml", folder="examples/workflows")
    inputs = {"run-id": "1", "artifact": "chamiperf-chamiperf-1", "reason": "The first night"}
    arguments = ["--var", "APP_CLIENT_ID=Iv1.0000"]
    ran = adopter.run("update-baseline-with-app.yml", payload={"inputs": inputs}, arguments=arguments)
    assert ran.code == 0, ran.log
    (pull,) = hub.pulls
    assert "event `schedule`" in pull["body"]
    assert {asked.authorization for asked in hub.log} == {"token canary-of-the-app"}


def test_a_drill_is_kept_where_later_reports_find_it(adopter, hub):
    adopter.copy("drill.yml", edit={"      kind: drill": '      kind: drill\n      nodes: "2000"\n      vus: "100"'})
    inputs = {"scenario": "boot_storm", "profile": "demo", "runs": "8", "comparisons": "1", "effects": "40",
              "duration": "6m"}  # fmt: skip
    ran = adopter.run("drill.yml", payload={"inputs": inputs})
    assert ran.jobs["history"] == "success", ran.log
    drill = json.loads((ran.artifacts / "chamiperf-drill-1" / "drill.json").read_text())
    assert ran.jobs["measure"] == ("success" if drill["word"] == "proved" else "failure")
    assert f"{drill['exit_code']}" in re.search(r"Exit code (\d)", ran.summaries["measure"])[1]
    assert [name for name in kept(adopter) if "/drills/" in name and name.endswith(".boot_storm.demo.json")]
    # A drill is no night, and like every other workflow it tells that the schedule has brought none, of whatever stack.
    assert [issue["title"] for issue in hub.issues] == ["the stack: the nights are not measuring"]


def test_this_projects_own_self_test_catches_what_it_plants(adopter, hub):
    adopter.become_the_toolkit()
    ran = adopter.run("ci.yml", event="push", arguments=["--job", "self-test"])
    assert ran.jobs == {"self-test": "success"}, ran.log
    assert (ran.artifacts / "self-test-1" / "report.html").is_file()
    assert hub.issues == hub.comments == hub.pulls == []


FRESH = """
on: workflow_dispatch
permissions: {}
jobs:
  first:
    runs-on: ubuntu-24.04
    steps:
      - &checkout
        uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1
        with: {repository: OWNER/chamiperf-ci, ref: COMMIT, path: .chamiperf}
      - run: touch "$HOME/planted" "$TMPDIR/planted" "$XDG_RUNTIME_DIR/planted"
  second:
    needs: first
    runs-on: ubuntu-24.04
    steps:
      - uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1
        with: {repository: OWNER/chamiperf-ci, ref: COMMIT, path: .chamiperf}
      - run: ls "$HOME/planted" || ls "$TMPDIR/planted" || ls "$XDG_RUNTIME_DIR/planted"
"""


def test_a_job_finds_nothing_that_another_job_left_on_the_disk(adopter):
    adopter.write(".github/workflows/fresh.yml", FRESH.replace("- &checkout\n        uses", "- uses"))
    ran = adopter.run("fresh.yml")
    assert ran.jobs == {"first": "success", "second": "failure"}
