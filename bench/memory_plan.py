"""Whether the memory plan of `load` covers what k6 really takes.

The VUs of a boot storm that hardly ask for anything: what is measured is what a VU holds.
"""

import sys
import tempfile
from math import inf
from pathlib import Path

from chamicore_standin import lifecycle
from chamiperf_ci.adapters.files import built_script, dialect
from chamiperf_ci.adapters.k6 import K6Run, StopRequest, find_k6, run_k6
from chamiperf_ci.models.plan import Load, Phase, Plan, PlanIdentities, ScriptPlan
from chamiperf_ci.models.target import CredentialKind, Service, StackOptions
from chamiperf_ci.steps.load import documents, volume
from chamiperf_ci.steps.load.volume import work_of

VUS = (10, 1_000, 3_000)
SECONDS = 12.0
PACE_S = 10.0
WITHOUT = ("auth", "smd", "cloud-init", "discovery", "power", "mcp", "kea", "kea-sync")


def main() -> int:
    """Measure, print, and say whether the plan covers it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        state = lifecycle.up(StackOptions(ports="ephemeral", without=WITHOUT), state_dir=folder / "state")
        try:
            covered = [_measure(folder, state.url("bss"), vus) for vus in VUS]
        finally:
            lifecycle.down(folder / "state")
    return 0 if all(covered) else 1


def _measure(folder: Path, bss: str, vus: int) -> bool:
    phase = Phase(name="sustained", duration_s=SECONDS, from_vus=vus, to_vus=vus)
    load = Load(model="closed", pace_s=PACE_S, phases=(phase,))
    covered = []
    for room_mb in (0.0, inf):
        planned = volume.plan_of(load, work_of("boot_storm", load, dialect()), room_mb=room_mb)
        held = _held_mb(folder, bss, load, planned)
        print(
            f"{vus:,} VUs, GOGC {planned.gogc or 100}: {held:,.0f} MB, planned {planned.memory_mb:,.0f} MB", flush=True
        )
        covered.append(held <= planned.memory_mb)
    return all(covered)


def _held_mb(folder: Path, bss: str, load: Load, planned: Plan) -> float:
    """The most memory that k6 had while it drove the load, MB."""
    plan = folder / "plan.json"
    documents.write_plan(
        plan,
        ScriptPlan(
            scenario="boot_storm",
            profile="bench",
            urls={Service.BSS: bss},
            credential=CredentialKind.NONE,
            identities=PlanIdentities(run_id="bench1", nodes=50_000, network="198.18.0.0/15", written_run_id="bench2"),
            load=load,
        ),
    )
    run = K6Run(
        find_k6().path, built_script("boot_storm"), folder / "k6", plan=plan,
        gogc=planned.gogc, memory_mb=planned.memory_mb,
    )  # fmt: skip
    with StopRequest() as stop:
        return max(vitals.rss_mb for vitals in run_k6(run, stop, label="bench").vitals)


if __name__ == "__main__":
    sys.exit(main())
