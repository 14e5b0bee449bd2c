"""`chamiperf compare` and `chamiperf report` as a user runs them, with every input that can be wrong."""

import json
import re

import pytest
from click.testing import CliRunner
from made_drill_documents import made_drill
from made_runs import accepting, made_run, shipped_baselines

from chamiperf_ci.adapters import history as kept
from chamiperf_ci.adapters.files import write_document
from chamiperf_ci.adapters.history import FolderHistory
from chamiperf_ci.cli import run
from chamiperf_ci.commands.compare import compare
from chamiperf_ci.commands.confirm import confirm
from chamiperf_ci.commands.report import report
from chamiperf_ci.models.run import RunProblem
from chamiperf_ci.models.vocabulary import RunReason


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A night and its baselines, as the current folder."""
    monkeypatch.chdir(tmp_path)
    runs = [made_run(number, noise=0.02) for number in range(5)]
    write_document(tmp_path / "baselines.json", accepting(shipped_baselines(), runs))
    write_document(tmp_path / "out" / "runs" / "boot_storm.json", made_run(20, noise=0.02))
    return tmp_path


def test_the_sentence_of_the_night_is_in_the_job_summary_without_a_report(folder, monkeypatch, capsys):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(folder / "summary"))
    code, out, _ = ending(capsys, compare, "--quiet")
    assert code == 0
    sentence = out.strip().splitlines()[-1]
    assert (folder / "summary").read_text() == f"### Verdict\n\n{sentence}\n\n"


def test_a_job_that_ends_in_its_own_summary_has_the_verdict_once(folder, monkeypatch, capsys):
    for name in ("GITHUB_STEP_SUMMARY", "CHAMIPERF_STEP_LINES"):
        monkeypatch.setenv(name, str(folder / name))
    ending(capsys, compare, "--quiet")
    assert not (folder / "GITHUB_STEP_SUMMARY").exists()
    _, out, _ = ending(capsys, report, "--quiet")
    assert (folder / "GITHUB_STEP_SUMMARY").read_text(encoding="utf-8").count(out.strip().split(";")[0]) == 1


def test_a_summary_that_cannot_be_written_takes_no_output_with_it(folder, monkeypatch, capsys):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(folder / "missing" / "summary"))
    monkeypatch.setenv("GITHUB_OUTPUT", str(folder / "outputs"))
    code, _, err = ending(capsys, compare)
    assert code == 2
    assert "a file of the job cannot be written" in err
    assert "verdict-path" in (folder / "outputs").read_text()


def ending(capsys, command, *arguments):
    """Exit code, standard output and standard error of a command, as the command line makes them."""
    with pytest.raises(SystemExit) as ended:
        run(command, arguments)
    printed = capsys.readouterr()
    return ended.value.code, printed.out, printed.err


def unbroken(text):
    """Without the ends of lines."""
    return " ".join(text.split())


def test_the_whole_text_ends_in_the_sentence_and_nothing_else_is_said(folder, capsys):
    code, out, err = ending(capsys, compare, "--all")
    assert (code, err) == (0, "")
    assert out.split("\n\n")[-1].startswith("All 8 compared figures are within 20 %;")
    assert "boot_storm / bootscript p99" in out
    assert (folder / "out" / "verdict.json").exists()


SENTENCE = "All 8 compared figures are within 20 %;"


@pytest.mark.usefixtures("folder")
def test_without_options_the_sentence_is_the_last_thing_and_said_once(capsys):
    for command in (compare, report):
        code, out, err = ending(capsys, command)
        assert (code, (out + err).count(SENTENCE)) == (0, 1)
        assert out.split("\n\n")[-1].startswith(SENTENCE)
        assert max(map(len, out.splitlines())) <= 80


@pytest.mark.usefixtures("folder")
def test_quiet_is_the_sentence_alone_on_one_line(capsys):
    for command in (compare, report):
        _, out, err = ending(capsys, command, "-q")
        assert (out.count("\n"), out.startswith(SENTENCE), SENTENCE in err) == (1, True, False)


def test_json_for_machines_is_the_file(folder, capsys):
    for command in (compare, report):
        _, out, _ = ending(capsys, command, "--format", "json")
        assert json.loads(out) == json.loads((folder / "out" / "verdict.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("command", [compare, report])
@pytest.mark.usefixtures("folder")
def test_two_forms_at_once_are_a_usage_error(command, capsys):
    code, _, err = ending(capsys, command, "--all", "--quiet")
    assert (code, "Give one of --all, --verbose, --quiet and --format json." in err) == (2, True)


@pytest.mark.usefixtures("folder")
def test_an_explanation_stands_before_the_sentence(capsys):
    _, out, _ = ending(capsys, compare, "--explain", "p99")
    assert out.index("p_worse") < out.index(SENTENCE)


@pytest.mark.usefixtures("folder")
def test_explain_shows_the_computation_with_its_numbers(capsys):
    _, out, _ = ending(capsys, compare, "--explain", "p99")
    steps = {line.split("  ")[0] for line in out.split("boot_storm / bootscript p99\n---")[-1].splitlines()}
    assert {"s0", "SS", "nu", "sigma", "se", "[L95, U95]", "p_worse", "theta", "verdict"} <= steps


@pytest.mark.usefixtures("folder")
def test_explaining_what_is_not_there_names_what_is(capsys):
    code, _, err = ending(capsys, compare, "--explain", "p42")
    assert code == 2
    assert err.startswith(
        "chamiperf: no compared row is named 'p42' (--explain). Name one of: boot_storm / bootscript p50"
    )


def test_two_comparisons_of_the_same_files_are_byte_equal(folder, capsys):
    written = []
    for _ in range(2):
        ending(capsys, compare)
        written.append((folder / "out" / "verdict.json").read_bytes())
    assert written[0] == written[1]


def spoil(folder, name, text):
    (folder / name).write_text(text, encoding="utf-8")


def missing_baselines(folder):
    (folder / "baselines.json").unlink()


def malformed_baselines(folder):
    spoil(folder, "baselines.json", '{"kind": "baselines",\n  "rules": }')


def newer_baselines(folder):
    spoil(folder, "baselines.json", '{"kind": "baselines", "schema_version": 2, "producer": "chamiperf 9.0.0"}')


def wrong_field(folder):
    text = '{"kind": "baselines", "schema_version": 1, "producer": "x", "rules": {"defaults": {"tolerance": "much"}}}'
    spoil(folder, "baselines.json", text)


def another_kind(folder):
    write_document(folder / "baselines.json", made_run(0))


def target_of_nothing(folder):
    text = (folder / "baselines.json").read_text(encoding="utf-8")
    spoil(folder, "baselines.json", re.sub(r'"limit": 10(\.0)?\b', '"limit": 0', text, count=1))


def time_without_zone(folder):
    text = (folder / "out" / "runs" / "boot_storm.json").read_text(encoding="utf-8")
    spoil(folder, "out/runs/boot_storm.json", re.sub(r'("started_at": "[^"]*)Z"', r'\1"', text, count=1))


def empty_runs(folder):
    (folder / "out" / "runs" / "boot_storm.json").unlink()


def no_runs(folder):
    empty_runs(folder)
    (folder / "out" / "runs").rmdir()


def truncated_run(folder):
    text = (folder / "out" / "runs" / "boot_storm.json").read_text(encoding="utf-8")
    spoil(folder, "out/runs/boot_storm.json", text[: len(text) // 2])


def nan_in_run(folder):
    text = (folder / "out" / "runs" / "boot_storm.json").read_text(encoding="utf-8")
    spoil(folder, "out/runs/boot_storm.json", text.replace('"seconds": 30.0', '"seconds": NaN', 1))


def two_nights(folder):
    write_document(folder / "out" / "runs" / "other.json", made_run(21))


def invalid_run(folder):
    problem = RunProblem(reason=RunReason.GENERATOR_SATURATED, text="the load generator was the bottleneck (CPU 97 %)")
    write_document(folder / "out" / "runs" / "boot_storm.json", made_run(20, problems=(problem,)))


def verdict_is_a_folder(folder):
    (folder / "out" / "verdict.json").mkdir()


BAD = [
    (missing_baselines, 2, "the file does not exist (baselines.json). Restore the file"),
    (malformed_baselines, 2, "not valid JSON: Expecting value (baselines.json, line 2, column 12)"),
    (newer_baselines, 2, "schema version 2 is not known"),
    (wrong_field, 2, "rules.defaults.tolerance: Input should be a valid number"),
    (target_of_nothing, 2, "limit: Input should be greater than 0"),
    (time_without_zone, 2, "started_at: Input should have timezone info"),
    (another_kind, 2, "expected a baselines file, found 'run'"),
    (empty_runs, 3, "there is no run to judge (out/runs). Run `chamiperf load` first"),
    (no_runs, 2, "the runs do not exist (out/runs)"),
    (truncated_run, 2, "not valid JSON"),
    (nan_in_run, 2, "NaN is not a number"),
    (two_nights, 2, "boot_storm needs exactly one run to judge, found boot0020, boot0021"),
    (invalid_run, 3, "The load generator was the bottleneck. Nothing is said about the stack."),
    (verdict_is_a_folder, 2, "cannot write the file"),
]


@pytest.mark.parametrize(("fault", "code", "said"), BAD, ids=[fault.__name__ for fault, _, _ in BAD])
def test_a_wrong_input_is_one_clear_line_and_its_exit_code(folder, capsys, fault, code, said):
    fault(folder)
    ended, _, err = ending(capsys, compare, "--format", "json")
    assert (ended, err.count("\n")) == (code, 1)
    assert said in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--fail-on", "noise"], "'noise' is not one of"),
        (["--gate", "strict"], "'strict' is not one of"),
        (["--frobnicate"], "No such option"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_a_wrong_option_is_a_usage_error(capsys, arguments, said):
    code, _, err = ending(capsys, compare, *arguments)
    assert code == 2
    assert said in err


def test_a_history_folder_need_not_exist_yet_and_its_absence_is_said(folder, capsys):
    code, out, _ = ending(capsys, compare, "--all", "--history", folder / "history")
    assert code == 0
    said = {"word": "history", "values": {"text": f"{folder / 'history'} does not exist, so no earlier night is known"}}
    assert said in json.loads((folder / "out" / "verdict.json").read_text())["warnings"]
    assert "does not exist, so no earlier night is known" in unbroken(out)
    (folder / "history").mkdir()
    _, out, _ = ending(capsys, compare, "--all", "--history", folder / "history")
    assert "no night before" not in out


def test_a_damaged_file_of_the_history_is_passed_over_and_said(folder, capsys):
    name = "20260301T011700Z.boot_storm.night.boot0001.json"
    (folder / "history" / "lab" / "2026" / "03").mkdir(parents=True)
    spoil(folder, f"history/lab/2026/03/{name}", '{"kind": "history", "schema_ver')
    code, out, _ = ending(capsys, compare, "--all", "--history", folder / "history")
    assert code == 0
    assert f"History: “lab/2026/03/{name} is skipped" in unbroken(out)


@pytest.mark.usefixtures("folder")
def test_in_a_workflow_the_runner_obeys_nothing_in_the_printed_report(capsys, monkeypatch):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    _, out, _ = ending(capsys, compare)
    first, *_, last = out.strip().splitlines()
    assert first.startswith("::stop-commands::")
    assert last == f"::{first.removeprefix('::stop-commands::')}::"


def test_a_report_is_written_for_each_place_and_ends_in_0_whatever_the_verdict(folder, capsys):
    invalid_run(folder)
    assert ending(capsys, compare)[0] == 3
    code, out, _ = ending(capsys, report)
    assert code == 0
    assert out.startswith("The load generator was the bottleneck.")
    assert {path.name for path in (folder / "out").iterdir()} >= {"summary.md", "report.html", "junit.xml"}


def test_in_a_workflow_the_report_writes_summary_annotations_and_outputs(folder, capsys, monkeypatch):
    invalid_run(folder)
    for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"):
        monkeypatch.setenv(name, str(folder / name))
    ending(capsys, compare)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    _, _, err = ending(capsys, report)
    assert "The load generator was the bottleneck." in (folder / "GITHUB_STEP_SUMMARY").read_text(encoding="utf-8")
    assert "::error title=boot_storm was not judged::" in err
    outputs = (folder / "GITHUB_OUTPUT").read_text(encoding="utf-8")
    names = {line.split("<<")[0] for line in outputs.splitlines() if "<<" in line}
    assert {"verdict", "verdict-path", "regressions", "report-path"} <= names


def test_a_report_without_its_runs_leaves_their_charts_out(folder, capsys):
    ending(capsys, compare)
    empty_runs(folder)
    code, _, _ = ending(capsys, report)
    assert code == 0
    assert "<polyline" not in (folder / "out" / "report.html").read_text(encoding="utf-8")


@pytest.mark.usefixtures("folder")
def test_a_report_without_a_verdict_says_how_to_make_one(capsys):
    code, _, err = ending(capsys, report)
    assert (code, "Make it with `chamiperf compare`." in err) == (2, True)


def a_drill(**changes):
    """A drill of the night's own circumstances."""
    made = {"fingerprint": made_run(20).fingerprint, "started_at": made_run(15).started_at, **changes}
    return made_drill(**made)


SEES = "Which slow-downs of boot_storm are detected is not known (a drill of 2026-03-17"


@pytest.mark.parametrize("options", [(), ("--drill", "elsewhere.json")])
def test_a_report_says_what_a_drill_has_shown_of_its_gate(folder, capsys, options):
    ending(capsys, compare)
    write_document(folder / (options[-1] if options else "out/drill.json"), a_drill())
    _, out, _ = ending(capsys, report, "--all", *options)
    assert SEES in unbroken(out)
    seen = "are detected is not known"
    assert all(seen in (folder / "out" / name).read_text(encoding="utf-8") for name in ("summary.md", "report.html"))


def test_a_verdict_says_what_the_drill_of_its_history_has_shown(folder, capsys):
    kept.keep_drill(FolderHistory(folder / "history"), a_drill())
    _, out, _ = ending(capsys, compare, "--all", "--history", "history")
    assert SEES in unbroken(out)
    assert SEES in unbroken(ending(capsys, report, "--all")[1])


def test_a_drill_of_another_scenario_is_left_out_and_named(folder, capsys):
    ending(capsys, compare)
    write_document(folder / "out" / "drill.json", a_drill(scenario="auth_under_load"))
    code, _, err = ending(capsys, report)
    assert (code, "The drill is left out: auth_under_load is not in the verdict." in err) == (0, True)


@pytest.mark.usefixtures("folder")
def test_a_drill_that_was_named_and_is_not_there_is_one_clear_line(capsys):
    ending(capsys, compare)
    code, _, err = ending(capsys, report, "--drill", "none.json")
    assert (code, err) == (2, "chamiperf: the file does not exist (none.json). Make it with `chamiperf drill`.\n")


@pytest.mark.usefixtures("folder")
def test_confirming_without_a_verdict_says_how_to_make_one(capsys):
    code, _, err = ending(capsys, confirm)
    assert (code, "Make it with `chamiperf compare`." in err) == (2, True)


@pytest.mark.usefixtures("folder")
def test_confirming_a_quiet_night_measures_nothing(capsys):
    ending(capsys, compare)
    code, _, err = ending(capsys, confirm)
    assert (code, err.splitlines()[0]) == (0, "Nothing is suspect, so nothing is measured again.")


@pytest.mark.parametrize("command", [compare, confirm, report])
def test_every_option_has_a_help_text(command):
    assert CliRunner().invoke(command, ["--help"]).exit_code == 0
    assert all(parameter.help for parameter in command.params)
