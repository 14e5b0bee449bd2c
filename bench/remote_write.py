"""What writing to Prometheus costs the generator: throughput and processor time, with beside without, in one run.

Two loads side by side on one stack: the same boot storm without pace, each by the very command that `load` gives to k6,
one with the output and one without. Whatever else the machine does happens to both. Two ratios come out: the throughput
that is left where the two compete, and k6's processor time a request, which is the throughput that is left where the
generator's processor is the limit. The worse one decides. Needs `prometheus` on PATH.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median

import psutil

from chamiperf_ci.adapters.files import read_document
from chamiperf_ci.adapters.k6 import StopRequest, find_k6, run_k6
from chamiperf_ci.adapters.prometheus import Access, Prometheus
from chamiperf_ci.models.plan import SUSTAINED, Plan
from chamiperf_ci.models.run import ScriptSummary
from chamiperf_ci.models.seed import Seed
from chamiperf_ci.models.target import Target, TargetOptions
from chamiperf_ci.steps.load import documents, request
from chamiperf_ci.steps.load.plan import assign
from chamiperf_ci.steps.load.request import Job, LoadOptions
from chamiperf_ci.steps.targets import resolve

SCENARIO = "boot_storm"
ROUNDS = 4
MOST_LOST = 0.1
"""Share of the throughput that remote-write may cost."""
NODES = 500
VUS = 50
"""Of each load."""
SUSTAINED_S = 30.0
"""As long as a window of the profile `full`: at each push k6 works out anew what a Trend was over its window."""
PUSH_S = 5
"""k6's own interval, stated because it is part of the cost."""
_SHAPE = LoadOptions(
    vus=VUS,
    pace=0.0,
    windows=1,
    durations_s={"ramp-up": 1.0, SUSTAINED: SUSTAINED_S, "spike": 0.0, "cooldown": 0.0},
)


@dataclass(frozen=True)
class Spent:
    """One load's sustained phase."""

    per_s: float
    """Requests per second."""
    processor_ms: float
    """k6's processor time a request."""


@dataclass(frozen=True)
class Round:
    """Two loads side by side: the share that the one with the output keeps of the other's."""

    throughput: float
    processor: float
    """Of the throughput where k6's processor is the limit: requests for each second of it."""


def main() -> int:
    """Measure, print, and say whether it stays below the limit."""
    program = shutil.which("prometheus")
    if program is None:
        print("prometheus is not installed: apt-get install prometheus")
        return 1
    with tempfile.TemporaryDirectory() as name, _stack(Path(name)) as (target, seed):
        folder = Path(name)
        options = replace(_SHAPE, out=folder)
        plain = Job(options, target, seed, request.read_profile("demo"), find_k6())
        plan = assign(plain.profile, SCENARIO, options)
        with _running(program, folder) as url:
            writing = replace(
                plain, options=replace(options, remote_write=True), output_settings=_settings(url, target)
            )
            print(
                f"{SCENARIO}, twice {VUS} VUs without pace side by side, {ROUNDS} rounds of {SUSTAINED_S:g} s, "
                f"push every {PUSH_S} s, statistics {request.STATISTICS}",
                flush=True,
            )
            rounds = [_round(plain, writing, plan, number) for number in range(ROUNDS)]
            _require_arrived(url, target)
    kept = {
        "throughput kept": [each.throughput for each in rounds],
        "kept where k6's processor is the limit": [each.processor for each in rounds],
    }
    for what, ratios in kept.items():
        print(f"{what}: {median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f}); {1 - MOST_LOST:.2f} is demanded")
    return 0 if min(map(median, kept.values())) >= 1 - MOST_LOST else 1


def _round(plain: Job, writing: Job, plan: Plan, number: int) -> Round:
    """Both loads at the same time, either one started first."""
    order = (plain, writing)[:: (-1) ** number]
    with StopRequest() as stop, ThreadPoolExecutor(len(order)) as threads:
        spent = list(threads.map(partial(_load, plan, number, stop), order))
    before, after = spent[:: (-1) ** number]
    found = Round(after.per_s / before.per_s, before.processor_ms / after.processor_ms)
    print(
        f"round {number + 1}: {before.per_s:,.0f}/s without, {after.per_s:,.0f}/s with ({found.throughput:.3f}); "
        f"k6 takes {before.processor_ms:.3f} and {after.processor_ms:.3f} ms a request ({found.processor:.3f})",
        flush=True,
    )
    return found


def _load(plan: Plan, number: int, stop: StopRequest, job: Job) -> Spent:
    """Drive the load as `load` does."""
    run_id = f"round{number}{len(job.options.every_output)}"
    told = job.options.out / "k6" / run_id / "plan.json"
    documents.write_plan(told, documents.script_plan(job, plan, run_id))
    outcome = run_k6(documents.k6_runs(job, plan, told, run_id), stop, label=run_id)
    if outcome.code or outcome.said or outcome.load_began_s is None:
        raise SystemExit(f"{outcome.text}: {[said.text for said in outcome.said]}")
    summary = ScriptSummary.model_validate(outcome.summary)
    requests = sum(row.requests for row in summary.traffic if row.phase == SUSTAINED)
    phase = next(phase for phase in plan.phases if phase.name == SUSTAINED)
    began = outcome.load_began_s + phase.start_s
    looks = [look for look in outcome.vitals if began <= look.at_s <= began + phase.duration_s]
    lasted = looks[-1].at_s - looks[0].at_s
    used = sum(look.cpu_percent / 100 * (look.at_s - before.at_s) for before, look in pairwise(looks))
    per_s = requests / phase.duration_s
    return Spent(per_s, 1000 * used / lasted / per_s)


def _settings(url: str, target: Target) -> dict[str, str]:
    """The variables of `load --remote-write`, and the interval."""
    given = {request.URL: f"{url}{request.RECEIVER}", f"{request.PREFIX}PUSH_INTERVAL": f"{PUSH_S}s"}
    return request.settings(given, target, native_histograms=False)


def _require_arrived(url: str, target: Target) -> None:
    """Writing that fails would be cheap."""
    with Prometheus(url, target, Access()) as prometheus:
        loads = prometheus.query("count by (run_id) (last_over_time(k6_http_reqs_total[1h]))")
        series = prometheus.query('count by (run_id) (last_over_time({__name__=~"k6_.+"}[1h]))')
    if len(loads) != ROUNDS:
        raise SystemExit(f"Prometheus has got {len(loads)} of {ROUNDS} loads")
    print(f"Prometheus has {median(each.value for each in series):,.0f} series of a load")


@contextmanager
def _stack(folder: Path) -> Iterator[tuple[Target, Seed]]:
    """An embedded stack with some nodes, as a target."""
    os.environ["CHAMIPERF_STATE_DIR"] = str(folder / "state")
    _command("stack", "up", "--ports", "ephemeral")
    try:
        _command("seed", "--nodes", str(NODES), "--target", "embedded", "--out", str(folder))
        yield resolve(TargetOptions(name="embedded")), read_document(folder / "seed.json", Seed, remedy="Seed again.")
    finally:
        _command("stack", "down")


def _command(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "chamiperf_ci", *arguments], check=True, capture_output=True, timeout=200)


@contextmanager
def _running(program: str, folder: Path) -> Iterator[str]:
    """A Prometheus that takes remote-write and scrapes nothing, on a port that it picks."""
    config = folder / "prometheus.yml"
    config.write_text("scrape_configs: []\n", encoding="utf-8")
    files = (f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}")
    arguments = (*files, "--web.listen-address=127.0.0.1:0")
    with (folder / "log").open("w", encoding="utf-8") as log:
        process = psutil.Popen([program, *arguments, "--web.enable-remote-write-receiver"], stdout=log, stderr=log)
    try:
        end = time.monotonic() + 30
        while not (ports := [each.laddr.port for each in process.net_connections() if each.status == "LISTEN"]):
            if time.monotonic() > end:
                message = "prometheus did not start"
                raise TimeoutError(message)
            time.sleep(0.2)
        yield f"http://127.0.0.1:{ports[0]}"
    finally:
        process.terminate()
        process.wait(timeout=20)


if __name__ == "__main__":
    sys.exit(main())
