"""Shared options become one typed object; variables stand behind options, and secrets never on the command line."""

import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from chamiperf_ci.cli import cli
from chamiperf_ci.models.target import CredentialKind, Service
from chamiperf_ci.options import DURATION, out_option, printed_options, target_options


@click.command
@target_options
@out_option
@click.pass_context
def _command(context, given, out):
    context.obj.append((given, out))


def _given(*arguments, **variables):
    taken = []
    result = CliRunner().invoke(_command, arguments, env=variables, obj=taken, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return taken[0][0]


def test_nothing_given_is_all_empty():
    given = _given()
    assert (given.name, given.services, given.gateway, given.secrets) == (None, {}, None, {})


def test_an_option_stands_before_its_variable():
    given = _given("--bss-url", "http://127.0.0.1:1", CHAMICORE_TEST_BSS_URL="http://127.0.0.1:2")
    assert given.services == {Service.BSS: "http://127.0.0.1:1"}


def test_each_service_has_chamicores_own_variable():
    names = ("AUTH", "SMD", "BSS", "CLOUDINIT", "DISCOVERY", "POWER", "MCP")
    given = _given(**{f"CHAMICORE_TEST_{name}_URL": f"http://127.0.0.1/{name}" for name in names})
    assert list(given.services) == list(Service)


def test_an_empty_variable_is_not_given():
    given = _given(CHAMICORE_TEST_BSS_URL="", CHAMICORE_INTERNAL_TOKEN="", CHAMIPERF_TARGET="")
    assert (given.services, given.secrets, given.name) == ({}, {}, None)


def test_a_gateway_on_the_command_line_hides_services_of_variables_but_not_of_options():
    given = _given(
        *("--gateway", "http://127.0.0.1:8080", "--bss-url", "http://127.0.0.1:1"),
        CHAMICORE_TEST_SMD_URL="http://127.0.0.1:2",
    )
    assert given.services == {Service.BSS: "http://127.0.0.1:1"}


def test_a_gateway_of_a_variable_stands_beside_services_of_variables():
    given = _given(CHAMIPERF_GATEWAY_URL="http://127.0.0.1:8080", CHAMICORE_TEST_SMD_URL="http://127.0.0.1:2")
    assert list(given.services) == [Service.SMD]


def test_a_secret_comes_by_variable():
    given = _given(CHAMICORE_INTERNAL_TOKEN="planted-secret")
    assert given.secrets[CredentialKind.INTERNAL_TOKEN].get_secret_value() == "planted-secret"
    assert "planted" not in repr(given)


def test_a_secrets_file_stands_before_its_variable(tmp_path):
    path = tmp_path / "token"
    path.write_text("from-file\n", encoding="utf-8")
    given = _given("--internal-token-file", path, CHAMICORE_INTERNAL_TOKEN="from-variable")
    assert given.secrets[CredentialKind.INTERNAL_TOKEN].get_secret_value() == "from-file"


def test_no_option_takes_a_secret_itself():
    secret = [name for param in _command.params for name in param.opts if "secret" in name or "token" in name]
    assert sorted(secret) == ["--client-secret-file", "--internal-token-file", "--token-file"]


def test_the_credential_is_chosen_by_name():
    assert _given("--credential", "dev-mode").credential is CredentialKind.DEV_MODE


def test_services_that_are_not_there_are_repeatable():
    assert _given("--without", "power", "--without", "mcp").without == (Service.POWER, Service.MCP)


def test_the_output_folder_is_out_by_default():
    taken = []
    CliRunner().invoke(_command, [], obj=taken)
    assert taken[0][1] == Path("out")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("1m30s", 90), ("24h", 86400), ("2d", 172800), ("500ms", 0.5), ("1.5h", 5400), ("7", 7)],
)
def test_a_duration_is_read_as_a_person_writes_it(text, seconds):
    assert DURATION.convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", "soon", "1w", "-5s", "5 s", "s", "0s", "1e3", "\u0665s", "1,5h"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(click.BadParameter):
        DURATION.convert(text, None, None)


def test_the_help_of_load_shows_each_option_once_in_its_group():
    load = cli.get_command(click.Context(cli), "load")
    text = CliRunner().invoke(load, ["--help"]).output
    shown = re.findall(r"^  (?:-\w, )?(--[a-z0-9-]+)", text, re.MULTILINE)
    assert sorted(shown) == sorted({max(option.opts, key=len) for option in load.params} | {"--help"})
    titles = re.findall(r"^([A-Z][^:\n]*):$", text, re.MULTILINE)
    assert titles[:5] == ["What", "Load shape", "Safety", "Output", "Generator"]
    assert text.index("--scenario") < text.index("--vus") < text.index("--smd-url")
    assert re.search(r"Other options:\n  .*--help .*\n\n", text)


@click.command
@printed_options
@click.pass_context
def _step(context, printed):
    context.obj.append(printed.form)


@pytest.mark.parametrize(
    ("arguments", "printed"), [((), "text"), (("-q",), "sentence"), (("--format", "json"), "json")]
)
def test_how_much_of_a_result_is_printed(arguments, printed):
    taken = []
    assert CliRunner().invoke(_step, arguments, obj=taken).exit_code == 0
    assert taken == [printed]


def test_one_line_of_json_is_refused():
    result = CliRunner().invoke(_step, ["-q", "--format", "json"], obj=[])
    assert (result.exit_code, "Give one of --quiet and --format json." in result.output) == (2, True)
