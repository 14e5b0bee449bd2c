"""The Chamicore services over HTTP: tokens, repeated requests, and the calls that the steps need."""

import base64
import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any, Final, Literal
from urllib.parse import urlencode, urljoin

import httpx

from chamiperf_ci.adapters import bounds, console, http_client
from chamiperf_ci.adapters.bounds import RetryPolicy, host_of
from chamiperf_ci.adapters.files import dialect
from chamiperf_ci.adapters.http_client import Answer, Connections, Resource, failure, refuse_redirect, urls_of
from chamiperf_ci.errors import ConfigurationError, CredentialRefused, UnexpectedAnswer
from chamiperf_ci.models.dialect import Dialect, Probe, Route, Shape, fill
from chamiperf_ci.models.target import Credential, CredentialKind, Service, Target

DEFAULT_LIFE_S: Final = 900.0
"""The shortest lifetime that the contract states, for an answer that names none."""
ONE_TRY: Final = RetryPolicy(timeout_s=5.0, retries=0)
"""Of a client that is to see what is slow or down."""
_LONGEST_MARGIN_S: Final = 60.0
_ISSUED: Final = (CredentialKind.CLIENT_CREDENTIALS, CredentialKind.DEV_MODE)


class Tokens:
    """Gives the header for a request; safe to use from several threads.

    Args:
        target: Whose credential is used, and whose auth service issues tokens.
        dialect: Where tokens are issued, and for which bodies.
        http: Client for the token endpoint.
        clock: Seconds that never go back.
    """

    def __init__(
        self, target: Target, dialect: Dialect, http: httpx.Client, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._target = target
        self._dialect = dialect
        self._http = http
        self._clock = clock
        self._lock = threading.Lock()
        self._token = "" if target.credential.token is None else target.credential.token.get_secret_value()
        self._renew_at = float("-inf") if self.renewable else float("inf")

    @property
    def renewable(self) -> bool:
        """Whether another token can be had when one is refused."""
        return self._target.credential.kind in _ISSUED

    def header(self) -> dict[str, str]:
        """The Authorization header, with a token that lasts; empty without a credential.

        Raises:
            CredentialRefused: The auth service issues no token for the credential.
            UnexpectedAnswer: It is in trouble itself.
            ConfigurationError: A token has to be issued and no auth service is configured.
            StackUnreachable: The auth service does not answer.
        """
        with self._lock:
            if self._clock() >= self._renew_at:
                self._issue()
            return {"Authorization": f"Bearer {self._token}"} if self._token else {}

    def refused(self, header: Mapping[str, str]) -> bool:
        """Note that a token was refused; whether it is worth trying again with another."""
        with self._lock:
            if self.renewable and header.get("Authorization") == f"Bearer {self._token}":
                self._renew_at = float("-inf")
            return self.renewable

    def _issue(self) -> None:
        base = self._target.url(Service.AUTH)
        if base is None:
            raise ConfigurationError(
                f"the credential {self._target.credential.kind} needs an auth service",
                where="CHAMICORE_TEST_AUTH_URL is empty",
                remedy="Set it, or use another credential.",
            )
        url = f"{base}{self._dialect.routes['token'].path}"
        try:
            answer = self._http.post(url, json=grant(self._target.credential, self._dialect))
        except httpx.HTTPError as error:
            raise failure(url, error) from error
        if answer.status_code == HTTPStatus.TOO_MANY_REQUESTS or answer.is_server_error:
            raise UnexpectedAnswer(
                f"the auth service issued no token: status {answer.status_code}",
                where=url,
                remedy="Read its log; the credential itself was not checked.",
            )
        token, life_s = _read(answer)
        if not token:
            raise CredentialRefused(
                f"the auth service issued no token: {answer.status_code}",
                where=f"{url}, {self._target.credential.kind}",
                remedy="Check the client id and secret, or give another credential.",
            )
        console.mask(token)
        self._token = token
        self._renew_at = self._clock() + life_s - min(_LONGEST_MARGIN_S, life_s / 4)


def grant(credential: Credential, dialect: Dialect) -> dict[str, str]:
    """The body of a token request for a credential that is exchanged for a token."""
    secret = "" if credential.client_secret is None else credential.client_secret.get_secret_value()
    values = {"client_id": credential.client_id or "", "client_secret": secret}
    body: dict[str, str] = fill(dialect.grants[credential.kind], values)
    return body


def _read(answer: httpx.Response) -> tuple[str, float]:
    """The token, empty if there is none, and the seconds for which it lasts."""
    if not answer.is_success:
        return "", 0.0
    try:
        body = bounds.parse_json(answer.content)
    except ValueError:
        return "", 0.0
    token = body.get("access_token") if isinstance(body, dict) else None
    if not isinstance(token, str) or not _USABLE.fullmatch(token):
        return "", 0.0
    life_s = body.get("expires_in")
    if isinstance(life_s, int | float) and life_s > 0:
        return token, float(life_s)
    return token, _life_in(token)


def _life_in(token: str) -> float:
    """A JWT's lifetime by its own claims (`exp` - `iat`), unverified: it only decides when to renew."""
    try:
        part = token.split(".")[1]
        claims: dict[str, Any] = bounds.parse_json(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        return max(0.0, float(claims["exp"]) - float(claims["iat"]))
    except (IndexError, ValueError, KeyError, TypeError, OverflowError):
        return DEFAULT_LIFE_S


_USABLE: Final = re.compile(r"[!-~]+")
"""A token that a header can carry."""
_RETRIED: Final = frozenset({429, 502, 503, 504})
_REFUSED: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_REPEATABLE: Final = frozenset({"GET", "DELETE", "PUT", "PATCH"})
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
_REDIRECTS: Final = 3
_LONGEST_SHOWN: Final = 200
"""Characters of a URL in a message."""


@dataclass(frozen=True, slots=True)
class ServiceRequest:
    """What is to be sent."""

    method: str
    url: str
    body: object = None
    """JSON; None sends an empty body."""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes | None:
        """The body's bytes; None where there is none, as with a GET and with most deletions."""
        if self.method not in _WITH_BODY and self.body is None:
            return None
        return b"" if self.body is None else json.dumps(self.body).encode()


class Sender:
    """Sends to one target. Safe to use from several threads."""

    def __init__(
        self, target: Target, dialect: Dialect, retry: RetryPolicy, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._kind = target.credential.kind
        self._retry = retry
        self._sleep = sleep
        self._http = http_client.client(target, timeout_s=retry.timeout_s)
        self._tokens = Tokens(target, dialect, self._http)
        self._hosts = (*target.allowed_hosts, *(host_of(url) for url in urls_of(target).values()))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def send(self, request: ServiceRequest, *, authorised: bool = True) -> Answer:
        """Send a request and give its answer, whatever its status but 401 and 403.

        Answers 429, 502, 503 and 504 are asked for again; a request that got no answer only where it may be repeated.
        `authorised=False` sends no credential and takes 401 and 403 as answers.

        Raises:
            CredentialRefused: The stack answers 401 or 403.
            CertificateRefused: TLS failed.
            StackUnreachable: No answer.
            LoadNotAllowed: A redirect leads to a host that is not listed.
            UnexpectedAnswer: Redirects without an end, of a write, or to no URL; an auth service in trouble.
        """
        credential = self._tokens.header() if authorised else {}
        answer = self._try(request, credential)
        if authorised and answer.status == HTTPStatus.UNAUTHORIZED and self._tokens.refused(credential):
            answer = self._try(request, self._tokens.header())
        if authorised and answer.status in _REFUSED:
            raise self._refused(answer)
        return answer

    def _try(self, request: ServiceRequest, credential: Mapping[str, str]) -> Answer:
        """Send until an answer counts; no try begins after twice the time that one may take."""
        tried = 0
        end = time.monotonic() + 2 * self._retry.timeout_s
        while True:
            last, asked_s = tried >= self._retry.retries or time.monotonic() > end, None
            try:
                answer = self._follow(request, {**request.headers, **credential})
                if last or answer.status not in _RETRIED:
                    return answer
                asked_s = bounds.retry_after_s(answer.headers)
            except httpx.HTTPError as error:
                known = http_client.failure(request.url, error)
                unsent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
                if last or isinstance(known, ConfigurationError) or not (unsent or request.method in _REPEATABLE):
                    raise known from error
            self._sleep(self._retry.wait_s(tried, asked_s))
            tried += 1

    def _follow(self, request: ServiceRequest, headers: Mapping[str, str]) -> Answer:
        """Send, and follow what a GET is redirected to; the credential stays with its scheme, host and port."""
        sent = {**headers, **({} if request.content is None else {"Content-Type": "application/json"})}
        url, withheld = request.url, False
        for _ in range(_REDIRECTS + 1):
            try:
                response = self._http.request(request.method, url, content=request.content, headers=sent)
            except (httpx.InvalidURL, UnicodeError) as error:
                raise UnexpectedAnswer(
                    f"this URL cannot be requested: {error}",
                    where=url[:_LONGEST_SHOWN],
                    remedy="Check what the service answers.",
                ) from error
            answer = Answer(request.method, url, response.status_code, response.headers, response.content)
            if not response.has_redirect_location:
                if withheld and answer.status in _REFUSED:
                    raise _moved(request.url, url, answer)
                return answer
            following = _following(answer)
            refuse_redirect(url, following, self._hosts)
            if request.method != "GET":
                raise answer.unexpected(f"a write is redirected to {following}")
            if _origin(following) != _origin(url):
                withheld = sent.pop("Authorization", None) is not None or withheld
            url = following
        raise answer.unexpected("redirects without an end")

    def _refused(self, answer: Answer) -> CredentialRefused:
        none = self._kind is CredentialKind.NONE
        wrong = "the stack wants a credential and none is given" if none else f"the credential {self._kind} is refused"
        return CredentialRefused(
            f"{wrong}: {answer.detail()}",
            where=f"{answer.method} {answer.url}, status {answer.status}",
            remedy="Set CHAMICORE_INTERNAL_TOKEN, or give another credential (docs/your-stack.md).",
        )


def _moved(asked: str, found: str, answer: Answer) -> ConfigurationError:
    """What a 401 means at the end of a redirect that the credential did not follow."""
    return ConfigurationError(
        f"the service redirects to {found[:_LONGEST_SHOWN]}, and credentials are not sent to another host or port",
        where=f"GET {asked}, status {answer.status} in the end",
        remedy="Give the URL of the service itself, with https where it redirects to https.",
    )


def _following(answer: Answer) -> str:
    """The URL that an answer redirects to.

    Raises:
        UnexpectedAnswer: It is none.
    """
    try:
        following = urljoin(answer.url, answer.headers["location"])
        if httpx.URL(following).scheme in ("http", "https"):
            return following
    except (ValueError, httpx.InvalidURL) as error:
        raise answer.unexpected("redirects to something that is not a URL") from error
    raise answer.unexpected("redirects to what is not an http or https URL")


def _origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port, as far as a credential is for them."""
    parts = httpx.URL(url)
    return parts.scheme, parts.host, parts.port


ProbeName = Literal["health", "readiness", "version"]


def probe_of(dialect: Dialect, service: Service, name: ProbeName) -> Probe:
    """How a service is asked for `health`, `readiness` or `version`; one without it is asked for its health."""
    probes = dialect.probes[service]
    found: Probe | None = getattr(probes, name)
    return found or probes.health


def probe_url(target: Target, dialect: Dialect, service: Service, name: ProbeName) -> str:
    """Where a service answers that; behind a gateway it may have a path of its own (contract 1.3)."""
    prefix = dialect.gateway.probes
    behind = service not in target.services and prefix
    base = f"{target.gateway}{fill(prefix, {'service': service})}" if behind else target.url(service)
    return f"{base}{probe_of(dialect, service, name).path}"


PAGE: Final = 10_000
"""Items asked for at once; a stack that gives fewer is followed by its metadata."""


PLAIN: Final = "plain"


class Chamicore(Connections):
    """One target's services. Safe to use from several threads; close it, or use it in a `with`."""

    def __init__(
        self, target: Target, *, retry: RetryPolicy | None = None, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.target = target
        self.dialect = dialect(target.dialect)
        self._sender = Sender(target, self.dialect, retry or RetryPolicy(), sleep=sleep)

    def close(self) -> None:
        """Close the connections."""
        self._sender.close()

    def send(
        self,
        method: str,
        service: Service,
        path: str,
        body: object = None,
        *,
        authorised: bool = True,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request to a service's path; see `Sender.send`.

        Raises:
            ConfigurationError: The target has no such service. And what `Sender.send` raises.
        """
        base = self.target.url(service)
        if base is None:
            raise ConfigurationError(
                f"the service {service} is not configured", where="the target", remedy=f"Give --{service}-url."
            )
        return self._sender.send(ServiceRequest(method, f"{base}{path}", body, headers or {}), authorised=authorised)

    def operational(self, service: Service, name: ProbeName) -> Answer:
        """Ask for `health`, `readiness` or `version`; a service without a version is asked for its health.

        Behind a gateway they may have paths of their own (contract 1.3).
        """
        url = probe_url(self.target, self.dialect, service, name)
        return self._sender.send(ServiceRequest("GET", url), authorised=False)

    def is_good(self, service: Service, name: ProbeName, answer: Answer) -> bool:
        """Whether an answer to `operational` is a good one: some services answer 200 to whatever they are asked."""
        probe = probe_of(self.dialect, service, name)
        return answer.status == probe.status and probe.contains.encode() in answer.content

    def version(self, service: Service, answer: Answer) -> dict[str, Any]:
        """What a service says of itself in its answer to `version`; the field that names it has the usual name.

        Raises:
            UnexpectedAnswer: It is not a JSON object.
        """
        probe = self.dialect.probes[service].version
        if probe is None or not answer.ok:
            return {}
        said = answer.json_object()
        return {**said, "version": said.get(probe.key)} if probe.key else said

    def serve(self, route: Route, values: Mapping[str, str]) -> Answer:
        """Ask for what is served to a node."""
        headers = fill(route.headers, values)
        path = fill(route.path, values)
        return self.send(route.method, route.service, path, authorised=not route.open, headers=headers)

    def create(self, shape: Shape, values: Mapping[str, str]) -> Resource:
        """Create an object; one of the same node that is there already is changed into it (contract 3.10).

        Raises:
            UnexpectedAnswer: It is refused, or an object of another node is in the way. And what `send` raises.
        """
        key = fill(shape.key, values)
        answer = self._send_about(shape, "create", key, values, method="POST", path=shape.path, body=shape.body)
        if answer.status in shape.conflict:
            return self._resolve(shape, values, answer)
        if not answer.ok:
            raise answer.unexpected("the object could not be created")
        return self._stored(shape, key, answer)

    def find(self, shape: Shape, values: Mapping[str, str]) -> list[Resource]:
        """The objects of one kind that a node has; a node that the key names is found by it.

        Raises:
            UnexpectedAnswer: The service answers something else. And what `send` raises.
        """
        if not shape.ours and self.dialect.envelope == PLAIN:
            wanted = fill(shape.owner, values)
            return [each for each in self.items(shape) if shape.owner_of(each.key, each.spec) == wanted]
        if shape.find:
            answer = self.send("GET", shape.service, shape.path + fill(shape.find, values))
            if not answer.ok:
                raise answer.unexpected("the list cannot be read")
            return answer.page()[0]
        found = self.read(shape, fill(shape.key, values))
        return [] if found is None else [found]

    def read(self, shape: Shape, key: str) -> Resource | None:
        """An object by the server's id; None where there is none.

        Raises:
            UnexpectedAnswer: The service answers something else. And what `send` raises.
        """
        answer = self.send("GET", shape.service, shape.path_of(key))
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        if not answer.ok:
            raise answer.unexpected("the object cannot be read")
        if self.dialect.envelope == PLAIN:
            found = answer.plain_list(shape) if shape.each else [answer.plain_object(shape)]
            return next((each for each in found if each.key == key), None)
        resource = answer.resource()
        return replace(resource, etag=answer.headers.get("etag", resource.etag))

    def delete(self, shape: Shape, key: str) -> bool:
        """Delete an object by the server's id; whether it was there.

        Raises:
            UnexpectedAnswer: Any status but a success and 404. And what `send` raises.
        """
        answer = self._send_about(shape, "delete", key, {}, method="DELETE", path=shape.path_of(key))
        if answer.status in shape.gone:
            return False
        if not answer.ok:
            raise answer.unexpected("the object could not be deleted")
        return True

    def count(self, shape: Shape) -> int:
        """How many objects of a kind there are, as the list's metadata says.

        Raises:
            UnexpectedAnswer: The list has no total. And what `send` raises.
        """
        if self.dialect.envelope == PLAIN:
            return sum(1 for _ in self.items(shape))
        return self._page(shape, {"limit": 1})[1]

    def items(self, shape: Shape) -> Iterator[Resource]:
        """All objects of a kind, oldest first, page by page as far as the metadata says.

        Raises:
            UnexpectedAnswer: A page is no list. And what `send` raises.
        """
        if self.dialect.envelope == PLAIN:
            answer = self.send("GET", shape.service, shape.listing or shape.path)
            if not answer.ok:
                raise answer.unexpected("the list cannot be read")
            yield from answer.plain_list(shape)
            return
        offset = 0
        while True:
            resources, total = self._page(shape, {"limit": PAGE, "offset": offset, "sort": "created_at"})
            yield from resources
            offset += len(resources)
            if not resources or offset >= total:
                return

    def _page(self, shape: Shape, params: Mapping[str, Any]) -> tuple[list[Resource], int]:
        answer = self.send("GET", shape.service, f"{shape.path}?{urlencode(params)}")
        if not answer.ok:
            raise answer.unexpected("the list cannot be read")
        return answer.page()

    def replace(self, shape: Shape, values: Mapping[str, str]) -> Resource:
        """Put an object in the place of one that has its key.

        Raises:
            UnexpectedAnswer: It is refused. And what `send` raises.
        """
        key = fill(shape.key, values)
        answer = self._send_about(shape, "put", key, values, method="PUT", path=shape.path_of(key), body=shape.body)
        if not answer.ok:
            raise answer.unexpected("the object in the way could not be replaced")
        return self._stored(shape, key, answer)

    def change(self, shape: Shape, values: Mapping[str, str]) -> Answer:
        """PATCH an object as the dialect changes it."""
        key = fill(shape.key, values)
        path = shape.path_of(key)
        return self._send_about(shape, "change", key, values, method="PATCH", path=path, body=shape.change)

    def _send_about(
        self,
        shape: Shape,
        verb: str,
        key: str,
        values: Mapping[str, str],
        *,
        method: str,
        path: str,
        body: object = None,
    ) -> Answer:
        """Send a request about one object, the way the dialect has it."""
        asked = shape.request(verb, key, method=method, path=path, body=body)
        return self.send(asked[0], shape.service, fill(asked[1], values), fill(asked[2], values))

    def _stored(self, shape: Shape, key: str, answer: Answer) -> Resource:
        """What was stored: as the service answers, or, where it says nothing of use, by its key alone."""
        if self.dialect.envelope != PLAIN:
            return answer.resource()
        return Resource(key, "", None, {}) if shape.ours else answer.plain_object(shape)

    def _resolve(self, shape: Shape, values: Mapping[str, str], conflict: Answer) -> Resource:
        """Change the node's own object that is in the way; where PATCH refuses a field, PUT carries it."""
        if shape.settle == "put":
            return self.replace(shape, values)
        found = self.find(shape, values)
        if not found:
            raise conflict.unexpected("an object of another node is in the way")
        path = f"{shape.path}/{found[0].key}"
        patch = {field: shape.body[field] for field in shape.patch}
        answer = self.send("PATCH", shape.service, path, fill(patch, values))
        if answer.status == HTTPStatus.BAD_REQUEST:
            current = self.read(shape, found[0].key)
            etag = "" if current is None else current.etag
            answer = self.send("PUT", shape.service, path, fill(shape.body, values), headers={"If-Match": etag})
        if not answer.ok:
            raise answer.unexpected("the object in the way could not be changed")
        return answer.resource()
