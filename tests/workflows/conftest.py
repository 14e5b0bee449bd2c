"""A toolkit copied once, a baseline recorded once, and a fresh adopter's repository for each test."""

import subprocess
import sys

import github_standin
import harness
import pytest

from chamicore_standin import lifecycle


@pytest.fixture(scope="session")
def toolkit(tmp_path_factory):
    """A copy of this toolkit, as a release would be."""
    return harness.copy_toolkit(tmp_path_factory.mktemp("toolkit"))


@pytest.fixture(scope="session")
def runner_cache(tmp_path_factory):
    """The tool cache of a runner that keeps its disk: one installation for all tests."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def baselines(tmp_path_factory):
    """The text of a baselines.json with five runs of the embedded stack as the pipeline starts it."""
    out = tmp_path_factory.mktemp("baseline")
    environment = {**harness.clean_environment(), "CHAMIPERF_STATE_DIR": str(out / "stack")}

    def chamiperf(*arguments, attempts=1):
        """Run a command; a run that is not valid (3) says that the machine was busy, and is made again."""
        for left in reversed(range(attempts)):
            ran = subprocess.run(
                [sys.executable, "-m", "chamiperf_ci", *arguments],
                env=environment, check=False, capture_output=True, text=True, cwd=harness.ROOT, timeout=120,
            )  # fmt: skip
            if ran.returncode == 0:
                return
            assert (ran.returncode, left > 0) == (3, True), ran.stdout + ran.stderr

    file = out / "baselines.json"
    file.write_text((harness.ROOT / "baselines.json").read_text())
    target = ("--target", "embedded")
    chamiperf("stack", "up", "--ports", "ephemeral", "--service-time-ms", "6", "--env-file", str(out / "env"))
    try:
        chamiperf("seed", *target, "--nodes", "2000", "--out", str(out))
        folders = [out / str(number) for number in range(5)]
        for folder in folders:
            chamiperf(
                "load", *target, "--profile", "demo", "--vus", "50", "--sustained", "15s", "--spike", "0",
                "--kind", "night", "--seed-file", str(out / "seed.json"), "--out", str(folder), attempts=4,
            )  # fmt: skip
        runs = [argument for folder in folders for argument in ("--runs", str(folder / "runs"))]
        shared = ("--baselines", str(file), "--patch", str(out / "patch.json"))
        chamiperf("update-baseline", "propose", *runs, *shared, "--reason", "The tests' own", "--who", "a test")
        chamiperf("update-baseline", "apply", *shared)
    finally:
        chamiperf("stack", "down")
    return file.read_text()


@pytest.fixture
def adopter(tmp_path, toolkit, runner_cache):
    """An empty repository."""
    made = harness.Adopter(tmp_path, toolkit, runner_cache).create()
    yield made
    assert harness.left_running(tmp_path) == []


@pytest.fixture
def hub(adopter):
    """GitHub's API for the adopter's repository; every request and answer is as GitHub describes them."""
    # The run's number is the one that act gives every run.
    runs = {1: {"event": "schedule", "head_branch": "main", "head_sha": "c" * 40}}
    known = github_standin.StandIn(workflows={"chamiperf-nightly.yml": "active"}, runs=runs)
    with github_standin.serve(known) as stand_in:
        adopter.variables["GITHUB_API_URL"] = stand_in.base_url
        adopter.secrets["GITHUB_TOKEN"] = "canary-of-github"
        yield stand_in
    assert stand_in.checked == []


@pytest.fixture
def deployed(adopter, make_stack):
    """A stack that no workflow has started, and its addresses by their variables; the adopter has its token."""
    stack = make_stack(service_time_ms=6)
    adopter.secrets["CHAMICORE_INTERNAL_TOKEN"] = lifecycle.internal_token(stack)
    names = ("AUTH", "SMD", "BSS", "CLOUDINIT")
    urls = {f"CHAMICORE_TEST_{name}_URL": lifecycle.environment(stack)[f"CHAMICORE_TEST_{name}_URL"] for name in names}
    return stack, urls
