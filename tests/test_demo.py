"""The demo as a user runs it: it catches what is planted, and it says no when it should not be believed.

These run alone (`-m alone`), because a busy machine makes every run invalid, and rightly so.
"""

import subprocess
import sys

import pytest

from chamiperf_ci.adapters import files
from chamiperf_ci.models.verdict import Verdict
from chamiperf_ci.models.vocabulary import RowVerdict

pytestmark = [pytest.mark.e2e, pytest.mark.alone, pytest.mark.slow, pytest.mark.timeout(600)]


def _demo(out, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "chamiperf_ci.commands.demo", "--out", str(out), *arguments],
        capture_output=True, text=True, check=False, timeout=540,
    )  # fmt: skip


def _rows(out, leg, verdict):
    return [row for row in files.read_document(out / leg / "verdict.json", Verdict).rows if row.verdict is verdict]


def test_the_demo_finds_nothing_and_then_catches_the_slow_down(tmp_path):
    ended = _demo(tmp_path / "demo")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert _rows(tmp_path / "demo", "unchanged", RowVerdict.REGRESSION) == []
    assert "p50" in {row.key.metric for row in _rows(tmp_path / "demo", "slowed", RowVerdict.REGRESSION)}
    assert not (tmp_path / "demo" / "stack").exists(), "the stack left its state behind"


def test_the_demo_ends_in_1_when_the_slow_down_is_planted_in_the_unchanged_leg(tmp_path):
    ended = _demo(tmp_path / "demo", "--slow", "unchanged")
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "NOT AS IT SHOULD BE: the unchanged leg" in ended.stdout


def test_the_demo_ends_in_1_when_nothing_is_slowed(tmp_path):
    ended = _demo(tmp_path / "demo", "--slow", "none")
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "NOT AS IT SHOULD BE: the slowed leg has no regression" in ended.stdout
