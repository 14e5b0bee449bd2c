"""The one road to GitHub: PyGithub's requester over connections of ours, which end in time and in bounded memory."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from github.Requester import (
    HTTPRequestsConnectionClass,
    HTTPSRequestsConnectionClass,
    Requester,
    RequestsResponse,
)
from requests.structures import CaseInsensitiveDict

from chamiperf_ci.adapters import bounds

MOST_BYTES: Final = 32_000_000
"""Of one answer's body; a page of 100 comments at GitHub's limit takes some 26 MB."""

_HEADERS: Final = {"Accept": "application/vnd.github+json", "Accept-Encoding": bounds.ACCEPT_ENCODING}


_NUMBERS: Final = frozenset({"x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"})


@contextmanager
def bounded() -> Iterator[None]:
    """Let the requesters that are made here use our connections."""
    Requester.injectConnectionClasses(_HttpConnection, _HttpsConnection)
    try:
        yield
    finally:
        Requester.resetConnectionClasses()


class _Response(RequestsResponse):
    """An answer in the form that `Requester` expects."""

    def __init__(self, status: int, headers: Mapping[str, str], text: str) -> None:
        # `Requester` follows 301 and repeats 202 by itself, without a bound and without a look at where that leads.
        self.status = {301: 308, 202: 200}.get(status, status)
        # It fails on limits that are no numbers.
        self.headers = CaseInsensitiveDict(
            (name, value)
            for name, value in headers.items()
            if name.lower() not in _NUMBERS or re.fullmatch(r"[0-9]{1,15}", value)
        )
        self._text = text

    def read(self) -> str:
        """The body."""
        return self._text


def _answer(connection: HTTPRequestsConnectionClass | HTTPSRequestsConnectionClass) -> RequestsResponse:
    """Send what a connection was given, and read the answer whole.

    requests bounds each wait for bytes alone, so that a byte a second keeps it waiting for ever, and it decompresses
    without a bound. It runs in a thread of its own, which is left behind when time is up.

    Raises:
        TimeoutError: It takes longer than the connection's timeout.
        OSError: As requests.
        TooMuchError, zlib.error: As `bounds.decoded`.
    """
    mine: Any = connection

    def fetch() -> RequestsResponse:
        with mine.session.request(
            mine.verb,
            f"{mine.protocol}://{mine.host}:{mine.port}{mine.url}",
            headers={**mine.headers, **_HEADERS},
            data=mine.input,
            timeout=mine.timeout,
            verify=mine.verify,
            allow_redirects=False,
            stream=True,
        ) as answer:
            encoding = answer.headers.get("content-encoding", "")
            body = bounds.decoded(answer.raw.stream(2**16, decode_content=False), encoding, most=MOST_BYTES)
            return _Response(answer.status_code, answer.headers, body.decode("utf-8", "replace"))

    return bounds.within(mine.timeout, fetch)


class _HttpConnection(HTTPRequestsConnectionClass):
    """To a stand-in, or in a network of one's own."""

    def getresponse(self) -> RequestsResponse:
        return _answer(self)


class _HttpsConnection(HTTPSRequestsConnectionClass):
    """To GitHub."""

    def getresponse(self) -> RequestsResponse:
        return _answer(self)
