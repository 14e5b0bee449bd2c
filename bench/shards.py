"""How near the merged figures of several k6 processes are to those of all their requests together.

Each process writes its raw requests beside its summary; quantiles of all of them together are the truth, against which
the merged ones of each window and phase are held: within 1 %, or inside the interval that the run marks. Counts must be
equal. Without arguments two and four processes of four scenarios on the embedded stack; else the scenarios named.
"""

import csv
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import numpy as np

from chamicore_standin import lifecycle
from chamiperf_ci.adapters.files import read_document
from chamiperf_ci.adapters.k6 import StopRequest, find_k6, run_k6
from chamiperf_ci.models.dialect import new_run_id
from chamiperf_ci.models.run import ScriptSummary, UncertainQuantile
from chamiperf_ci.models.seed import Seed
from chamiperf_ci.models.target import StackOptions, TargetOptions
from chamiperf_ci.steps.load.documents import k6_runs, script_plan, write_plan
from chamiperf_ci.steps.load.merging import WIDEST, merged, summaries_of
from chamiperf_ci.steps.load.plan import assign
from chamiperf_ci.steps.load.request import Job, LoadOptions, read_profile
from chamiperf_ci.steps.targets import resolve

NODES = 1_000
SCENARIOS = ("boot_storm", "auth_under_load", "bulk_registration", "inventory_scale")
SHARDS = (2, 4)
QUANTILES = ("p50", "p95", "p99")
SHAPES: dict[str, dict[str, Any]] = {
    "boot_storm": {"vus": 100, "spike_vus": 100, "pace": 0.08, "windows": 2, "durations_s": {"sustained": 16.0}}
}
"""Such that two busy cores do not stall in it, and a window has some 10,000 requests."""

Place = tuple[str, str, int | None]
"""Endpoint, phase, and window or None for the whole phase."""


def main() -> int:
    """Measure, print, and say whether every figure is as it must be."""
    good = True
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        state = lifecycle.up(StackOptions(ports="ephemeral"), state_dir=folder / "state")
        try:
            variables = {**lifecycle.environment(state), "CHAMIPERF_STATE_DIR": state.state_dir}
            seeding = [sys.executable, "-m", "chamiperf_ci.commands.seed", "--target", "embedded"]
            subprocess.run(
                [*seeding, "--nodes", str(NODES), "--out", str(folder)],
                env={"PATH": "/usr/bin:/bin", **variables},
                check=True,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            # The target is found by them.
            os.environ.update(variables)
            for scenario in sys.argv[1:] or SCENARIOS:
                for shards in SHARDS:
                    good = _one(folder, scenario, shards) and good
        finally:
            lifecycle.down(folder / "state")
    return 0 if good else 1


def _one(folder: Path, scenario: str, shards: int) -> bool:
    options = LoadOptions(out=folder, shards=shards, **SHAPES.get(scenario, {}))
    profile = read_profile("demo")
    job = Job(
        options,
        resolve(TargetOptions(name="embedded")),
        read_document(folder / "seed.json", Seed),
        profile,
        find_k6(),
    )
    plan = assign(profile, scenario, options)
    run_id = new_run_id("w")
    told = folder / f"{scenario}-{shards}" / "plan.json"
    write_plan(told, script_plan(job, plan, run_id))
    runs = [replace(run, outputs=(f"csv={run.folder / 'raw.csv'}",)) for run in k6_runs(job, plan, told, run_id)]
    with StopRequest() as stop:
        outcome = run_k6(runs, stop, label=f"{scenario} in {shards}")
    parts, problems = summaries_of(outcome)
    whole, unsure, _ = merged(parts)
    if whole is None:
        print(f"{scenario} in {shards}: no summary: {problems} {outcome.text}")
        return False
    raw: dict[Place, list[float]] = defaultdict(list)
    for run in runs:
        for endpoint, phase, window, value in _requests(run.folder / "raw.csv"):
            raw[endpoint, phase, None].append(value)
            if window is not None:
                raw[endpoint, phase, window].append(value)
    return _compared(f"{scenario} in {shards}", whole, unsure, raw)


def _requests(path: Path) -> Iterator[tuple[str, str, int | None, float]]:
    """Endpoint, phase, window and latency in ms of each measured request."""
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["metric_name"] != "http_req_duration":
                continue
            tags = parse_qs(row["extra_tags"])
            if "phase" in tags:
                window = tags.get("window", [""])[0]
                yield row["name"], tags["phase"][0], int(window) if window else None, float(row["metric_value"])


class _Compared:
    """What was found in one load."""

    def __init__(self) -> None:
        self.worst = dict.fromkeys(QUANTILES, 0.0)
        self.worst_marked = dict.fromkeys(QUANTILES, 0.0)
        self.compared = self.marked = 0
        self.wrong: list[str] = []

    def take(self, where: str, value: float, exact: float, mark: UncertainQuantile | None) -> None:
        """One quantile, with the interval that the run marks for it, if it does."""
        self.compared += 1
        off = abs(value - exact) / exact
        quantile = where.rsplit(" ", 1)[1]
        if mark is not None:
            self.marked += 1
            self.worst_marked[quantile] = max(self.worst_marked[quantile], off)
            if not mark.low * (1 - 1e-9) <= exact <= mark.high * (1 + 1e-9):
                self.wrong.append(f"{where}: {exact:.4g} is outside {mark.low:.4g} to {mark.high:.4g}")
            return
        self.worst[quantile] = max(self.worst[quantile], off)
        if off > WIDEST:
            self.wrong.append(f"{where}: {off:.2%} off {exact:.4g}, unmarked")


def _percent(errors: Mapping[str, float]) -> str:
    return ", ".join(f"{quantile} {100 * off:.2f} %" for quantile, off in errors.items())


def _quantiles(whole: ScriptSummary) -> Iterator[tuple[Place, int, dict[str, float]]]:
    """Of each window and phase: its requests, and the merged quantiles."""
    for series in whole.series:
        if series.metric == "latency":
            for phase, each in series.phases.items():
                yield (series.endpoint, phase, None), each.count, each.quantiles
            for window in series.windows:
                if window.count:
                    yield (series.endpoint, "sustained", window.index), window.count, window.quantiles


def _compared(
    name: str, whole: ScriptSummary, unsure: tuple[UncertainQuantile, ...], raw: dict[Place, list[float]]
) -> bool:
    marks = {((each.endpoint, each.phase, each.window), each.quantile): each for each in unsure}
    found = _Compared()
    for place, count, quantiles in _quantiles(whole):
        values = raw[place]
        if len(values) != count:
            found.wrong.append(f"{place}: {count} requests, {len(values)} in the raw output")
            continue
        for quantile in QUANTILES:
            exact = float(np.percentile(values, float(quantile[1:])))
            found.take(f"{place} {quantile}", quantiles[quantile], exact, marks.get((place, quantile)))
    requests = sum(each.requests for each in whole.traffic)
    print(
        f"{name}: {requests:,} requests, {sum(each.failed for each in whole.traffic):,} failed, "
        f"{whole.max_vus} VUs; {found.compared} quantiles; largest error of the unmarked {_percent(found.worst)}; "
        f"of the {found.marked} marked {_percent(found.worst_marked)}; {len(found.wrong)} wrong",
        flush=True,
    )
    for kind in whole.objects:
        print(f"  {kind.kind}: {kind.created:,} created, {kind.removed:,} removed, {kind.left:,} left")
        found.wrong.extend([f"{kind.left} {kind.kind} are left"] if kind.left else [])
    for scalar in whole.scalars:
        where = " ".join(filter(None, (scalar.endpoint, scalar.phase)))
        print(f"  {scalar.name} ({where}): {scalar.value:.6g} {scalar.unit}")
    for gap in whole.unavailable:
        # The stand-in has no bulk route; what each shard lacks is said once.
        print(f"  without {gap.what}: {gap.reason}")
    for each in found.wrong[:10]:
        print(f"  WRONG: {each}")
    return not found.wrong


if __name__ == "__main__":
    sys.exit(main())
