"""HTTP to a stack: which hosts are allowed, what the connection checks, what an answer says."""

import contextlib
import math
import re
import ssl
import time
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, Self

import httpcore
import httpx

from chamiperf_ci.adapters import bounds
from chamiperf_ci.adapters.bounds import host_of, is_loopback
from chamiperf_ci.errors import (
    CertificateRefused,
    ConfigurationError,
    LoadNotAllowed,
    StackUnreachable,
    ToolkitError,
    UnexpectedAnswer,
)
from chamiperf_ci.models.dialect import Shape, field_of
from chamiperf_ci.models.target import Target, Tls


def is_allowed(url: str, allowed_hosts: Iterable[str]) -> bool:
    """Whether load may go to a URL: its host is loopback, or listed (exactly, in any case)."""
    host = host_of(url)
    return is_loopback(host) or host in {listed.strip("[]").lower() for listed in allowed_hosts}


def urls_of(target: Target) -> dict[str, str]:
    """Every URL of a target that a load or a seed may touch, by what it is."""
    urls = {str(service): url for service, url in target.services.items() if service not in target.without}
    urls |= {} if target.gateway is None else {"gateway": target.gateway}
    return urls | ({} if target.kea is None else {"kea": target.kea})


def require_allowed(target: Target) -> None:
    """Stop unless every URL of the target may be loaded.

    Raises:
        LoadNotAllowed: Names the first host that is not listed.
    """
    for name, url in urls_of(target).items():
        if not is_allowed(url, target.allowed_hosts):
            raise LoadNotAllowed(
                f"load on the host {host_of(url)} is not allowed",
                where=f"{name} at {url}",
                remedy=f'Add allowed_hosts = ["{host_of(url)}"] to chamiperf.toml if it is meant.',
            )


def refuse_redirect(url: str, location: str, allowed_hosts: Iterable[str]) -> None:
    """Stop when a redirect leads to a host on which load is not allowed.

    Raises:
        LoadNotAllowed: Names both ends of the redirect.
    """
    if not is_allowed(location, allowed_hosts):
        raise LoadNotAllowed(
            f"load on the host {host_of(location) or '(none)'} is not allowed",
            where=f"{url} redirects to it",
            remedy="Give the URL of the service itself, and list its host under allowed_hosts in chamiperf.toml.",
        )


_CONNECTIONS: Final = 64
_CERTIFICATE: Final = re.compile(r"-----BEGIN CERTIFICATE-----\n[A-Za-z0-9+/=\s]+?-----END CERTIFICATE-----")


class Connections(ABC):
    """Somebody who keeps connections, and closes them at the end of a `with`."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None:
        """Close the connections."""


_DEADLINE: ContextVar[float] = ContextVar("deadline", default=math.inf)
"""`time.monotonic` until which the request under way must have been answered."""


class Client(httpx.Client):
    """A client whose requests end: in time, and with a body of bounded size.

    httpx bounds each wait for bytes alone, so that a byte a second keeps it waiting for ever, and it decompresses
    without a bound. It reads no proxy from the environment: what is checked here must be the road that k6 takes.

    Args:
        verify: How certificates are checked.
        timeout_s: Bounds a request from connecting to the last byte of its answer.
        most_bytes: Of an answer's body.
    """

    def __init__(self, verify: ssl.SSLContext, *, timeout_s: float, most_bytes: int = bounds.MOST_BYTES) -> None:
        transport = httpx.HTTPTransport(
            verify=verify,
            trust_env=False,
            limits=httpx.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS),
        )
        # httpx has no public way to its pool's backend; `test_a_dripping_head_ends_in_time` sees when this goes.
        transport._pool._network_backend = _Backend()  # noqa: SLF001
        headers = {"Accept-Encoding": bounds.ACCEPT_ENCODING}
        super().__init__(
            transport=transport, timeout=timeout_s, follow_redirects=False, trust_env=False, headers=headers
        )
        self._total_s = timeout_s
        self._most_bytes = most_bytes

    def send(self, request: httpx.Request, **how: Any) -> httpx.Response:  # noqa: ANN401 - httpx's own arguments
        """As httpx's; the answer is read whole.

        Raises:
            httpx.HTTPError: As httpx's; `ReadTimeout` also for an answer that does not end, `DecodingError` for one
                that is too long or compressed in a way that was not asked for.
        """
        token = _DEADLINE.set(time.monotonic() + self._total_s)
        try:
            with contextlib.closing(super().send(request, **{**how, "stream": True})) as response:
                return self._whole(response)
        finally:
            _DEADLINE.reset(token)

    def _whole(self, response: httpx.Response) -> httpx.Response:
        encoding = response.headers.get("content-encoding", "")
        try:
            content = bounds.decoded(response.iter_raw(), encoding, most=self._most_bytes)
        except (bounds.LimitExceededError, zlib.error) as error:
            raise httpx.DecodingError(str(error), request=response.request) from error
        headers = [
            (name, value)
            for name, value in response.headers.multi_items()
            if name not in ("content-encoding", "content-length", "transfer-encoding")
        ]
        return httpx.Response(
            response.status_code,
            headers=headers,
            content=content,
            request=response.request,
            extensions=response.extensions,
        )


def _left(timeout: float | None, error: type[Exception]) -> float:
    left = _DEADLINE.get() - time.monotonic()
    if left <= 0:
        raise error("the answer takes too long")
    return left if timeout is None else min(timeout, left)


class _Backend(httpcore.SyncBackend):
    """Connections that look at the deadline of the request that uses them."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        left = _left(timeout, httpcore.ConnectTimeout)
        try:
            return _Stream(super().connect_tcp(host, port, left, local_address, socket_options))
        except UnicodeError as error:
            # What Python says of a host's name that cannot be looked up, in place of an OSError.
            raise httpcore.ConnectError(f"not a host name: {error}") from error


class _Stream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = _left(timeout, httpcore.ConnectTimeout)
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - httpcore's own
        return self._inner.get_extra_info(info)


def client(target: Target, *, timeout_s: float, most_bytes: int = bounds.MOST_BYTES) -> Client:
    """An HTTP client for a target; `timeout_s` bounds a request from connecting to its last byte.

    Raises:
        ConfigurationError: A certificate or key file is not one.
    """
    return Client(tls_context(target.tls), timeout_s=timeout_s, most_bytes=most_bytes)


def read_ca(path: Path) -> str:
    """The certificates of a CA file, in the one form that Python and k6 read alike.

    OpenSSL and Go disagree on a byte order mark, on line ends, and on text around certificates.

    Raises:
        ConfigurationError: It cannot be read, or holds no certificate.
    """
    try:
        found = _CERTIFICATE.findall(bounds.read(path).replace("\r\n", "\n").replace("\r", "\n"))
    except (OSError, ValueError) as error:
        reason = "it is not PEM text" if isinstance(error, UnicodeDecodeError) else _reason(error)
        raise _bad_file("--ca-file", path, reason) from error
    if not found:
        raise _bad_file("--ca-file", path, "it holds no certificate (-----BEGIN CERTIFICATE-----)")
    return "\n".join(found) + "\n"


def tls_context(tls: Tls) -> ssl.SSLContext:
    """How certificates are checked: by the given CA, else by the system's, or not at all when `insecure`.

    Raises:
        ConfigurationError: A certificate or key file is not one, or the key is of another certificate.
    """
    try:
        context = ssl.create_default_context(cadata=None if tls.ca_file is None else read_ca(tls.ca_file))
    except ssl.SSLError as error:
        raise _bad_file("--ca-file", tls.ca_file, error) from error
    # As Go has it, and with it k6: a name counts only where it stands among the alternative names.
    context.hostname_checks_common_name = False
    if tls.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if tls.client_certificate is not None:
        try:
            # Without a password callback OpenSSL would ask for an encrypted key's password on the terminal.
            context.load_cert_chain(tls.client_certificate, tls.client_key, password="")
        except (OSError, ssl.SSLError) as error:
            raise _bad_file("--client-certificate, --client-key", tls.client_certificate, error) from error
    return context


def failure(url: str, error: httpx.HTTPError) -> ToolkitError:
    """What it means that a request got no answer: a certificate that is not trusted, or a stack that is not there."""
    for cause in _chain(error):
        if isinstance(cause, ssl.SSLCertVerificationError) and cause.verify_code in _OTHER_NAME:
            return CertificateRefused(
                f"the certificate is for another host: {cause.verify_message}",
                where=url,
                remedy="Use a certificate with this host as an alternative name (SAN); k6 ignores the common name.",
            )
        if isinstance(cause, ssl.SSLCertVerificationError):
            return CertificateRefused(
                f"the certificate is not trusted: {cause.verify_message}",
                where=url,
                remedy="Name the CA that signed it with --ca-file.",
            )
        if isinstance(cause, ssl.SSLError):
            return CertificateRefused(
                f"TLS failed: {cause.reason or cause}",
                where=url,
                remedy="Check that the port speaks TLS, and whether it wants a client certificate.",
            )
    if isinstance(error, httpx.TimeoutException):
        return StackUnreachable("no answer in time", where=url, remedy="Check whether the service hangs.")
    return StackUnreachable(
        f"no answer: {_reason(error)}", where=url, remedy="Check that the stack is up and the URL is right."
    )


def _bad_file(option: str, path: object, error: object) -> ConfigurationError:
    return ConfigurationError(
        f"not a usable certificate or key: {error}", where=f"{option} {path}", remedy="Give unencrypted PEM files."
    )


def _reason(error: Exception) -> str:
    """The operating system's words where there are any; httpx's otherwise."""
    for cause in _chain(error):
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
    return str(error) or type(error).__name__


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what it came from, outermost first."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__


_OTHER_NAME: Final = frozenset({62, 64})
"""OpenSSL's codes for a certificate that does not name the host, or the address."""


_SHOWN: Final = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, with its request for messages."""

    method: str
    url: str
    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def ok(self) -> bool:
        """Whether the status is one of success."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    def json_object(self) -> dict[str, Any]:
        """The body as a JSON object.

        Raises:
            UnexpectedAnswer: It is something else.
        """
        body = self._json()
        if not isinstance(body, dict):
            raise self.unexpected("the answer is not a JSON object")
        return body

    def resource(self) -> "Resource":
        """The body as one object in its envelope.

        Raises:
            UnexpectedAnswer: It is something else.
        """
        return self._resource(self.json_object())

    def plain_object(self, shape: Shape) -> "Resource":
        """The body as one object without an envelope.

        Raises:
            UnexpectedAnswer: It is something else, such as nothing at all.
        """
        return self._plain(self.json_object(), shape)

    def plain_list(self, shape: Shape) -> list["Resource"]:
        """The body as a whole list of objects without envelopes; `null` is an empty one.

        Raises:
            UnexpectedAnswer: It is something else, such as nothing at all.
        """
        body = self._json()
        items = field_of(body, shape.items) if shape.items else body
        if items is None and (shape.items in body if isinstance(body, dict) else self.content.strip() == b"null"):
            return []
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise self.unexpected("the answer is not a list")
        if shape.each:
            return [Resource(str(key), "", None, item) for item in items for key in item.get(shape.each) or ()]
        return [self._plain(item, shape) for item in items]

    def page(self) -> tuple[list["Resource"], int]:
        """The body as a page of a list, and how many objects the whole list has.

        Raises:
            UnexpectedAnswer: It is something else.
        """
        body = self.json_object()
        metadata, items = body.get("metadata"), body.get("items")
        total = metadata.get("total") if isinstance(metadata, dict) else None
        if not isinstance(items, list) or not isinstance(total, int):
            raise self.unexpected("the answer is not a list with a total")
        return [self._resource(item) for item in items], total

    def detail(self) -> str:
        """What an error answer says: the problem's detail, else the start of its text, printable and on one line."""
        body = self._json()
        said = body.get("detail") if isinstance(body, dict) else None
        text = said if isinstance(said, str) else self.content[: 4 * _SHOWN].decode("utf-8", "replace")
        return " ".join("".join(each if each.isprintable() else " " for each in text).split())[:_SHOWN]

    def unexpected(self, wrong: str) -> UnexpectedAnswer:
        """The error that this answer is, with what it says itself."""
        detail = self.detail()
        return UnexpectedAnswer(
            f"{wrong}: {detail}" if detail else wrong,
            where=f"{self.method} {self.url}, status {self.status}",
            remedy="Check the service's log, and that the URL is the service's.",
        )

    def _json(self) -> Any:  # noqa: ANN401 - whatever was sent
        try:
            return bounds.parse_json(self.content)
        except ValueError:
            return None

    def _plain(self, body: dict[str, Any], shape: Shape) -> "Resource":
        key = field_of(body, shape.id)
        if not isinstance(key, str):
            raise self.unexpected(f"the answer has an object without {shape.id}")
        return Resource(key, "", _moment(field_of(body, "metadata.createdAt")), body)

    def _resource(self, body: object) -> "Resource":
        metadata = body.get("metadata") if isinstance(body, dict) else None
        spec = body.get("spec") if isinstance(body, dict) else None
        if not isinstance(metadata, dict) or not isinstance(metadata.get("id"), str) or not isinstance(spec, dict):
            raise self.unexpected("the answer is not an object with metadata.id and spec")
        etag = str(metadata.get("etag", ""))
        # It goes back in a header, which takes no other characters.
        etag = etag if etag.isascii() and etag.isprintable() else ""
        return Resource(metadata["id"], etag, _moment(metadata.get("createdAt")), spec)


@dataclass(frozen=True, slots=True)
class Resource:
    """One object in a service."""

    key: str
    """The server's own id of it."""
    etag: str
    created_at: datetime | None
    """None where the service does not say it readably."""
    spec: Mapping[str, Any]


def _moment(text: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo is not None else None
