"""What the load library costs against a bare GET loop on the same stack: processor time, memory, summary.

Each figure is a ratio or a time measured within this run. For processor time the two run in turn, each alone, because
side by side the stack is the bottleneck of both and the dearer one hides behind it. A turn lasts a second, in which the
others stand still: a machine's speed drifts by a fifth within a minute. What k6 does before its first turn, such as
making VUs, does not count. The storm is measured as `load` runs it, with garbage collected rarely, and is judged so;
with k6's own collector it is shown. The bare loop is always as k6 comes. Both ask for scripts that are there; an answer
that is none ends the measurement. Without arguments all is measured, else what they name: `processor`, `memory`,
`summary`.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Self
from urllib.parse import quote

import httpx
import psutil

from chamicore_standin import lifecycle
from chamiperf_ci.adapters.files import built_script, dialect, k6_folder
from chamiperf_ci.adapters.k6.command import collecting
from chamiperf_ci.adapters.k6.process import free_address
from chamiperf_ci.models.dialect import Identities
from chamiperf_ci.models.plan import UNCOLLECTED
from chamiperf_ci.models.target import StackOptions

K6 = Path(sys.executable).with_name("k6")
SUMMARY, EXPORT = "summary.json", "bare.json"
INTERRUPTED = 105
"""k6's exit code after a signal."""
VUS = 100
ROUNDS = 6
TURNS = 8
TURN_S = 1.0
START_S = 4.0
"""Before the first turn: VUs are made, and the first pass over the nodes is over."""
LONGEST_S = 300
"""Of a load that is ended before."""
MOST_PROCESSOR = 1.25
"""Times the processor time that a bare loop takes a request."""
NODES = 50_000
"""Distinct MACs of the memory figure."""
FEW_NODES = 2_000
"""Nodes of the processor figure: the first pass over them, in which each is recorded once, is then short."""
REQUESTS = 300_000
GUESSED_PER_S = 5_000.0
"""Requests a second, for the first round of the memory figure."""
MEMORY_ROUNDS = 5
AIM = 1.03
"""Times the requests of the memory figure: each round learns from the last how long they take."""
MARGIN = 1.3
"""A busy machine makes fewer in the time that was planned."""
MOST_MEMORY = 1.2
SAMPLES = 10_000_000
MOST_SUMMARY_S = 60.0
FILLING_S = 110
"""Enough for the samples to be made on two busy cores."""
IDENTITIES = Identities(dialect().identity, "bench1", "198.18.0.0/15")

RARELY = collecting(UNCOLLECTED, 512)
"""What `load` gives such a load where the memory suffices."""

BARE = """
import http from 'k6/http';
const url = __ENV.BARE_URL;
export const options = JSON.parse(__ENV.BARE_OPTIONS);
export default function () { http.get(url); }
"""

MANY_SAMPLES = """
import { sleep } from 'k6';
import { scenario, spec } from 'LIBRARY/scenario.js';
import { enterWindow, trend } from 'LIBRARY/pace.js';
import { route } from 'LIBRARY/request.js';
scenario('boot_storm', 1);
route('bootscript');
const samples = trend('sample', 1);
export const { options, setup, teardown, handleSummary } = spec({ runs: ({ vus }) => ({ many: vus('fill') }) });
const each = Number(__ENV.SAMPLES) / Number(__ENV.VUS) / 10;
let filled = 0;
export function fill() {
  enterWindow();
  if ((filled += 1) > 10) return sleep(1);
  for (let i = 0; i < each; i += 1) samples.add(Math.random() * 100);
}
"""


@dataclass(frozen=True)
class Spent:
    """One k6 process: how many requests it made, and what it used."""

    requests: int
    processor_s: float
    seconds: float = 0.0
    memory_mb: float = 0.0

    @property
    def per_request_us(self) -> float:
        """Processor time a request, µs."""
        return 1e6 * self.processor_s / self.requests


@dataclass(frozen=True)
class Loop:
    """One k6 process to be started, and the folder that is its own."""

    folder: Path
    script: Path
    options: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)

    def start(self, address: str = "") -> "subprocess.Popen[bytes]":
        """Start it; its API is at the address, or nowhere."""
        command = [str(K6), "run", "--no-usage-report", "--quiet", "--address", address, *self.options]
        with (self.folder / "log").open("wb") as log:
            return subprocess.Popen(
                [*command, str(self.script)],
                env={"PATH": os.environ["PATH"], "HOME": str(self.folder), **self.variables},
                stdout=subprocess.DEVNULL,
                stderr=log,
            )

    def require(self, code: int, expected: int = 0) -> None:
        """Give up where k6 ended in another way, or logged an error."""
        log = (self.folder / "log").read_text(encoding="utf-8")
        if code != expected or ("level=error" in log and not expected):
            raise SystemExit(f"{self.script.name} ended with {code}: {log[-500:]}")

    def made(self) -> int:
        """Its requests, by its summary; an answer of another kind would cost something else."""
        if (self.folder / SUMMARY).is_file():
            traffic = self.summary()["traffic"]
            requests, failed = sum(row["requests"] for row in traffic), sum(row["failed"] for row in traffic)
        else:
            metrics = json.loads((self.folder / EXPORT).read_text(encoding="utf-8"))["metrics"]
            requests, failed = metrics["http_reqs"]["count"], metrics["http_req_failed"]["value"]
        if failed:
            raise SystemExit(f"{self.script.name}: requests were not answered with what was asked for")
        return int(requests)

    def summary(self) -> dict[str, Any]:
        """What a script of the toolkit measured."""
        return dict(json.loads((self.folder / SUMMARY).read_text(encoding="utf-8")))

    def run(self) -> Spent:
        """Run it to its end; its use is the kernel's account of that one process."""
        began = time.monotonic()
        process = self.start()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.require(process.returncode)
        seconds, processor_s = time.monotonic() - began, usage.ru_utime + usage.ru_stime
        return Spent(self.made(), processor_s, seconds, usage.ru_maxrss / 1024)


class TakingTurns:
    """A loop that makes requests in its turns alone, and stands still in between."""

    def __init__(self, loop: Loop) -> None:
        address = free_address()
        self._loop, self._started = loop, loop.start(address)
        self._process = psutil.Process(self._started.pid)
        self._count = f"http://{address}/v1/metrics/http_reqs"
        self._before: tuple[int, float] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._started.kill()
        self._started.wait()

    def rest(self) -> None:
        """Stand still until the next turn."""
        self._process.suspend()

    def turn(self) -> None:
        """Make requests, and rest again."""
        self._process.resume()
        self._before = self._before or self._so_far()
        time.sleep(TURN_S)
        self._process.suspend()

    def end(self) -> Spent:
        """What all turns took; at least one is over."""
        self._process.resume()
        (requests, processor_s), (requests_before, before_s) = self._so_far(), self._before or (0, 0.0)
        self._started.send_signal(signal.SIGINT)
        self._loop.require(self._started.wait(), INTERRUPTED)
        self._loop.made()
        return Spent(requests - requests_before, processor_s - before_s)

    def _so_far(self) -> tuple[int, float]:
        """Requests, and processor time in seconds."""
        used = self._process.cpu_times()
        count = httpx.get(self._count).raise_for_status().json()["data"]["attributes"]["sample"]["count"]
        return int(count), used.user + used.system


def main() -> int:
    """Measure, print, and say whether each figure stays within its limit."""
    asked = sys.argv[1:] or ["processor", "memory", "summary"]
    within: list[bool] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        state = lifecycle.up(StackOptions(ports="ephemeral"), state_dir=folder / "state")
        try:
            urls = {service.name: service.url for service in state.services}
            _seed(folder / "seed", urls, lifecycle.internal_token(state), NODES if "memory" in asked else FEW_NODES)
            if "processor" in asked:
                within.append(_processor([_round(folder, urls["bss"], index) for index in range(ROUNDS)]))
            if "memory" in asked:
                within.append(_memory(folder, urls["bss"]))
        finally:
            lifecycle.down(folder / "state")
        if "summary" in asked:
            within.append(_summary(folder / "summary"))
    return 0 if all(within) else 1


def _round(folder: Path, bss: str, index: int) -> dict[str, Spent]:
    """All of them started at once, then each in its turns; who has the first one turns as well."""
    folder = folder / f"round-{index}"
    loops = {
        "bare": _bare(folder / "bare", bss, {"vus": VUS, "duration": f"{LONGEST_S}s"}),
        "storm": _storm(folder / "storm", bss, nodes=FEW_NODES, duration_s=LONGEST_S),
        "rarely": _storm(folder / "rarely", bss, nodes=FEW_NODES, duration_s=LONGEST_S, **RARELY),
    }
    with ExitStack() as held:
        sides = {name: held.enter_context(TakingTurns(loop)) for name, loop in loops.items()}
        time.sleep(START_S)
        for side in sides.values():
            side.rest()
        names = list(sides)
        for turn in range(TURNS):
            first = (index + turn) % len(names)
            for name in (*names[first:], *names[:first]):
                sides[name].turn()
        spent = {name: side.end() for name, side in sides.items()}
    print(
        f"processor time a request: bare {spent['bare'].per_request_us:.0f} µs, boot_storm as load runs it "
        f"{spent['rarely'].per_request_us:.0f} µs, with k6's own collector {spent['storm'].per_request_us:.0f} µs; "
        f"{spent['bare'].requests:,}, {spent['rarely'].requests:,} and {spent['storm'].requests:,} requests",
        flush=True,
    )
    return spent


def _processor(rounds: list[dict[str, Spent]]) -> bool:
    def ratios(name: str) -> list[float]:
        return [each[name].per_request_us / each["bare"].per_request_us for each in rounds]

    judged, shown = ratios("rarely"), ratios("storm")
    print(
        f"processor time: {median(judged):.2f} x a bare loop's ({min(judged):.2f} to {max(judged):.2f}), with k6's own "
        f"collector {median(shown):.2f} ({min(shown):.2f} to {max(shown):.2f}); {MOST_PROCESSOR} at most"
    )
    return median(judged) <= MOST_PROCESSOR


def _memory(folder: Path, bss: str) -> bool:
    ratios: list[float] = []
    seconds = MARGIN * REQUESTS / GUESSED_PER_S
    while len(ratios) < MEMORY_ROUNDS:
        storm = _storm(folder / "storm", bss, nodes=NODES, duration_s=seconds).run()
        seconds *= AIM * REQUESTS / storm.requests
        if storm.requests < REQUESTS:
            continue
        bare = _bare(folder / "bare", bss, {"vus": VUS, "iterations": storm.requests}).run()
        ratios.append(storm.memory_mb / bare.memory_mb)
        print(
            f"memory at {NODES:,} MACs and {VUS} VUs after {storm.requests:,} requests: {storm.memory_mb:.0f} MB, "
            f"bare {bare.memory_mb:.0f} MB, ratio {ratios[-1]:.2f}",
            flush=True,
        )
    print(
        f"memory: {median(ratios):.2f} of a bare loop's ({min(ratios):.2f} to {max(ratios):.2f}); {MOST_MEMORY} at most"
    )
    return median(ratios) <= MOST_MEMORY


def _summary(folder: Path) -> bool:
    plan = _plan(folder, {"bss": "http://127.0.0.1:1"}, vus=10, duration_s=FILLING_S)
    script = folder / "many.js"
    script.write_text(MANY_SAMPLES.replace("LIBRARY", str(k6_folder() / "lib")), encoding="utf-8")
    loop = Loop(folder, script, variables={**_variables(plan), "SAMPLES": str(SAMPLES), "VUS": "10"})
    spent, summary = loop.run(), loop.summary()
    after_s = spent.seconds - float(summary["duration_s"])
    held = summary["series"][-1]["phases"]["sustained"]["count"]
    print(
        f"summary: {after_s:.1f} s for {held:,} samples by phase and window, start of k6 included "
        f"(at most {MOST_SUMMARY_S:.0f} s); peak memory {spent.memory_mb:,.0f} MB"
    )
    return after_s <= MOST_SUMMARY_S and held >= SAMPLES


def _bare(folder: Path, bss: str, options: Mapping[str, str | int]) -> Loop:
    """A GET in a loop, for a time or for a number of requests."""
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / "bare.js"
    script.write_text(BARE, encoding="utf-8")
    url = f"{bss}/boot/v1/bootscript?mac={quote(IDENTITIES.mac(1))}"
    export = ("--summary-export", str(folder / EXPORT))
    return Loop(folder, script, export, {"BARE_URL": url, "BARE_OPTIONS": json.dumps(options)})


def _storm(folder: Path, bss: str, *, duration_s: float, nodes: int, **variables: str) -> Loop:
    plan = _plan(folder, {"bss": bss}, nodes=nodes, vus=VUS, duration_s=duration_s)
    return Loop(folder, built_script("boot_storm"), variables={**_variables(plan), **variables})


def _seed(folder: Path, urls: dict[str, str], token: str, nodes: int) -> None:
    plan = _plan(folder, urls, scenario="seed", vus=16, duration_s=600, nodes=nodes, iterations=nodes)
    variables = {**_variables(plan), "CHAMICORE_INTERNAL_TOKEN": token}
    Loop(folder, built_script("seed"), variables=variables).run()


def _variables(plan: Path) -> dict[str, str]:
    return {"CHAMIPERF_PLAN": str(plan), "CHAMIPERF_SUMMARY": str(plan.with_name(SUMMARY))}


def _plan(
    folder: Path,
    urls: dict[str, str],
    *,
    vus: int,
    duration_s: float,
    nodes: int = NODES,
    scenario: str = "boot_storm",
    iterations: int | None = None,
) -> Path:
    phase = {"name": scenario if iterations else "sustained", "start_s": 0, "duration_s": duration_s}
    phase |= {"from_vus": vus, "to_vus": vus} | ({"iterations": iterations} if iterations else {})
    plan: dict[str, Any] = {
        "format": "chamiperf-plan",
        "format_version": 1,
        "scenario": scenario,
        "profile": "bench",
        "urls": urls,
        "tls": {"insecure": False, "certificate_file": None, "key_file": None},
        "credential": "internal-token",
        "connections": "keep",
        "identities": {
            "run_id": IDENTITIES.run_id,
            "nodes": nodes,
            "network": IDENTITIES.network,
            "written_run_id": "bench2",
        },
        "load": {"model": "closed", "pace_s": 0, "windows": 20, "phases": [phase], "parameters": {}},
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "plan.json"
    path.write_text(json.dumps(plan), encoding="utf-8")
    return path


if __name__ == "__main__":
    sys.exit(main())
