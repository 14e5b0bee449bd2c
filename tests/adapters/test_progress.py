"""How far a long step is: on a terminal of any width one line that scrolls nothing, in a log a line a stage."""

import errno
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import pytest

from chamiperf_ci.adapters.console import Progress, clock
from chamiperf_ci.adapters.k6 import Observation, ResourceSample, Stage
from chamiperf_ci.adapters.k6.run import LoadProgress

VITALS = ResourceSample(
    at_s=1, cpu_percent=62, machine_cpu_percent=40, rss_mb=310, available_mb=9_000, foreign_cpu_percent=1
)
STAGES = (Stage("ramp-up", 30, 250), Stage("sustained", 330, 500))


def looks(*of):
    pace = LoadProgress(STAGES)
    return [
        pace.of(Observation(at, {"http_reqs": count, "http_req_failed": bad, "vus": 50}, VITALS))
        for at, count, bad in of
    ]


def test_a_look_says_stage_time_left_rate_of_the_planned_failures_vus_and_generator():
    assert looks((0, 0, 0), (10, 2_500, 0), (40, 16_000, 16)) == [
        ("starting", "50 VUs  k6 62 % CPU, 310 MB"),
        ("ramp-up", "0:20 left  250 of 250/s  0 % failed  50 VUs  k6 62 % CPU, 310 MB"),
        ("sustained", "4:50 left  450 of 500/s  0.1 % failed  50 VUs  k6 62 % CPU, 310 MB"),
    ]


def test_a_load_that_ends_with_its_requests_says_how_many_are_done():
    pace = LoadProgress(requests=6_000)
    assert pace.of(Observation(2, {"http_reqs": 2_000}, VITALS)) == (
        "",
        "2,000 of 6,000 requests, 0:04 left  1,000/s  k6 62 % CPU, 310 MB",
    )


def test_what_comes_after_the_last_stage_has_no_time_left():
    assert looks((400, 9, 0))[0][0] == "ending"


@pytest.mark.parametrize(("seconds", "shown"), [(0, "0:00"), (252, "4:12"), (3_852, "1:04:12"), (-3, "0:00")])
def test_a_clock_is_short(seconds, shown):
    assert clock(seconds) == shown


def test_a_log_gets_a_line_a_stage(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    with Progress("boot_storm") as shown:
        for stage, text in (("ramp-up", "a"), ("ramp-up", "b"), ("sustained", "c"), ("sustained", "d")):
            shown.show(stage, text)
    assert capsys.readouterr().err == "boot_storm: ramp-up, a\nboot_storm: sustained, c\n"


def test_what_is_over_at_once_needs_no_progress(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    with Progress("smoke", after_s=60) as shown:
        shown.show("checking", "1 of 22")
    assert capsys.readouterr().err == ""


SCRIPT = """
import click
from chamiperf_ci.adapters.console import Progress
with Progress("boot_storm") as shown:
    for number in range(20):
        shown.show("sustained", f"{number}:12 left " + "figures and more figures " * 12)
        if number == 10:
            click.echo("a warning in between", err=True)
"""


def on_a_terminal(width, **variables):
    """Everything the script writes to a terminal of that width."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    environment = {"PATH": os.environ["PATH"], "TERM": "xterm", **variables}
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT], stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    ) as run:
        os.close(theirs)
        written = b""
        while True:
            try:
                part = os.read(ours, 65_536)
            except OSError as error:
                assert error.errno == errno.EIO  # noqa: PT017 - how a terminal without a writer ends
                break
            if not part:
                break
            written += part
    os.close(ours)
    assert run.returncode == 0
    return written.decode()


@pytest.mark.parametrize("width", [80, 100, 132, 200])
def test_on_a_terminal_nothing_scrolls_but_what_others_print(width):
    text = on_a_terminal(width)
    assert text.count("\n") <= 2  # the warning, and the line's own end
    # In a line of its own, above that of the progress, which was taken away for it.
    assert re.search(r"(\r|\n|\x1b\[[0-9;?]*[A-Za-z])a warning in between *\r?\n", text)
    assert text.index("10:12 left") < text.index("a warning in between") < text.rindex("10:12 left")
    for line in re.split(r"[\r\n]", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "\r", text)):
        assert len(line) <= width


def test_a_workflows_log_is_no_terminal():
    assert "\x1b" not in on_a_terminal(80, GITHUB_ACTIONS="true")
