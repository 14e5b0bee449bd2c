"""Whether a load goes on, and whether what it measured may be judged: brake, generator health, and reasons against."""

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from pydantic import ValidationError

from chamiperf_ci.adapters import bounds
from chamiperf_ci.adapters.k6 import EndKind, K6Outcome, LogMessage, Observation, ResourceSample, StopOrder
from chamiperf_ci.adapters.k6.run import FAILED, REQUESTS
from chamiperf_ci.models.dialect import Identities
from chamiperf_ci.models.plan import SUSTAINED, Plan
from chamiperf_ci.models.run import (
    Distribution,
    FailureSample,
    GeneratorHealth,
    PhaseHealth,
    PhaseOutcome,
    RunProblem,
    ScriptSummary,
)
from chamiperf_ci.models.shard import shard_name
from chamiperf_ci.models.vocabulary import RunReason
from chamiperf_ci.steps.load.merging import at_share
from chamiperf_ci.steps.load.request import BrakeLimits


@dataclass(frozen=True, slots=True)
class HealthLimits:
    """Above which numbers a generator counts as saturated."""

    cpu_share: float = 0.9
    """k6's share of the processors that it may use, 95th percentile."""
    wanted_share: float = 0.9
    """Of the processors that k6 may run on at once, how much it may want on average, whether it gets it or not.

    A k6 that always has something to run queues within itself, and its latencies are that queue. Measured on 2 cores of
    which other programs took half, 200 VUs: 0.70 to 0.72 with the median at 1.1 ms, 0.80 at 2.6 ms; kept to one core,
    0.99 and 34 to 67 ms, although it used 42 % of that core and VUs woke 32 to 36 ms late.
    """
    stopped_share: float = 0.02
    """How often k6 may be found stopped; nothing stops one that is left alone."""
    late_ms: float = 40.0
    """Lateness (of iterations or of wake-ups, 99th percentile) that is never held against a generator, ms.

    Measured on 2 cores, 200 VUs at 10 requests a second: 2 to 5 ms in quiet phases and 17 to 30 ms beside moderate
    noise, with the median latency as it should be; 55 to 69 ms on a crowded machine, with the median 1.5 to 5 times
    that.
    """
    late_share: float = 0.1
    """Beyond that, lateness up to this share of the median latency is tolerated.

    What makes VUs wake late lengthens the median as well, so the share must stay well below the one that a starved
    generator shows beside a fast stack: 0.2 to 0.7 in the measurement above, and 0.24 (86 of 353 ms, where the service
    itself took 0.25) with k6 at the lowest priority.
    """
    late_most_ms: float = 250.0
    """Lateness above this is never tolerated, ms."""


def judge(
    vitals: Sequence[ResourceSample],
    summary: ScriptSummary,
    *,
    cores: int,
    rss_mb: float,
    parts: Sequence[ScriptSummary] = (),
    limits: HealthLimits | None = None,
) -> GeneratorHealth:
    """Say how the generator was, in the phase that is compared; without such a phase, over the whole load.

    A spike may be more than a generator can do, and a phase beside it is a measurement all the same.

    Args:
        vitals: Samples taken while that phase ran; none gives zeros.
        summary: What the script said.
        cores: Processors of the machine that k6 could use, where the vitals do not say how many these were.
        rss_mb: The most memory that it had at any time, MB.
        parts: What each process's script said, where several shared the load: one that was late spoils its share.
        limits: Where saturation begins.
    """
    limits = limits or HealthLimits()
    cpu = _p95([each.cpu_percent for each in vitals])
    reasons: list[str] = []
    usable = min([cores, *(each.usable_cores for each in vitals)])
    reasons.extend(_held_back(vitals, usable, limits))
    tolerated = tolerated_ms(summary, SUSTAINED, limits)
    parts = parts or (summary,)
    health = [part.health.phases.get(SUSTAINED, part.health) for part in parts]
    for part, seen in zip(parts, health, strict=True):
        reasons.extend(f"{_who(part)}{text}" for text in lateness(seen, tolerated_ms=tolerated))
    other = foreign_cpu_percent(vitals) if reasons else None
    other = None if other is None or other < _WORTH_A_WORD else other
    if other is not None:
        reasons.append(f"other processes took {other:.0f} % of the machine meanwhile")
    return GeneratorHealth(
        cpu_percent_p95=cpu,
        machine_cpu_percent_p95=_p95([each.machine_cpu_percent for each in vitals]),
        cores=math.ceil(usable),
        rss_mb_max=rss_mb,
        dropped_iterations=round(summary.dropped_iterations),
        overrun_ms_p99=max(_p99(each.overrun_ms) for each in health),
        late_ms=max(max(_p99(each.overrun_ms), late_waking_ms(each)) for each in health),
        tolerated_ms=tolerated,
        other_percent=other,
        stall_ms_max=max(0.0 if each.stall_ms is None else each.stall_ms.max for each in health),
        time_series=summary.time_series,
        saturated=bool(reasons),
        reasons=tuple(reasons),
    )


def _held_back(vitals: Sequence[ResourceSample], usable: float, limits: HealthLimits) -> Iterator[str]:
    """What kept k6 from working: the end of its processors, or a signal that stopped it."""
    cpu, share = _p95([each.cpu_percent for each in vitals]), _p95([each.used_share for each in vitals])
    if cpu > limits.cpu_share * 100 * usable:
        yield f"k6 used {cpu:.0f} % CPU of {100 * usable:.0f} %"
    elif share > limits.cpu_share:
        yield f"one k6 process used {100 * share:.0f} % of the processor time that it may use"
    wanted, stopped = (
        float(np.mean(shares)) if shares else 0.0
        for shares in ([each.wanted_share for each in vitals], [each.stopped_share for each in vitals])
    )
    if wanted > limits.wanted_share:
        yield f"k6 wanted {100 * wanted:.0f} % of the processors that it may run on, and used {100 * share:.0f} %"
    if stopped > limits.stopped_share:
        yield f"k6 was stopped {100 * stopped:.0f} % of the time"


_WORTH_A_WORD = 10.0
"""Share of the machine, percent, from which other work is named where the generator came too late."""


def foreign_cpu_percent(vitals: Sequence[ResourceSample]) -> float | None:
    """Return what other work took of the machine on average, percent of all cores; None if nobody looked."""
    return round(float(np.mean([each.foreign_cpu_percent for each in vitals])), 1) if vitals else None


def foreign_cpu(vitals: Sequence[ResourceSample]) -> dict[str, float | None]:
    """Return what `Machine` states of other work: over all samples, and over the quarter in which it took most."""
    most = sorted(vitals, key=lambda each: each.foreign_cpu_percent)[-math.ceil(len(vitals) / 4) :]
    return {
        "foreign_cpu_percent": foreign_cpu_percent(vitals),
        "foreign_cpu_percent_busiest_quarter": foreign_cpu_percent(most),
    }


def other_phases(
    summary: ScriptSummary, parts: Sequence[ScriptSummary] = (), *, limits: HealthLimits | None = None
) -> tuple[str, ...]:
    """A sentence for each other phase in which the generator was late: its figures say little of the stack."""
    limits = limits or HealthLimits()
    found = []
    for part in parts or (summary,):
        for phase, seen in part.health.phases.items():
            late = lateness(seen, tolerated_ms=tolerated_ms(summary, phase, limits))
            if late and phase != SUSTAINED:
                found.append(
                    f"{_who(part)}in the phase {phase} the load generator was the bottleneck: {'; '.join(late)}"
                )
    return tuple(found)


def _who(part: ScriptSummary) -> str:
    return f"{shard_name(part.shard.index, part.shard.of)}: " if part.shard.of > 1 else ""


def lateness(health: PhaseHealth, *, tolerated_ms: float) -> list[str]:
    """What was late by more than is tolerated, with its numbers."""
    late = {
        "iterations took {} ms outside their requests and their pacing sleep": _p99(health.overrun_ms),
        "VUs woke {} ms late from their pacing sleep": late_waking_ms(health),
    }
    return [
        f"{text.format(_apart(value, tolerated_ms))} (p99); {tolerated_ms:.0f} ms are tolerated"
        for text, value in late.items()
        if value > tolerated_ms
    ]


def _apart(value: float, limit: float) -> str:
    """The value with as few digits as tell it from a limit that it exceeds."""
    # The limit is shown without decimals, so that is what the value must differ from.
    digits = next((digits for digits in range(3) if float(f"{value:.{digits}f}") > round(limit)), 3)
    return f"{value:.{digits}f}"


def late_waking_ms(health: PhaseHealth) -> float:
    """99th percentile of how late VUs woke from their pacing sleep, ms.

    The scripts time every 16th iteration, and every wake-up that is more than 50 ms late: what is late is
    over-represented. The iterations' own times come from the same 16th without the addition, so their number gives the
    rank at which the fair sample's 99th percentile stands among all.
    """
    stall, fair = health.stall_ms, health.overrun_ms
    if stall is None:
        return 0.0
    watched = stall.count if fair is None else min(fair.count, stall.count)
    return at_share(stall, 0.99 * watched / stall.count)


def tolerated_ms(summary: ScriptSummary, phase: str, limits: HealthLimits) -> float:
    """How late a generator may be in a phase: what hardly shows in the latencies that were measured there, ms."""
    return min(max(limits.late_ms, limits.late_share * _typical_ms(summary, phase)), limits.late_most_ms)


def _typical_ms(summary: ScriptSummary, phase: str) -> float:
    """The median latency of the endpoint with most of the phase's requests, ms; 0 without requests.

    Not a higher quantile: what makes a generator late lengthens those of its latencies first.
    """
    found = [
        (distribution.count, distribution.quantiles.get("p50", 0.0))
        for series in summary.series
        if series.metric == "latency" and (distribution := series.phases.get(phase)) is not None
    ]
    return max(found, default=(0, 0.0))[1]


def _p99(distribution: Distribution | None) -> float:
    return 0.0 if distribution is None else distribution.quantiles.get("p99", distribution.max)


def _p95(values: Sequence[float]) -> float:
    return float(np.percentile(values, 95)) if values else 0.0


MOST_SAMPLES: Final = 3
_BODY_BYTES: Final = 512
_MAC: Final = re.compile(r"\b[0-9a-f]{2}(?:[:-][0-9a-f]{2}){5}\b", re.IGNORECASE)
_NAMED: Final = re.compile(r'"(?:id|component_?id)"\s*:\s*"([^"]*)', re.IGNORECASE)
_MADE_BY_THE_SERVER: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d*", re.IGNORECASE)
_WITHHELD: Final = "(withheld: it names nodes that are not this run's)"


def failure_samples(lines: tuple[str, ...], ours: tuple[Identities, ...]) -> tuple[FailureSample, ...]:
    """The first three failed answers that the scripts logged; a line of another shape is left out.

    Args:
        lines: JSON, as `k6/README.md` has it.
        ours: What this run seeded and what it writes. A list on a shared stack can hold other people's nodes; a body
            with one of them is withheld whole, the endpoint, status and error stay.
    """
    samples = []
    for line in lines[:MOST_SAMPLES]:
        try:
            sample = FailureSample.model_validate(bounds.parse_json(line))
        except (ValueError, ValidationError):
            continue
        body = sample.body.encode(errors="replace")[:_BODY_BYTES].decode(errors="ignore")
        samples.append(sample.model_copy(update={"body": _WITHHELD if _names_others(body, ours) else body}))
    return tuple(samples)


def _names_others(body: str, ours: tuple[Identities, ...]) -> bool:
    macs = tuple(_digits(names.mac(0))[:7] for names in ours)
    ids = tuple(names.named(names.rules.id.partition("{index}")[0], 0) for names in ours)
    return any(not _digits(mac).startswith(macs) for mac in _MAC.findall(body)) or any(
        not name.startswith(ids) and not _MADE_BY_THE_SERVER.fullmatch(name) for name in _NAMED.findall(body)
    )


def _digits(mac: str) -> str:
    return re.sub("[:-]", "", mac).lower()


@dataclass(frozen=True, slots=True)
class ValidityLimits:
    """The defaults of verdict.md section 2, and of issue 3 for 429."""

    dropped_share: float = 0.001
    reached_share: float = 0.95
    windows_share: float = 0.5
    throttled_share: float = 0.001
    refused_share: float = 0.001
    thrown_share: float = 0.001
    """Of the iterations, how many may end in an exception of the script."""


def ended_badly(outcome: K6Outcome, *, has_summary: bool) -> RunProblem | None:
    """The problem of a load that did not come to its planned end, or None."""
    if outcome.order is not None:
        reasons = {reason.value: reason for reason in RunReason}
        return RunProblem(reason=reasons.get(outcome.order.reason, RunReason.INCOMPLETE), text=outcome.order.text)
    if outcome.ending is EndKind.THREW:
        return RunProblem(reason=RunReason.SCRIPT_FAILED, text=outcome.text)
    if outcome.ending is EndKind.COMPLETE:
        if has_summary:
            return None
        text = f"{outcome.text}, and left no summary"
        if outcome.thrown:
            return RunProblem(reason=RunReason.SCRIPT_FAILED, text=f"{text}: {outcome.thrown[0].text}")
        return RunProblem(reason=RunReason.GENERATOR_DIED, text=text)
    reason = RunReason.INCOMPLETE if outcome.ending is EndKind.STOPPED else RunReason.GENERATOR_DIED
    return RunProblem(reason=reason, text=outcome.text)


def problems(
    summary: ScriptSummary,
    plan: Plan,
    health: GeneratorHealth,
    sustained: PhaseOutcome | None,
    *,
    arrivals: float,
    thrown: Sequence[LogMessage] = (),
    limits: ValidityLimits | None = None,
) -> tuple[RunProblem, ...]:
    """What forbids a judgement, of a load that came to its end or was stopped.

    Args:
        summary: What was measured.
        plan: What was meant.
        health: How the generator was.
        sustained: The sustained phase as it went; None if the plan has none.
        arrivals: Planned arrivals; 0 for a load of VUs alone.
        thrown: What iterations ended in before they were through, of a load that came to its end.
        limits: Where a problem begins.
    """
    limits = limits or ValidityLimits()
    return (
        *_saturated(health, "" if sustained is None else f" in the {SUSTAINED} phase"),
        *_dropped(summary, arrivals, limits),
        *([] if sustained is None else _not_reached(plan, health, sustained, limits)),
        *(_few_windows(summary, plan, limits) if _asked_anything(summary) else (_no_requests(summary),)),
        *_all_failed(summary),
        *_answers(summary, limits),
        *_cut_short(summary, thrown, limits),
    )


def _asked_anything(summary: ScriptSummary) -> bool:
    return any(traffic.requests for traffic in summary.traffic)


def _no_requests(summary: ScriptSummary) -> RunProblem:
    """A load without a request, such as a burst whose setup found that Kea does not answer: nothing failed in it."""
    why = "; ".join(f"{each.what}: {each.reason}" for each in summary.unavailable)
    text = f"nothing was measured ({why})" if why else "nothing was measured"
    return RunProblem(reason=RunReason.INCOMPLETE, text=text)


def _all_failed(summary: ScriptSummary) -> Iterator[RunProblem]:
    """A load of which nothing came back says nothing of how fast or how reliable the stack is, however short it was."""
    requests = sum(traffic.requests for traffic in summary.traffic)
    if requests and requests == sum(traffic.failed + traffic.throttled for traffic in summary.traffic):
        text = f"not one of {requests:,} requests got a good answer"
        yield RunProblem(reason=RunReason.INCOMPLETE, text=text)


def _saturated(health: GeneratorHealth, where: str) -> Iterator[RunProblem]:
    if health.saturated:
        text = f"the load generator was the bottleneck{where}: {'; '.join(health.reasons)}"
        late, tolerated = health.late_ms or 0.0, health.tolerated_ms or 0.0
        measured = {"late_ms": late, "tolerated_ms": tolerated} if late > tolerated else {}
        if health.other_percent is not None:
            measured["other_percent"] = health.other_percent
        yield RunProblem(reason=RunReason.GENERATOR_SATURATED, text=text, measured=measured)


def _dropped(summary: ScriptSummary, arrivals: float, limits: ValidityLimits) -> Iterator[RunProblem]:
    if arrivals and summary.dropped_iterations > limits.dropped_share * arrivals:
        share = summary.dropped_iterations / arrivals
        text = f"{summary.dropped_iterations:,.0f} of {arrivals:,.0f} arrivals were dropped ({share:.2%})"
        yield RunProblem(reason=RunReason.DROPPED_ITERATIONS, text=text)


def _not_reached(
    plan: Plan, health: GeneratorHealth, sustained: PhaseOutcome, limits: ValidityLimits
) -> Iterator[RunProblem]:
    planned_vus = max((phase.to_vus or 0 for phase in plan.phases if phase.name == SUSTAINED), default=0)
    vus_missing = sustained.max_vus < limits.reached_share * planned_vus
    slow = sustained.achieved_per_s < limits.reached_share * sustained.offered_per_s
    if vus_missing:
        text = f"{sustained.max_vus:,} VUs of {planned_vus:,} were there in the sustained phase"
        yield RunProblem(reason=RunReason.LOAD_NOT_REACHED, text=text)
    elif slow and health.saturated:
        text = (
            f"{sustained.achieved_per_s:,.0f} of {sustained.offered_per_s:,.0f} requests/s were made in the sustained "
            "phase, by a generator in bad health"
        )
        yield RunProblem(reason=RunReason.LOAD_NOT_REACHED, text=text)


def _few_windows(summary: ScriptSummary, plan: Plan, limits: ValidityLimits) -> Iterator[RunProblem]:
    series = [series for series in summary.series if series.metric == "latency" and series.windows]
    if not series or not plan.windows:
        return
    filled = max(sum(window.count > 0 for window in each.windows) for each in series)
    if filled < limits.windows_share * plan.windows:
        text = f"{filled} of {plan.windows} windows have data"
        yield RunProblem(reason=RunReason.INCOMPLETE, text=text)


def _answers(summary: ScriptSummary, limits: ValidityLimits) -> Iterator[RunProblem]:
    requests = sum(traffic.requests for traffic in summary.traffic)
    throttled = sum(traffic.throttled for traffic in summary.traffic)
    refused = sum(traffic.refused for traffic in summary.traffic)
    if requests and throttled > limits.throttled_share * requests:
        text = f"{throttled:,} of {requests:,} requests were answered 429 ({throttled / requests:.2%})"
        yield RunProblem(reason=RunReason.THROTTLED, text=text)
    if requests and refused > limits.refused_share * requests:
        text = f"{refused:,} of {requests:,} requests were refused with 401 or 403; the credential does not last"
        yield RunProblem(reason=RunReason.AUTH_EXPIRED, text=text)


def _cut_short(summary: ScriptSummary, thrown: Sequence[LogMessage], limits: ValidityLimits) -> Iterator[RunProblem]:
    """Iterations that an exception ended: what they had still to ask was never asked, and counts nowhere as failed."""
    times = sum(said.times for said in thrown)
    if times > limits.thrown_share * summary.iterations:
        text = (
            f"{times:,} of {summary.iterations:,.0f} iterations ended in an exception of the script: {thrown[0].text}"
        )
        yield RunProblem(reason=RunReason.SCRIPT_FAILED, text=text)


COUNTERS = (REQUESTS, FAILED, "vus")
"""What k6 is asked for once a second: Counters and a Gauge, 0.4 ms each."""
_MB_KEPT_FREE = 256.0
_SHARE_KEPT_FREE = 0.1
"""Of the generator's own memory: what writing the summary needs on top."""


@dataclass(frozen=True, slots=True)
class LoadSecond:
    """Load in one second, as far as k6 said."""

    at_s: float
    """Seconds since the load began."""
    vus: float
    requests: float
    failed: float


class Brake:
    """Watches a load; keeps what it saw, for the phases' numbers of VUs.

    Args:
        limits: When to stop.
        red_for_s: Since how many seconds a service that is needed says that it is not ready; 0 while all are.
    """

    def __init__(self, limits: BrakeLimits, red_for_s: Callable[[], float] = lambda: 0.0) -> None:
        self._limits = limits
        self._red_for_s = red_for_s
        self._failing_since: float | None = None
        self.seen: list[LoadSecond] = []

    def __call__(self, observation: Observation) -> StopOrder | None:
        """Look once; an order if the load is to stop."""
        memory = _memory(observation)
        if memory is not None:
            return memory
        if observation.load_s > self._limits.max_duration_s:
            return StopOrder(
                RunReason.MAX_DURATION,
                f"the load was stopped after {self._limits.max_duration_s:.0f} s, --max-duration",
            )
        return self._failures(observation) or self._readiness()

    def _failures(self, observation: Observation) -> StopOrder | None:
        counts = observation.counts
        if not observation.load_s or not {REQUESTS, FAILED} <= counts.keys():
            return None
        before = self.seen[-1] if self.seen else LoadSecond(0.0, 0.0, 0.0, 0.0)
        now = LoadSecond(observation.load_s, counts.get("vus", 0.0), counts[REQUESTS], counts[FAILED])
        self.seen.append(now)
        requests = now.requests - before.requests
        if requests <= 0:
            # Nothing came back in this second: a stack that hangs fails its requests only when they time out.
            return None
        if (now.failed - before.failed) / requests <= self._limits.failure_share:
            self._failing_since = None
        elif self._failing_since is None:
            self._failing_since = before.at_s
        if self._failing_since is None or now.at_s - self._failing_since < self._limits.after_s:
            return None
        return StopOrder(
            RunReason.BRAKE_FAILURES,
            f"over {self._limits.failure_share:.0%} of the requests failed for {self._limits.after_s:.0f} s "
            f"({now.failed:,.0f} of {now.requests:,.0f} in all)",
        )

    def _readiness(self) -> StopOrder | None:
        if self._red_for_s() < self._limits.after_s:
            return None
        return StopOrder(
            RunReason.BRAKE_READINESS, f"a service under load was not ready for {self._limits.after_s:.0f} s"
        )


def _memory(observation: Observation) -> StopOrder | None:
    """A generator that the kernel kills for memory loses its summary; one that stops before keeps it."""
    vitals = observation.vitals
    kept_free = max(_MB_KEPT_FREE, vitals.rss_mb * _SHARE_KEPT_FREE)
    if vitals.available_mb >= kept_free:
        return None
    return StopOrder(
        RunReason.OUT_OF_MEMORY,
        f"only {vitals.available_mb:,.0f} MB of memory were left; the generator held {vitals.rss_mb:,.0f} MB",
    )
