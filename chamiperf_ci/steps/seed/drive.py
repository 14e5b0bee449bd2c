"""Has k6 write or remove nodes, by as many processes as pay, and reads what became of them."""

import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal

from chamiperf_ci.adapters import machine
from chamiperf_ci.adapters.files import built_script
from chamiperf_ci.adapters.k6 import (
    INTERRUPTED,
    EndKind,
    K6Binary,
    K6Outcome,
    K6Run,
    Observation,
    Segment,
    StopOrder,
    StopRequest,
    run_k6,
)
from chamiperf_ci.adapters.k6.run import FAILED, REQUESTS, Watcher
from chamiperf_ci.errors import GeneratorFailed
from chamiperf_ci.models.dialect import Dialect
from chamiperf_ci.models.plan import Load, Phase, PlanIdentities, PlanTls, ScriptPlan
from chamiperf_ci.models.target import Service, Target
from chamiperf_ci.steps.readiness import Road, absolute
from chamiperf_ci.steps.targets import k6_environment

VUS: Final = 16
"""Enough to keep three services busy; more only cost the generator: 0.18 ms of CPU an object with 16, 0.22 with 32."""
_COLLECT_RARELY: Final = {"GOGC": "400"}
"""k6's heap is small while it seeds, so its collector may wait: 13 % less CPU for some 100 MB more."""
_NODES_A_PROCESS: Final = 10_000
"""From so many nodes a process on, another one pays: k6 takes longer than that to write them than to start."""
_MOST_PROCESSES: Final = 4
_FEWEST_TO_GROUP: Final = 5_000
"""From so many nodes on, an iteration writes a group of them, by a bulk route where dialect and stack have one."""
_GROUP: Final = 50
_TOLERATED: Final = 200
"""Requests that may fail before the share of failures counts."""
_SHARE: Final = 0.05
_SLOWEST_PER_S: Final = 20.0
"""Nodes per second below which a stack is given up."""
_LEAST_S: Final = 300.0


@dataclass(frozen=True, slots=True)
class NodeRange:
    """Consecutive nodes of one run."""

    run_id: str
    network: str
    first: int
    nodes: int


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of the objects of one kind."""

    kind: str
    created: int
    resolved: int
    failed: int
    removed: int


@dataclass(frozen=True, slots=True)
class SeedResult:
    """What k6 did."""

    seconds: float
    tallies: tuple[Tally, ...]
    refused: int
    """Requests that were answered with 401 or 403."""
    stopped: StopOrder | None
    """Why it ended before its end."""
    warnings: tuple[str, ...] = field(default=())

    @property
    def interrupted(self) -> bool:
        """Whether the user stopped it."""
        return self.stopped is not None and self.stopped.reason == INTERRUPTED


@dataclass(frozen=True)
class Driver:
    """Where k6 is, what it drives and who may stop it."""

    target: Target
    dialect: Dialect
    k6: K6Binary
    stop: StopRequest

    @cached_property
    def road(self) -> Road:
        """The road to the services, tried once."""
        return Road(self.target, self.k6)

    def write(self, stretch: NodeRange) -> SeedResult:
        """Write nodes; stops early when the stack refuses more than a few.

        Raises:
            GeneratorFailed: k6 left no summary.
        """
        return self._drive("seed", stretch, watch=_too_many_failures)

    def remove(self, stretch: NodeRange) -> SeedResult:
        """Remove nodes.

        Raises:
            GeneratorFailed: k6 left no summary.
        """
        return self._drive("unseed", stretch, watch=None)

    def _drive(self, script: Literal["seed", "unseed"], stretch: NodeRange, watch: Watcher | None) -> SeedResult:
        self.road.require((Service.SMD, Service.BSS, Service.CLOUD_INIT), self.stop)
        with tempfile.TemporaryDirectory(prefix="chamiperf-seed-") as name:
            folder = Path(name)
            plan = folder / "plan.json"
            plan.write_text(self._plan(script, stretch).model_dump_json(exclude_none=True), encoding="utf-8")
            shards = max(1, min(machine.cores(), _MOST_PROCESSES, stretch.nodes // _NODES_A_PROCESS))
            runs = [
                K6Run(
                    binary=self.k6.path,
                    script=built_script(script),
                    folder=folder / f"segment-{index}",
                    environment={**k6_environment(self.target.credential), **_COLLECT_RARELY},
                    plan=plan,
                    timeout_s=_longest_s(stretch.nodes),
                    ca_file=self.target.tls.ca_file,
                    insecure=self.target.tls.insecure,
                    segment=Segment(index, shards),
                )
                for index in range(shards)
            ]
            outcome = run_k6(
                runs,
                self.stop,
                label=script,
                watch=watch,
                counters=(REQUESTS, FAILED),
                requests=stretch.nodes * len(self.dialect.seed_order),
            )
        return _read(script, outcome, self.k6)

    def _plan(self, script: str, stretch: NodeRange) -> ScriptPlan:
        tls = self.target.tls
        group = _GROUP if script == "seed" and stretch.nodes >= _FEWEST_TO_GROUP else 1
        return ScriptPlan(
            scenario=script,
            profile=script,
            dialect=self.target.dialect,
            urls={service: url for service in Service if (url := self.target.url(service)) is not None},
            tls=PlanTls(
                insecure=tls.insecure,
                certificate_file=absolute(tls.client_certificate),
                key_file=absolute(tls.client_key),
            ),
            credential=self.target.credential.kind,
            identities=PlanIdentities(
                run_id=stretch.run_id,
                nodes=stretch.first + stretch.nodes,
                network=stretch.network,
                written_run_id=stretch.run_id,
            ),
            load=Load(
                model="closed",
                phases=(
                    Phase(
                        name=script,
                        duration_s=_longest_s(stretch.nodes),
                        from_vus=VUS,
                        to_vus=VUS,
                        iterations=math.ceil(stretch.nodes / group),
                    ),
                ),
                parameters={"first": stretch.first, **({"group": group} if group > 1 else {})},
            ),
        )


def _longest_s(nodes: int) -> float:
    return max(_LEAST_S, nodes / _SLOWEST_PER_S)


def _too_many_failures(seen: Observation) -> StopOrder | None:
    """A stack that refuses what is written will not be full in the end: tens of thousands of tries help nobody."""
    failed, requests = seen.counts.get(FAILED, 0.0), seen.counts.get(REQUESTS, 0.0)
    if failed <= max(_TOLERATED, _SHARE * requests):
        return None
    return StopOrder("refused", f"{failed:,.0f} of {requests:,.0f} requests failed")


def _read(script: str, outcome: K6Outcome, k6: K6Binary) -> SeedResult:
    summaries = [end.summary for end in outcome.ends if end.summary is not None]
    if len(summaries) < len(outcome.ends) or outcome.ending in (
        EndKind.MISCONFIGURED,
        EndKind.THREW,
        EndKind.FAILED,
        EndKind.KILLED,
    ):
        if outcome.order is not None and outcome.order.reason == INTERRUPTED:
            return SeedResult(0.0, (), 0, outcome.order)
        said = outcome.thrown or outcome.errors
        words = f": {said[0].text}" if said and outcome.ending is EndKind.COMPLETE else ""
        raise GeneratorFailed(
            f"{script}.js left no usable summary, {outcome.text}{words}",
            where=str(k6.path),
            remedy="See what the service answers to the line of the script that is named."
            if outcome.thrown
            else "Run the same command again: it continues where it stopped.",
        )
    order = outcome.order
    if order is None and outcome.ending is EndKind.STOPPED:
        order = StopOrder("stopped", outcome.text)
    return SeedResult(
        seconds=max(float(each["duration_s"]) for each in summaries),
        tallies=tuple(_tally(counted) for counted in zip(*(each["objects"] for each in summaries), strict=True)),
        refused=sum(int(row.get("refused", 0)) for each in summaries for row in each["traffic"]),
        stopped=order,
        warnings=(
            *k6.warnings,
            *dict.fromkeys(str(warning) for each in summaries for warning in each["warnings"]),
            *(said.text for said in outcome.errors[:3]),
        ),
    )


def _tally(counted: Sequence[dict[str, Any]]) -> Tally:
    """One kind, over all processes."""
    return Tally(
        kind=str(counted[0]["kind"]),
        **{name: sum(int(each[name]) for each in counted) for name in ("created", "resolved", "failed", "removed")},
    )
