"""`chamiperf comment` as a job runs it: what it posts, what it says, and that it stays green where it may not."""

import json
from dataclasses import replace
from pathlib import Path

import github_standin
import golden
import pytest
from sample_verdict import a_row, a_verdict, as_json

from chamiperf_ci.adapters.github import api
from chamiperf_ci.adapters.github.comments import marker
from chamiperf_ci.cli import run
from chamiperf_ci.models.verdict import RowKey
from chamiperf_ci.steps.comment import LIMIT, SHORTER

GOLDEN = Path(__file__).with_name("golden_comment")
REPOSITORY = "octo/stack"


@pytest.fixture
def hub():
    """The stand-in on a loopback port, with one pull request."""
    with github_standin.serve(github_standin.StandIn()) as stand_in:
        stand_in.add_pull(7, commit="c" * 40)
        yield stand_in
    assert stand_in.checked == []


@pytest.fixture
def comment(hub, tmp_path, monkeypatch, capsys):
    """Runs the command in a job; returns exit code, standard output, standard error and the job summary."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "verdict.json").write_text(as_json())
    (tmp_path / "summary").touch()
    variables = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_REPOSITORY": REPOSITORY,
        "GITHUB_API_URL": hub.base_url,
        "GITHUB_TOKEN": "token",
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
        "GITHUB_OUTPUT": str(tmp_path / "outputs"),
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)

    def go(*arguments, event=None, name="pull_request"):
        if event is not None:
            Path("event.json").write_text(json.dumps(event))
            monkeypatch.setenv("GITHUB_EVENT_PATH", "event.json")
        monkeypatch.setenv("GITHUB_EVENT_NAME", name)
        from chamiperf_ci.commands.comment import comment as command  # noqa: PLC0415 - after the variables are set

        with pytest.raises(SystemExit) as ended:
            run(command, arguments)
        said = capsys.readouterr()
        return ended.value.code, said.out, said.err, Path("summary").read_text()

    return go


def pull_request(repository=REPOSITORY, commit="c" * 40):
    """The event of pull request 7."""
    head = {"ref": "topic", "sha": commit, "repo": {"full_name": repository}}
    return {"pull_request": {"number": 7, "head": head}}


def first_lines(summary):
    """The reason, without the verdict below it."""
    return summary.split("\n\n<b>")[0].rstrip() + "\n"


def test_a_pull_request_of_ones_own_gets_the_comment(comment, hub):
    code, out, _, _ = comment(event=pull_request())
    assert code == 0
    assert out.startswith("Comment on pull request #7 created: https://github.test/octo/stack/pull/7#issuecomment-")
    assert "self-test" in hub.comments[0]["body"]


@pytest.mark.parametrize("name", ["foobar", "octo/", "octo/stack/x", "octo/st ack", "../stack", "octo/..", "./x"])
def test_what_is_no_repository_does_not_go_to_github(comment, hub, name):
    code, _, err, _ = comment("--repository", name, event=pull_request())
    assert (code, "is not a repository name (--repository). Give it as OWNER/NAME." in err) == (2, True)
    assert hub.comments == []


def test_the_comment_links_to_the_run_and_to_the_report(comment, hub, monkeypatch):
    monkeypatch.setenv("GITHUB_SERVER_URL", "https://github.test")
    monkeypatch.setenv("GITHUB_RUN_ID", "12")
    comment("--report-url", "https://github.test/octo/stack/actions/runs/12/artifacts/5", event=pull_request())
    run = "https://github.test/octo/stack/actions/runs/12"
    links = f'<a href="{run}/artifacts/5">Report</a> · <a href="{run}/attempts/1">Run</a>'
    assert links in hub.comments[0]["body"]


def test_the_same_verdict_again_writes_nothing(comment, hub):
    comment(event=pull_request())
    _, out, _, _ = comment(event=pull_request())
    assert out.startswith("Comment on pull request #7 unchanged")
    assert len(hub.writes) == 1


def test_a_dry_run_says_what_the_real_run_says_and_writes_nothing(comment, hub):
    _, _, would, _ = comment("--dry-run", event=pull_request())
    assert hub.writes == []
    _, _, did, _ = comment(event=pull_request())
    line = "comment chamiperf of github-actions[bot] on pull request #7 of octo/stack: to be created\n"
    assert (would, did) == (f"would post: {line}", line)


def test_a_dry_run_shows_the_text_and_steers_no_runner(comment):
    _, out, _, _ = comment("--dry-run", event=pull_request())
    assert out.startswith("::stop-commands::")
    assert "self-test" in out


def test_a_commit_that_is_not_the_head_any_more_is_not_commented_on(comment, hub):
    code, _, _, summary = comment(event=pull_request(commit="e" * 40))
    assert (code, hub.writes) == (0, [])
    assert "pull request #7 has moved on to cccccccccccc; what was measured is eeeeeeeeeeee." in summary


def test_a_number_that_is_the_events_own_is_held_to_its_commit_too(comment, hub):
    code, _, _, summary = comment("--pull-request", "7", event=pull_request(commit="e" * 40))
    assert (code, hub.writes) == (0, [])
    assert "pull request #7 has moved on to cccccccccccc; what was measured is eeeeeeeeeeee." in summary


def test_a_closed_pull_request_is_not_commented_on(comment, hub):
    hub.pulls[0]["state"] = "closed"
    code, _, _, summary = comment("--pull-request", "7", event={}, name="workflow_dispatch")
    assert (code, hub.writes) == (0, [])
    assert "pull request #7 is closed" in summary


def test_a_comment_that_is_too_long_is_posted_shorter(comment, hub):
    rows = tuple(a_row(key=RowKey(scenario="boot_storm", endpoint=f"e{n}", metric="p99")) for n in range(500))
    Path("out/verdict.json").write_text(as_json(a_verdict(rows=rows)))
    hub.fail("POST", "/comments$", 422, "Body is too long (maximum is 65536 characters)")
    code, _, err, _ = comment(event=pull_request())
    assert code == 0
    assert "GitHub finds the comment too long; posting a shorter one." in err
    tried, posted = (len(asked.body["body"]) for asked in hub.log if asked.verb == "POST")
    assert SHORTER < tried <= LIMIT + len(marker("chamiperf")) + 1
    assert posted <= SHORTER + len(marker("chamiperf")) + 1
    assert [len(written["body"]) for written in hub.comments] == [posted]


def test_a_run_without_a_verdict_replaces_what_an_older_run_said(comment, hub):
    comment(event=pull_request())
    Path("out/verdict.json").unlink()
    code, out, _, _ = comment("--without-verdict", event=pull_request())
    assert code == 0
    assert "updated" in out
    (only,) = hub.comments
    assert "<b>This run brought no verdict.</b>" in only["body"]
    assert "Learning" not in only["body"]


def test_an_author_that_is_not_the_tokens_is_told(comment, hub):
    _, _, err, _ = comment("--author", "my-app[bot]", event=pull_request())
    assert "the next run will not find it and will post another. Give `author: github-actions[bot]`." in err
    assert len(hub.comments) == 1


def test_github_being_away_is_exit_code_4(comment, hub, monkeypatch):
    monkeypatch.setattr("chamiperf_ci.adapters.github.api.RETRY", replace(api.RETRY, first_wait_s=0))
    hub.fail("GET", "/pulls/7", 503, times=9)
    code, _, err, summary = comment(event=pull_request())
    assert code == 4
    assert "GitHub did not answer: could not read pull request &#35;7" in summary or "GitHub did not answer" in err


@pytest.mark.parametrize(
    "name",
    ["fork", "missing-permission", "no-token", "expired-artifact", "no-verdict", "no-pull-request"],
)
def test_the_first_messages_of_a_newcomer_say_the_cause_and_the_cure(name, comment, hub, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    event, kind = pull_request(), "pull_request"
    if name == "fork":
        event = pull_request("mallory/stack")
    elif name == "missing-permission":
        hub.fail("POST", "/comments$", 403, "Resource not accessible by integration")
    elif name == "no-token":
        monkeypatch.delenv("GITHUB_TOKEN")
    elif name == "no-verdict":
        Path("out/verdict.json").unlink()
    elif name == "no-pull-request":
        event, kind = {}, "schedule"
    else:
        run_event = {"id": 1, "event": "pull_request", "head_branch": "topic", "head_sha": "c" * 40,
                     "head_repository": {"full_name": REPOSITORY}, "html_url": "", "name": ""}  # fmt: skip
        event, kind = {"workflow_run": run_event}, "workflow_run"
        hub.add_artifact(1, "chamiperf-verdict", {"verdict.json": as_json()}, expired=True)
    code, out, err, summary = comment(event=event, name=kind)
    seen = f"exit code {code}\n--- out\n{out}--- err\n{err}--- summary\n{first_lines(summary)}"
    golden.check(GOLDEN / f"{name}.txt", seen.replace(hub.base_url, "http://API"))
    assert hub.comments == []
