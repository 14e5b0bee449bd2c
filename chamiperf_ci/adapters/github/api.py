"""One connection to GitHub's API: bounded, patient, and with failures that name the permission."""

import http.client
import re
import ssl
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, TypeVar
from urllib.parse import urlsplit

import requests
import urllib3
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from requests.structures import CaseInsensitiveDict

from chamiperf_ci import __version__
from chamiperf_ci.adapters import bounds
from chamiperf_ci.adapters.bounds import check_url
from chamiperf_ci.errors import ConfigurationError, OutsideServiceError

RETRY: Final = bounds.RetryPolicy(retries=3, first_wait_s=1.0, longest_wait_s=300.0, spread=0.0)
"""A wait above the longest is not waited for: a job that sleeps costs money, and the next run posts as well."""

ATTEMPTS: Final = 1 + RETRY.retries
"""How often one request is sent at most."""

SECONDARY_LIMIT_WAIT_S = 60.0

LOST_S = 90.0
"""Seconds that all requests of a run together may spend on answers that never came; after them none is repeated."""

_LIMITED = (403, 429)
_WHOLE = re.compile("[0-9]{1,15}")
_SECONDARY = ("secondary rate limit", "abuse detection", "retry your request again later", "wait a few minutes")


@dataclass(frozen=True)
class GithubAnswer:
    """What came back: a status, headers with lower-case names, and GitHub's message.

    Status 0 stands for no answer at all: the connection was refused or broke, so nobody knows whether a write happened.
    """

    status: int
    headers: Mapping[str, str]
    message: str

    @property
    def doubtful(self) -> bool:
        """Whether a write may have happened although the answer does not say so."""
        return self.status == 0 or self.status >= 500  # noqa: PLR2004 - HTTP's own boundary

    @property
    def rate_limited(self) -> bool:
        """Whether GitHub refused because of its limits, and not because of what was asked."""
        if self.status not in _LIMITED:
            return False
        message = self.message.lower()
        return (
            self.status == 429  # noqa: PLR2004 - "too many requests"
            or "retry-after" in self.headers
            or self.headers.get("x-ratelimit-remaining") == "0"
            or any(phrase in message for phrase in _SECONDARY)
        )


def pause_before_retry(answer: GithubAnswer, attempt: int, now: float) -> float | None:
    """Seconds to wait before the same request is sent again; None when that cannot help.

    Args:
        answer: What came back.
        attempt: How many times the request was sent, from 1.
        now: Seconds since the epoch, as `x-ratelimit-reset` counts.
    """
    if attempt >= ATTEMPTS:
        return None
    if answer.rate_limited:
        wait = _asked_for(answer, attempt, now)
        return wait if wait <= RETRY.longest_wait_s else None
    return RETRY.wait_s(attempt - 1) if answer.doubtful else None


def _asked_for(answer: GithubAnswer, attempt: int, now: float) -> float:
    if (after := bounds.retry_after_s(answer.headers)) is not None:
        return after
    reset = answer.headers.get("x-ratelimit-reset", "")
    if answer.headers.get("x-ratelimit-remaining") == "0" and _WHOLE.fullmatch(reset):
        # One second more: the reset is given in whole seconds, and nobody says at which end of that second.
        return max(0.0, float(reset) - now) + 1
    return SECONDARY_LIMIT_WAIT_S * 2.0 ** (attempt - 1)


class GitHubFailed(OutsideServiceError):
    """GitHub did not do what was asked."""


class NotPermitted(GitHubFailed):
    """The token may not do this.

    Args:
        permission: The line of YAML that allows it, such as `pull-requests: write`.
    """

    def __init__(self, wrong: str, *, where: str, remedy: str, permission: str) -> None:
        super().__init__(wrong, where=where, remedy=remedy)
        self.permission = permission


class TokenRefused(NotPermitted):
    """The token is none, or none any more."""


class RateLimited(GitHubFailed):
    """GitHub's limits would have us wait longer than is worth it."""


class NotFound(GitHubFailed):
    """GitHub knows no such thing, or hides it from this token."""


class Rejected(GitHubFailed):
    """GitHub understood and refused what was sent (409, 422)."""


class NoAnswer(GitHubFailed):
    """Nothing usable came back."""


def failure(answer: GithubAnswer, *, what: str, where: str, permission: str) -> GitHubFailed:
    """The failure behind an answer.

    Args:
        answer: The last answer; its status is 0 or at least 400.
        what: What was tried, such as `comment on pull request #7`.
        where: The request, such as `POST /repos/o/r/issues/7/comments`.
        permission: The line of YAML that such a request needs.
    """
    write = not where.startswith("GET")
    where = f"{where}: {answer.status} {answer.message}".rstrip()
    if answer.rate_limited:
        return RateLimited(
            f"GitHub's rate limit stopped us: could not {what}",
            where=where,
            remedy="Run the job again later; nothing else is wrong.",
        )
    if answer.doubtful:
        return NoAnswer(
            f"GitHub did not answer: could not {what}",
            where=where,
            remedy="See githubstatus.com and run the job again.",
        )
    # GitHub answers a write with 404 where a fine-grained token may not even know of the thing.
    if answer.status in {401, 403} or (answer.status == 404 and write):  # noqa: PLR2004 - not found
        return _not_permitted(answer, what, where, permission)
    if answer.status == 404:  # noqa: PLR2004 - not found
        return NotFound(
            f"GitHub finds nothing there: could not {what}",
            where=where,
            remedy=f"Check the repository and the number; a token without `{permission}` sees the same.",
        )
    return Rejected(f"GitHub refused: could not {what}", where=where, remedy="The answer says what it does not accept.")


def _not_permitted(answer: GithubAnswer, what: str, where: str, permission: str) -> NotPermitted:
    """The commonest causes of a refusal, each with a text of its own."""
    if answer.status == 401:  # noqa: PLR2004 - unauthorized
        return TokenRefused(
            f"GitHub does not accept the token: could not {what}",
            where=where,
            remedy="Put `GITHUB_TOKEN: ${{ github.token }}` under `env:` of the step.",
            permission=permission,
        )
    if "not permitted to create or approve pull requests" in answer.message:
        wrong = f"this repository does not let workflows open pull requests: could not {what}"
        remedy = (
            "Tick `Allow GitHub Actions to create and approve pull requests` under Settings, Actions, General; or give "
            "an App's token in GITHUB_TOKEN."
        )
    elif "is locked" in answer.message:
        wrong = f"the conversation is locked: could not {what}"
        remedy = "Unlock it on the pull request's page."
    else:
        wrong = f"this token may not {what}"
        remedy = (
            f"Add `{permission}` to `permissions:` of this job, and name there all else that it needs (`contents: "
            "read` for a checkout): permissions that are not named are removed."
        )
    return NotPermitted(wrong, where=where, remedy=remedy, permission=permission)


WRITES_PER_RUN = 19
"""GitHub asks for few writes; a run that needs more than this is stuck in a loop."""

PAGE_SIZE = 100
PAGES = 100
"""A listing longer than this is not read to its end (10,000 entries)."""

TIMEOUT_S: Final = RETRY.timeout_s
"""Bounds a request from connecting to the last byte of its answer."""

MOST_BYTES: Final = 32_000_000
"""Of one answer's body; a page of 100 comments at GitHub's limit takes some 26 MB."""

REDIRECTS: Final = 5
"""Followed for one request; a repository that was renamed or moved takes one."""

API_VERSION: Final = "2022-11-28"
_MOVED: Final = frozenset({301, 302, 307, 308})

LONGEST_MESSAGE = 500
"""Characters of GitHub's own message that we repeat."""


class AnswerShape(BaseModel):
    """What we need of an answer of GitHub's; an answer that does not have it is refused here."""

    model_config = ConfigDict(frozen=True, strict=True, populate_by_name=True)


S = TypeVar("S", bound=AnswerShape)

Text = Annotated[str, BeforeValidator(lambda value: "" if value is None else value)]
"""A text that GitHub may leave out as null."""

Sha = Annotated[str, Field(pattern=r"^[0-9a-f]{40}(?:[0-9a-f]{24})?$")]
"""A git object's name; it goes into the path of the next request."""


def repository_named(given: str | None) -> str:
    """Return a repository's name as it was given.

    Raises:
        ConfigurationError: None is given, or it is not OWNER/NAME.
    """
    if given and re.fullmatch(r"(?!\.\.?/)[\w.-]+/(?!\.\.?$)[\w.-]+", given, re.ASCII):
        return given
    wrong = f"{given!r} is not a repository name" if given else "no repository is given"
    raise ConfigurationError(wrong, where="--repository", remedy="Give it as OWNER/NAME.")


def connect(
    token: str,
    *,
    api_url: str = "https://api.github.com",
    seconds_between_writes: float = 1.0,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.time,
) -> "Api":
    """An `Api` that talks to GitHub.

    Args:
        token: Sent with every request; keep it out of logs.
        api_url: Of GitHub Enterprise Server `https://HOST/api/v3`.
        seconds_between_writes: GitHub asks for one second between writes; 0 for a stand-in.
        sleep: Waits; tests hand in another.
        clock: Seconds since the epoch.

    Raises:
        ConfigurationError: The address is not a URL, or the token is not one that a header can carry.
    """
    if not all("!" <= character <= "~" for character in token):
        # Not `check_secret`, which masks: the runner knows its own token.
        raise ConfigurationError(
            "the token contains blanks, line ends or non-ASCII characters",
            where="GITHUB_TOKEN",
            remedy="Put the bare token there.",
        )
    session = requests.Session()
    session.headers = CaseInsensitiveDict(
        {
            "Accept": "application/vnd.github+json",
            "Accept-Encoding": bounds.ACCEPT_ENCODING,
            "Authorization": f"token {token}",
            "User-Agent": f"chamiperf/{__version__}",
            "X-GitHub-Api-Version": API_VERSION,
        }
    )
    # Else requests puts the credential of a .netrc in the token's place.
    session.auth = lambda request: request
    return Api(
        session,
        check_url(api_url, where="GITHUB_API_URL"),
        seconds_between_writes,
        sleep,
        clock,
        of_an_app=token.startswith("ghs_"),
    )


@dataclass
class Api:
    """Sends requests, bounded in time and memory, and no faster than GitHub asks for."""

    session: requests.Session = field(repr=False)
    base_url: str
    seconds_between_writes: float
    sleep: Callable[[float], None]
    clock: Callable[[], float]
    of_an_app: bool = False
    """Whether the token is one of an App, as a workflow's own is, by its prefix; GitHub does not tell it who it is."""
    writes_left: int = WRITES_PER_RUN
    lost_s: float = 0.0
    """Spent on answers that never came."""
    _next_write: float = 0.0
    """`time.monotonic` before which nothing is written."""

    def get(self, path: str, shape: type[S], *, what: str, permission: str, **parameters: str | int) -> S:
        """Read one thing.

        Args:
            path: Such as `/repos/o/r/pulls/7`.
            shape: What is read of the answer.
            what: What is tried, for messages: `read pull request #7`.
            permission: The line of YAML that this needs.
            parameters: The query.

        Raises:
            GitHubFailed: Which of its kinds says what to do.
        """
        data, _ = self._ask("GET", path, parameters=parameters, what=what, permission=permission)
        return _shaped(shape, data, what, f"GET {path}")

    def pages(
        self, path: str, shape: type[S], *, what: str, permission: str, key: str = "", **parameters: str | int
    ) -> Iterator[S]:
        """Read a listing to its end, entry by entry; `key` names the entries where a page is an object, not a list.

        Raises:
            GitHubFailed: As `get`.
        """
        query: dict[str, str | int] = {"per_page": PAGE_SIZE, **parameters}
        for page in range(1, PAGES + 1):
            data, answer = self._ask("GET", path, parameters={**query, "page": page}, what=what, permission=permission)
            entries = data.get(key) if key and isinstance(data, dict) else data
            if not isinstance(entries, list):
                raise _unreadable(what, f"GET {path}", "no list of entries")
            for entry in entries:
                yield _shaped(shape, entry, what, f"GET {path}")
            if 'rel="next"' not in answer.headers.get("link", ""):
                return

    def write(
        self,
        verb: str,
        path: str,
        body: Mapping[str, object],
        shape: type[S],
        *,
        what: str,
        permission: str,
        made: Callable[[], S | None] | None = None,
    ) -> S:
        """Change or create one thing.

        Args:
            verb: POST, PATCH or PUT.
            path: Such as `/repos/o/r/issues`.
            body: Sent as JSON.
            shape: What is read of the answer.
            what: What is tried, for messages.
            permission: The line of YAML that such a request needs.
            made: For what must not be created twice: looks whether an earlier attempt, whose answer was lost or says
                nothing, did create it. Asked before each further attempt, and before giving up.

        Raises:
            GitHubFailed: As `get`; also when a run writes more often than `WRITES_PER_RUN`.
        """
        data, _ = self._ask(verb, path, body=body, what=what, permission=permission, made=made)
        if isinstance(data, AnswerShape) and isinstance(data, shape):
            return data
        try:
            return _shaped(shape, data, what, f"{verb} {path}")
        except NoAnswer:
            if made is not None and (found := made()) is not None:
                return found
            raise

    def remove(self, path: str, *, what: str, permission: str) -> None:
        """Delete one thing; one that is gone already is not a failure.

        Raises:
            GitHubFailed: As `get`.
        """
        answer, _ = self._send("DELETE", path, None, None, what)
        if not (0 < answer.status < 300 or answer.status in {404, 410}):  # noqa: PLR2004 - HTTP's own
            raise failure(answer, what=what, where=f"DELETE {path}", permission=permission)

    def location(self, path: str, *, what: str, permission: str) -> str:
        """Where GitHub redirects a download to; the address carries its own, short-lived credential.

        Raises:
            GitHubFailed: As `get`; also when the answer is no redirect.
        """
        _, answer = self._ask("GET", path, what=what, permission=permission, download=True)
        if not (location := answer.headers.get("location", "")):
            raise _unreadable(what, f"GET {path}", "no address of the download")
        return location

    def _ask(
        self,
        verb: str,
        path: str,
        *,
        what: str,
        permission: str,
        parameters: Mapping[str, str | int] | None = None,
        body: Mapping[str, object] | None = None,
        made: Callable[[], S | None] | None = None,
        download: bool = False,
    ) -> tuple[Any, GithubAnswer]:
        attempt, doubt, hops, place = 1, False, 0, path
        while True:
            answer, text = self._send(verb, place, parameters, body, what)
            is_storage = download and answer.status == 302  # noqa: PLR2004 - as GitHub hands a download over
            if answer.status in _MOVED and not is_storage and hops < REDIRECTS:
                # As GitHub asks: the same request, with its body, at the new place.
                place, hops = self._moved(answer, verb, path, what), hops + 1
                parameters = None if urlsplit(place).query else parameters
                continue
            if 0 < answer.status < 300 or is_storage:  # noqa: PLR2004 - HTTP's own boundary
                return (None if download else _json(text, what, f"{verb} {path}")), answer
            # Once an answer was lost, even a later refusal ("already exists") may mean that it was made.
            doubt = doubt or answer.doubtful
            wait = pause_before_retry(answer, attempt, self.clock()) if self.lost_s < LOST_S else None
            if wait is not None:
                self.sleep(wait)
            if made is not None and doubt and (found := made()) is not None:
                return found, answer
            if wait is None:
                raise failure(answer, what=what, where=f"{verb} {path}", permission=permission)
            attempt += 1

    def _moved(self, answer: GithubAnswer, verb: str, path: str, what: str) -> str:
        """Where a request goes on; the token goes nowhere but to the API that it is for.

        Raises:
            GitHubFailed: The redirect leads to another scheme, host or port.
        """
        location = answer.headers.get("location", "")
        if location.startswith("/") and not location.startswith("//"):
            location = f"{_origin(self.base_url)}{location}"
        if _origin(location) is None or _origin(location) != _origin(self.base_url):
            raise GitHubFailed(
                f"GitHub's API redirects to another host: will not {what}",
                where=f"{verb} {path}, to {_origin(location) or 'something that is not an address'}",
                remedy="The token is not sent there. Check GITHUB_API_URL, and --repository: it may have moved.",
            )
        return location

    def _send(
        self,
        verb: str,
        path: str,
        parameters: Mapping[str, str | int] | None,
        body: Mapping[str, object] | None,
        what: str,
    ) -> tuple[GithubAnswer, str]:
        """Send a request once."""
        if verb != "GET":
            if self.writes_left == 0:
                raise GitHubFailed(
                    f"this run has written to GitHub {WRITES_PER_RUN} times: will not {what}",
                    where=f"{verb} {path}",
                    remedy="Please report it: a run needs fewer writes than that.",
                )
            self.writes_left -= 1
            if (wait := self._next_write - time.monotonic()) > 0:
                self.sleep(wait)
            self._next_write = time.monotonic() + self.seconds_between_writes
        began = time.monotonic()
        try:
            # requests bounds each wait for bytes alone, so that a byte a second keeps it waiting for ever.
            status, headers, text = bounds.within(TIMEOUT_S, lambda: self._exchange(verb, path, parameters, body))
        except requests.exceptions.SSLError as error:
            raise GitHubFailed(
                f"the certificate of GitHub's API is not trusted: could not {what}",
                where=f"{verb} {path}: {_of_tls(error)}",
                remedy="Put the CA of a GitHub Enterprise Server into a file with the system's, and name it in "
                "REQUESTS_CA_BUNDLE and SSL_CERT_FILE under `env:` of the job.",
            ) from error
        except bounds.LimitExceededError as error:
            raise NoAnswer(
                f"GitHub's answer cannot be understood: could not {what}",
                where=f"{verb} {path}: {error}",
                remedy="A proxy may have answered in its place; check GITHUB_API_URL.",
            ) from error
        # What requests raises is an OSError, unless the answer breaks off or is compressed otherwise than it says.
        except (OSError, ValueError, zlib.error, urllib3.exceptions.HTTPError, http.client.HTTPException) as error:
            self.lost_s += time.monotonic() - began
            return GithubAnswer(0, {}, type(error).__name__), ""
        return GithubAnswer(status, headers, _message(text) if status >= 400 else ""), text  # noqa: PLR2004 - as in _ask

    def _exchange(
        self, verb: str, path: str, parameters: Mapping[str, str | int] | None, body: Mapping[str, Any] | None
    ) -> tuple[int, dict[str, str], str]:
        """Send a request and read the answer whole: status, headers with lower-case names, text.

        Raises:
            OSError: As requests.
            LimitExceededError, zlib.error: As `bounds.decoded`.
        """
        with self.session.request(
            verb,
            f"{self.base_url}{path}" if path.startswith("/") else path,
            params=parameters,
            json=body or None,
            timeout=TIMEOUT_S,
            allow_redirects=False,
            stream=True,
        ) as answer:
            encoding = answer.headers.get("content-encoding", "")
            content = bounds.decoded(answer.raw.stream(2**16, decode_content=False), encoding, most=MOST_BYTES)
            headers = {name.lower(): value for name, value in answer.headers.items()}
            return answer.status_code, headers, content.decode("utf-8", "replace")


def _of_tls(error: BaseException) -> str:
    """OpenSSL's own words, of all that urllib3 and requests wrap around them."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLCertVerificationError):
            return seen.verify_message
        inner = next((each for each in seen.args if isinstance(each, BaseException)), None)
        seen = seen.__cause__ or seen.__context__ or inner or getattr(seen, "reason", None)
    return type(error).__name__


def _origin(url: str) -> str | None:
    """Scheme, host and port of a URL, as they are connected to; None for what is not an http or https URL."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    except (ValueError, KeyError):
        return None
    if not parts.hostname or parts.username is not None or parts.password is not None:
        return None
    return f"{parts.scheme}://{parts.hostname}:{port}"


def _shaped(shape: type[S], data: object, what: str, where: str) -> S:
    try:
        return shape.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the answer"
        raise _unreadable(what, where, f"{place}: {first['msg']}") from error


def _message(text: str) -> str:
    """GitHub's own words for an error; of anything else, such as a proxy's page, nothing: it may be long or hostile."""
    try:
        data = bounds.parse_json(text)
    except ValueError:
        return ""
    if not isinstance(data, dict):
        return ""
    errors = data.get("errors")
    details = [
        str(error.get("message") or error.get("code") or "") if isinstance(error, dict) else str(error)
        for error in (errors if isinstance(errors, list) else [])
    ]
    return " ".join([str(data.get("message", "")), *details]).strip()[:LONGEST_MESSAGE]


def _json(text: str, what: str, where: str) -> Any:  # noqa: ANN401 - JSON is any shape until somebody has looked
    if not text:
        return None
    try:
        return bounds.parse_json(text)
    except ValueError as error:
        raise _unreadable(what, where, "no JSON") from error


def _unreadable(what: str, where: str, why: str) -> NoAnswer:
    return NoAnswer(
        f"GitHub's answer is not what its description says: could not {what}",
        where=f"{where}: {why[:LONGEST_MESSAGE]}",
        remedy="A proxy may have answered in its place; check GITHUB_API_URL and run the job again.",
    )
