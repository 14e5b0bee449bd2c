"""Reading what k6 said."""

import json

import pytest

from chamiperf_ci.adapters.k6 import LogMessage, marked
from chamiperf_ci.adapters.k6.process import read_log


@pytest.fixture
def log(tmp_path):
    """Write a log of these lines and give its path."""

    def write(*lines):
        path = tmp_path / "k6.log"
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return path

    return write


def _line(level, text, **more):
    return json.dumps({"level": level, "msg": text, **more})


def test_a_message_is_kept_once_with_its_count_and_reason(log):
    path = log(*[_line("warning", "Request Failed", error="connection refused")] * 3, _line("error", "boom"))
    assert read_log(path) == (
        LogMessage("warning", "Request Failed: connection refused", 3),
        LogMessage("error", "boom", 1),
    )


def test_what_is_only_information_is_left_out(log):
    assert read_log(log(_line("info", "hello"), _line("debug", "x"))) == ()


def test_a_crash_is_told_by_its_first_line(log):
    path = log("panic: runtime error", "", "goroutine 1 [running]:", "main.main()")
    assert read_log(path) == (LogMessage("panic", "panic: runtime error", 1),)


def test_lines_of_another_shape_are_errors(log):
    assert read_log(log("not json", '"text"', "[1]")) == tuple(
        LogMessage("error", text, 1) for text in ("not json", '"text"', "[1]")
    )


@pytest.mark.parametrize("more", [{"source": "stacktrace"}, {"hint": "script exception"}])
def test_an_exception_of_the_script_is_told_from_other_errors(more, log):
    said = read_log(
        log(_line("error", "TypeError: x\n\tat burst (file:///b.js:2:65(11))\n", **more), _line("error", "x"))
    )
    assert [(each.text, each.thrown) for each in said] == [
        ("TypeError: x at burst (file:///b.js:2:65(11))", True),
        ("x", False),
    ]


def test_a_long_message_is_cut(log):
    assert len(read_log(log(_line("error", "x" * 1000)))[0].text) == 300


def test_a_missing_log_has_nothing_to_say(tmp_path):
    assert read_log(tmp_path / "none") == ()


def test_marked_lines_reach_the_caller_whole_and_are_no_complaint(log):
    text = 'chamiperf-failure {"body": "' + "x" * 500 + '"}'
    path = log(*[_line("warning", text)] * 5)
    assert marked(path, "failure", most=3) == (text.removeprefix("chamiperf-failure "),) * 3
    assert read_log(path) == ()
