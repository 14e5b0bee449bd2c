"""What a request of a scenario costs k6 on this machine, measured against an endpoint that does nothing; kept.

The endpoint answers each boot document at once with what the script checks for, so what k6 takes is all that is
measured: its processor time a request, with VUs paced as planned. Throughput would measure the endpoint as well.
"""

import asyncio
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import unquote

import numpy as np

from chamiperf_ci.adapters.files import built_script, dialect
from chamiperf_ci.adapters.k6 import K6Binary, K6Run, Stage, StopRequest, find_k6, run_k6
from chamiperf_ci.adapters.machine import Cost, keep, this_machine
from chamiperf_ci.errors import ConfigurationError, GeneratorFailed
from chamiperf_ci.models.dialect import Dialect, Identities, Route, fill
from chamiperf_ci.models.plan import SUSTAINED, Load, Phase, Plan, PlanIdentities, ScriptPlan
from chamiperf_ci.models.run import ScriptSummary
from chamiperf_ci.models.target import CredentialKind
from chamiperf_ci.steps.load.documents import write_plan
from chamiperf_ci.steps.load.merging import summaries_of

MEASURED_S: Final = 5.0
_SETTLING_S: Final = 1.0
MOST_VUS: Final = 1_000
"""More of them would take longer to be made than all else; a request costs hardly more with ten times as many."""
_NODES: Final = 10_000
_RUN_ID: Final = "calibrate"


def can(scenario: str, spoken: Dialect) -> bool:
    """Whether the endpoint can stand for the stack: the scenario only asks for documents that a node is served."""
    return bool(_routes(scenario, spoken))


def calibrated(plans: Sequence[Plan], k6: str | None, spoken: str) -> Iterator[str]:
    """Measure each scenario that can be, keep what was found, and say it.

    Args:
        plans: As planned.
        k6: The k6 that was named, None for the one that is found.
        spoken: The stack's dialect.

    Raises:
        ConfigurationError: No scenario is planned, there is no k6, or what was found cannot be kept.
        GeneratorFailed: As `measure`.
    """
    if not plans:
        raise ConfigurationError(
            "there is nothing to calibrate", where="--calibrate", remedy="Give a --scenario, such as boot_storm."
        )
    binary = find_k6(k6)
    with StopRequest() as stop:
        for plan in plans:
            if not can(plan.scenario, dialect(spoken)):
                yield f"{plan.scenario} cannot be calibrated: it asks for more than documents, which needs a stack"
                continue
            cost = measure(plan, binary, spoken, stop)
            yield (
                f"{plan.scenario}: {cost.ms_per_request:.3f} ms of processor time a request ({cost.requests:,} "
                f"requests), kept in {keep(cost)}"
            )


def measure(plan: Plan, k6: K6Binary, spoken: str, stop: StopRequest) -> Cost:
    """Measure for some seconds.

    Raises:
        GeneratorFailed: k6 did not come to its end, or its requests failed.
    """
    vus = min(plan.vus or 1, MOST_VUS)
    phases = (
        Phase(name="ramp-up", duration_s=_SETTLING_S, from_vus=vus, to_vus=vus),
        Phase(name=SUSTAINED, start_s=_SETTLING_S, duration_s=MEASURED_S, from_vus=vus, to_vus=vus),
    )
    with tempfile.TemporaryDirectory(prefix="chamiperf-calibrate-") as name, _endpoint(dialect(spoken)) as url:
        folder = Path(name)
        told = ScriptPlan(
            scenario=plan.scenario,
            profile="calibrate",
            dialect=spoken,
            urls=dict.fromkeys(plan.services, url),
            credential=CredentialKind.NONE,
            identities=PlanIdentities(
                run_id=_RUN_ID, nodes=_NODES, network="198.18.0.0/15", written_run_id=f"{_RUN_ID}w"
            ),
            load=Load(model="closed", pace_s=plan.pace_s, phases=phases, parameters=plan.parameters),
        )
        write_plan(folder / "plan.json", told)
        run = K6Run(
            binary=k6.path,
            script=built_script(plan.scenario),
            folder=folder,
            plan=folder / "plan.json",
            timeout_s=120.0,
            gogc=plan.gogc,
        )
        outcome = run_k6(
            run, stop, label=f"{plan.scenario} against nothing", stages=[Stage("calibrating", _SETTLING_S + MEASURED_S)]
        )
    summary = next(iter(summaries_of(outcome)[0]), None)
    if summary is None or outcome.load_began_s is None:
        raise _failed(plan.scenario, outcome.text)
    requests = _requests(summary, plan.scenario)
    begin = outcome.load_began_s + _SETTLING_S
    used = [each.cpu_percent for each in outcome.vitals if begin < each.at_s <= begin + MEASURED_S]
    if not used:
        raise _failed(plan.scenario, "the machine was too busy to look at k6")
    processor_s = float(np.mean(used)) / 100 * MEASURED_S
    return Cost(
        scenario=plan.scenario,
        machine=this_machine(),
        k6=k6.version,
        ms_per_request=round(1000 * processor_s / requests, 4),
        requests=requests,
    )


def _requests(summary: ScriptSummary, scenario: str) -> int:
    """The good requests of the measured phase."""
    those = [each for each in summary.traffic if each.phase == SUSTAINED]
    requests, failed = sum(each.requests for each in those), sum(each.failed for each in those)
    if failed or not requests:
        raise _failed(scenario, f"{failed:,} of {requests:,} requests failed")
    return requests


def _failed(scenario: str, why: str) -> GeneratorFailed:
    return GeneratorFailed(
        f"{scenario} could not be calibrated: {why}",
        where="k6, against an endpoint of this command's own",
        remedy="Run it again on a quieter machine, or without --calibrate.",
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
