"""Runs made by arithmetic: as `load` would write them, with levels and noise that the test chooses."""

import random
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from chamiperf_ci.adapters import files
from chamiperf_ci.models.baselines import Baselines
from chamiperf_ci.models.plan import Plan, PlannedPhase
from chamiperf_ci.models.run import (
    Distribution,
    PhaseOutcome,
    Run,
    RunKind,
    Series,
    Traffic,
    Window,
)
from chamiperf_ci.models.target import CredentialKind, Fingerprint, Identity, Machine, StackKind
from chamiperf_ci.steps.baselines.candidates import from_run
from chamiperf_ci.steps.baselines.propose import Intent, propose

FIRST_NIGHT = datetime(2026, 3, 2, 1, 17, tzinfo=UTC)
QUANTILES = {"p50": 3.2, "p95": 7.6, "p99": 12.4, "p99.9": 21.0}
"""Milliseconds of an unslowed stack."""


def made_fingerprint(**changes: Any) -> Fingerprint:
    fields = {
        "environment": "lab",
        "stack_kind": StackKind.DEPLOYED,
        "stack_sizing": "",
        "scenario": "boot_storm",
        "scenario_version": 1,
        "profile": "full",
        "parameters": {"vus": 10_000, "pace_s": 1.0},
        "seeded": {"components": 50_000},
        "machine_class": "8c-32GiB",
        "k6_version": "1.1.0",
        "credential": CredentialKind.INTERNAL_TOKEN,
        "route": "direct",
        "tls": "none",
        "connections": "keep",
        "generator_on_target_host": False,
    }
    return Fingerprint(**(fields | changes))


def made_run(
    number: int = 0,
    *,
    factor: float = 1.0,
    noise: float = 0.0,
    scenario: str = "boot_storm",
    endpoints: tuple[str, ...] = ("bootscript",),
    failed: int = 0,
    fingerprint: dict[str, Any] | None = None,
    **changes: Any,
) -> Run:
    """A valid nightly run of night `number`, `factor` slower than usual, its level off by sd `noise` (log scale)."""
    luck = random.Random(f"{scenario}{number}")  # noqa: S311 - noise, not a secret
    level = factor * 2.718281828 ** luck.gauss(0, noise) if noise else factor
    started = FIRST_NIGHT + timedelta(days=number)
    fields = {
        "producer": "chamiperf 0.1.0",
        "run_kind": RunKind.NIGHT,
        "run_id": f"{scenario[:4]}{number:04d}".replace("_", ""),
        "seed_run_id": "r2026a",
        "scenario": scenario,
        "started_at": started,
        "ended_at": started + timedelta(minutes=15),
        "self_test": False,
        "complete": True,
        "problems": (),
        "fingerprint": made_fingerprint(scenario=scenario, **(fingerprint or {})),
        "machine": Machine(cores=8, memory_gib=32, cpu_model="Model A", kernel="6.1", load_average=0.2),
        "identities": (Identity(service="bss", version="1.4.0", commit="1a2b3c4"),),
        "plan": Plan(
            model="closed",
            phases=(PlannedPhase(name="sustained", start_s=120, duration_s=600, from_vus=10_000, to_vus=10_000,
                              offered_per_s=10_000),),
            pace_s=1.0,
            windows=20,
            window_s=30,
            planned_iterations=6e6,
            memory_mb=2_000,
            segments=1,
        ),
        "phases": (PhaseOutcome(name="sustained", offered_per_s=10_000, achieved_per_s=9_990, max_vus=10_000),),
        "series": tuple(_series(endpoint, level, luck, failed) for endpoint in endpoints),
        "traffic": tuple(
            Traffic(endpoint=endpoint, phase="sustained", service="bss", requests=6_000_000, failed=failed, throttled=0)
            for endpoint in endpoints
        ),
        "generator": None,
    }  # fmt: skip
    return Run(**(fields | changes))


def _series(endpoint: str, level: float, luck: random.Random, failed: int) -> Series:
    windows = tuple(
        Window(
            index=index,
            seconds=30,
            count=300_000,
            failed=failed // 20 + (failed % 20 if index == 0 else 0),
            quantiles={name: round(value * level * luck.uniform(0.99, 1.01), 3) for name, value in QUANTILES.items()},
        )
        for index in range(20)
    )
    return Series(
        endpoint=endpoint,
        metric="latency",
        phases={
            "sustained": Distribution(
                count=6_000_000,
                min=0.5,
                mean=9 * level,
                max=90 * level,
                quantiles={name: round(value * level, 3) for name, value in QUANTILES.items()},
            )
        },
        windows=windows,
    )


def shipped_baselines() -> Baselines:
    """The project's own file: the ADR's targets, no accepted runs."""
    return files.read_document(Path(__file__).parent.parent / "baselines.json", Baselines)


def accepting(baselines: Baselines, runs: Sequence[Run], *, act: Literal["add", "replace"] = "add") -> Baselines:
    """The file after a person accepted the runs."""
    wanted = Intent(act=act, who="ada", reason="the stack as it is", today=date(2026, 3, 9))
    return propose(baselines, [from_run(run, baselines) for run in runs], wanted).baselines
