"""What comes from elsewhere is bounded: in bytes, in time, in depth, in numbers."""

import gzip
import socket
import threading
import time
import zlib
from contextlib import contextmanager

import httpx
import pytest
from made_targets import target

from chamiperf_ci.adapters import bounds, http_client
from chamiperf_ci.adapters.bounds import LimitExceededError, decoded, parse_json

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"


@contextmanager
def dripping(first):
    """A server that says something, and then a byte every 50 ms for ever."""
    over = threading.Event()
    listening = socket.create_server(("127.0.0.1", 0))

    def drip():
        while not over.is_set():
            try:
                taken, _ = listening.accept()
            except OSError:
                return
            with taken:
                taken.sendall(first)
                while not over.wait(0.05):
                    try:
                        taken.sendall(b"x")
                    except OSError:
                        break

    threading.Thread(target=drip, daemon=True).start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    over.set()
    listening.close()


@pytest.mark.parametrize("first", [b"", b"HTTP/1.1 200 OK\r\nX: ", HEAD], ids=["status", "head", "body"])
def test_an_answer_that_drips_ends_in_time(first):
    began = time.monotonic()
    with dripping(first) as url, http_client.client(target(), timeout_s=0.5) as client:
        with pytest.raises(httpx.ReadTimeout):
            client.get(url)
        # Without the deadline it would go on for ever: each byte comes in time.
        assert time.monotonic() - began < 30


def packed(size):
    return gzip.compress(b"\0" * size)


def test_a_body_is_unpacked_no_further_than_its_bound():
    assert decoded([packed(1000)], "gzip") == b"\0" * 1000
    assert decoded([zlib.compress(b"x")], "deflate") == b"x"
    with pytest.raises(LimitExceededError, match="longer than"):
        decoded([packed(5_000_000)], "gzip", most=1_000_000)
    with pytest.raises(LimitExceededError, match="longer than"):
        decoded([b"x" * 10] * 10, "", most=50)


@pytest.mark.parametrize("encoding", ["br", "gzip, gzip", "gzip,br", "zstd"])
def test_an_encoding_that_nobody_asked_for_is_refused(encoding):
    with pytest.raises(LimitExceededError, match="not asked for"):
        decoded([b"x"], encoding)


@pytest.mark.parametrize(
    "text",
    [
        *("[" * 200 + "]" * 200, "[" * 1_000_000, '{"a":' * 150 + "1" + "}" * 150, "1" + "0" * 400, "-" + "9" * 400),
        *("1e999", "[1e999]", "1" * 5000, b"\xff", "", "{", f"[{'1,' * bounds.MOST_VALUES}1]"),
    ],
    ids=lambda text: repr(text[:12]),
)
def test_json_beyond_its_bounds_is_a_value_error(text):
    with pytest.raises(ValueError, match=r"."):
        parse_json(text)


def test_half_a_character_becomes_a_whole_one():
    found = parse_json(r'{"\ud800": ["a\udfffb", "\ud83d\ude00"]}')
    assert found == {"\ufffd": ["a\ufffdb", "\U0001f600"]}
    found["\ufffd"][0].encode()


def test_a_byte_order_mark_is_passed_over(tmp_path):
    assert parse_json(b"\xef\xbb\xbf[1]") == parse_json("\ufeff[1]") == [1]
    (tmp_path / "marked").write_bytes(b"\xef\xbb\xbfyes")
    assert bounds.read(tmp_path / "marked") == "yes"


def test_a_file_is_read_no_further_than_its_bound(tmp_path):
    (tmp_path / "long").write_bytes(b"x" * 100)
    with pytest.raises(LimitExceededError):
        bounds.read(tmp_path / "long", most=99)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("7", 7.0), ("0", 0.0), ("", None), ("²", None), ("-1", None), ("1e9", None), ("9" * 400, None), (" 7", None),
     ("Wed, 21 Oct 2026 07:28:00 GMT", None)],
)  # fmt: skip
def test_a_wait_that_is_asked_for_is_a_whole_number_of_seconds(text, seconds):
    assert bounds.retry_after_s({"retry-after": text}) == seconds


def test_waits_double_obey_what_is_asked_and_end():
    policy = bounds.RetryPolicy(first_wait_s=1.0, longest_wait_s=5.0, spread=0.0)
    assert [policy.wait_s(retry) for retry in range(4)] == [1.0, 2.0, 4.0, 5.0]
    assert [policy.wait_s(0, asked) for asked in (None, 0.0, 3.0, 900.0)] == [1.0, 1.0, 3.0, 5.0]


def test_waits_of_many_clients_spread_within_their_share():
    waits = [bounds.RetryPolicy(first_wait_s=1.0, spread=0.5).wait_s(0) for _ in range(200)]
    assert len(set(waits)) > 100
    assert 0.5 <= min(waits) <= max(waits) <= 1.5
