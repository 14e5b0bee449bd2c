"""What the load library costs against a bare GET loop on the same stack: processor time, memory, summary.

Each figure is a ratio or a time measured within this run. For processor time the two run in turn, each alone, because
side by side the stack is the bottleneck of both and the dearer one hides behind it. A request costs what a longer load
takes more than a short one, over the requests that it makes more: to make VUs costs once, however long the load. The
storm is measured as `load` runs it, with garbage collected rarely, and is judged so; with k6's own collector it is
shown. The bare loop is always as k6 comes. Both ask for scripts that are there; an answer that is none ends the
measurement. Without arguments all is measured, else what they name: `processor`, `memory`, `summary`.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import quote

from chamicore_standin import lifecycle
from chamiperf_ci.adapters.files import built_script, dialect, k6_folder
from chamiperf_ci.models.dialect import Identities
from chamiperf_ci.models.target import StackOptions
from chamiperf_ci.steps.load.volume import RARE_COLLECTION

K6 = Path(sys.executable).with_name("k6")
VUS = 100
ROUNDS = 5
ROUND_S = 14
SHORT_S = 3
"""A load of which the longer one has the start in common, and the first pass over the nodes."""
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

RARELY = {"GOGC": str(RARE_COLLECTION[0][0]), "GOMEMLIMIT": "512MiB"}
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
scenario('boot_storm', 1);
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
    seconds: float
    processor_s: float
    memory_mb: float

    @property
    def per_request_us(self) -> float:
        """Processor time a request, µs."""
        return 1e6 * self.processor_s / self.requests

    def more_than(self, shorter: "Spent") -> "Spent":
        """What a load took more than one that began like it."""
        return Spent(
            self.requests - shorter.requests,
            self.seconds - shorter.seconds,
            self.processor_s - shorter.processor_s,
            self.memory_mb,
        )


def main() -> int:
    """Measure, print, and say whether each figure stays within its limit."""
    asked = sys.argv[1:] or ["processor", "memory", "summary"]
    within: list[bool] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "bare.js").write_text(BARE, encoding="utf-8")
        state = lifecycle.up(StackOptions(ports="ephemeral"), state_dir=folder / "state")
        try:
            bss = next(service.url for service in state.services if service.name == "bss")
            urls = {service.name: service.url for service in state.services}
            token = lifecycle.internal_token(state)
            _seed(folder, urls, token, NODES if "memory" in asked else FEW_NODES)
            if "processor" in asked:
                within.append(_processor([_round(folder, bss, index) for index in range(ROUNDS)]))
            if "memory" in asked:
                within.append(_memory(folder, bss))
        finally:
            lifecycle.down(folder / "state")
        if "summary" in asked:
            within.append(_summary(folder))
    return 0 if all(within) else 1


def _round(folder: Path, bss: str, index: int) -> dict[str, Spent]:
    """Each alone, in an order that turns from round to round."""

    def leg(name: str, seconds: int) -> Spent:
        if name == "bare":
            return _bare(folder, bss, f"{seconds}s", VUS)
        return _storm(folder, bss, seconds, FEW_NODES, VUS, **(RARELY if name == "rarely" else {}))

    names = ["bare", "storm", "rarely"]
    turned = [*names[index % len(names) :], *names[: index % len(names)]]
    whole = {name: (leg(name, SHORT_S), leg(name, ROUND_S)) for name in turned}
    spent = {name: long.more_than(short) for name, (short, long) in whole.items()}
    print(
        f"processor time a request: bare {spent['bare'].per_request_us:.0f} µs, boot_storm as load runs it "
        f"{spent['rarely'].per_request_us:.0f} µs, with k6's own collector {spent['storm'].per_request_us:.0f} µs; "
        f"with the start, {whole['bare'][1].per_request_us:.0f}, {whole['rarely'][1].per_request_us:.0f} and "
        f"{whole['storm'][1].per_request_us:.0f} µs over {ROUND_S} s",
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
        storm = _storm(folder, bss, seconds, NODES, VUS)
        seconds *= AIM * REQUESTS / storm.requests
        if storm.requests < REQUESTS:
            continue
        bare = _bare(folder, bss, storm.requests, VUS)
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
    script = folder / "many.js"
    script.write_text(MANY_SAMPLES.replace("LIBRARY", str(k6_folder() / "lib")), encoding="utf-8")
    plan = _plan(folder, {"bss": "http://127.0.0.1:1"}, vus=10, duration_s=FILLING_S)
    spent = _run(folder, script, plan, SAMPLES=str(SAMPLES), VUS="10")
    summary = _read(folder)
    after_s = spent.seconds - float(summary["duration_s"])
    held = summary["series"][-1]["phases"]["sustained"]["count"]
    print(
        f"summary: {after_s:.1f} s for {held:,} samples by phase and window, start of k6 included "
        f"(at most {MOST_SUMMARY_S:.0f} s); peak memory {spent.memory_mb:,.0f} MB"
    )
    return after_s <= MOST_SUMMARY_S and held >= SAMPLES


def _bare(folder: Path, bss: str, until: str | int, vus: int) -> Spent:
    """The bare loop for a time, or for a number of requests."""
    options = {"vus": vus, **({"duration": until} if isinstance(until, str) else {"iterations": until})}
    summary = folder / "bare.json"
    spent = _run(
        folder,
        folder / "bare.js",
        None,
        "--summary-export",
        str(summary),
        BARE_URL=f"{bss}/boot/v1/bootscript?mac={quote(IDENTITIES.mac(1))}",
        BARE_OPTIONS=json.dumps(options),
    )
    metrics = json.loads(summary.read_text(encoding="utf-8"))["metrics"]
    made = metrics["http_reqs"]
    _require_good(metrics["http_req_failed"]["value"] * made["count"])
    return Spent(made["count"], made["count"] / made["rate"], spent.processor_s, spent.memory_mb)


def _storm(folder: Path, bss: str, duration_s: float, nodes: int, vus: int, **variables: str) -> Spent:
    plan = _plan(folder, {"bss": bss}, nodes=nodes, vus=vus, duration_s=duration_s)
    spent = _run(folder, built_script("boot_storm"), plan, **variables)
    summary = _read(folder)
    _require_good(sum(row["failed"] for row in summary["traffic"]))
    return Spent(
        sum(row["requests"] for row in summary["traffic"]), summary["duration_s"], spent.processor_s, spent.memory_mb
    )


def _require_good(failed: float) -> None:
    """Answers of another kind cost both sides something else."""
    if failed:
        raise SystemExit(f"{failed:.0f} requests were not answered with a boot script")


def _seed(folder: Path, urls: dict[str, str], token: str, nodes: int) -> None:
    plan = _plan(folder, urls, scenario="seed", vus=16, duration_s=600, iterations=nodes)
    _run(folder, k6_folder() / "seed.js", plan, CHAMICORE_INTERNAL_TOKEN=token)


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
    path = folder / "plan.json"
    path.write_text(json.dumps(plan), encoding="utf-8")
    return path


def _read(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "summary.json").read_text(encoding="utf-8")))


def _run(folder: Path, script: Path, plan: Path | None, *options: str, **variables: str) -> Spent:
    """Run k6 to its end; its use is the kernel's account of that one process."""
    given = {"CHAMIPERF_PLAN": str(plan), "CHAMIPERF_SUMMARY": str(folder / "summary.json")} if plan else {}
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), **given, **variables}
    command = [str(K6), "run", "--no-usage-report", "--quiet", "--address", "", *options, str(script)]
    began = time.monotonic()
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        log = process.stderr.read() if process.stderr else b""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode or b"level=error" in log:
        raise SystemExit(f"{script.name} ended with {process.returncode}: {log.decode()[-500:]}")
    return Spent(0, time.monotonic() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


if __name__ == "__main__":
    sys.exit(main())
