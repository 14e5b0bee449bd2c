"""Every way a command can end becomes one line and one exit code."""

import errno
import os
import signal
import subprocess
import sys
import time

import click
import pytest

from chamiperf_ci.adapters import console
from chamiperf_ci.adapters.github.api import GithubAnswer, failure
from chamiperf_ci.cli import run
from chamiperf_ci.errors import ConfigurationError, ExitCode, Interrupted, InvalidMeasurement, OutsideServiceError


def _ending_with(effect):
    @click.command()
    def command():
        if isinstance(effect, BaseException):
            raise effect
        return effect

    return command


@pytest.mark.parametrize(
    ("effect", "code"),
    [
        pytest.param(None, 0, id="nothing returned"),
        pytest.param(ExitCode.VERDICT_NO, 1, id="a verdict says no"),
        pytest.param(click.UsageError("bad option"), 2, id="click's usage error"),
        pytest.param(ConfigurationError("x", where="y", remedy="z."), 2, id="configuration"),
        pytest.param(InvalidMeasurement("x", where="y", remedy="z."), 3, id="invalid"),
        pytest.param(Interrupted("x", where="y", remedy="z."), 3, id="interrupted"),
        pytest.param(KeyboardInterrupt(), 3, id="Ctrl-C"),
        pytest.param(OutsideServiceError("x", where="y", remedy="z."), 4, id="outside service"),
        pytest.param(OSError(errno.ENOSPC, "No space left on device"), 2, id="full disk"),
        pytest.param(OSError(errno.EBADF, "Bad file descriptor"), 70, id="another fault of the system"),
        pytest.param(ZeroDivisionError("boom"), 70, id="a bug of ours"),
    ],
)
@pytest.mark.usefixtures("capsys")  # it stands for standard output, which one ending abandons
def test_each_ending_has_its_exit_code(effect, code):
    with pytest.raises(SystemExit) as ended:
        run(_ending_with(effect), [])
    assert ended.value.code == code


def test_an_error_is_one_line_that_says_what_where_and_what_to_do(capsys):
    with pytest.raises(SystemExit):
        run(_ending_with(ConfigurationError("the port is taken", where="8080", remedy="Use another.")), [])
    assert capsys.readouterr().err == "chamiperf: the port is taken (8080). Use another.\n"


def test_an_internal_error_is_one_line_that_names_a_log_with_the_traceback(capsys):
    with pytest.raises(SystemExit):
        run(_ending_with(ZeroDivisionError("boom")), [])
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    log = line.split("(", 1)[1].split(")", 1)[0]
    with open(log, encoding="utf-8") as file:  # noqa: PTH123 - a path from a message
        assert "ZeroDivisionError: boom" in file.read()
    os.unlink(log)  # noqa: PTH108 - as above


def test_an_error_annotates_the_workflow_run(capsys, monkeypatch):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    with pytest.raises(SystemExit):
        run(_ending_with(ConfigurationError("100% wrong", where="a\nb", remedy="Mend it.")), [])
    assert "::error title=chamiperf::100%25 wrong (a b). Mend it.\n" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("shown", "place"), [("", "smd@staging"), ("true", "http://10.1.2.3:27779"), ("maybe", "host@stack")]
)
def test_what_is_published_of_an_error_names_the_environment_and_the_log_names_the_host(
    shown, place, capsys, monkeypatch, tmp_path
):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary"))
    monkeypatch.setenv("CHAMICORE_TEST_SMD_URL", "http://10.1.2.3:27779")
    monkeypatch.setenv("CHAMIPERF_TARGET", "staging")
    monkeypatch.setenv("CHAMIPERF_SHOW_HOSTS", shown)
    with pytest.raises(SystemExit):
        run(_ending_with(ConfigurationError("no answer", where="http://10.1.2.3:27779", remedy="Look.")), [])
    log, annotation = capsys.readouterr().err.splitlines()
    assert log == "chamiperf: no answer (http://10.1.2.3:27779). Look."
    assert annotation == f"::error title=chamiperf::no answer ({place}). Look."
    assert ("10.1.2.3" in (tmp_path / "summary").read_text()) is (shown == "true")


def test_where_to_look_while_github_is_away_is_published(monkeypatch, tmp_path):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary"))
    with pytest.raises(SystemExit):
        run(_ending_with(failure(GithubAnswer(503, {}, ""), what="ask", where="GET /user", permission="p")), [])
    assert "See githubstatus.com and run the job again." in (tmp_path / "summary").read_text()


def test_a_misspelt_command_is_answered_with_the_near_one():
    ended = subprocess.run([sys.executable, "-m", "chamiperf_ci", "sede"], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr.splitlines()[-1]) == (2, "Error: No such command 'sede'. Did you mean seed?")


def test_text_that_the_terminal_cannot_show_is_shown_as_escapes():
    script = (
        "import click, sys; from chamiperf_ci.cli import run; run(click.command()(lambda: click.echo('\\udcff é')), [])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "utf-8:strict"},
    )
    assert (ended.returncode, ended.stdout) == (0, rb"\udcff" + b" \xc3\xa9\n"), ended.stderr


@pytest.mark.parametrize("after_s", [0.05, 0.15, 0.3, 0.6])
def test_ctrl_c_at_any_time_leaves_no_traceback_of_ours(after_s, tmp_path):
    command = [
        sys.executable,
        "-c",
        "import chamiperf_ci.__main__ as m; print(1, flush=True); m.main(['wait', '--gateway', 'http://127.0.0.1:9'])",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        process.stdout.readline()
        time.sleep(after_s)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert (process.returncode, "Traceback" in said) == (3, False), said


def test_a_full_disk_behind_the_steps_outputs_is_told_once(capsys, monkeypatch):
    monkeypatch.setenv("GITHUB_OUTPUT", "/dev/full")

    @click.command()
    def command():
        console.publish({"verdict": "pass"})

    with pytest.raises(SystemExit) as ended:
        run(command, [])
    assert ended.value.code == 2
    assert capsys.readouterr().err.count("GITHUB_OUTPUT") == 1
