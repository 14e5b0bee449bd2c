import csv
import io
import json

import pytest
from command_line import command
from made_drill_documents import made_drill
from made_runs import made_run

from chamiperf_ci.adapters.files import write_document
from chamiperf_ci.adapters.history import FolderHistory
from chamiperf_ci.steps import history as step


def history(folder, *arguments, **variables):
    return command("history", *arguments, cwd=folder, **variables)


@pytest.fixture
def folder(tmp_path):
    """A folder with a history of two nights and one invalid one."""
    runs = [made_run(0), made_run(1), made_run(2, complete=False)]
    step.add(FolderHistory(tmp_path / "history"), runs)
    return tmp_path


def test_runs_are_added_once(tmp_path):
    write_document(tmp_path / "runs" / "boot_storm.json", made_run(0))
    results = [history(tmp_path, "add", "--runs", "runs", "--history", "kept") for _ in range(2)]
    assert [result.returncode for result in results] == [0, 0]
    assert results[0].stdout == "lab/2026/03/20260302T011700Z.boot_storm.night.boot0000.json\n"
    assert (results[1].stdout, results[1].stderr) == ("", "0 runs added, 1 were there already.\n")


def test_a_list_is_one_line_a_run(folder):
    result = history(folder, "list", "--history", "history", "--until", "2026-03-04")
    assert result.stdout == (
        "2026-03-02 01:17  lab  boot_storm  night  boot0000\n2026-03-03 01:17  lab  boot_storm  night  boot0001\n"
    )


def test_what_was_kept_of_a_run_is_shown(folder):
    result = history(folder, "show", "--run", "boot0001", "--history", "history")
    assert json.loads(result.stdout)["run_id"] == "boot0001"


def test_an_export_is_one_line_a_metric(folder):
    result = history(folder, "export", "--history", "history")
    lines = list(csv.DictReader(io.StringIO(result.stdout)))
    p99 = [(line["run_id"], line["value"], line["unit"]) for line in lines if line["metric"] == "p99"]
    assert [line[0] for line in p99] == ["boot0000", "boot0001"]
    assert p99[0][2] == "ms"


def test_a_night_that_could_not_be_judged_is_a_line_of_its_own(folder):
    result = history(folder, "export", "--format", "jsonl", "--history", "history")
    last = json.loads(result.stdout.splitlines()[-1])
    assert (last["run_id"], last["valid"], last["metric"]) == ("boot0002", False, None)


def test_a_name_that_a_spreadsheet_would_run_is_harmless(tmp_path):
    step.add(FolderHistory(tmp_path / "history"), [made_run(0, endpoints=("=cmd()",))])
    result = history(tmp_path, "export", "--history", "history", "--output", "out.csv")
    lines = list(csv.DictReader(io.StringIO((tmp_path / "out.csv").read_text())))
    assert result.returncode == 0
    assert {line["endpoint"] for line in lines} == {"'=cmd()", "bss", ""}


def test_a_damaged_file_is_named_and_the_rest_exported(folder):
    store = FolderHistory(folder / "history")
    (store.root / store.names()[0]).write_text("{")
    result = history(folder, "export", "--history", "history")
    assert result.returncode == 0
    assert f"warning: {store.names()[0]} is skipped" in result.stderr


def test_a_drills_outcome_is_added_once(tmp_path):
    write_document(tmp_path / "drill.json", made_drill(fingerprint=made_run(0).fingerprint))
    results = [history(tmp_path, "add", "--drill", "drill.json", "--history", "kept") for _ in range(2)]
    assert [result.stderr for result in results] == ["The drill is added.\n", "The drill was there already.\n"]
    assert results[0].stdout == "lab/drills/20261124T000000Z.boot_storm.demo.json\n"


def test_a_trend_is_one_page_and_the_same_bytes_every_time(folder):
    results = [history(folder, "trend", "--history", "history", "--output", name) for name in ("a.html", "b.html")]
    assert [result.returncode for result in results] == [0, 0]
    page = (folder / "a.html").read_bytes()
    assert page == (folder / "b.html").read_bytes()
    assert b"2 nights were judged from 2026-03-02 to 2026-03-04, 1 could not be, 0 are missing." in page


def test_a_trend_in_markdown_goes_to_standard_output(folder):
    result = history(folder, "trend", "--history", "history", "--format", "markdown")
    assert result.stdout.startswith("No baseline: drift not judged. The newest night is of 2026-03-04.\n")


def test_a_damaged_entry_is_not_shown(folder):
    store = FolderHistory(folder / "history")
    name = store.names()[0]
    (store.root / name).write_text('{"kind": "history", "schema_ver')
    result = history(folder, "show", "--run", "boot0000", "--history", "history")
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert "the entry is damaged: " in result.stderr
    assert name in result.stderr


def test_a_trend_of_an_empty_history_is_a_page_that_says_so(folder):
    (folder / "nowhere").mkdir()
    result = history(folder, "trend", "--history", "nowhere")
    assert (result.returncode, "The history holds no night." in result.stdout) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(("list",), "no history is named", id="none"),
        pytest.param(("add", "--history", "a"), "nothing is named (--runs, --drill)", id="nothing to add"),
        pytest.param(("list", "--history", "a", "--history-branch", "b"), "not both", id="two"),
        pytest.param(
            ("trend", "--history", "history", "--baselines", "x"), "the file does not exist (x)", id="baselines"
        ),
        pytest.param(("show", "--run", "x", "--history", "history"), "there is no run x", id="no such run"),
        *(
            pytest.param((*what, "--history", "nowhere"), "there is no history here (nowhere)", id=f"{what[0]} nothing")
            for what in (("list",), ("show", "--run", "x"), ("export",), ("trend",))
        ),
        pytest.param(("list", "--history-branch", "data"), "git ls-remote failed", id="no repository"),
    ],
)
def test_what_cannot_be_done_is_one_clear_line(folder, arguments, said):
    result = history(folder, *arguments)
    assert result.returncode == (4 if "git" in said else 2)
    assert said in result.stderr
