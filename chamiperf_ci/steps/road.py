"""The road from k6 to a service: what Python reached, k6 must reach too, or nothing is driven.

k6 has rules of its own for names (it takes one address of several), for certificates and for redirects (a load follows
none), so a smoke test that is green proves nothing of it.
"""

import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from chamiperf_ci.adapters.bounds import host_of
from chamiperf_ci.adapters.chamicore import probe_url
from chamiperf_ci.adapters.files import built_script, dialect
from chamiperf_ci.adapters.k6 import Ending, K6Binary, K6Run, StopRequest, run_k6
from chamiperf_ci.errors import (
    CertificateRefused,
    ConfigurationError,
    GeneratorFailed,
    StackUnreachable,
    ToolkitError,
)
from chamiperf_ci.models.target import Service, Target

_ANSWER_S: Final = 10.0
_LONGEST_S: Final = 60.0
_TLS: Final = range(1300, 1400)
_NAMES: Final = range(1100, 1200)
_NO_URL: Final = 1020
_REDIRECTS: Final = range(300, 400)


class Road:
    """Sends one request of k6's own to each service, once; a service that it reached is not asked again."""

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
                "certificate_file": _absolute(tls.client_certificate),
                "key_file": _absolute(tls.client_key),
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
    if outcome.ending is not Ending.COMPLETE:
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


def _absolute(path: Path | None) -> str | None:
    return None if path is None else str(path.absolute())
