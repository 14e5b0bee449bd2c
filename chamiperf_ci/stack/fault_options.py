"""Which faults a command line asks for: one option starts a fault, others describe it further."""

import secrets
from collections.abc import Callable, Mapping
from typing import Any

from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.stack import faults
from chamiperf_ci.stack.faults import Fault

Given = Mapping[str, Any]


def _lose_sync(given: Given) -> Fault:
    """A loss of a number of nodes, or of a number drawn between two (`0..200`, both included) that nobody is told."""
    seed, between = secrets.randbelow(1 << 32), given["lost_between"]
    if between is None:
        return faults.LoseSync(service=given["service"], count=given["lost"], seed=seed)
    low, _, high = between.partition("..")
    if not (low.isdigit() and high.isdigit() and int(low) <= int(high)):
        raise ConfigurationError(f"not a range: {between}", where="--lose-sync-random", remedy="Write it like 0..200.")
    drawn = int(low) + secrets.randbelow(int(high) - int(low) + 1)
    return faults.LoseSync(service=given["service"], count=drawn, seed=seed, secret=True)


def _recipe(kind: Callable[..., Fault], **fields: str) -> Callable[[Given], Fault]:
    """A fault whose fields are taken from options: field -> option."""
    return lambda given: kind(
        service=given["service"], route=given["route"], **{field: given[option] for field, option in fields.items()}
    )


_RECIPES: tuple[tuple[str, Callable[[Given], Fault]], ...] = (
    ("latency_ms", _recipe(faults.Latency, latency_ms="latency_ms", jitter_ms="latency_jitter_ms", layer="layer")),
    ("error_rate", _recipe(faults.Errors, rate="error_rate", error="error_kind", retry_after_s="retry_after_s")),
    ("stall_s", _recipe(faults.Stall, stall_s="stall_s", every_s="stall_every_s")),
    ("readiness_down_s", _recipe(faults.ReadinessDown, seconds="readiness_down_s")),
    ("slow_start_s", _recipe(faults.SlowStart, seconds="slow_start_s")),
    ("leak_mb_per_s", _recipe(faults.Leak, mb_per_s="leak_mb_per_s")),
    ("pool_wait_ms", _recipe(faults.PoolExhaustion, wait_ms="pool_wait_ms")),
    ("swapped_share", _recipe(faults.SwapScripts, share="swapped_share")),
    ("lost", _lose_sync),
    ("lost_between", _lose_sync),
    ("sync_stop", _recipe(faults.SyncStop)),
    ("missing", _recipe(faults.MetricsMissing, families="missing")),
    ("style", _recipe(faults.MetricLabelStyle, style="style")),
    ("kea_stop", _recipe(faults.KeaStop)),
)
"""The option that asks for a fault, and how the fault is made."""


def faults_of(given: Given) -> list[Fault]:
    """The faults that a command line names.

    Raises:
        ConfigurationError: It names none, or one that makes no sense.
    """
    wanted = [make(given) for option, make in _RECIPES if given[option] not in (None, False, ())]
    if not wanted:
        raise ConfigurationError(
            "no fault was named", where="stack fault set", remedy="Give one, such as --latency-ms 80."
        )
    return wanted
