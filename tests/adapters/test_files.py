"""Artifacts on disk: whole or not there, and one clear line for each way a file can be wrong."""

import errno
import os

import pytest
from made_runs import made_run

from chamiperf_ci.adapters import files
from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.run import Run

WHOLE = files.dumps(made_run())
INFINITE = WHOLE.replace('"window_s": 30.0', '"window_s": 1e999')
WRONG_TYPE = WHOLE.replace('"complete": true', '"complete": 7')


def test_what_was_written_is_read_again(tmp_path):
    files.write_document(tmp_path / "new" / "run.json", made_run())
    assert files.read_document(tmp_path / "new" / "run.json", Run) == made_run()


def test_a_disk_that_fills_up_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    def full(_descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "run.json"
    path.write_text("old")
    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(ConfigurationError, match=r"cannot write the file: No space left on device \(.*run\.json\)"):
        files.write_text(path, "new")
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("run.json", "old")]


def test_a_file_is_readable_by_the_runners_other_users(tmp_path):
    files.write_text(tmp_path / "run.json", "x")
    assert (tmp_path / "run.json").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(None, "the file does not exist", id="missing"),
        pytest.param(b"\xff\xfe", "the file cannot be read: it is not UTF-8 text", id="not text"),
        pytest.param(WHOLE[:200].encode(), "not valid JSON: ", id="cut off"),
        pytest.param(b'{"kind": NaN}', "not valid JSON: NaN is not a number", id="NaN"),
        pytest.param(b"[" * 100_000, "not valid JSON: ", id="nested too deep"),
        pytest.param(b"[]", "expected a run file, found 'list'", id="a list"),
        pytest.param(b'{"kind": "seed"}', "expected a run file, found 'seed'", id="another kind"),
        pytest.param(b'{"kind": "run", "schema_version": 9, "producer": "chamiperf 9"}', "chamiperf 9.", id="newer"),
        pytest.param(b'{"kind": "run", "schema_version": "1"}', "schema version '1' is not known", id="no number"),
        pytest.param(
            INFINITE.encode(),
            "Input should be a finite number",
            id="infinite",
        ),
        pytest.param(WRONG_TYPE.encode(), "complete: ", id="wrong type"),
        pytest.param(b'{\n"rate": 1,\n' + WHOLE[1:].encode(), "unknown field rate; there are ", id="unknown field"),
    ],
)
def test_a_file_that_is_wrong_is_told_in_one_line(content, says, tmp_path):
    path = tmp_path / "run.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError) as refused:
        files.read_document(path, Run)
    assert says in str(refused.value)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_folder_in_place_of_a_file_is_told(tmp_path):
    with pytest.raises(ConfigurationError, match="the file cannot be read: Is a directory"):
        files.read_document(tmp_path, Run)
