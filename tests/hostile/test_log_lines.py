"""A name of a run's own making begins no line that the runner of GitHub takes for a command."""

import re

import pytest
from made_runs import made_run, shipped_baselines

from chamiperf_ci.adapters.files import write_document
from chamiperf_ci.cli import run
from chamiperf_ci.commands.compare import compare


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("::add-path::/evil", id="a command"),
        pytest.param(":: ::add-path::/evil", id="a command behind another's colons"),
        pytest.param("##[add-path]/evil", id="a command in the old form"),
    ],
)
def test_no_line_steers_the_runner_when_an_endpoint_is_called(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_document(tmp_path / "baselines.json", shipped_baselines())
    write_document(tmp_path / "out" / "runs" / "boot_storm.json", made_run(endpoints=(name,)))
    with pytest.raises(SystemExit):
        run(compare, ("--format", "json"))
    said = capsys.readouterr().err
    assert re.search(r"/evil\W* ?p50\W* was measured and has no accepted run", said)
    # As the runner looks for them: trimmed, and the old form anywhere.
    assert [line for line in said.splitlines() if line.strip().startswith("::") or "##[" in line] == []
