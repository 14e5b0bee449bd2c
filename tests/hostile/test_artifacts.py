"""A fork's artifact is taken for hostile: nothing of it is written, executed or believed."""

import json

import pytest
from github_standin import zipped
from hostile_artifacts import ARTIFACT, COMMIT, MEGABYTE, RUN, archives
from sample_verdict import as_json

ARCHIVES = archives()


@pytest.mark.parametrize("name", ARCHIVES)
def test_nothing_is_posted_when_an_artifact(name, hub, after_a_forks_run, tmp_path):
    made, text = ARCHIVES[name]
    hub.add_artifact(RUN, ARTIFACT, {}, archive=made() if callable(made) else made)
    outcome = after_a_forks_run()
    assert hub.writes == []
    assert outcome.code == 2
    assert text in outcome.err
    assert "Traceback" not in outcome.err
    assert len(outcome.err) < 10_000
    assert sorted(path.name for path in tmp_path.iterdir()) == ["GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "event.json"]


def test_an_artifact_that_is_listed_as_too_large_is_not_fetched(hub, after_a_forks_run):
    hub.add_artifact(RUN, ARTIFACT, {"verdict.json": as_json()}, size=10 * MEGABYTE)
    outcome = after_a_forks_run()
    assert outcome.code == 2
    assert "is too large (10,485,760 bytes as listed)" in outcome.err
    assert [asked.path for asked in hub.log if "zip" in asked.path] == []


def test_an_artifact_that_is_larger_than_listed_is_fetched_up_to_the_limit(hub, after_a_forks_run):
    hub.add_artifact(RUN, ARTIFACT, {}, archive=b"x" * (10 * MEGABYTE), size=100)
    outcome = after_a_forks_run()
    assert (outcome.code, hub.writes) == (2, [])
    assert "is too large (over 4,000,000 bytes as sent)" in outcome.err


def test_an_honest_artifact_is_posted_on_the_pull_request_of_its_head(hub, after_a_forks_run):
    hub.add_artifact(RUN, ARTIFACT, {"verdict.json": as_json()})
    outcome = after_a_forks_run()
    assert outcome.code == 0
    assert [comment["pull"] for comment in hub.comments] == [7]
    assert "created" in outcome.outputs


def test_the_comment_says_whose_code_made_the_numbers(hub, after_a_forks_run):
    hub.add_artifact(RUN, ARTIFACT, {"verdict.json": as_json()})
    after_a_forks_run()
    assert "> Measured by the code of mallory/stack, and taken as that run wrote it." in hub.comments[0]["body"]


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        pytest.param({"head_sha": "e" * 40}, "has moved on to cccccccccccc", id="of an older commit"),
        pytest.param({"head_branch": "other"}, "no open pull request", id="that names a branch of the base"),
        pytest.param({"head_repository": {"full_name": "eve/stack"}}, "no open pull request", id="of another fork"),
        pytest.param({"head_repository": None}, "no open pull request", id="of a deleted fork"),
        pytest.param({"head_branch": None}, "no open pull request", id="without a branch"),
        pytest.param({"event": "push"}, "not for a pull request", id="of a push"),
        pytest.param(
            {"pull_requests": [{"number": 8}], "head_branch": "nowhere"}, "no open", id="that claims a number"
        ),
    ],
)
def test_nothing_is_posted_after_a_run(event, reason, hub, after_a_forks_run):
    hub.add_artifact(RUN, ARTIFACT, {"verdict.json": as_json()})
    outcome = after_a_forks_run(event=event)
    assert (outcome.code, hub.writes) == (0, [])
    assert reason in outcome.summary


def test_nothing_is_posted_on_a_closed_pull_request(hub, after_a_forks_run):
    hub.pulls[0]["state"] = "closed"
    hub.add_artifact(RUN, ARTIFACT, {"verdict.json": as_json()})
    outcome = after_a_forks_run()
    assert (outcome.code, hub.writes) == (0, [])
    assert "no open pull request" in outcome.summary


def test_nothing_is_posted_when_two_pull_requests_have_the_head(hub, after_a_forks_run):
    hub.add_pull(9, head_repository="mallory/stack", branch="topic", commit=COMMIT, base="release")
    hub.add_artifact(RUN, ARTIFACT, {"verdict.json": as_json()})
    outcome = after_a_forks_run()
    assert (outcome.code, hub.writes) == (0, [])
    assert "2 open pull requests come from the branch" in outcome.summary


def test_a_number_given_by_hand_is_refused_after_another_run(hub, after_a_forks_run):
    hub.add_artifact(RUN, ARTIFACT, {"verdict.json": as_json()})
    outcome = after_a_forks_run("--pull-request", "8")
    assert (outcome.code, hub.writes) == (2, [])
    assert "a pull request is named, but this workflow was started by another run" in outcome.err


def test_the_artifact_of_another_run_is_not_looked_at(hub, after_a_forks_run):
    hub.add_artifact(RUN + 1, ARTIFACT, {"verdict.json": as_json()})
    outcome = after_a_forks_run()
    assert (outcome.code, hub.writes) == (2, [])
    assert f"the run has no artifact named {ARTIFACT}" in outcome.err


def test_a_download_that_is_not_encrypted_is_refused(hub, after_a_forks_run, monkeypatch):
    from chamiperf_ci.adapters.github.api import Api  # noqa: PLC0415 - patched for this test

    monkeypatch.setattr(Api, "location", lambda *_, **__: "ftp://storage.test/verdict.zip")
    hub.add_artifact(RUN, ARTIFACT, {"verdict.json": as_json()})
    outcome = after_a_forks_run()
    assert (outcome.code, hub.writes) == (4, [])
    assert "the download is not encrypted" in outcome.err


@pytest.mark.parametrize(
    "name",
    [
        "@octo/owners",
        "#1",
        "a|b|c",
        "`x`",
        "<img src=x onerror=alert",
        "two\nlines",
        "\u202edlrow",
        "[link](//evil.test)",
        "--> <!-- chamiperf-ci comment: other -->",
    ],
)
def test_a_name_in_an_honest_verdict_pings_nobody_and_breaks_nothing(name, hub, after_a_forks_run):
    text = as_json().replace('"endpoint": "bootscript"', f'"endpoint": {json.dumps(name)}')
    hub.add_artifact(RUN, ARTIFACT, {}, archive=zipped({"verdict.json": text}))
    assert after_a_forks_run().code == 0
    (comment,) = hub.comments
    assert name not in comment["body"]
    assert comment["body"].count("<!--") == 1


def test_a_link_that_an_honest_verdict_names_is_not_shown(hub, after_a_forks_run):
    known = {"reason": "known", "who": "mallory", "link": "https://evil.test/", "expires": "2099-01-01", "extent": 1.0}
    text = as_json().replace('"acknowledged": null', f'"acknowledged": {json.dumps(known)}')
    hub.add_artifact(RUN, ARTIFACT, {"verdict.json": text})
    assert after_a_forks_run().code == 0
    (comment,) = hub.comments
    assert "Acknowledged by <code>mallory</code>" in comment["body"]
    assert "evil.test" not in comment["body"]


def test_an_error_about_a_hostile_key_steers_no_runner(hub, after_a_forks_run):
    key = "x\n::add-path::/evil\n##[error]hello"
    hub.add_artifact(RUN, ARTIFACT, {"verdict.json": json.dumps(json.loads(as_json()) | {key: 1})})
    outcome = after_a_forks_run()
    lines = [line for line in (outcome.err + outcome.out).splitlines() if line.lstrip().startswith("::")]
    assert outcome.code == 2
    assert lines
    assert all(line.startswith("::error title=chamiperf::") for line in lines)
    assert "## [error]hello" in outcome.err
    assert "##[error]" not in outcome.err
