"""What `chamiperf seed` refuses before it asks any stack."""

from types import SimpleNamespace

import pytest
from command_line import command

from chamiperf_ci.adapters.files import dialect
from chamiperf_ci.cli import cli, run
from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.steps.seed.clear import choose_own


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(("--older-than", "1s"), "--older-than says which runs are dead: give --sweep with it.", id="age"),
        pytest.param(("--remove", "--older-than", "24h"), "give --sweep with it.", id="age, removing"),
        pytest.param(("--run-id", "rabcdef", "--nodes", "10"), "--run-id says whose nodes to remove", id="run"),
        pytest.param(("--run-id", "rabcdef", "--sweep"), "give --remove with it.", id="run, sweeping"),
    ],
)
def test_an_option_without_its_partner_is_refused(tmp_path, arguments, said):
    done = command("seed", *arguments, cwd=tmp_path)
    assert (done.returncode, said in done.stderr) == (2, True), done.stderr


@pytest.mark.parametrize(("age", "refused"), [("18h", True), ("", False)])
def test_an_input_of_the_action_counts_as_given_unless_it_is_empty(tmp_path, monkeypatch, capsys, age, refused):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHAMIPERF_STATE_DIR", str(tmp_path / "no-stack"))
    monkeypatch.setenv("CHAMIPERF_IN_SEED_OLDER_THAN", age)
    monkeypatch.setenv("CHAMIPERF_IN_SEED_RUN_ID", "")
    with pytest.raises(SystemExit):
        run(cli, ["seed", "--target", "embedded"])
    assert ("with it." in capsys.readouterr().err) is refused


@pytest.mark.parametrize("run_id", ["Not_An id!", "", "abc", "rabcdef\n"])
def test_what_is_no_run_id_is_not_looked_for(tmp_path, run_id):
    client = SimpleNamespace(dialect=dialect())
    with pytest.raises(ConfigurationError, match="is not a run id"):
        choose_own(client, None, tmp_path / "seed.json", run_id)
