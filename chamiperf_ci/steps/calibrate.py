"""What a request of a scenario costs on this machine: k6, and the stack where it runs here as well; measured and kept.

A stack on this machine is asked for its own nodes' documents, and what it takes of the processors is measured beside
k6. Else an endpoint answers each at once with what the script checks for, and k6 alone is measured.

A VU's first iteration costs more than its others, because it connects and runs code for the first time: a first trial
measures both. A request costs less the more there are, so two more trials send as many as the one before predicts.
"""

import asyncio
import math
import os
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final
from urllib.parse import unquote

import numpy as np

from chamiperf_ci.adapters.chamicore import ONE_TRY, Chamicore
from chamiperf_ci.adapters.files import built_script, dialect, read_document
from chamiperf_ci.adapters.k6 import K6Binary, K6Outcome, K6Run, Stage, StopRequest, find_k6, run_k6
from chamiperf_ci.adapters.machine import (
    Cost,
    available_mb,
    cores,
    fresh_memory_ms_per_mb,
    keep,
    most_open_files,
    this_machine,
)
from chamiperf_ci.errors import ConfigurationError, GeneratorFailed, Interrupted
from chamiperf_ci.models.dialect import Dialect, Identities, Route, fill
from chamiperf_ci.models.plan import SUSTAINED, Load, Phase, Plan, PlanIdentities, ScriptPlan
from chamiperf_ci.models.run import ScriptSummary
from chamiperf_ci.models.seed import Seed
from chamiperf_ci.models.target import CredentialKind, Target
from chamiperf_ci.steps.load.documents import plan_for_script, write_plan
from chamiperf_ci.steps.load.merging import summaries_of
from chamiperf_ci.steps.load.plan import FILES_KEPT, MachineLimits
from chamiperf_ci.steps.load.sizing import size
from chamiperf_ci.steps.load.stack_state import embedded, require_seeded
from chamiperf_ci.steps.readiness import describe
from chamiperf_ci.steps.targets import k6_environment

MEASURED_S: Final = 5.0
_SETTLING_S: Final = 1.0
_FIRST_PER_S: Final = 500.0
"""Requests a second and core at first, of so few VUs that what their start costs does not show."""
_FURTHER: Final = 2
"""Trials after the first."""
_VUS_PER_CORE: Final = 1_500
_MOST_VUS: Final = 10_000
"""To make these takes as long as to measure them."""
_MANY_VUS: Final = 500
"""With fewer, what it costs to start one does not show."""
_NODES: Final = 10_000
_RUN_ID: Final = "calibrate"
_RAMP_UP: Final = "ramp-up"
_LEAST_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class LocalStack:
    """A stack on this machine, and the nodes that it knows."""

    target: Target
    seed: Seed


def stack_here(target: Target | None, seed_file: Path | None) -> LocalStack | None:
    """The stack to be measured; None where it runs elsewhere, or its nodes are not known.

    Args:
        target: The stack, if one is given.
        seed_file: Of its nodes; None for the usual one, which need not be there.

    Raises:
        ConfigurationError: The file that was named cannot be read.
    """
    path = seed_file or _USUAL
    if target is None or not target.generator_on_target_host or (seed_file is None and not path.is_file()):
        return None
    return LocalStack(target, read_document(path, Seed, remedy="Run `chamiperf seed` first."))


_USUAL: Final = Path("out/seed.json")


def can_calibrate(scenario: str, spoken: Dialect) -> bool:
    """Whether the endpoint can stand for the stack: the scenario only asks for documents that a node is served."""
    return bool(_routes(scenario, spoken))


def calibrated(
    plans: Sequence[Plan], k6: str | None, spoken: str, stack: LocalStack | None = None, *, busy_cores: float = 0.0
) -> Iterator[str]:
    """Measure each scenario that can be, keep what was found, and say it.

    Args:
        plans: As planned.
        k6: The k6 that was named, None for the one that is found.
        spoken: The stack's dialect.
        stack: One on this machine, to be measured as well.
        busy_cores: Processors that other work takes, which the stack is not charged with.

    Raises:
        ConfigurationError: No scenario is planned, there is no k6, the seed file is of another stack or its nodes are
            gone, or what was found cannot be kept.
        CredentialRefused: The stack does not take the credential.
        StackUnreachable: It does not answer.
        GeneratorFailed, Interrupted: As `measure`.
    """
    if not plans:
        raise ConfigurationError(
            "there is nothing to calibrate", where="--calibrate", remedy="Give a --scenario, such as boot_storm."
        )
    binary = find_k6(k6)
    if stack is not None:
        with Chamicore(stack.target, retry=ONE_TRY) as client:
            require_seeded(client, stack.seed, describe(client).kind)
    with StopRequest() as stop:
        for plan in plans:
            if not can_calibrate(plan.scenario, dialect(spoken)):
                yield f"{plan.scenario} cannot be calibrated: it asks for more than documents, which needs a stack"
                continue
            cost = measure(plan, binary, spoken, stop, stack, busy_cores=busy_cores)
            also = cost.stack_ms_per_request
            beside = "" if also is None else f", and {also:.3f} ms of the stack's"
            more = "" if cost.ms_per_start is None else f", {cost.ms_per_start:.3f} ms more for a VU that starts"
            yield (
                f"{plan.scenario}: {cost.ms_per_request:.3f} ms of k6's processor time a request{beside}{more} "
                f"({cost.requests:,} requests), kept in {keep(cost)}"
            )


def measure(
    plan: Plan,
    k6: K6Binary,
    spoken: str,
    stop: StopRequest,
    stack: LocalStack | None = None,
    *,
    busy_cores: float = 0.0,
) -> Cost:
    """Measure for some seconds, arguments as of `calibrated`.

    Raises:
        GeneratorFailed: k6 did not come to its end, or its requests failed.
        Interrupted: On a signal.
    """
    limits = MachineLimits(math.inf, 0, 0, stack_here=stack is not None, busy_cores=busy_cores)
    with _endpoint(dialect(spoken)) if stack is None else nullcontext(stack) as asked:
        trial = _Trial(plan, k6, spoken, asked, busy_cores, _vus(plan), fresh_memory_ms_per_mb())
        found = trial.first(stop)
        for _ in range(_FURTHER):
            steady = found.model_copy(update={"ms_per_start": None})
            predicted = size(plan, cores=cores(), limits=limits, costs={plan.scenario: steady}).ceiling_per_s[0]
            per_s = max(trial.least_per_s, predicted)
            found = trial.at(per_s, stop).model_copy(update={"ms_per_start": found.ms_per_start})
        return found


def _vus(plan: Plan) -> int:
    """As many as the plan has, or as can be made in a few seconds, with a MB each and within open files."""
    room = min(available_mb(), most_open_files() - FILES_KEPT)
    return max(1, min(plan.vus, math.ceil(_VUS_PER_CORE * cores()), _MOST_VUS, int(room)))


@dataclass(frozen=True, slots=True)
class _Trial:
    """What is measured: a scenario of which k6, against what, beside how much other work."""

    plan: Plan
    k6: K6Binary
    spoken: str
    asked: LocalStack | str
    """A stack, or the URL of the endpoint that does nothing."""
    busy_cores: float
    vus: int
    fresh_ms_per_mb: float
    """A trial gets the memory that the one before has left, a load of many VUs does not: what it takes beyond that."""

    @property
    def least_per_s(self) -> float:
        """Requests a second with which each VU sends once in the time that is measured."""
        return self.vus * self.plan.phases[0].requests_per_iteration / MEASURED_S

    def first(self, stop: StopRequest) -> Cost:
        """What a request costs at a low rate, and how much more that of a VU that starts.

        In the first of two equal spans each VU sends for the first time, in the second each once more.
        """
        if self.vus < _MANY_VUS:
            return self.at(cores() * _FIRST_PER_S, stop)
        outcome, summary = self._outcome(self.least_per_s, stop)
        starting = self._cost(outcome, summary, _RAMP_UP, 0.0)
        later = self._cost(outcome, summary, SUSTAINED, MEASURED_S)
        more_ms = starting.ms_per_request - later.ms_per_request
        more_ms += (starting.stack_ms_per_request or 0.0) - (later.stack_ms_per_request or 0.0)
        if more_ms <= 0:
            # Something else took more in the second span: what is not known must not count as nothing.
            return later
        more_ms *= self.plan.phases[0].requests_per_iteration
        return later.model_copy(update={"ms_per_start": round(more_ms, 4)})

    def at(self, per_s: float, stop: StopRequest) -> Cost:
        """What a request costs at a rate, once all VUs have started."""
        outcome, summary = self._outcome(per_s, stop)
        return self._cost(outcome, summary, SUSTAINED, self._settling_s(per_s))

    def _settling_s(self, per_s: float) -> float:
        """Until each VU has begun its second iteration: it begins the first at a random point of its interval."""
        return max(_SETTLING_S, self._pace_s(per_s))

    def _pace_s(self, per_s: float) -> float:
        return self.vus * self.plan.phases[0].requests_per_iteration / per_s

    def _outcome(self, per_s: float, stop: StopRequest) -> tuple[K6Outcome, ScriptSummary]:
        scenario = self.plan.scenario
        with tempfile.TemporaryDirectory(prefix="chamiperf-calibrate-") as name:
            stages = [Stage("measuring", self._settling_s(per_s) + MEASURED_S)]
            outcome = run_k6(
                self._run(Path(name), per_s),
                stop,
                label=f"calibrating {scenario}",
                own_pids=_processes(self.asked),
                stages=stages,
            )
        if stop.requested:
            raise Interrupted(
                f"interrupted by {stop.by}, and nothing was kept",
                where=f"calibrating {scenario}",
                remedy="Run it again.",
            )
        summary = next(iter(summaries_of(outcome)[0]), None)
        if summary is None or outcome.load_began_s is None:
            raise _failed(scenario, outcome.text)
        return outcome, summary

    def _cost(self, outcome: K6Outcome, summary: ScriptSummary, phase: str, after_s: float) -> Cost:
        """Of a phase that begins so long after the load."""
        scenario = self.plan.scenario
        requests = _requests(summary, scenario, phase)
        begin = (outcome.load_began_s or 0.0) + after_s
        # A look says what was used since the one before, which must not have been before the phase.
        seen = [
            vitals
            for before, vitals in pairwise(outcome.vitals)
            if begin <= before.at_s and vitals.at_s <= begin + MEASURED_S
        ]
        if not seen:
            raise _failed(scenario, "the machine was too busy to look at k6")
        used = float(np.mean([vitals.cpu_percent for vitals in seen])) / 100
        ms_each = 1000 * MEASURED_S / requests
        grown_mb = max(0.0, seen[-1].rss_mb - seen[0].rss_mb) / max(_LEAST_S, seen[-1].at_s - seen[0].at_s)
        fresh = grown_mb * self.fresh_ms_per_mb / 1000
        cost = Cost(
            scenario=scenario,
            machine=this_machine(),
            k6=self.k6.version,
            vus=self.vus,
            ms_per_request=round((used + fresh) * ms_each, 4),
            requests=requests,
        )
        if isinstance(self.asked, str):
            return cost
        # The embedded stack's processes are known. Of another one nobody knows them: what neither k6 nor this command
        # takes is its own, but for what was taken before.
        is_known = bool(_processes(self.asked))
        others = [
            each.machine_cpu_percent - each.foreign_cpu_percent if is_known else each.foreign_cpu_percent
            for each in seen
        ]
        taken = float(np.mean(others)) / 100 * (os.cpu_count() or 1) - (used if is_known else self.busy_cores)
        stack_ms = round(max(0.0, taken) * ms_each, 4)
        return cost.model_copy(update={"stack": self.asked.target.environment, "stack_ms_per_request": stack_ms})

    def _run(self, folder: Path, per_s: float) -> K6Run:
        plan, asked = self.plan, self.asked
        script = self._script(per_s)
        write_plan(folder / "plan.json", script)
        target = None if isinstance(asked, str) else asked.target
        return K6Run(
            binary=self.k6.path,
            script=built_script(plan.scenario),
            folder=folder,
            environment={} if target is None else k6_environment(target.credential),
            plan=folder / "plan.json",
            timeout_s=120.0,
            ca_file=None if target is None else target.tls.ca_file and target.tls.ca_file.resolve(),
            insecure=target is not None and target.tls.insecure,
            gogc=plan.gogc,
            memory_mb=plan.memory_mb / plan.segments,
        )

    def _script(self, per_s: float) -> ScriptPlan:
        plan, asked = self.plan, self.asked
        vus, settling_s = self.vus, self._settling_s(per_s)
        phases = (
            Phase(name=_RAMP_UP, duration_s=settling_s, from_vus=vus, to_vus=vus),
            Phase(name=SUSTAINED, start_s=settling_s, duration_s=MEASURED_S, from_vus=vus, to_vus=vus),
        )
        load = Load(model="closed", pace_s=self._pace_s(per_s), phases=phases, parameters=plan.parameters)
        if not isinstance(asked, str):
            names = {"scenario": plan.scenario, "profile": _RUN_ID, "run_id": f"{_RUN_ID}w"}
            return plan_for_script(asked.target, asked.seed, load, **names)
        return ScriptPlan(
            scenario=plan.scenario,
            profile=_RUN_ID,
            dialect=self.spoken,
            urls=dict.fromkeys(plan.services, asked),
            credential=CredentialKind.NONE,
            identities=PlanIdentities(
                run_id=_RUN_ID, nodes=_NODES, network="198.18.0.0/15", written_run_id=f"{_RUN_ID}w"
            ),
            load=load,
        )


def _processes(asked: LocalStack | str) -> tuple[int, ...]:
    """Those of the embedded stack, where it is the one that is asked."""
    return () if isinstance(asked, str) else embedded(asked.target)[2]


def _requests(summary: ScriptSummary, scenario: str, phase: str) -> int:
    """The requests of a phase, all of which must be good."""
    those = [each for each in summary.traffic if each.phase == phase]
    requests, failed = sum(each.requests for each in those), sum(each.failed for each in those)
    if failed or not requests:
        raise _failed(scenario, f"{failed:,} of {requests:,} requests failed")
    return requests


def _failed(scenario: str, why: str) -> GeneratorFailed:
    return GeneratorFailed(
        f"{scenario} could not be calibrated: {why}",
        where="k6, for --calibrate",
        remedy="Run it again on a quieter machine with the stack's own --seed-file, or without --calibrate.",
    )


def _routes(scenario: str, spoken: Dialect) -> dict[str, Route]:
    """The documents that the endpoint serves to a scenario; none to one that does anything else."""
    names = {"boot_storm": ("bootscript",), "cloud_init_storm": ("user-data", "meta-data", "vendor-data")}
    found = {name: spoken.routes[name] for name in names.get(scenario, ()) if name in spoken.routes}
    return found if len(found) == len(names.get(scenario, ())) else {}


@contextmanager
def _endpoint(spoken: Dialect) -> Iterator[str]:
    """The URL of an endpoint that serves every node's documents, in a thread of its own."""
    ready, loop = threading.Event(), asyncio.new_event_loop()
    address: list[str] = []
    documents = _Documents(spoken)

    def serve() -> None:
        asyncio.set_event_loop(loop)
        server = loop.run_until_complete(loop.create_server(lambda: _Answering(documents), "127.0.0.1", 0))
        address.append(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        ready.set()
        loop.run_forever()
        server.close()
        documents.close()
        loop.run_until_complete(asyncio.sleep(0))

    thread = threading.Thread(target=serve, name="chamiperf-endpoint", daemon=True)
    thread.start()
    ready.wait()
    try:
        yield address[0]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


class _Documents:
    """The answer to each path, made once."""

    def __init__(self, spoken: Dialect) -> None:
        names = Identities(spoken.identity, _RUN_ID, "198.18.0.0/15")
        routes = {name: spoken.routes[name] for name in spoken.served if name in spoken.routes}
        self._texts: dict[bytes, bytes] = {}
        self.connections: list[asyncio.WriteTransport] = []
        for index in range(_NODES):
            values = names.values(index)
            for route in routes.values():
                body = "".join(fill(text, values) for text in route.contains).encode()
                head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % len(body)
                self._texts[unquote(fill(route.path, values)).encode()] = head + body

    def close(self) -> None:
        """Close the connections that clients have left open."""
        for connection in self.connections:
            connection.abort()

    def answer(self, path: bytes) -> bytes:
        found = self._texts.get(unquote(path.decode("ascii", "replace")).encode())
        return found or b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


class _Answering(asyncio.Protocol):
    """Answers GETs, one after the other; they have no body."""

    def __init__(self, documents: _Documents) -> None:
        self._documents = documents
        self._rest = b""
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.WriteTransport):
            self._transport = transport
            self._documents.connections.append(transport)

    def data_received(self, data: bytes) -> None:
        *asked, self._rest = (self._rest + data).split(b"\r\n\r\n")
        for head in asked:
            path = head.split(b" ", 2)[1] if head.count(b" ") > 1 else b""
            if self._transport is not None:
                self._transport.write(self._documents.answer(path))
