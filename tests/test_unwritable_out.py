"""`--out` that cannot be written is refused by each command that writes there, before it does anything else."""

from pathlib import Path

import click
import pytest

from chamiperf_ci.adapters.files import require_writable
from chamiperf_ci.cli import COMMANDS, cli, run
from chamiperf_ci.errors import ConfigurationError

READS = {"comment", "alert"}
REQUIRED = {"drill": ["--target", "embedded"]}


def with_out():
    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        if any("--out" in option.opts for option in command.params):
            yield name


def ended(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        run(cli, arguments, prog_name="chamiperf")
    return end.value.code, capsys.readouterr().err


@pytest.mark.parametrize("name", [name for name in with_out() if name not in READS])
@pytest.mark.parametrize("where", ["taken", "taken/below", "/proc/none/below"])
def test_a_folder_that_cannot_be_written_is_refused(name, where, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("taken").write_text("a file", encoding="utf-8")
    code, said = ended([name, *REQUIRED.get(name, ()), "--out", where], capsys)
    assert (code, "cannot write" in said or "is a file" in said) == (2, True), said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["taken"]


def test_every_other_command_with_an_output_is_tried():
    assert set(with_out()) >= READS
    assert len(set(with_out()) - READS) >= 7


def test_the_look_leaves_nothing_and_changes_nothing(tmp_path):
    require_writable(tmp_path / "new" / "folder")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "file").write_text("x")
    require_writable(tmp_path / "there")
    assert [path.name for path in (tmp_path / "there").iterdir()] == ["file"]
    with pytest.raises(ConfigurationError):
        require_writable(tmp_path / "there" / "file")
