"""`chamiperf stack` as a user meets it: what it prints, and the code it ends with."""

import json
from pathlib import Path

import pytest
from command_line import command

from chamicore_standin import lifecycle
from chamiperf_ci.commands.stack import set_, up

pytestmark = pytest.mark.e2e


@pytest.fixture
def chamiperf(tmp_path):
    """Run `chamiperf stack ...` in a folder of its own; what it did."""
    folder = tmp_path / "state"

    def run(*arguments, **variables):
        return command("stack", *arguments, cwd=tmp_path, **{"CHAMIPERF_STATE_DIR": str(folder), **variables})

    yield run
    lifecycle.down(folder)


UP = ("up", "--ports", "ephemeral", "--without", "discovery", "--without", "power", "--without", "kea")


def test_every_option_is_on_the_page_about_the_stack():
    page = (Path(__file__).parents[2] / "docs" / "embedded-stack.md").read_text(encoding="utf-8")
    options = {name for command in (up, set_) for option in command.params for name in option.opts}
    assert sorted(name for name in options if name not in page) == []


def _exports(text):
    return dict(line.removeprefix("export ").split("=", 1) for line in text.splitlines())


def test_up_prints_lines_for_the_shell_and_nothing_else(chamiperf, tmp_path):
    summary = tmp_path / "summary"
    done = chamiperf(*UP, GITHUB_STEP_SUMMARY=str(summary))
    assert done.returncode == 0
    assert summary.read_text().startswith("🟢 stack ")
    assert _exports(done.stdout).keys() == {
        "CHAMICORE_TEST_AUTH_URL",
        "CHAMICORE_TEST_SMD_URL",
        "CHAMICORE_TEST_BSS_URL",
        "CHAMICORE_TEST_CLOUDINIT_URL",
        "CHAMICORE_TEST_MCP_URL",
        "CHAMICORE_INTERNAL_TOKEN",
    }
    assert "embedded stack up" in done.stderr


def test_up_takes_the_internal_token_from_its_variable(chamiperf):
    done = chamiperf(*UP, CHAMICORE_INTERNAL_TOKEN="mine")
    assert _exports(done.stdout)["CHAMICORE_INTERNAL_TOKEN"] == "mine"


def test_an_env_file_is_readable_by_its_owner_only(chamiperf, tmp_path):
    path = tmp_path / "stack.env"
    done = chamiperf(*UP, "--env-file", str(path))
    assert (done.returncode, done.stdout) == (0, "")
    assert path.stat().st_mode & 0o777 == 0o600
    assert "export CHAMICORE_TEST_BSS_URL=http://127.0.0.1:" in path.read_text(encoding="utf-8")


def test_a_stack_can_be_had_as_json(chamiperf):
    document = json.loads(chamiperf(*UP, "--format", "json").stdout)
    assert document["state"]["kind"] == "embedded"
    assert document["environment"]["CHAMICORE_TEST_SMD_URL"] == document["state"]["services"][1]["url"]


def test_a_second_up_is_refused_with_the_way_out(chamiperf):
    chamiperf(*UP)
    done = chamiperf(*UP)
    assert done.returncode == 2
    assert "a stack is already up" in done.stderr
    assert "chamiperf stack down" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [("status",), ("restart",), ("fault", "list"), ("fault", "clear"), ("fault", "set", "--service", "bss")],
)
def test_where_no_stack_is_up_the_way_to_one_is_named(chamiperf, arguments):
    done = chamiperf(*arguments)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "chamiperf stack up" in done.stderr


def test_down_where_nothing_is_up_is_fine(chamiperf):
    done = chamiperf("down")
    assert (done.returncode, done.stderr) == (0, "no embedded stack was there\n")


def test_a_folder_that_cannot_be_written_is_named(chamiperf, tmp_path):
    blocked = tmp_path / "file"
    blocked.touch()
    done = chamiperf(*UP, "--state-dir", str(blocked / "below"))
    assert done.returncode == 2
    assert str(blocked) in done.stderr


def test_a_state_of_another_version_is_not_guessed_at(chamiperf, tmp_path):
    path = tmp_path / "state" / "stack.json"
    path.parent.mkdir()
    path.write_text('{"schema_version": 99}', encoding="utf-8")
    done = chamiperf("status")
    path.unlink()
    assert done.returncode == 2
    assert "not the state of an embedded stack of this version" in done.stderr


def test_status_shows_services_and_faults_until_they_are_cleared(chamiperf):
    chamiperf(*UP)
    ident = chamiperf("fault", "set", "--service", "bss", "--route", "bootscript", "--latency-ms", "80").stdout.strip()
    assert f'"id":"{ident}"' in chamiperf("status").stdout
    cleared = chamiperf("fault", "clear")
    assert (cleared.returncode, cleared.stderr) == (0, "1 fault(s) cleared\n")
    status = chamiperf("status").stdout
    assert ident not in status
    assert "bss" in status


def test_one_command_may_set_two_faults(chamiperf):
    chamiperf(*UP)
    done = chamiperf("fault", "set", "--service", "bss", "--latency-ms", "1", "--error-rate", "0.5")
    assert len(done.stdout.split()) == 2


def test_a_number_drawn_for_a_loss_is_shown_only_when_asked_for(chamiperf):
    chamiperf(*UP)
    done = chamiperf("fault", "set", "--service", "bss", "--lose-sync-random", "5..9")
    assert done.returncode == 0
    assert "count" not in chamiperf("fault", "list").stdout
    assert 5 <= json.loads(chamiperf("fault", "show", "--reveal").stdout)["count"] <= 9


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(("--service", "bss"), "no fault was named", id="no fault"),
        pytest.param(
            ("--service", "bss", "--lose-sync-random", "9..5"), "not a range: 9..5", id="a range turned round"
        ),
        pytest.param(("--service", "nope", "--latency-ms", "1"), "cannot lie on nope", id="no such service"),
        pytest.param(("--service", "bss", "--error-rate", "2"), "--error-rate", id="a rate over 1"),
    ],
)
def test_a_fault_that_makes_no_sense_is_a_usage_error(chamiperf, arguments, message):
    chamiperf(*UP)
    done = chamiperf("fault", "set", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
