"""The road between Python, k6 and the stack, answers that drip, a dead runner, what merges and artifacts bring."""

import contextlib
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from fault import Theme
from faults_baselines import damage, judge
from faults_credentials import certificate, https
from faults_github import ALWAYS
from faults_stack import JUDGED, judged_load
from fronts import Front, front, k6_processes, until
from scripted_server import Reply, serving

from chamiperf_ci.adapters import files

ROAD = Theme("road, merges and nights")
CASES = Path(__file__).parents[1] / "cases"
GROUP = """
mount -t tmpfs none /sys/fs/cgroup
for line in $(sed -n 's/^[0-9]*:\\(memory\\)\\{0,1\\}:/\\1:/p' /proc/self/cgroup); do
  for point in memory unified .; do mkdir -p "/sys/fs/cgroup/$point/${line#*:}"; done
done
for folder in $(find /sys/fs/cgroup -type d); do
  echo 60000000 | tee $folder/memory.max >$folder/memory.limit_in_bytes
  echo 50000000 | tee $folder/memory.current >$folder/memory.usage_in_bytes
done
"""
"""Control groups with 10 MB left, wherever this machine has its own mounted."""


@ROAD.row(
    "a mistyped load, with an older run",
    ends="load 2, compare 3, merge 2", says="there is no run to judge", kept="shards/boot_storm.shard-1-of-2.json",
)  # fmt: skip
def mistyped(stage):
    stage.made_night()
    for folder, name in (("runs", "boot_storm.json"), ("shards", "boot_storm.shard-1-of-2.json")):
        (stage.out / folder).mkdir(parents=True)
        shutil.copy(stage.folder / "night" / "boot_storm.json", stage.out / folder / name)
    stage.inside("load", "--vus", "x")
    stage.inside("compare")
    shutil.copy(stage.folder / "night" / "boot_storm.json", stage.out / "runs")
    stage.inside("merge")


# The road


@ROAD.row("proxy in the environment", ends="load 0, compare 0", word="pass|inconclusive", kept=JUDGED)
def proxy(stage):
    with serving(Reply(200, b"{}")) as other:
        names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
        stage.variables |= dict.fromkeys(names, other.url)
        judged_load(stage)
        assert other.asked == []


@ROAD.row(
    "host in the certificate's common name only",
    ends="smoke 2, load 2", says="alternative name (SAN)", kept="smoke.json",
)  # fmt: skip
def common_name(stage):
    authority, key = certificate(stage.folder, "127.0.0.1", address="")
    with https(authority, key) as url:
        stage.instead("bss", url)
        stage.variables["CHAMIPERF_CA_FILE"] = str(authority)
        stage.smoke()
        stage.load()


@ROAD.row("bss on the localhost address that k6 does not use", ends="load 3", says="no answer")
def families(stage):
    with front(stage.state.url("bss"), host="::1") as port:
        stage.instead("bss", f"http://localhost:{port}")
        stage.load()


@ROAD.row("bss redirects to its own address", ends="load 2", says="Give the URL of the service itself")
def redirects(stage):
    to = stage.state.url("bss")
    with serving(lambda asked: Reply(307, headers={"Location": f"{to}{asked.path}"})) as moved:
        stage.instead("bss", moved.url)
        stage.load()


@ROAD.row(
    "bss health is HTML with 200",
    ends="load 3, smoke 1", reasons="incomplete", says="not one of", kept="runs/boot_storm.json smoke.json",
)  # fmt: skip
def well(stage):
    with serving(Reply(200, b"<html>welcome</html>")) as other:
        stage.instead("bss", other.url)
        stage.load()
        stage.smoke()


# A byte a second


@ROAD.row("bss drips its answers before the load", ends="load 3")
def drips_before(stage):
    service = Front(to=stage.state.url("bss"))
    service.drips.set()
    with service.listening() as url:
        stage.instead("bss", url)
        stage.load()


@ROAD.row(
    "Prometheus drips its answer and the job is canceled",
    ends="load 3, compare 3", word="invalid", reasons="incomplete", kept=JUDGED,
)  # fmt: skip
def drips_after(stage):
    prometheus = Front()
    prometheus.drips.set()
    with prometheus.listening() as url:
        stage.variables["CHAMIPERF_PROMETHEUS_URL"] = url
        with stage.loading() as (process, _):
            assert until(lambda: not k6_processes(process), 90)
            process.send_signal(signal.SIGTERM)
    stage.compare()


@ROAD.row(
    "terminal closed during a load",
    ends="load 3, compare 3", word="invalid", reasons="incomplete", kept=JUDGED,
)  # fmt: skip
def hung_up(stage):
    with stage.loading("--sustained", "8s") as (process, _):
        time.sleep(1.5)
        process.send_signal(signal.SIGHUP)
    stage.compare()


# The lock


@ROAD.row(
    "runner died with its job's lock",
    ends="lock 0, load 0|3, compare 0|3", word="pass|inconclusive|invalid", kept=JUDGED,
    says="taking over a stale lock",
)  # fmt: skip
def dead_runner(stage):
    stage.own_stack()
    job = {"GITHUB_RUN_ID": "77", "GITHUB_JOB": "measure", "RUNNER_NAME": "dead"}
    stage.run("lock", "acquire", *stage.target, "--for", "1s", **job)
    time.sleep(1.5)
    stage.load(**job | {"GITHUB_RUN_ID": "78"})
    stage.compare()


@ROAD.row("two matrix jobs share a stack", ends="lock 0, load 3, lock 0", says="the stack is in use")
def matrix(stage):
    stage.own_stack()
    job = {"GITHUB_RUN_ID": "77", "GITHUB_JOB": "measure", "RUNNER_NAME": "one"}
    stage.run("lock", "acquire", *stage.target, **job)
    stage.load(**job | {"RUNNER_NAME": "two"})
    stage.run("lock", "release", *stage.target, **job)


# Merges


@ROAD.row("merge left a metric twice in baselines.json", ends="compare 2", says="occurs twice in one object, on lines")
def metric_twice(stage):
    stage.made_night()
    rule = '"errors": {"target": {"limit": 0.001, "unit": "share", "source": "ADR-012"}},'
    damage(stage, "baselines.json", lambda text: text.replace('"metrics": {', f'"metrics": {{{rule}\n{rule}', 1))
    judge(stage)


@ROAD.row("name twice in the run file", ends="compare 2", says="'scenario' occurs twice in one object")
def name_twice(stage):
    stage.made_night()
    damage(stage, "night/boot_storm.json", lambda text: text.replace("{", '{"scenario": "other",', 1))
    judge(stage)


@ROAD.row("merge lost one run of baselines.json", ends="compare 2", says="has not one value")
def run_lost(stage):
    stage.made_night()
    stage.inside("baselines", "format", "--baselines", "baselines.json")
    stage.ends.clear()
    path = stage.folder / "baselines.json"
    data = json.loads(path.read_text())
    next(iter(data["accepted_runs"].values()))["runs"].pop()
    path.write_text(json.dumps(data))
    judge(stage)


@ROAD.row("two changes of baselines.json at once", ends="update-baseline 0|2, update-baseline 0|2")
def two_applied(stage):
    stage.made_night()
    stage.run("update_baseline", "propose", "--reason", "r", "--replace", "--runs", "night", "--overrule", "invalid")
    stage.ends.clear()
    line = ["-m", "chamiperf_ci", "update-baseline", "apply"]
    with contextlib.ExitStack() as both:
        alone = both.enter_context(contextlib.ExitStack())
        alone.enter_context(files.changing(stage.folder / "baselines.json"))
        started = [
            both.enter_context(
                subprocess.Popen(
                    [sys.executable, *line], cwd=stage.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
                )
            )
            for _ in range(2)
        ]
        # Somebody else changes the file: both wait, and none has read what it will write over.
        time.sleep(5)
        assert [process.poll() for process in started] == [None, None]
        alone.close()
        for process in started:
            out, err = process.communicate(timeout=120)
            stage.note("update-baseline", process.returncode, err, out)
    (stage.out / "baseline.patch.json").unlink()
    assert sorted(code for _, code in stage.ends) == [0, 2], stage.said
    stage.inside("baselines", "check", "--baselines", "baselines.json")
    assert stage.ends.pop()[1] == 0


# Nights


def _watched(stage, *arguments):
    hub = stage.github(workflows={"nightly.yml": "active"})
    stage.inside("alert", "--watch", "--schedule", "nightly.yml", "--environment", "lab", *arguments)
    return hub


@ROAD.row("alert history missing", ends="alert 0")
def no_history(stage):
    hub = _watched(stage, "--history", "missing")
    assert [issue["title"] for issue in hub.issues] == ["lab: the nights are not measuring"]


@ROAD.row("alert history empty", ends="alert 0")
def no_night(stage):
    (stage.folder / "nights").mkdir()
    hub = _watched(stage, "--history", "nights")
    assert [issue["title"] for issue in hub.issues] == ["lab: the nights are not measuring"]


@ROAD.row("GitHub answers the schedule query with an empty object", ends="alert 4", says="could not be looked at")
def nothing_said(stage):
    hub = stage.github(workflows={"nightly.yml": "active"})
    hub.fail("GET", "/actions/workflows", 200, b"{}", times=ALWAYS)
    stage.inside("alert", "--watch", "--schedule", "nightly.yml", "--environment", "lab")


# What an artifact, a workflow and a machine may say


@ROAD.row("environment name leads out of the history folder", ends="history 2")
def traversal(stage):
    stage.folder.joinpath("night").mkdir()
    shutil.copy(CASES / "files" / "run-traversal.json", stage.folder / "night" / "boot_storm.json")
    stage.inside("history", "add", "--runs", "night", "--history", "kept/nights")
    written = {path.relative_to(stage.folder).parts[0] for path in stage.folder.rglob("*") if path.is_file()}
    assert written == {"night"}


@ROAD.row("remote is a git option", ends="history 2")
def injection(stage):
    stage.made_night()
    subprocess.run(["git", "init", "--quiet", "."], cwd=stage.folder, check=True)
    wicked = "--upload-pack=touch pwned"
    stage.inside("history", "add", "--runs", "night", "--history-branch", "data", f"--remote={wicked}")
    assert not (stage.folder / "pwned").exists()


@ROAD.row("history branch holds other things", ends="history 2")
def other_branch(stage):
    stage.made_night()
    remote = stage.folder / "remote.git"
    (stage.folder / "README").write_text("a project")
    for line in (
        ["init", "--quiet", "--bare", str(remote)],
        ["init", "--quiet", "."],
        ["add", "README"],
        ["-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "--quiet", "-m", "a project"],
        ["push", "--quiet", str(remote), "HEAD:refs/heads/project"],
    ):
        subprocess.run(["git", *line], cwd=stage.folder, check=True, capture_output=True)
    stage.inside("history", "add", "--runs", "night", "--history-branch", "project", "--remote", str(remote))


@ROAD.row("parent control group leaves too little memory", ends="load 2", says="preflight: memory")
def group_above(stage):
    stage.apart("load", *stage.load_arguments(), mount=GROUP)


@ROAD.row("output not writable", ends="load 2, seed 2, smoke 2", says="cannot write")
def no_output(stage):
    (stage.folder / "taken").write_text("a file")
    stage.load("--out", "taken")
    stage.seed("--nodes", 5, "--shared-stack", "--out", "taken")
    stage.smoke("--out", "taken")
