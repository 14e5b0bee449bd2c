"""`chamiperf alert` as a job runs it: exit codes, and that the verdict is said whatever becomes of the alert."""

import json
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import github_standin
import pytest
from made_verdicts import made_row, made_scenario, made_verdict
from scripted_server import Reply, serving

from chamiperf_ci.adapters import webhook
from chamiperf_ci.adapters.github import api
from chamiperf_ci.cli import run
from chamiperf_ci.models.run import RunKind
from chamiperf_ci.models.vocabulary import RowReason, RowVerdict, RunReason
from chamiperf_ci.steps.history import EntryName

SECRET = "http://127.0.0.1:9/services/canary-of-the-chat"  # port 9 answers nobody


@pytest.fixture
def hub():
    """The stand-in on a loopback port."""
    with github_standin.serve(github_standin.StandIn(workflows={"nightly.yml": "active"})) as stand_in:
        yield stand_in
    assert stand_in.checked == []


@pytest.fixture
def alert(hub, tmp_path, monkeypatch, capsys):
    """Runs the command in a job; returns exit code, standard output, standard error and the outputs."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "verdict.json").write_text(made_verdict((made_row(),)).model_dump_json())
    (tmp_path / "summary").touch()
    variables = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_REPOSITORY": hub.repository,
        "GITHUB_API_URL": hub.base_url,
        "GITHUB_TOKEN": "token",
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
        "GITHUB_OUTPUT": str(tmp_path / "outputs"),
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("chamiperf_ci.adapters.webhook.RETRY", replace(webhook.RETRY, first_wait_s=0))
    monkeypatch.setattr("chamiperf_ci.adapters.github.api.RETRY", replace(api.RETRY, first_wait_s=0))
    monkeypatch.setattr("time.sleep", lambda _: None)

    def go(*arguments):
        from chamiperf_ci.commands.alert import alert as command  # noqa: PLC0415 - after the variables are set

        with pytest.raises(SystemExit) as ended:
            run(command, arguments)
        said = capsys.readouterr()
        return ended.value.code, said.out, said.err

    return go


def test_a_failed_night_opens_an_issue_and_is_exit_code_0(alert, hub):
    code, out, _ = alert()
    assert (code, [issue["title"] for issue in hub.issues]) == (0, ["lab: boot_storm got worse (bootscript p99)"])
    assert out.startswith("Boot script p99 +21 %")


def test_trouble_that_comes_back_after_a_clean_night_gets_an_issue_of_its_own(alert, hub):
    slow, clean = made_row(), made_row(verdict=RowVerdict.PASS, reason=RowReason.WITHIN_TOLERANCE)
    for row in (slow, clean, slow):
        night = made_verdict((row,), exit_code=0)
        Path("out/verdict.json").write_text(night.model_dump_json())
        alert()
    assert [issue["state"] for issue in hub.issues] == ["closed", "open"]
    assert [comment["body"].partition(".")[0] for comment in hub.comments] == ["Clean again: no row of the table fails"]


def test_the_same_night_again_writes_nothing(alert, hub):
    alert()
    before = len(hub.writes)
    alert()
    assert len(hub.writes) == before


def test_a_dry_run_says_what_the_real_run_says_and_writes_nothing(alert, hub):
    _, _, would = alert("--dry-run")
    assert hub.writes == []
    _, _, did = alert()
    line = "open issue: lab: boot_storm got worse (bootscript p99)\n"
    assert (would, did) == (f"would do: {line}", line)


def test_a_chat_that_cannot_be_reached_is_exit_code_4_and_hides_neither_issue_nor_verdict(alert, hub, monkeypatch):
    monkeypatch.setenv("CHAMIPERF_ALERT_WEBHOOK", SECRET)
    code, out, err = alert()
    assert (code, len(hub.issues)) == (4, 1)
    assert out.startswith("Boot script p99 +21 %")
    assert "not delivered: the message to the chat" in err
    summary = Path("summary").read_text()
    assert "Boot script p99 +21" in summary
    assert "canary" not in out + err + summary


def test_a_token_that_may_not_open_issues_is_exit_code_4_and_names_the_permission(alert, hub):
    hub.fail("POST", "/issues$", 403, "Resource not accessible by integration")
    code, _, err = alert()
    assert code == 4
    assert "Add `issues: write`" in err


def test_a_heartbeat_that_fails_is_exit_code_4(alert, monkeypatch):
    monkeypatch.setenv("CHAMIPERF_HEARTBEAT_URL", SECRET)
    code, _, err = alert()
    assert code == 4
    assert "not delivered: the heartbeat" in err


def test_the_outputs_say_what_was_done_and_the_verdicts_own_code(alert):
    alert()
    outputs = Path("outputs").read_text()
    assert [line for line in outputs.splitlines() if line.isdigit()] == ["1", "0", "0", "1", "0"]


def test_a_night_without_a_verdict_is_told_of(alert, hub):
    Path("out/verdict.json").unlink()
    code, _, _ = alert("--without-verdict", "smoke ended with 1", "--environment", "lab")
    assert (code, hub.issues[0]["title"]) == (0, "lab: the nights are not measuring")


def test_a_missing_verdict_is_a_mistake_and_no_alert(alert, hub):
    Path("out/verdict.json").unlink()
    code, _, _ = alert()
    assert (code, hub.writes) == (2, [])


def test_without_anybody_to_tell_it_is_a_mistake_of_the_configuration(alert, monkeypatch):
    monkeypatch.delenv("GITHUB_TOKEN")
    code, _, err = alert()
    assert code == 2
    assert "nobody can be notified" in err


def test_what_is_no_repository_does_not_go_to_github(alert, hub):
    code, _, err, *_ = alert("--repository", "foobar")
    assert (code, "'foobar' is not a repository name (--repository). Give it as OWNER/NAME." in err) == (2, True)
    assert hub.issues == []


def test_a_history_that_cannot_be_read_costs_the_range_and_not_the_alert(alert, hub):
    night = Path("nights/lab/2026/02/20260201T011700Z.boot_storm.night.w1.json")
    night.parent.mkdir(parents=True)
    night.write_text('{"schema_version": 99}')
    code, _, _ = alert("--history", "nights")
    assert (code, len(hub.issues)) == (0, 1)
    assert "The history could not be read, so what changed is not known." in hub.issues[0]["body"]


def test_without_a_history_nobody_knows_whether_a_night_is_missing(alert, hub):
    code, out, err = alert("--watch", "--schedule", "nightly.yml")
    assert (code, out, hub.issues) == (4, "", [])
    assert "so nobody knows whether nights are missing: none is named (--history, --history-branch)" in err


def test_a_history_without_a_night_is_missing_them_all(alert, hub):
    alert("--watch", "--schedule", "nightly.yml", "--history", "nights")
    assert "none since the schedule began" in hub.issues[0]["body"]


@pytest.fixture
def clone(tmp_path):
    """The command's folder as a clone; the remote is there, and has no branch."""
    for words in (
        ("init", "--quiet", "--bare", "remote.git"),
        ("init", "--quiet"),
        ("remote", "add", "origin", "remote.git"),
    ):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)


LOOK = ("--watch", "--schedule", "nightly.yml", "--history-branch", "chamiperf-data")


@pytest.mark.usefixtures("clone")
def test_a_branch_that_was_never_written_has_no_night(alert, hub):
    code, out, _ = alert(*LOOK)
    assert (code, len(hub.issues)) == (0, 1)
    assert "none since the schedule began" in out


@pytest.mark.usefixtures("clone")
def test_a_branch_that_cannot_be_read_is_no_alarm_of_missing_nights(alert, hub):
    Path("remote.git").rename("gone.git")
    code, out, err = alert(*LOOK)
    assert (code, out, hub.issues) == (4, "", [])
    assert "the history could not be read, so nobody knows whether nights are missing: git ls-remote failed" in err
    assert "the history could not be read" in Path("summary").read_text()


@pytest.mark.usefixtures("clone")
def test_a_night_without_a_verdict_is_told_of_although_the_history_cannot_be_read(alert, hub):
    Path("remote.git").rename("gone.git")
    code, _, _ = alert("--without-verdict", "smoke ended with 1", "--history-branch", "chamiperf-data")
    assert (code, hub.issues[0]["title"]) == (0, "the stack: the nights are not measuring")


@pytest.mark.parametrize(
    ("problems", "state", "title"),
    [
        pytest.param((), "closed", "the stack: the nights are not measuring", id="a valid one closes it"),
        pytest.param(
            (RunReason.LOAD_NOT_REACHED,), "open", "lab: the nights are not measuring", id="another takes it over"
        ),
    ],
)
def test_the_first_night_ends_the_alarm_that_there_was_none(alert, hub, problems, state, title):
    alert("--watch", "--schedule", "nightly.yml", "--history", "nights")
    assert hub.issues[0]["title"] == "the stack: the nights are not measuring"
    clean = made_row(verdict=RowVerdict.PASS, reason=RowReason.WITHIN_TOLERANCE)
    night = made_verdict((clean,), exit_code=0)
    if problems:
        (scenario,) = night.scenarios
        scenario = scenario.model_copy(update={"valid": False, "reasons": problems})
        night = night.model_copy(update={"scenarios": (scenario,)})
    Path("out/verdict.json").write_text(night.model_dump_json())
    alert()
    assert [(issue["state"], issue["title"]) for issue in hub.issues] == [(state, title)]


def test_a_look_from_outside_opens_an_issue_for_each_environment_without_nights(alert, hub):
    for days, environment in ((4, "lab"), (3, "stage")):
        began = datetime.now(UTC) - timedelta(days=days)
        path = Path("nights", EntryName(environment, began, "boot_storm", RunKind.NIGHT, "w1").path)
        path.parent.mkdir(parents=True)
        path.touch()
    alert("--watch", "--history", "nights")
    assert [issue["title"] for issue in hub.issues] == [
        "stage: the nights are not measuring",
        "lab: the nights are not measuring",
    ]


@pytest.mark.parametrize(("history", "code"), [((), 4), (("--history", "nights"), 0)])
def test_a_look_from_outside_tells_of_a_schedule_that_is_off(alert, hub, history, code):
    hub.workflows["nightly.yml"] = "disabled_manually"
    assert alert("--watch", "--schedule", "nightly.yml", "--environment", "lab", *history)[0] == code
    assert hub.issues[0]["title"] == "lab: the nights are not measuring"


def test_a_schedule_that_is_unknown_is_said_and_the_night_is_told_of_all_the_same(alert, hub):
    code, _, err = alert("--schedule", "other.yml")
    assert (code, len(hub.issues)) == (4, 1)
    assert "the look at the schedule" in err


def test_hosts_are_not_published(alert, hub):
    text = Path("out/verdict.json").read_text()
    verdict = json.loads(text)
    verdict["rows"][0]["key"]["endpoint"] = "http://bss.internal.example:8080/boot"
    Path("out/verdict.json").write_text(json.dumps(verdict))
    alert()
    assert "internal.example" not in hub.issues[0]["body"]


NONSENSE = [b"{}", b"[null]", b'"x"', b"null", b'{"id": "a", "state": {}, "login": 5}', b'{"cut', b"<html>", b""]
WAYS = {
    "a night": (),
    "a night without a verdict": ("--without-verdict", "smoke ended with 1"),
    "a night and the schedule": ("--schedule", "nightly.yml"),
    "a look from outside": ("--watch", "--schedule", "nightly.yml", "--history", "nights"),
    "a look without a history": ("--watch", "--schedule", "nightly.yml"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("said", NONSENSE)
def test_the_chat_hears_also_when_github_answers_nonsense(alert, hub, monkeypatch, way, said):
    for verb in ("GET", "POST", "PATCH"):
        hub.fail(verb, "", 200, said, times=99)
    with serving(Reply()) as chat:
        monkeypatch.setenv("CHAMIPERF_ALERT_WEBHOOK", f"{chat.url}/hook")
        code, out, _ = alert(*WAYS[way])
    assert code == 4
    assert len(chat.asked) == 1
    assert "where they should be" not in out


@pytest.mark.usefixtures("clone")
def test_the_chat_hears_of_a_history_that_cannot_be_read(alert, monkeypatch):
    Path("remote.git").rename("gone.git")
    with serving(Reply()) as chat:
        monkeypatch.setenv("CHAMIPERF_ALERT_WEBHOOK", f"{chat.url}/hook")
        assert alert(*LOOK)[0] == 4
    assert "so nobody knows whether nights are missing" in json.loads(chat.asked[0].body)["text"]


def test_one_refused_issue_does_not_stop_the_others(alert, hub):
    rows = [
        made_row(key={"scenario": name, "endpoint": "x", "metric": "p99"})
        for name in ("boot_storm", "cloud_init_storm")
    ]
    scenarios = tuple(made_scenario(row.key.scenario) for row in rows)
    Path("out/verdict.json").write_text(made_verdict(tuple(rows), scenarios=scenarios).model_dump_json())
    hub.fail("POST", "/issues$", 422, "Validation Failed")
    code, _, err = alert()
    assert (code, len(hub.issues)) == (4, 1)
    assert "not delivered: the issue of " in err


@pytest.mark.parametrize("labels", [[], ["triaged"]])
def test_a_label_that_a_person_took_off_doubles_no_issue(alert, hub, labels):
    alert()
    hub.issues[0]["labels"] = labels
    alert()
    assert len(hub.issues) == 1


def test_an_issue_that_a_person_closed_and_relabelled_is_found_by_its_marker(alert, hub):
    alert()
    hub.issues[0] |= {"state": "closed", "labels": [], "body": "Known, see #12.\n\n" + hub.issues[0]["body"]}
    alert()
    assert [issue["state"] for issue in hub.issues] == ["closed"]


def test_an_alert_whose_memory_a_person_damaged_is_closed_all_the_same(alert, hub):
    alert()
    hub.issues[0]["body"] = hub.issues[0]["body"].partition("\n")[0]
    clean = made_row(verdict=RowVerdict.PASS, reason=RowReason.WITHIN_TOLERANCE)
    Path("out/verdict.json").write_text(made_verdict((clean,), word="pass", exit_code=0).model_dump_json())
    assert alert()[0] == 0
    assert hub.issues[0]["state"] == "closed"


def test_a_night_whose_file_is_damaged_is_not_a_night(alert, hub):
    path = Path("nights", EntryName("lab", datetime.now(UTC), "boot_storm", RunKind.NIGHT, "w1").path)
    path.parent.mkdir(parents=True)
    path.write_text("{}")
    code, out, _ = alert("--watch", "--history", "nights")
    assert (code, len(hub.issues)) == (0, 1)
    assert "is damaged: lab/" in out


def test_a_run_that_is_run_again_on_the_next_day_is_the_same_night(alert, hub, monkeypatch):
    monkeypatch.setenv("GITHUB_RUN_ID", "1")
    alert()
    monkeypatch.setenv("GITHUB_RUN_ATTEMPT", "2")
    alert()
    assert len(hub.issues) == 1
