import ast
import json
import re
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import github_standin
import pytest
import yaml
from command_line import command, process
from made_runs import made_run

from chamiperf_ci.adapters import files
from chamiperf_ci.adapters.files import write_document
from chamiperf_ci.adapters.history import FolderHistory
from chamiperf_ci.models.baselines import Baselines
from chamiperf_ci.models.run import RunProblem
from chamiperf_ci.models.vocabulary import RunReason
from chamiperf_ci.steps import history

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def folder(tmp_path):
    """A checkout with the shipped baselines.json and three nights, the last of them half as slow again."""
    shutil.copy(ROOT / "baselines.json", tmp_path)
    for number in range(3):
        write_document(
            tmp_path / f"night-{number}" / "boot_storm.json", made_run(number, factor=1 if number < 2 else 1.5)
        )
    return tmp_path


def update(folder, *arguments, **variables):
    return command("update_baseline", *arguments, cwd=folder, **variables)


def propose(folder, *runs, more=()):
    named = [argument for run in runs for argument in ("--runs", run)]
    return update(folder, "propose", *named, "--reason", "the stack as it is", "--who", "ada", *more)


def accepted(folder):
    baselines = Baselines.model_validate_json((folder / "baselines.json").read_text())
    return [run.run_id for entry in baselines.accepted_runs.values() for run in entry.runs]


def test_proposed_shown_and_not_yet_applied(folder):
    result = propose(folder, "night-0")
    assert result.returncode == 0
    assert "boot_storm / bootscript p99" in result.stdout
    assert '{"op": "test", "path": "/accepted_digest", "value": ""}' in result.stdout
    assert accepted(folder) == []


def test_proposed_reviewed_applied_and_the_next_run_compares_with_it(folder):
    propose(folder, "night-0")
    result = update(folder, "apply")
    assert (result.returncode, accepted(folder)) == (0, ["boot0000"])
    assert '"op": "add"' in result.stdout
    compared = command("compare", "--runs", "night-1", "--format", "json", cwd=folder)
    [p99] = [row for row in json.loads(compared.stdout)["rows"] if row["key"]["metric"] == "p99"]
    assert (p99["baseline_runs"], p99["verdict"]) == (1, "inconclusive")


def test_two_that_apply_at_once_lose_nothing(folder):
    propose(folder, "night-0", more=("--patch", "one.json"))
    propose(folder, "night-1", more=("--patch", "two.json"))

    def apply(patch):
        return process("update_baseline", "apply", "--patch", patch, cwd=folder)

    with ThreadPoolExecutor() as pool:
        ends = list(pool.map(apply, ["one.json", "two.json"]))
    assert sorted(end.returncode for end in ends) == [0, 2], [end.stderr for end in ends]
    winner = next(number for number, end in enumerate(ends) if end.returncode == 0)
    assert accepted(folder) == [f"boot{winner:04}"]


def test_who_reads_a_file_to_change_it_is_alone(tmp_path):
    number = tmp_path / "number"
    number.write_text("0")

    def count(_):
        with files.changing(number):
            value = int(number.read_text())
            time.sleep(0.01)
            number.write_text(str(value + 1))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count, range(20)))
    assert number.read_text() == "20"


def test_a_stale_patch_is_refused_and_the_file_is_left_alone(folder):
    propose(folder, "night-0", more=("--patch", "stale.json"))
    propose(folder, "night-1")
    update(folder, "apply")
    before = (folder / "baselines.json").read_bytes()
    result = update(folder, "apply", "--patch", "stale.json")
    assert result.returncode == 2
    assert "the patch was made against another state of baselines.json" in result.stderr
    assert (folder / "baselines.json").read_bytes() == before


def test_replacing_is_another_act_than_adding(folder):
    propose(folder, "night-0", "night-1")
    update(folder, "apply")
    propose(folder, "night-2", more=("--replace",))
    update(folder, "apply")
    assert accepted(folder) == ["boot0002"]


def test_a_baseline_is_retired_by_a_patch_as_well(folder):
    propose(folder, "night-0")
    update(folder, "apply")
    [key] = json.loads((folder / "baselines.json").read_text())["accepted_runs"]
    result = update(folder, "retire", "--key", key)
    assert "removed" in result.stdout
    assert accepted(folder) == ["boot0000"]
    update(folder, "apply")
    assert accepted(folder) == []


def test_without_a_reason_nothing_is_proposed(folder):
    result = update(folder, "propose", "--runs", "night-0")
    assert (result.returncode, (folder / "out").exists()) == (2, False)


def test_a_range_of_the_history_is_accepted(folder):
    history.add(FolderHistory(folder / "history"), [made_run(number) for number in range(8)])
    result = propose(folder, more=("--history", "history", "--since", "2026-03-04", "--until", "2026-03-07"))
    assert result.returncode == 0, result.stderr
    update(folder, "apply")
    assert accepted(folder) == ["boot0002", "boot0003", "boot0004"]


def test_of_a_range_what_is_accepted_or_invalid_is_passed_over_with_a_line_each(folder):
    broken = RunProblem(reason=RunReason.GENERATOR_SATURATED, text="CPU 97 %")
    nights = [made_run(number) for number in range(3)]
    history.add(FolderHistory(folder / "history"), [*nights, made_run(3, problems=(broken,)), made_run(4)])
    propose(folder, "night-0")
    update(folder, "apply")
    result = propose(folder, more=("--history", "history"))
    assert result.returncode == 0, result.stderr
    assert "run boot0000 of boot_storm is skipped: it is accepted already\n" in result.stderr
    assert "run boot0003 of boot_storm is skipped: generator-saturated: CPU 97 %\n" in result.stderr
    update(folder, "apply")
    assert accepted(folder) == ["boot0000", "boot0001", "boot0002", "boot0004"]


def test_five_nights_replaced_by_a_range_of_one_are_warned_of(folder):
    nights = [made_run(number) for number in range(6)]
    since = f"{nights[5].started_at:%Y-%m-%d}"
    history.add(FolderHistory(folder / "history"), nights)
    propose(folder, more=("--history", "history", "--until", since))
    update(folder, "apply")
    result = propose(folder, more=("--history", "history", "--replace", "--scenario", "boot_storm", "--since", since))
    assert (result.returncode, len(accepted(folder))) == (0, 5)
    assert "1 run instead of 5: too few to find most slow-downs" in result.stdout + result.stderr


def test_a_range_of_which_no_night_is_left_is_refused(folder):
    history.add(FolderHistory(folder / "history"), [made_run(0)])
    propose(folder, "night-0")
    update(folder, "apply")
    result = propose(folder, more=("--history", "history"))
    assert (result.returncode, "no night of this range is left to accept" in result.stderr) == (2, True)


def test_a_range_without_a_night_is_told_from_a_history_that_is_not_there(folder):
    history.add(FolderHistory(folder / "history"), [made_run(0)])
    empty = propose(folder, more=("--history", "history", "--since", "2027-01-01"))
    missing = propose(folder, more=("--history", "hystory"))
    assert (empty.returncode, missing.returncode) == (2, 2)
    assert "the history has no night in this range" in empty.stderr
    assert "`chamiperf history list --history history` shows" in empty.stderr
    assert "there is no history here (hystory)" in missing.stderr


@pytest.mark.parametrize(
    "more",
    [pytest.param((), id="no run"), pytest.param(("--runs", "night-0", "--history", "history"), id="both")],
)
def test_runs_come_from_files_or_from_the_history(folder, more):
    result = propose(folder, more=more)
    assert result.returncode == 2
    assert "name run files or a range of the history, one of the two" in result.stderr


CORRUPT = {
    "not JSON": (lambda text: text.replace('"tolerance": 0.2,', '"tolerance": 0.2'), "line 9, column 7"),
    "a wrong field": (lambda text: text.replace('"tolerance": 0.2', '"tolerance": -1'), "rules.defaults.tolerance"),
    "its line": (lambda text: text.replace('"tolerance": 0.2', '"tolerance": -1'), "baselines.json, line 8"),
    "an unknown field": (lambda text: text.replace('"tolerance"', '"tolerence"'), "rules.defaults.tolerence"),
    "a number that is none": (lambda text: text.replace("0.2", "NaN"), "NaN is not a number"),
    "another version": (lambda text: text.replace('"schema_version": 1', '"schema_version": 2'), "schema version 2"),
    "another kind": (lambda text: text.replace('"kind": "baselines"', '"kind": "run"'), "expected a baselines file"),
    "nothing": (lambda _: "", "line 1, column 1"),
}


@pytest.mark.parametrize(("corrupt", "said"), CORRUPT.values(), ids=CORRUPT)
def test_a_corrupted_file_stops_with_the_line_and_the_field(folder, corrupt, said):
    path = folder / "baselines.json"
    path.write_text(corrupt(path.read_text()))
    for result in (propose(folder, "night-0"), command("compare", "--runs", "night-0", cwd=folder)):
        assert result.returncode == 2
        assert said in result.stderr
        assert len(result.stderr.splitlines()) == 1


def test_a_pull_request_carries_the_table_the_evidence_and_the_check(folder):
    hub = github_standin.StandIn()
    hub.files["baselines.json"] = (folder / "baselines.json").read_text()
    with github_standin.serve(hub):
        said = {"GITHUB_TOKEN": "t", "GITHUB_API_URL": hub.base_url, "GITHUB_REPOSITORY": hub.repository}
        named = ("--runs", "night-0", "--reason", "first night", "--who", "ada")
        results = [update(folder, "pull-request", *named, **said) for _ in range(2)]
    assert [result.returncode for result in results] == [0, 0], results[0].stderr
    [pull] = hub.pulls
    assert (pull["branch"], pull["title"], pull["labels"]) == (
        "chamiperf/baseline-lab",
        "Add 1 accepted run of lab",
        ["baseline"],
    )
    for part in (
        "**first night** (ada)",
        "| boot_storm / bootscript p99",
        "| boot0000 | boot_storm |",
        "thin baseline",
    ):
        assert part in pull["body"]
    assert hub.refs["main"] == github_standin.StandIn().refs["main"]


def test_a_repository_without_the_file_gets_a_pull_request_that_begins_it(folder):
    (folder / "baselines.json").unlink()
    hub = github_standin.StandIn()
    with github_standin.serve(hub):
        said = {"GITHUB_TOKEN": "t", "GITHUB_API_URL": hub.base_url, "GITHUB_REPOSITORY": hub.repository}
        result = update(folder, "pull-request", "--runs", "night-0", "--reason", "first night", **said)
    assert result.returncode == 0, result.stderr
    assert result.stderr.startswith("baselines.json does not exist yet: it begins with the rules that ship.\n")
    [tree] = hub.trees.values()
    [file] = tree["tree"]
    begun = Baselines.model_validate_json(file["content"])
    assert [run.run_id for entry in begun.accepted_runs.values() for run in entry.runs] == ["boot0000"]


def test_a_pull_request_to_what_is_no_repository_does_not_go_to_github(folder):
    named = ("--runs", "night-0", "--reason", "first night", "--repository", "foobar")
    result = update(folder, "pull-request", *named, GITHUB_TOKEN="t", GITHUB_API_URL="http://127.0.0.1:9")
    assert result.returncode == 2
    assert "'foobar' is not a repository name (--repository). Give it as OWNER/NAME." in result.stderr


def test_a_pull_request_against_a_file_that_moved_on_is_refused(folder):
    hub = github_standin.StandIn()
    propose(folder, "night-1")
    shutil.copy(folder / "baselines.json", folder / "mine.json")
    update(folder, "apply")
    hub.files["baselines.json"] = (folder / "baselines.json").read_text()
    with github_standin.serve(hub):
        said = {"GITHUB_TOKEN": "t", "GITHUB_API_URL": hub.base_url, "GITHUB_REPOSITORY": hub.repository}
        named = ("--runs", "night-0", "--reason", "first night", "--baselines", "mine.json")
        result = update(folder, "pull-request", *named, **said)
    assert (result.returncode, hub.writes) == (2, [])
    assert "made against another state" in result.stderr


def test_a_repository_that_lets_no_workflow_open_pull_requests_names_the_setting(folder):
    hub = github_standin.StandIn()
    hub.fail("POST", "/pulls$", 403, "GitHub Actions is not permitted to create or approve pull requests.")
    with github_standin.serve(hub):
        said = {"GITHUB_TOKEN": "t", "GITHUB_API_URL": hub.base_url, "GITHUB_REPOSITORY": hub.repository}
        result = update(folder, "pull-request", "--runs", "night-0", "--reason", "first night", **said)
    assert result.returncode == 4
    assert "Allow GitHub Actions to create and approve pull requests" in result.stderr


HEAD = {"event": "schedule", "head_branch": "main", "head_sha": "a" * 40}


@pytest.mark.parametrize(
    ("run", "code", "said"),
    [
        pytest.param(HEAD, 0, "", id="a night's"),
        pytest.param(HEAD | {"head_repository": "mallory/stack"}, 2, "ran the code of mallory/stack", id="a fork's"),
        pytest.param(None, 4, "could not read the workflow run 4711", id="a run that GitHub does not know"),
    ],
)
def test_the_pull_request_says_of_which_run_and_head_its_numbers_are(folder, run, code, said):
    hub = github_standin.StandIn(runs={} if run is None else {4711: run})
    with github_standin.serve(hub):
        variables = {"GITHUB_TOKEN": "t", "GITHUB_API_URL": hub.base_url, "GITHUB_REPOSITORY": hub.repository}
        named = ("--runs", "night-0", "--reason", "first night", "--from-run", "4711")
        result = update(folder, "pull-request", *named, **variables)
    assert (result.returncode, len(hub.pulls)) == (code, int(code == 0))
    assert said in result.stderr
    if code == 0:
        assert f"[run 4711](https://github.test/{hub.repository}/actions/runs/4711)" in hub.pulls[0]["body"]
        assert "event `schedule`, head main at aaaaaaaaaaaa." in hub.pulls[0]["body"]


def test_a_dry_run_sends_nothing_and_needs_no_token(folder):
    named = ("--runs", "night-0", "--reason", "first night", "--dry-run", "--repository", "octo/stack")
    result = update(folder, "pull-request", *named)
    assert (result.returncode, "would open or update a pull request" in result.stderr) == (0, True)


def test_a_dry_run_says_what_the_real_run_says(folder):
    named = ("--runs", "night-0", "--reason", "first night")
    summary = folder / "summary"
    with github_standin.serve(github_standin.StandIn()) as hub:
        said = {
            "GITHUB_TOKEN": "t", "GITHUB_API_URL": hub.base_url, "GITHUB_REPOSITORY": "octo/stack",
            "GITHUB_STEP_SUMMARY": str(summary),
        }  # fmt: skip
        would = update(folder, "pull-request", *named, "--dry-run", **said)
        first, *_ = summary.read_text().split("\n\n", 2)[1:]
        did = update(folder, "pull-request", *named, **said)
    line = "open or update a pull request from chamiperf/baseline-lab: "
    assert [text for text in would.stderr.splitlines() if line in text] == [
        f"would {text}" for text in did.stderr.splitlines() if line in text
    ]
    assert first == "Nothing was sent: a dry run."
    assert f"[Pull request #{hub.pulls[0]['number']}](" in summary.read_text()


def test_no_step_but_this_command_changes_accepted_runs():
    """Never automatic: others name the command, open a first proposal for a person, or (the demo) use a copy."""
    callers = set()
    for path in (ROOT / "chamiperf_ci").rglob("*.py"):
        tree = ast.parse(path.read_text())
        names = {
            name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            for name in (node.module, *(f"{node.module}.{each.name}" for each in node.names))
        }
        texts = {
            node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        if "chamiperf_ci.steps.baselines.update" in names or "update-baseline" in texts:
            callers.add(path.relative_to(ROOT / "chamiperf_ci").as_posix())
    assert callers == {
        "cli.py",
        "commands/baselines.py",
        "commands/update_baseline.py",
        "steps/baselines/file.py",
        "steps/baselines/first.py",
        "steps/demo.py",
        "steps/init.py",
    }


def test_only_the_workflow_that_a_person_starts_changes_the_repositorys_accepted_runs():
    folders = (ROOT / ".github" / "workflows", ROOT / "workflows")
    texts = {path.name: path.read_text() for folder in folders for path in folder.glob("*.yml")}
    callers = {name for name, text in texts.items() if re.search(r"(actions/|chamiperf )update-baseline", text)}
    # The project's own self-test accepts runs into a copy of its own.
    assert callers == {"update-baseline.yml", "ci.yml"}
    triggers = yaml.safe_load(texts["update-baseline.yml"])[True]
    assert set(triggers) == {"workflow_dispatch"}
