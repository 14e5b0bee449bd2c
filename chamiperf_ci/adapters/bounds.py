"""What an answer, a file or a URL may say at most (bytes, nesting, numbers, text), and how often one asks again.

Everything that was written elsewhere comes through here, so that nothing of it can take the memory of this machine or
end a command in another way than by a message. The bounds are wide: a page of 10,000 objects takes some 7 MB and
100,000 values, a run's file 0.1 MB.
"""

import errno
import ipaddress
import json
import math
import os
import queue
import random
import re
import select
import stat
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import SplitResult, urlsplit

from chamiperf_ci.errors import ConfigurationError

MOST_BYTES: Final = 64_000_000
"""Of one file, or of one answer's body after decompression."""
MOST_VALUES: Final = 5_000_000
"""Of one JSON text; each takes some 60 bytes of memory."""
MOST_FOLDERS: Final = 20_000
"""Below one that is searched for files; ten years of nights of eight environments lie in 1,000."""
MOST_DEPTH: Final = 100
"""Of JSON; ours have at most 12 levels."""
_LARGEST: Final = 2**64
_WHOLE: Final = re.compile("[0-9]{1,15}")
_LONE: Final = re.compile("[\ud800-\udfff]")
_ENCODINGS: Final = {"": None, "identity": None, "gzip": 31, "x-gzip": 31, "deflate": 15}
"""Content codings with zlib's window bits; one that was not asked for is refused, and so are two of them."""
ACCEPT_ENCODING: Final = "gzip"


class LimitExceededError(ValueError):
    """What was sent or written is beyond what anybody means; the text says what."""


def files_below(top: Path, *, deepest: int, most: int = MOST_FOLDERS) -> Iterator[str]:
    """Yield the names below a folder, with `/`, of its files and of those in its folders; hidden ones are left out.

    Args:
        top: The folder; one that is not there has none.
        deepest: How many folders below it a file may lie; what lies deeper is not searched.
        most: So many folders are searched.

    Raises:
        LimitExceededError: There are more, as there are in `/`.
        OSError: A folder cannot be read.
    """

    def refuse(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            raise error

    for number, (folder, folders, names) in enumerate(os.walk(top, onerror=refuse, followlinks=True)):
        if number >= most:
            raise LimitExceededError(f"there are more than {most:,} folders in it")
        below = Path(folder).relative_to(top).parts
        inner = [] if len(below) >= deepest else folders
        folders[:] = [each for each in inner if not each.startswith(".")]
        # No path for each file: years of nights have many.
        yield from ("/".join((*below, name)) for name in names if not name.startswith("."))


_T = TypeVar("_T")


def within(seconds: float, work: Callable[[], _T]) -> _T:
    """Return what `work` returns, or raise what it raises, in bounded time.

    For clients that bound each wait for bytes, and not the whole: it goes on in a thread of its own, which is left
    behind when time is up, and ends with the process.

    Raises:
        TimeoutError: It takes longer.
    """
    done: queue.SimpleQueue[tuple[bool, Any]] = queue.SimpleQueue()

    def run() -> None:
        try:
            done.put((True, work()))
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            done.put((False, error))

    threading.Thread(target=run, daemon=True).start()
    try:
        is_good, result = done.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError(f"no whole answer within {seconds:g} s") from None
    if not is_good:
        raise result
    returned: _T = result
    return returned


def decoded(chunks: Iterable[bytes], encoding: str, *, most: int = MOST_BYTES) -> bytes:
    """The body of an answer, decompressed piece by piece and never beyond `most` bytes.

    Args:
        chunks: The body as it comes over the wire.
        encoding: The answer's Content-Encoding; empty for none.
        most: Bytes of the result.

    Raises:
        LimitExceededError: The result would be longer, or the encoding is not one that was asked for.
        zlib.error: The body is not what the encoding says.
    """
    name = encoding.strip().lower()
    if name not in _ENCODINGS:
        raise LimitExceededError(f"the answer is encoded as {name[:40]!r}, which was not asked for")
    bits = _ENCODINGS[name]
    unpack = None if bits is None else zlib.decompressobj(bits)
    found = bytearray()
    for chunk in chunks:
        found += chunk if unpack is None else unpack.decompress(chunk, most + 1 - len(found))
        if len(found) > most:
            raise LimitExceededError(f"the answer is longer than {most / 1e6:.0f} MB")
    return bytes(found)


def read(path: Path, *, most: int = MOST_BYTES) -> str:
    """The text of a file, with or without a byte order mark.

    Raises:
        OSError: It cannot be read.
        UnicodeDecodeError: It is not UTF-8.
        LimitExceededError: It is longer than `most` bytes.
    """
    return read_bytes(path, most=most).decode("utf-8-sig")


def read_bytes(path: Path, *, most: int = MOST_BYTES) -> bytes:
    """The content of a file, or of a pipe (`<(command)`) that ends; a pipe into which nobody writes is not waited for.

    Raises:
        OSError: It cannot be read.
        LimitExceededError: It is longer than `most` bytes.
    """
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        content = file.read(most + 1) if stat.S_ISREG(mode) else _piped(file.fileno(), most + 1)
    if content is None:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
    if len(content) > most:
        raise LimitExceededError(f"the file is longer than {most / 1e6:.0f} MB")
    return content


_PIPE_WAITS_S: Final = 8.0
"""For the next bytes of a pipe."""
_PIPE_LONGEST_S: Final = 60.0
"""For all of it."""


def _piped(handle: int, most: int) -> bytes:
    """What comes out of a pipe, a terminal or a device until it ends, `most` bytes of it."""
    ready, found, end = select.poll(), bytearray(), time.monotonic() + _PIPE_LONGEST_S
    ready.register(handle, select.POLLIN)
    while len(found) < most:
        if time.monotonic() > end or not ready.poll(_PIPE_WAITS_S * 1000):
            raise TimeoutError(errno.ETIMEDOUT, "nobody writes to this pipe, or never ends")
        piece = os.read(handle, min(most - len(found), 1 << 20))
        if not piece:
            break
        found += piece
    return bytes(found)


class DuplicateNameError(ValueError):
    """A name occurs twice in one object, as after a merge that kept both sides; the text says which, and where."""


_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]', re.DOTALL)


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """For `json.loads` as `object_pairs_hook`: an object whose names differ.

    Raises:
        DuplicateNameError: One occurs twice; which, not yet where.
    """
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise DuplicateNameError(
            f"{next(name for name in names if names.count(name) > 1)[:80]!r} occurs twice in one object"
        )
    return found


def duplicate_names(text: str) -> str:
    """Say which name occurs twice in an object of a JSON text, and on which lines; empty where none does."""
    names: list[dict[str, int] | None] = []
    last: tuple[str, int] | None = None
    for token in _TOKEN.finditer(text):
        mark = token[0]
        if mark in "{[":
            names.append({} if mark == "{" else None)
        elif mark in "}]":
            names.pop()
        elif mark == ":" and last is not None and names and (here := names[-1]) is not None:
            name, place = last
            if name in here:
                lines = [text.count("\n", 0, each) + 1 for each in (here[name], place)]
                return f"{name[:80]!r} occurs twice in one object, on lines {lines[0]} and {lines[1]}"
            here[name] = place
        last = (json.loads(mark, strict=False), token.start()) if mark[0] == '"' else None
    return ""


_DECODER = json.JSONDecoder()
_BLANK = re.compile(r"[ \t\n\r]*")


def line_of(text: str, path: Sequence[str | int]) -> int:
    """Return the line, from 1, of the member at `path`, or of the deepest container on the way that exists.

    Args:
        text: Valid JSON.
        path: Names of members and places in arrays, as in `("rows", 3, "value")`.
    """
    place = _skip(text, 0)
    for step in path:
        inner = _member(text, place, step) if text[place] == "{" else _item(text, place, step)
        if inner is None:
            break
        place = inner
    return text.count("\n", 0, place) + 1


def _member(text: str, place: int, name: str | int) -> int | None:
    """Where the value of an object's member begins; of a name given twice the last, as JSON readers take it."""
    place = _skip(text, place + 1)
    found = None
    while text[place] == '"':
        key, place = _DECODER.raw_decode(text, place)
        value = _skip(text, _skip(text, place) + 1)
        if key == name:
            found = value
        place = _after(text, value)
    return found


def _item(text: str, place: int, index: str | int) -> int | None:
    """Where an array's item begins; None in what is not an array."""
    if text[place] != "[" or not isinstance(index, int):
        return None
    place = _skip(text, place + 1)
    for _ in range(index):
        if text[place] == "]":
            return None
        place = _after(text, place)
    return None if text[place] == "]" else place


def _after(text: str, value: int) -> int:
    """Where the next member or the closing bracket begins."""
    place = _skip(text, _DECODER.raw_decode(text, value)[1])
    return _skip(text, place + 1) if text[place] == "," else place


def _skip(text: str, place: int) -> int:
    match = _BLANK.match(text, place)
    return match.end() if match else place


def parse_json(text: str | bytes, *, numbers: bool = True, **hooks: Any) -> Any:  # noqa: ANN401 - any JSON
    """JSON, within bounds, no name twice in an object; half a character (a lone surrogate) becomes U+FFFD.

    Args:
        text: The JSON; bytes are UTF-8, with or without a byte order mark.
        numbers: Whether to refuse those that nobody can count with; a model that comes after names their place.
        hooks: Further arguments of `json.loads`, such as `parse_constant`.

    Raises:
        ValueError: It is not JSON (json.JSONDecodeError tells where), not UTF-8, or a number in it is none that can be
            counted with.
        LimitExceededError: It is too long, too deep, or has too many values.
        DuplicateNameError: A name occurs twice in an object.
    """
    if len(text) > MOST_BYTES:
        raise LimitExceededError(f"longer than {MOST_BYTES / 1e6:.0f} MB")
    text = text.decode("utf-8-sig") if isinstance(text, bytes) else text.removeprefix("\ufeff")
    if text.count(",") + text.count("[") + text.count("{") > MOST_VALUES:
        raise LimitExceededError(f"more than {MOST_VALUES:,} values")
    try:
        value = json.loads(text, object_pairs_hook=unique, **hooks)
    except DuplicateNameError as error:
        raise DuplicateNameError(duplicate_names(text) or str(error)) from None
    except RecursionError:
        raise LimitExceededError(f"nested deeper than {MOST_DEPTH} levels") from None
    _check(value, numbers=numbers)
    return _without_surrogates(value) if "\\u" in text or _LONE.search(text) else value


def _check(value: Any, *, numbers: bool) -> None:  # noqa: ANN401 - any JSON
    """Refuse what is nested too deep, and numbers that are none."""
    level, depth = [value], 0
    while level:
        depth += 1
        below: list[Any] = []
        for each in level:
            if isinstance(each, dict):
                below.extend(each.values())
            elif isinstance(each, list):
                below.extend(each)
            elif numbers and isinstance(each, float) and not math.isfinite(each):
                raise ValueError("a number in it is too large")
            elif numbers and isinstance(each, int) and not -_LARGEST < each < _LARGEST:
                raise ValueError("a whole number in it has more than 19 digits")
        if depth > MOST_DEPTH and below:
            raise LimitExceededError(f"nested deeper than {MOST_DEPTH} levels")
        level = below


def _without_surrogates(value: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, str):
        return _LONE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_without_surrogates(each) for each in value]
    if isinstance(value, dict):
        return {_without_surrogates(name): _without_surrogates(each) for name, each in value.items()}
    return value


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long one try may take, how many follow it, and after which waits (services' own clients: 30 s, three times).

    What may be tried again at all is known only where it is sent: a write that may have arrived is not.
    """

    timeout_s: float = 30.0
    """Bounds a request from connecting to the last byte of its answer."""
    retries: int = 3
    first_wait_s: float = 0.2
    """Doubles from try to try."""
    longest_wait_s: float = 10.0
    spread: float = 0.5
    """The share by which a wait is lengthened or shortened at random, so that many clients do not stay in step."""

    def wait_s(self, retry: int, asked_s: float | None = None) -> float:
        """Seconds before a retry, counted from 0; at least what the other side asked for, within the longest."""
        doubled = self.first_wait_s * 2.0**retry
        spread = random.uniform(1 - self.spread, 1 + self.spread) if self.spread else 1.0  # noqa: S311 - no secret
        return min(max(doubled * spread, asked_s or 0.0), self.longest_wait_s)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait as an answer's Retry-After asks, None if it does not; a date counts as not asked."""
    text = headers.get("retry-after", "")
    return float(text) if _WHOLE.fullmatch(text) else None


def check_url(url: str, *, where: str, query: bool = False) -> str:
    """A base URL as it is used: without a trailing slash.

    Args:
        url: The URL.
        where: The option or variable it comes from.
        query: Whether it may have a query, as one that is only written to may.

    Raises:
        ConfigurationError: Not http or https, no host, a bad port, a user or password in it, or a query or fragment.
    """
    problem = _problem(url.partition("?")[0] if query else url)
    if problem is not None:
        raise ConfigurationError(problem, where=where, remedy="Write http:// or https://, then the host and the port.")
    return url.strip().rstrip("/")


def host_of(url: str) -> str:
    """The host of a URL, in lower case, an IPv6 address without its brackets; empty if it has none."""
    return (urlsplit(url).hostname or "").lower()


def is_loopback(host: str) -> bool:
    """Whether a host is loopback by its spelling: `localhost`, 127.0.0.0/8 or ::1."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _problem(url: str) -> str | None:
    """What is wrong with a URL; never repeats it, for it may hold a password."""
    import httpx  # noqa: PLC0415 - judging a night needs no HTTP client

    url = url.strip()
    if not url.isprintable() or any(character.isspace() for character in url):
        return "the URL holds blanks or characters that cannot be printed"
    try:
        return _problem_of(urlsplit(url)) or (None if httpx.URL(url).host else "the URL has no usable host")
    except httpx.InvalidURL:
        return "not a URL that can be asked"
    except ValueError as error:
        return f"not a URL: {error}"


def _problem_of(parts: SplitResult) -> str | None:
    """What is wrong with a URL.

    Raises:
        ValueError: The port is not a number from 0 to 65535.
    """
    if parts.scheme not in ("http", "https"):
        return "not an http or https URL"
    if not parts.hostname:
        return "the URL has no usable host"
    if parts.port == 0:
        return "the port of the URL is 0"
    if parts.username is not None or parts.password is not None:
        return "the URL carries a user or a password, which belong into the credential"
    if parts.query or parts.fragment:
        return "a base URL has no query and no fragment"
    return _problem_of_host(parts.hostname)


def _problem_of_host(host: str) -> str | None:
    """Names and addresses that Python, curl and Go would each take for another host are refused."""
    if ":" in host:
        address = host.partition("%")[0]
    elif re.fullmatch(r"(0x[0-9a-f]*|\d+)", host.rstrip(".").rpartition(".")[2]):
        # By the last label it is an address: `0177.0.0.1` is 127.0.0.1 for Python, and a name for Go.
        address = host
    elif len(host) > _LONGEST_NAME or not _NAME.fullmatch(host):
        return "the URL's host is not a name"
    else:
        return None
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return "the URL's host is not an address in its usual form"
    return None


_LONGEST_NAME: Final = 253
_NAME: Final = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.?")
