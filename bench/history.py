"""`python -m bench.history`: five years of nights in a folder, their size, and the time to read them all.

Eight scenarios with 212 metrics a night between them; every fourth night two of them are repeated twice. Exit code 1
when the files take 100 MB or more, or when reading every night takes 2 s or more.
"""

import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from chamiperf_ci.adapters.files import PRODUCER
from chamiperf_ci.adapters.history import FolderHistory
from chamiperf_ci.models.history import HistoryEntry, HistoryRow
from chamiperf_ci.models.run import RunKind
from chamiperf_ci.models.target import CredentialKind, Fingerprint, Identity, Machine, StackKind
from chamiperf_ci.models.vocabulary import RowVerdict, Statistic, TargetVerdict
from chamiperf_ci.steps.history import EntryFilter, EntryName, past_of, read, text_of

FIRST = datetime(2026, 1, 1, 1, 17, tzinfo=UTC)
NIGHTS = 5 * 365
METRICS = {
    "boot_storm": 7,
    "cloud_init_storm": 19,
    "inventory_scale": 49,
    "bulk_registration": 13,
    "dhcp_sync_burst": 19,
    "auth_under_load": 13,
    "mixed_boot_path": 37,
    "database_stress": 55,
}
REPEATED = ("boot_storm", "inventory_scale")
SERVICES = ("auth", "smd", "bss", "cloud-init", "discovery", "power", "mcp")
LIMIT_MB = 100
LIMIT_S = 2.0
TIMES = 3


def main() -> int:
    """Write the nights into a folder of their own, and read them."""
    with tempfile.TemporaryDirectory() as name:
        store = FolderHistory(Path(name))
        size = files = 0
        for entry_name, entry in _entries():
            path = store.root / entry_name.path
            path.parent.mkdir(parents=True, exist_ok=True)
            size += path.write_bytes(text_of(entry).encode())
            files += 1
        nights = EntryFilter(kinds=(RunKind.NIGHT,))
        taken = sorted(_time(store, nights) for _ in range(TIMES))
    print(
        f"history: {NIGHTS} nights, {files} files, {size / 1e6:.0f} MB (limit {LIMIT_MB}); reading every night "
        f"{taken[0]:.2f} to {taken[-1]:.2f} s (limit {LIMIT_S:g} s)"
    )
    return 0 if size < LIMIT_MB * 1e6 and taken[TIMES // 2] < LIMIT_S else 1


def _time(store: FolderHistory, wanted: EntryFilter) -> float:
    started = time.perf_counter()
    entries = read(store, wanted).entries
    elapsed = time.perf_counter() - started
    assert len(past_of(entries[-len(METRICS) :]).nights) == len(METRICS)
    return elapsed


def _entries() -> Iterator[tuple[EntryName, HistoryEntry]]:
    for number in range(NIGHTS):
        for place, scenario in enumerate(METRICS):
            started = FIRST + timedelta(days=number, minutes=20 * place)
            kinds = [RunKind.NIGHT] + ([RunKind.REPEAT] * 2 if number % 4 == 0 and scenario in REPEATED else [])
            for repeat, kind in enumerate(kinds):
                yield _entry(scenario, kind, f"r{number:05d}{repeat}", started + timedelta(hours=4 + repeat))


def _entry(scenario: str, kind: RunKind, run_id: str, started: datetime) -> tuple[EntryName, HistoryEntry]:
    entry = HistoryEntry(
        producer=PRODUCER,
        run_kind=kind,
        run_id=run_id,
        started_at=started,
        ended_at=started + timedelta(minutes=15),
        valid=True,
        fingerprint=Fingerprint(
            environment="lab",
            stack_kind=StackKind.DEPLOYED,
            stack_sizing="",
            scenario=scenario,
            scenario_version=1,
            profile="full",
            parameters={"pace_s": 1.0, "sustained_s": 600, "sustained_vus": 10_000, "spike_vus": 20_000},
            seeded=dict.fromkeys(("components", "interfaces", "bootparams", "payloads"), 50_000),
            machine_class="16c-64GiB",
            k6_version="1.1.0",
            credential=CredentialKind.INTERNAL_TOKEN,
            route="gateway",
            tls="verified",
            connections="keep",
            generator_on_target_host=False,
        ),
        machine=Machine(cores=16, memory_gib=64, cpu_model="model", kernel="6.1.0", load_average=0.1),
        identities=tuple(Identity(service=one, version="1.4.0", commit="1a2b3c4d5e6f") for one in SERVICES),
        rows=tuple(_row(number) for number in range(METRICS[scenario])),
        word="pass",
        exit_code=0,
        baselines_digest="0" * 64,
        link="https://github.example/octo/stack/actions/runs/1234567890",
    )
    return EntryName("lab", started, scenario, kind, run_id), entry


def _row(number: int) -> HistoryRow:
    return HistoryRow(
        endpoint=f"component-operation-{number // 6}",
        metric=("errors", "p50", "p95", "p99", "p99.9", "stalled-windows")[number % 6],
        value=12.345 + number,
        unit="ms",
        observations=600_000,
        statistic=Statistic.MEDIAN_OF_WINDOWS,
        comparable=True,
        verdict=RowVerdict.PASS,
        target=TargetVerdict.MET,
    )


if __name__ == "__main__":
    sys.exit(main())
