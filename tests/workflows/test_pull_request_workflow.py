"""`pull-request.yml` as an adopter copies it, with the scripts of examples/compose: two builds side by side."""

import subprocess

import harness
import pytest

from chamicore_standin import faulting, lifecycle
from chamiperf_ci.models import faults
from chamiperf_ci.models.run import Run
from chamiperf_ci.models.verdict import Verdict
from chamiperf_ci.verdict.change import PAIRS_TO_DECIDE

pytestmark = [pytest.mark.needs_act, pytest.mark.timeout(900)]

DOCKER = """#!/bin/sh
# Stands in for `docker compose --project-name NAME --project-directory TREE --file FILE VERB ...`.
set -e
name=$3 file=$7 verb=$8
export CHAMIPERF_STATE_DIR="$HOME/$name"
! env | grep -q canary-of-the-nightly
[ "$verb" = up ] || exec chamiperf stack down
target=pull-request
[ "$name" = chamiperf-head ] || target=pull-request-base
chamiperf stack up --ports ephemeral --service-time-ms 8 --env-file "$HOME/$name.env"
chamiperf stack fault set --service bss --route bootscript --latency-ms "$(cat "$file")"
. "$HOME/$name.env"
cat >>chamiperf.toml <<END
[targets.$target.services]
auth = "$CHAMICORE_TEST_AUTH_URL"
smd = "$CHAMICORE_TEST_SMD_URL"
bss = "$CHAMICORE_TEST_BSS_URL"
cloud-init = "$CHAMICORE_TEST_CLOUDINIT_URL"
END
"""
"""A build is a file with one number: how much slower than the stack's own service time its boot scripts are, ms."""

SHORT = {
    "profile: quick": 'profile: demo\n      vus: "50"\n      nodes: "200"',
    'pairs: "5"': 'pairs: "6"',
    "deploy-script: .github/chamiperf/deploy": "deploy-script: examples/compose/deploy\n"
    "      redeploy-script: examples/compose/redeploy\n      teardown-script: examples/compose/teardown",
}
"""Five valid pairs decide; one more, because a busy machine may spoil one."""

ONE_PAIR = {'pairs: "5"': 'pairs: "1"'}
"""For a test of how the two sides come to be: what the pairs decide is seen once, with the five-line script."""


@pytest.fixture
def pull(adopter, hub):
    """A labelled pull request whose build is slower; then its branch went on to a build that cannot start."""
    docker = adopter.folder / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text(DOCKER)
    docker.chmod(0o755)
    for script in (harness.ROOT / "examples" / "compose").iterdir():
        adopter.write(f"examples/compose/{script.name}", script.read_text(), executable=script.suffix == "")
    adopter.copy("pull-request.yml", edit=SHORT | ONE_PAIR)
    # The nightly's, which no code under review may see.
    adopter.secrets["CHAMICORE_INTERNAL_TOKEN"] = "canary-of-the-nightly"
    commits = [push(adopter, "topic", build) for build in ("8", "not a number")]
    push(adopter, "develop", "0.1")
    adopter.write("compose.yaml", "not a number")
    # GitHub's answer is still the labelled commit: of one that has moved on nothing is posted.
    hub.add_pull(7, branch="topic", commit=commits[0])
    head = {"ref": "topic", "sha": commits[0], "repo": {"full_name": hub.repository}}
    return {"number": 7, "base": {"ref": "develop"}, "head": head}


def push(adopter, branch, build):
    """Push a build to a branch; its commit."""
    adopter.write("compose.yaml", build)
    harness.git(adopter.repository, "add", "--all")
    harness.git(adopter.repository, "commit", "--quiet", "--message", f"Build {build}")
    harness.git(adopter.repository, "push", "--quiet", str(adopter.folder / "remote.git"), f"HEAD:{branch}")
    said = subprocess.run(
        ["git", "rev-parse", "HEAD"],
        cwd=adopter.repository, capture_output=True, text=True, check=True, env=harness.clean_environment(),
    )  # fmt: skip
    return said.stdout.strip()


def pairs_of(ran):
    """The runs of each pair: of the build under review, and of the branch to merge into."""
    runs = ran.artifacts / "chamiperf-pull-request-1" / "runs"
    news = sorted(runs.glob("boot_storm.pair-*.new.json"))
    read = [Run.model_validate_json(file.read_text()) for file in news]
    return [
        (new, Run.model_validate_json(file.with_name(file.name.replace(".new.", ".old.")).read_text()))
        for new, file in zip(read, news, strict=True)
    ]


def require_slower_head(ran):
    """The build under review is the slower one, by each side's fastest answer, which no busy machine makes faster."""
    for new, old in pairs_of(ran):
        assert new.series[0].phases["sustained"].min > 11 > old.series[0].phases["sustained"].min


def test_the_labelled_commit_is_measured_beside_the_branch_to_merge_into(adopter, hub, pull):
    payload = {"action": "labeled", "label": {"name": "performance"}, "pull_request": pull}
    ran = adopter.run("pull-request.yml", event="pull_request", payload=payload)
    assert ran.jobs["comment"] == "success", ran.log
    require_slower_head(ran)
    (comment,) = hub.comments
    assert comment["pull"] == 7
    steps = ("Remove the seeded nodes", "Remove the seeded nodes of the old side", "Take the old side down",
             "Take the stack down")  # fmt: skip
    assert {ran.steps[step] for step in steps} == {"success"}


@pytest.mark.parametrize(
    ("label", "repository"),
    [
        pytest.param("documentation", "octo/stack", id="another label"),
        pytest.param("performance", "mallory/stack", id="a fork"),
    ],
)
def test_nothing_else_is_built_or_measured(adopter, pull, label, repository):
    pull["head"]["repo"]["full_name"] = repository
    payload = {"action": "labeled", "label": {"name": label}, "pull_request": pull}
    ran = adopter.run("pull-request.yml", event="pull_request", payload=payload)
    assert ran.jobs == {}


MAKEFILE = ".PHONY: start\nstart:\n\t./start $(PORT)\n"
START = """#!/bin/sh
# What an adopter's own build does; a build is a file with one number, as above.
set -e
target=pull-request
[ "$1" = 8080 ] || target=pull-request-base
export CHAMIPERF_STATE_DIR="$HOME/$target"
! env | grep -q canary-of-the-nightly
chamiperf stack up --ports ephemeral --service-time-ms 8 --env-file "$HOME/$target.env"
chamiperf stack fault set --service bss --route bootscript --latency-ms "$(cat compose.yaml)"
. "$HOME/$target.env"
cat >>"$GITHUB_WORKSPACE/chamiperf.toml" <<END
[targets.$target.services]
auth = "$CHAMICORE_TEST_AUTH_URL"
smd = "$CHAMICORE_TEST_SMD_URL"
bss = "$CHAMICORE_TEST_BSS_URL"
cloud-init = "$CHAMICORE_TEST_CLOUDINIT_URL"
END
"""
END = """#!/bin/sh
export CHAMIPERF_STATE_DIR="$HOME/pull-request"
[ "$1" = head ] || CHAMIPERF_STATE_DIR="$HOME/pull-request-base"
exec chamiperf stack down
"""


def test_a_deploy_script_of_five_lines_is_enough(adopter, hub, pull):
    deploy = (harness.ROOT / "examples" / "deploy" / "deploy").read_text()
    assert len([line for line in deploy.splitlines() if line and not line.startswith("# ")]) == 5
    adopter.init("--workflows", "pull-request", "--force")
    written = (adopter.repository / ".github/workflows/chamiperf-pull-request.yml").read_text()
    short = {key: text for key, text in SHORT.items() if "deploy" not in key}
    # The teardown is the test's, which leaves no process behind.
    short["environment:"] = "teardown-script: ./end\n      environment:"
    for old, new in short.items():
        assert old in written
        written = written.replace(old, new)
    adopter.write(".github/workflows/chamiperf-pull-request.yml", written)
    adopter.write(".github/chamiperf/deploy", deploy, executable=True)
    for name, text in {"Makefile": MAKEFILE, "start": START, "end": END}.items():
        adopter.write(name, text, executable=name != "Makefile")
    commit = push(adopter, "topic", "8")
    push(adopter, "develop", "0.1")
    hub.pulls[0]["commit"] = pull["head"]["sha"] = commit
    payload = {"action": "labeled", "label": {"name": "performance"}, "pull_request": pull}
    ran = adopter.run("pull-request.yml", event="pull_request", payload=payload)
    assert ran.jobs == {"measure": "failure", "comment": "success"}, ran.log
    require_slower_head(ran)
    (comment,) = hub.comments
    assert comment["pull"] == 7
    # A busy machine may spoil more pairs than one; the comment then says that too few decide.
    are_enough = sum(new.valid and old.valid for new, old in pairs_of(ran)) >= PAIRS_TO_DECIDE
    said = "<code>boot_storm</code> got slower" if are_enough else "five are needed to decide"
    assert said in comment["body"]
    text = (ran.artifacts / "chamiperf-verdict-pull-request-1" / "verdict.json").read_text()
    assert (Verdict.model_validate_json(text).outcome.word == "regression") == are_enough


def test_two_builds_that_run_already_need_their_addresses_alone(adopter, hub, pull, make_stack):
    adopter.secrets["CHAMICORE_INTERNAL_TOKEN"] = "of-both-builds"
    targets = ""
    for name, latency_ms in (("pull-request", 8), ("pull-request-base", 0)):
        stack = make_stack(internal_token="of-both-builds", service_time_ms=8)
        if latency_ms:
            faulting.set_fault(stack, faults.Latency(service="bss", route="bootscript", latency_ms=latency_ms))
        urls = lifecycle.environment(stack)
        targets += f"[targets.{name}.services]\n" + "".join(
            f'{service} = "{urls[f"CHAMICORE_TEST_{variable}_URL"]}"\n'
            for service, variable in (("auth", "AUTH"), ("smd", "SMD"), ("bss", "BSS"), ("cloud-init", "CLOUDINIT"))
        )
    # On GitHub the environment chamiperf-pull-request holds the secret; act has no environments.
    edit = {key: text for key, text in (SHORT | ONE_PAIR).items() if "deploy" not in key} | {
        "      deploy-script: .github/chamiperf/deploy": "      # none",
        "comment-key: pull-request\n": "comment-key: pull-request\n    secrets:\n"
        "      CHAMICORE_INTERNAL_TOKEN: ${{ secrets.CHAMICORE_INTERNAL_TOKEN }}\n",
    }
    adopter.copy("pull-request.yml", edit=edit)
    adopter.write("chamiperf.toml", targets)
    hub.pulls[0]["commit"] = pull["head"]["sha"] = push(adopter, "topic", "as it runs")
    payload = {"action": "labeled", "label": {"name": "performance"}, "pull_request": pull}
    ran = adopter.run("pull-request.yml", event="pull_request", payload=payload)
    assert ran.jobs["comment"] == "success", ran.log
    require_slower_head(ran)
    (comment,) = hub.comments
    assert "boot_storm" in comment["body"]


def test_what_the_caller_forgot_is_named_before_anything_else(adopter, hub, pull):
    adopter.init("--workflows", "pull-request", "--force")
    payload = {"action": "labeled", "label": {"name": "performance"}, "pull_request": pull}
    ran = adopter.run("pull-request.yml", event="pull_request", payload=payload)
    assert "deploy-script: .github/chamiperf/deploy does not exist" in ran.summaries["measure"]
    assert "Deploy" not in ran.steps
    assert ran.jobs == {"measure": "failure", "comment": "success"}
    assert "This run brought no verdict." in hub.comments[0]["body"]
