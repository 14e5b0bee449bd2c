"""What this machine gives to a load, what spoils a measurement on it, and what a plan would need; changes nothing."""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from chamiperf_ci import __version__
from chamiperf_ci.adapters import machine
from chamiperf_ci.adapters.chamicore import Chamicore
from chamiperf_ci.adapters.k6 import find_k6
from chamiperf_ci.adapters.machine import Cost
from chamiperf_ci.errors import ConfigurationError, ToolkitError
from chamiperf_ci.models.plan import Plan
from chamiperf_ci.steps.load.plan import FILES_KEPT, MachineLimits
from chamiperf_ci.steps.load.shards import CLOCK_OFF_S
from chamiperf_ci.steps.load.sizing import Sizing, size
from chamiperf_ci.steps.readiness import configured

_CONNTRACK = Path("/proc/sys/net/netfilter")
_FEW_FILES = 20_000 + FILES_KEPT
"""A spike of 20,000 VUs in one process holds so many connections."""
_FEW_PORTS = 28_000
_BUSY = 0.2
"""Share of the processors that other work may take before it shows in p99."""


class State(StrEnum):
    """What a condition means for a load."""

    GOOD = "good"
    LOW = "low"
    """Works, up to the limit that is named."""
    BAD = "bad"
    """No valid measurement is to be had."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing looked at."""

    what: str
    state: State
    text: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class DoctorReport:
    """All of it; `plan` has a sizing for each scenario that was asked for."""

    conditions: tuple[Condition, ...]
    plan: tuple[Sizing, ...] = ()

    @property
    def worst(self) -> State:
        """The gravest state; a plan that does not fit is bad."""
        states = {each.state for each in self.conditions}
        if State.BAD in states or not all(each.fits for each in self.plan):
            return State.BAD
        return State.LOW if State.LOW in states else State.GOOD

    def facts(self) -> dict[str, Any]:
        """The examination as JSON takes it."""
        return {
            "chamiperf": __version__,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "conditions": [asdict(each) for each in self.conditions],
            "plan": [asdict(each) | {"fits": each.fits} for each in self.plan],
        }


def examine(
    k6: str | None,
    client: Chamicore | None,
    plans: Iterable[Plan],
    limits: MachineLimits,
    costs: Mapping[str, Cost] | None = None,
) -> DoctorReport:
    """Look at the machine, at the road to the stack where there is one, and at a plan where one is given.

    Args:
        k6: The k6 that was named, None for the one that is found.
        client: To the stack; None where no target is given.
        plans: Scenarios as planned.
        limits: What the machine gives to a load of this target.
        costs: By scenario, what a request costs here as it was measured.
    """
    conditions = [*_machine(limits), _k6(k6), *(_road(client) if client is not None else ())]
    return DoctorReport(
        tuple(conditions), tuple(size(each, cores=machine.cores(), limits=limits, costs=costs) for each in plans)
    )


def _machine(limits: MachineLimits) -> Iterator[Condition]:
    here = machine.machine()
    text = f"{here.cores} of {here.cpu_model}, other work keeps {limits.busy_cores:.1f} of them busy now"
    if limits.busy_cores > here.cores * _BUSY:
        yield Condition("processors", State.LOW, text, "End other programs: their work shows in p99 first.")
    else:
        yield Condition("processors", State.GOOD, text)
    free, most = limits.available_mb / 1000, machine.total_mb() / 1000
    yield Condition("memory", State.GOOD, f"{free:,.1f} of {most:,.1f} GB free")
    if limits.open_files < _FEW_FILES:
        yield Condition(
            "open files",
            State.LOW,
            f"{limits.open_files:,} a process: larger loads are split over several",
            f"Raise the limit with `ulimit -Hn {_FEW_FILES} && ulimit -n {_FEW_FILES}` (as root).",
        )
    else:
        yield Condition("open files", State.GOOD, f"{limits.open_files:,} a process")
    if limits.local_ports < _FEW_PORTS:
        yield Condition(
            "local ports",
            State.LOW,
            f"{limits.local_ports:,} to one address",
            'Raise them with `sysctl -w net.ipv4.ip_local_port_range="1024 65535"` (as root).',
        )
    else:
        yield Condition("local ports", State.GOOD, f"{limits.local_ports:,} to one address")
    yield from _conntrack()


def _conntrack() -> Iterator[Condition]:
    """The firewall's table of connections; full, it drops packets, and the service looks slow."""
    try:
        most = int((_CONNTRACK / "nf_conntrack_max").read_text(encoding="ascii"))
        used = int((_CONNTRACK / "nf_conntrack_count").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return
    free = most - used
    if free < _FEW_FILES:
        remedy = f"Raise it with `sysctl -w net.netfilter.nf_conntrack_max={most + _FEW_FILES}` (as root)."
        yield Condition("conntrack", State.LOW, f"{free:,} of {most:,} entries free", remedy)
    else:
        yield Condition("conntrack", State.GOOD, f"{free:,} of {most:,} entries free")


def _k6(given: str | None) -> Condition:
    try:
        found = find_k6(given)
    except ConfigurationError as error:
        return Condition("k6", State.BAD, error.wrong, error.remedy)
    if found.warnings:
        return Condition("k6", State.LOW, " ".join(found.warnings), "Install the tested version.")
    return Condition("k6", State.GOOD, f"{found.version} at {found.path}")


def _road(client: Chamicore) -> Iterator[Condition]:
    """One question to each service: does it answer, how fast, and what time does it think it is?"""
    for service in configured(client.target):
        began = time.time()
        try:
            answer = client.operational(service, "readiness")
        except ToolkitError as error:
            yield Condition(service, State.BAD, str(error), "Start the stack, or correct the URL.")
            continue
        took_s = time.time() - began
        ready = client.is_good(service, "readiness", answer)
        text = f"{'ready' if ready else f'answers {answer.status}, not ready'}, {1000 * took_s:.0f} ms away"
        yield Condition(
            service, State.GOOD if ready else State.BAD, text, "" if ready else "Wait for it with `chamiperf wait`."
        )
        yield from _clock(service, answer.headers.get("date"), began + took_s / 2)


def _clock(service: str, date: str | None, now: float) -> Iterator[Condition]:
    """The offset of the service's clock by its `Date`, which counts whole seconds."""
    if not date:
        return
    try:
        offset = parsedate_to_datetime(date).timestamp() + 0.5 - now
    except (ValueError, TypeError):
        return
    if abs(offset) > CLOCK_OFF_S + 0.5:
        yield Condition(
            f"clock of {service}",
            State.LOW,
            f"{offset:+.1f} s against this machine's",
            "Synchronize both by NTP: metrics are joined to the load by time.",
        )
