"""Is the stack there? Waiting for it, asking what it is, and whether k6 reaches what Python reaches."""

import json
import queue
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from chamiperf_ci.adapters.bounds import host_of
from chamiperf_ci.adapters.chamicore import Chamicore, probe_url
from chamiperf_ci.adapters.console import Progress, clock
from chamiperf_ci.adapters.files import built_script, dialect
from chamiperf_ci.adapters.k6 import EndKind, K6Binary, K6Run, StopRequest, run_k6
from chamiperf_ci.errors import (
    CertificateRefused,
    ConfigurationError,
    GeneratorFailed,
    StackUnreachable,
    ToolkitError,
    UnexpectedAnswer,
)
from chamiperf_ci.models.target import Service, StackKind, Target

K = TypeVar("K")
T = TypeVar("T")
_LOOK_S = 0.1


def side_by_side(
    jobs: Mapping[K, Callable[[], None]], seconds: float, *, over: Callable[[], bool] = lambda: False
) -> frozenset[K]:
    """Run every job in a thread of its own and come back when all have ended or the time is over.

    Args:
        jobs: What to do, by name; a job leaves its result where the caller finds it.
        seconds: How long to wait at most.
        over: Whether to wait no longer; asked ten times a second.

    Returns:
        The names of the jobs that have not ended.

    Raises:
        BaseException: Whatever a job raised, as soon as it did.
    """
    ended: queue.SimpleQueue[tuple[K, BaseException | None]] = queue.SimpleQueue()

    def run(name: K, job: Callable[[], None]) -> None:
        try:
            job()
        except BaseException as error:  # noqa: BLE001 - handed to the caller, which raises it
            ended.put((name, error))
        else:
            ended.put((name, None))

    for name, job in jobs.items():
        threading.Thread(target=run, args=(name, job), name=f"chamiperf-{name}", daemon=True).start()
    open_jobs = set(jobs)
    deadline = time.monotonic() + seconds
    while open_jobs and not over():
        left = deadline - time.monotonic()
        try:
            name, error = ended.get(timeout=min(_LOOK_S, max(0.0, left)))
        except queue.Empty:
            if left <= _LOOK_S:
                break
            continue
        if error is not None:
            raise error
        open_jobs.discard(name)
    return frozenset(open_jobs)


def within_deadline(job: Callable[[], T], *, seconds: float, over: Callable[[], bool] = lambda: False) -> T | None:
    """What a job gives; None when the time is over before it has ended, or there is no more use for it.

    Raises:
        BaseException: Whatever the job raised.
    """
    given: list[T] = []
    side_by_side({"within_deadline": lambda: given.append(job())}, seconds, over=over)
    return given[0] if given else None


_EVERY_S: Final = 0.25
"""How often a service is asked, as Chamicore's own smoke tests do."""

Say = Callable[[str], None]


def configured(target: Target) -> tuple[Service, ...]:
    """The services that the target has."""
    return tuple(service for service in Service if target.url(service) is not None)


def wait_until_ready(client: Chamicore, *, timeout_s: float, say: Say) -> float:
    """Wait until each configured service answers `/readiness` with 200; the seconds that took.

    Args:
        client: One that does not try again by itself.
        timeout_s: Seconds after which it is given up.
        say: Told what a service is waited for, whenever that changes.

    Raises:
        StackUnreachable: A service was not ready in time; names each, and what it said last.
        ConfigurationError: A certificate that is not trusted, or a redirect to a host that is not listed.
    """
    started = time.monotonic()
    over = threading.Event()
    states = dict.fromkeys(configured(client.target), "no answer yet")

    def poll(service: Service) -> None:
        while not over.is_set():
            state = _state(client, service)
            if state is None:
                del states[service]
                return
            if state != states[service]:
                say(f"waiting for {service}: {state}")
            states[service] = state
            over.wait(_EVERY_S)

    def left() -> bool:
        waiting = ", ".join(f"{service}: {state}" for service, state in list(states.items()))
        shown.show(waiting, f"{clock(started + timeout_s - time.monotonic())} left")
        return False

    try:
        with Progress("waiting for", logged=False) as shown:
            unready = side_by_side({each: partial(poll, each) for each in tuple(states)}, timeout_s, over=left)
    finally:
        over.set()
    if unready:
        said = "; ".join(f"{service}: {states.get(service, 'ready too late')}" for service in sorted(unready))
        raise StackUnreachable(
            f"not ready within {timeout_s:g} s: {said}",
            where=", ".join(str(client.target.url(service)) for service in sorted(unready)),
            remedy="Read the services' logs, or wait longer with --timeout.",
        )
    return time.monotonic() - started


def _state(client: Chamicore, service: Service) -> str | None:
    """What a service says when it is not ready; None when it is."""
    try:
        answer = client.operational(service, "readiness")
    except (StackUnreachable, UnexpectedAnswer) as error:
        return error.wrong
    if client.is_good(service, "readiness", answer):
        return None
    return f"status {answer.status}, {answer.detail() or 'without a message'}"


_SEEDED: Final = (Service.SMD, Service.BSS, Service.CLOUD_INIT)
_KIND: Final = "x-chamiperf-kind"
"""What an embedded stack's gateway says in place of the `/version` that it does not pass on."""


@dataclass(frozen=True, slots=True)
class Description:
    """A stack in its own words."""

    kind: StackKind
    durability: str
    """How the seeded services make writes durable; empty where they do not say."""


def describe(client: Chamicore) -> Description:
    """Ask every configured service; one that has no usable `/version` says nothing.

    A stand-in is recognised by its own word, not only by the state file that a local one leaves: a run on it must never
    pass for one on the product.

    Raises:
        StackUnreachable: A service does not answer.
        ConfigurationError: A certificate that is not trusted, or a redirect to a host that is not listed.
    """
    said = {service: _version(client, service) for service in Service if client.target.url(service) is not None}
    known = client.target.stack_kind is StackKind.EMBEDDED
    embedded = known or any(version.get("kind") == StackKind.EMBEDDED for version in said.values())
    statements = [str(said[service]["durability"]) for service in _SEEDED if "durability" in said.get(service, {})]
    return Description(
        kind=StackKind.EMBEDDED if embedded else StackKind.DEPLOYED,
        durability="; ".join(dict.fromkeys(statements)),
    )


def _version(client: Chamicore, service: Service) -> dict[str, Any]:
    try:
        answer = client.operational(service, "version")
        return client.version(service, answer) if answer.ok else {"kind": answer.headers.get(_KIND)}
    except UnexpectedAnswer:
        return {}


EVERY_S = 2.0


class Readiness:
    """Watches `/readiness` while it is entered.

    A service is red when it answers 503 or not at all; any other answer, such as 404 from a stack without the route,
    says nothing.

    Args:
        client: One that does not try again by itself, and gives up after some seconds.
        services: Those under load.
    """

    def __init__(self, client: Chamicore, services: Sequence[Service]) -> None:
        self._client = client
        # A service that the stack does not have is no service that is not ready.
        self._services = tuple(service for service in services if client.target.url(service) is not None)
        self._red_since: float | None = None
        self._over = threading.Event()

    def __enter__(self) -> Self:
        threading.Thread(target=self._watch, name="readiness", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # The thread is not joined: a question that hangs must not hold up an interrupted run.
        self._over.set()

    def red_for_s(self) -> float:
        """Since how many seconds some service is red; 0 while none is."""
        since = self._red_since
        return 0.0 if since is None else time.monotonic() - since

    def red(self) -> tuple[Service, ...]:
        """Ask now; the services that are red."""
        return tuple(service for service in self._services if self._is_red(service))

    def _watch(self) -> None:
        while not self._over.wait(EVERY_S):
            asked = time.monotonic()
            try:
                red = self.red()
            except RuntimeError:
                # httpx's word for a client that was closed while a question was under way.
                if self._over.is_set():
                    return
                raise
            if not red:
                self._red_since = None
            elif self._red_since is None:
                self._red_since = asked

    def _is_red(self, service: Service) -> bool:
        try:
            return self._client.operational(service, "readiness").status == HTTPStatus.SERVICE_UNAVAILABLE
        except ToolkitError:
            return True


_ANSWER_S: Final = 10.0
_LONGEST_S: Final = 60.0
_TLS: Final = range(1300, 1400)
_NAMES: Final = range(1100, 1200)
_NO_URL: Final = 1020
_REDIRECTS: Final = range(300, 400)


class Road:
    """The road from k6 to a service: sends one request of k6's own to each, once.

    k6 has rules of its own for names (it takes one address of several), for certificates and for redirects (a load
    follows none), so a smoke test that is green proves nothing of it.
    """

    def __init__(self, target: Target, k6: K6Binary) -> None:
        self._target = target
        self._k6 = k6
        self._reached: set[Service] = set()

    def require(self, services: Iterable[Service], stop: StopRequest) -> None:
        """Stop unless k6 reaches each of these services.

        Raises:
            CertificateRefused: k6 does not trust a service's certificate.
            ConfigurationError: A URL is none for k6, or redirects elsewhere.
            StackUnreachable: k6 gets no answer.
            GeneratorFailed: k6 cannot run; its own words are in the message.
            Interrupted: Asked to stop.
        """
        asked = [each for each in services if each not in self._reached and self._target.url(each) is not None]
        if not asked:
            return
        urls = {
            str(service): probe_url(self._target, dialect(self._target.dialect), service, "health") for service in asked
        }
        answers = self._probe(urls, stop)
        for name, url in urls.items():
            wrong = problem(name, url, answers.get(name))
            if wrong is not None:
                raise wrong
        self._reached.update(asked)

    def _probe(self, urls: Mapping[str, str], stop: StopRequest) -> Mapping[str, Any]:
        tls = self._target.tls
        told = {
            "urls": urls,
            "tls": {
                "insecure": tls.insecure,
                "certificate_file": absolute(tls.client_certificate),
                "key_file": absolute(tls.client_key),
            },
            "timeout_s": _ANSWER_S,
        }
        with tempfile.TemporaryDirectory(prefix="chamiperf-probe-") as name:
            run = K6Run(
                binary=self._k6.path,
                script=built_script("probe"),
                folder=Path(name),
                environment={"CHAMIPERF_PROBE": json.dumps(told)},
                timeout_s=_LONGEST_S,
                ca_file=tls.ca_file,
                insecure=tls.insecure,
            )
            outcome = run_k6(run, stop, label="probe")
        stop.check("before the load, while k6 tried to reach the services")
        services = (outcome.summary or {}).get("services")
        if not isinstance(services, dict):
            raise GeneratorFailed(
                f"k6 cannot check the services: {outcome.text}",
                where=str(self._k6.path),
                remedy="Run `k6 version` to see why, or give another k6 with --k6.",
            )
        return services


def require_outputs(k6: K6Binary, outputs: Sequence[str], settings: Mapping[str, str], stop: StopRequest) -> None:
    """Stop unless k6 takes these outputs with these settings; asked of k6 itself, which may have extensions.

    Raises:
        ConfigurationError: It does not; its own words are in the message.
        Interrupted: Asked to stop.
    """
    if not outputs:
        return
    with tempfile.TemporaryDirectory(prefix="chamiperf-probe-") as name:
        nothing = json.dumps({"urls": {}, "tls": {"insecure": False, "certificate_file": None, "key_file": None}})
        run = K6Run(
            binary=k6.path,
            script=built_script("probe"),
            folder=Path(name),
            environment={**settings, "CHAMIPERF_PROBE": nothing},
            timeout_s=_LONGEST_S,
            outputs=tuple(outputs),
            tags={"load": "probe"},
        )
        outcome = run_k6(run, stop, label="probe")
    stop.check("before the load, while k6 tried its outputs")
    if outcome.ending is not EndKind.COMPLETE:
        raise ConfigurationError(
            f"k6 refuses its outputs or their settings: {outcome.text}",
            where="--k6-output, --remote-write, K6_PROMETHEUS_RW_*",
            remedy="Give an output that `k6 run --out` knows, with settings that it can read.",
        )


def problem(name: str, url: str, answer: object) -> ToolkitError | None:
    """Why k6 does not get to a service where Python did; None where it does.

    Args:
        name: The service.
        url: What was asked.
        answer: What `k6/probe.js` says of it (`k6/README.md`).
    """
    said = answer if isinstance(answer, dict) else {}
    status, code, words = said.get("status"), said.get("error_code"), said.get("error")
    if status in _REDIRECTS:
        return ConfigurationError(
            f"{name} redirects to {str(said.get('location'))[:200] or 'nowhere'}, and a load follows no redirect",
            where=f"GET {url}, asked by k6",
            remedy="Give the URL of the service itself, with https where it redirects to https.",
        )
    if status:
        return None
    why = f"k6 gets no answer from {name}, although Python does: {str(words or 'it does not say why')[:300]}"
    where = f"GET {url}, k6's error {code}"
    if code in _TLS:
        return CertificateRefused(
            f"k6 does not trust the certificate of {name}, although Python does: {str(words)[:300]}",
            where=where,
            remedy="Use a certificate with the host as an alternative name (SAN), and name its CA with --ca-file.",
        )
    if code == _NO_URL:
        return ConfigurationError(why, where=where, remedy="Write http:// or https://, then the host and the port.")
    if code not in _NAMES and _is_name(url):
        return StackUnreachable(
            why,
            where=where,
            remedy=f"Of the addresses of {host_of(url)} k6 takes one, IPv4 before IPv6; give the address that the "
            "service listens on in place of the name.",
        )
    return StackUnreachable(why, where=where, remedy="Check that the host's name resolves and the service is up.")


def _is_name(url: str) -> bool:
    host = host_of(url)
    return ":" not in host and not host.replace(".", "").isdigit()


def absolute(path: Path | None) -> str | None:
    """A path as k6 is given it, which runs in a folder of its own."""
    return None if path is None else str(path.absolute())
