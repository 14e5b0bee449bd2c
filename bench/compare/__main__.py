"""`python -m bench.compare`: eight scenarios and five baseline runs; imports included.

Prints the median and the worst of five processes for 200 rows and thirty nights, and what a row and a night more cost:
the same with 400 rows, and with five years of nights, which `history trend` is timed on as well. Exit code 1 when the
median of the first reaches a second, or five years two seconds.
"""

import math
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from chamiperf_ci.adapters.files import PRODUCER, default_baselines, read_document, write_document
from chamiperf_ci.models.baselines import Baselines
from chamiperf_ci.models.plan import Plan, PlannedPhase
from chamiperf_ci.models.run import Distribution, Run, RunKind, Series, Traffic, Window
from chamiperf_ci.models.target import CredentialKind, Fingerprint, Machine, StackKind
from chamiperf_ci.steps.baselines.candidates import from_run
from chamiperf_ci.steps.baselines.propose import Intent, propose
from chamiperf_ci.steps.history import EntryName, entry_of, text_of

FIRST = datetime(2021, 1, 1, 1, 17, tzinfo=UTC)
SCENARIOS = 8
ENDPOINTS = 5
"""With p50, p95, p99, stalled windows and errors each, 25 rows a scenario."""
ACCEPTED = 5
NIGHTS = 30
YEARS = 1_825
"""Nights of five years."""
PATTERNS = 61
"""Nights that differ; then they come again."""
TIMES = 5
LIMIT_S = 1.0
LIMIT_YEARS_S = 2.0
COMPARE = ("compare", "--baselines", "baselines.json", "--history", "history")
TREND = ("history", "trend", "--history", "history", "--output", "trend.html")


def main() -> int:
    """Write a night's files into folders of their own, and time the commands on them."""
    usual, rows = _median(NIGHTS, ENDPOINTS, COMPARE)
    wide, more = _median(NIGHTS, 2 * ENDPOINTS, COMPARE)
    years, _ = _median(YEARS, ENDPOINTS, COMPARE)
    month, _ = _median(NIGHTS, ENDPOINTS, TREND)
    trend, _ = _median(YEARS, ENDPOINTS, TREND)
    print(
        f"a row more costs {1000 * (wide - usual) / (more - rows):.2f} ms, a night more "
        f"{1000 * (years - usual) / (YEARS - NIGHTS):.3f} ms of {SCENARIOS} scenarios, and of the trend "
        f"{1000 * (trend - month) / (YEARS - NIGHTS):.3f} ms"
    )
    return 0 if usual < LIMIT_S and max(years, trend) < LIMIT_YEARS_S else 1


def _median(nights: int, endpoints: int, arguments: tuple[str, ...]) -> tuple[float, int]:
    """The median of some processes' processor time in seconds, and the rows that were compared."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = _write(folder, nights, endpoints)
        _time(folder, arguments)  # compiles, and fills the disk's cache
        taken = sorted(_time(folder, arguments) for _ in range(TIMES))
    median = statistics.median(taken)
    print(
        f"{' '.join(arguments[:2]) if arguments is TREND else 'compare'}: {SCENARIOS} scenarios, {rows} compared rows, "
        f"{ACCEPTED} accepted runs, {nights:,} nights: median {median:.2f} s, worst {taken[-1]:.2f} s of {TIMES} "
        "(processor time, imports included)",
        flush=True,
    )
    return median, rows


def _time(folder: Path, arguments: tuple[str, ...]) -> float:
    # An installed package is compiled once; a machine that forbids it would measure Python's compiler.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before = _used_s()
    subprocess.run(
        [sys.executable, "-m", "chamiperf_ci", *arguments],
        cwd=folder,
        env=environment,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return _used_s() - before


def _used_s() -> float:
    """Processor time of all processes that have ended, s: what a quiet machine would take, also on a busy one."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _write(folder: Path, nights: int, endpoints: int) -> int:
    baselines = read_document(default_baselines(), Baselines)
    root = folder / "history"
    wanted = Intent(act="add", who="bench", reason="bench", today=date(2026, 3, 9))
    for place in range(SCENARIOS):
        scenario = f"scenario_{place}"
        accepted = [from_run(_run(scenario, day, endpoints), baselines) for day in range(ACCEPTED)]
        baselines = propose(baselines, accepted, wanted).baselines
        patterns = [entry_of(_run(scenario, day, endpoints))[1] for day in range(PATTERNS)]
        for day in range(ACCEPTED, ACCEPTED + nights):
            started = FIRST + timedelta(days=day)
            kept = {"started_at": started, "ended_at": started + timedelta(minutes=15), "run_id": f"r{place}{day}"}
            entry = patterns[day % PATTERNS].model_copy(update=kept)
            path = root / EntryName("bench", started, scenario, RunKind.NIGHT, entry.run_id).path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text_of(entry), encoding="utf-8")
        write_document(folder / "out" / "runs" / f"{scenario}.json", _run(scenario, ACCEPTED + nights, endpoints))
    write_document(folder / "baselines.json", baselines)
    return sum(len(entry.row_keys) for entry in baselines.accepted_runs.values())


def _run(scenario: str, day: int, endpoints_each: int) -> Run:
    started = FIRST + timedelta(days=day)
    # Nights that are exactly equal would spare the search for steps its work.
    level = math.exp(random.Random(day).gauss(0, 0.03))  # noqa: S311 - no secret
    endpoints = [f"endpoint-{place}" for place in range(endpoints_each)]
    phase = PlannedPhase(name="sustained", start_s=0, duration_s=600, from_vus=100, to_vus=100, offered_per_s=5_000)
    return Run(
        producer=PRODUCER,
        run_kind=RunKind.NIGHT,
        run_id=f"{scenario.replace('_', '')}{day}",
        seed_run_id="r1",
        scenario=scenario,
        started_at=started,
        ended_at=started + timedelta(minutes=15),
        self_test=False,
        complete=True,
        problems=(),
        fingerprint=Fingerprint(
            environment="bench",
            stack_kind=StackKind.DEPLOYED,
            stack_sizing="",
            scenario=scenario,
            scenario_version=1,
            profile="full",
            parameters={},
            seeded={},
            machine_class="2c-8GiB",
            k6_version="1.1.0",
            credential=CredentialKind.NONE,
            route="direct",
            tls="none",
            connections="keep",
            generator_on_target_host=False,
        ),
        machine=Machine(cores=2, memory_gib=8, cpu_model="any", kernel="any", load_average=0.1),
        identities=(),
        plan=Plan(
            model="closed",
            phases=(phase,),
            pace_s=1.0,
            windows=20,
            window_s=30,
            planned_iterations=3e6,
            memory_mb=100,
            segments=1,
        ),
        phases=(),
        series=tuple(_series(endpoint, level) for endpoint in endpoints),
        traffic=tuple(
            Traffic(endpoint=name, phase="sustained", service="bss", requests=600_000, failed=0, throttled=0)
            for name in endpoints
        ),
        generator=None,
    )


def _series(endpoint: str, level: float) -> Series:
    grid = {f"p{q:g}": level * (5 + q / 10) for q in (50, 75, 90, 95, 99, 99.9)}
    windows = tuple(
        Window(
            index=place,
            seconds=30,
            count=30_000,
            failed=0,
            quantiles={"p50": grid["p50"], "p95": grid["p95"], "p99": grid["p99"]},
        )
        for place in range(20)
    )
    pooled = Distribution(count=600_000, min=1, mean=8, max=90, quantiles=grid)
    return Series(endpoint=endpoint, metric="latency", phases={"sustained": pooled}, windows=windows)


if __name__ == "__main__":
    raise SystemExit(main())
