"""GitHub, the chat and the heartbeat: lost, slow, rate-limited, refusing, answering HTML.

A night that regressed is judged first. Whatever becomes of its comment and its alert, the verdict stays as it is.
"""

import subprocess
import time

from fault import Theme
from fault_between import PAGE
from made_verdicts import made_row, made_verdict
from scripted_server import Reply, serving

from chamiperf_ci.adapters import files

GITHUB = Theme("GitHub and chat")
REGRESSION = {"word": "regression", "kept": "verdict.json", "by_the_service": True}
PULLS, COMMENTS, ISSUES = "/pulls/7$", "/comments$", "/issues$"
ALWAYS = 99


def judged(stage, **fields):
    """A night that regressed, and a GitHub to tell it to."""
    files.write_document(stage.out / "verdict.json", made_verdict((made_row(),)))
    return stage.github(**fields)


# The comment


@GITHUB.row("nothing (control): a comment and an issue are written", ends="comment 0, alert 0", **REGRESSION)
def nothing(stage):
    hub = judged(stage)
    stage.inside("comment")
    stage.inside("alert")
    assert (len(hub.comments), len(hub.issues)) == (1, 1)


@GITHUB.row("GitHub answers 503", ends="comment 4, alert 4", says="GitHub did not answer", **REGRESSION)
def down(stage):
    hub = judged(stage)
    for verb in ("GET", "POST"):
        hub.fail(verb, "", 503, times=ALWAYS)
    stage.inside("comment")
    stage.inside("alert")


@GITHUB.row("GitHub breaks every connection", ends="comment 4, alert 4", says="GitHub did not answer", **REGRESSION)
def cut(stage):
    hub = judged(stage)
    for verb in ("GET", "POST"):
        hub.fail(verb, "", 0, times=ALWAYS)
    stage.inside("comment")
    stage.inside("alert")


@GITHUB.row("GitHub down", ends="comment 4, alert 4", says="GitHub did not answer", **REGRESSION)
def unreachable(stage):
    judged(stage)
    stage.variables["GITHUB_API_URL"] = "http://127.0.0.1:9"
    stage.inside("comment")
    stage.inside("alert")


@GITHUB.row("GitHub never answers", ends="comment 4, alert 4", says="GitHub did not answer", **REGRESSION)
def hangs(stage):
    judged(stage)
    with serving(Reply(hang=True)) as silent:
        stage.variables["GITHUB_API_URL"] = silent.url
        stage.inside("comment")
        stage.inside("alert")


@GITHUB.row("a proxy answers with HTML and 200", ends="comment 4, alert 4", **REGRESSION)
def portal(stage):
    hub = judged(stage)
    for verb in ("GET", "POST"):
        hub.fail(verb, "", 200, PAGE, headers={"Content-Type": "text/html"}, times=ALWAYS)
    stage.inside("comment")
    stage.inside("alert")
    assert (hub.comments, hub.issues) == ([], [])


@GITHUB.row(
    "GitHub answers with empty objects and 200",
    ends="comment 4, alert 4",
    says="not what its description says",
    **REGRESSION,
)
def empty_objects(stage):
    hub = judged(stage)
    for verb in ("GET", "POST", "PATCH"):
        hub.fail(verb, "", 200, b"{}", times=ALWAYS)
    stage.inside("comment")
    stage.inside("alert")
    assert (hub.comments, hub.issues) == ([], [])


@GITHUB.row("repository renamed", ends="comment 0, alert 0", **REGRESSION)
def renamed(stage):
    hub = judged(stage, moved_to="1296269")
    stage.inside("comment")
    stage.inside("alert")
    assert (len(hub.comments), len(hub.issues)) == (1, 1)


@GITHUB.row(
    "GitHub redirects to another port", ends="comment 4, alert 4", says="redirects to another host", **REGRESSION
)
def redirected(stage):
    hub = judged(stage)
    with serving(Reply(body={})) as other:
        for verb in ("GET", "POST"):
            hub.fail(verb, "", 301, "moved", headers={"Location": f"{other.url}/"}, times=ALWAYS)
        stage.inside("comment")
        stage.inside("alert")
    assert other.asked == []


@GITHUB.row("label removed from the alert's issue", ends="alert 0, alert 0", **REGRESSION)
def unlabelled(stage):
    hub = judged(stage)
    stage.inside("alert")
    hub.issues[0]["labels"] = []
    stage.inside("alert")
    assert len(hub.issues) == 1


@GITHUB.row("a proxy answers with HTML and 502", ends="comment 4, alert 4", says="GitHub did not answer", **REGRESSION)
def bad_gateway(stage):
    hub = judged(stage)
    for verb in ("GET", "POST"):
        hub.fail(verb, "", 502, PAGE, headers={"Content-Type": "text/html"}, times=ALWAYS)
    stage.inside("comment")
    stage.inside("alert")


@GITHUB.row("rate limit used up for an hour", ends="comment 4, alert 4", says="rate limit stopped us", **REGRESSION)
def used_up(stage):
    hub = judged(stage)
    later = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time()) + 3600)}
    for verb in ("GET", "POST"):
        hub.fail(verb, "", 403, "API rate limit exceeded", headers=later, times=ALWAYS)
    stage.inside("comment")
    stage.inside("alert")


@GITHUB.row("rate limit asks for a retry after a second, twice", ends="comment 0, alert 0", **REGRESSION)
def retry(stage):
    hub = judged(stage)
    hub.fail("POST", COMMENTS, 429, "slow down", headers={"Retry-After": "1"}, times=2)
    hub.fail("POST", ISSUES, 403, "secondary rate limit", headers={"Retry-After": "1"}, times=2)
    stage.inside("comment")
    stage.inside("alert")
    assert (len(hub.comments), len(hub.issues)) == (1, 1)


@GITHUB.row("answers to both writes lost", ends="comment 0, alert 0", **REGRESSION)
def lost_answers(stage):
    hub = judged(stage)
    hub.fail("POST", COMMENTS, 0, done=True)
    hub.fail("POST", ISSUES, 502, done=True)
    stage.inside("comment")
    stage.inside("alert")
    assert (len(hub.comments), len(hub.issues)) == (1, 1)


@GITHUB.row("token may not write", ends="comment 0, alert 4", says="Add `issues: write`", **REGRESSION)
def no_right(stage):
    hub = judged(stage)
    for path in (COMMENTS, ISSUES):
        hub.fail("POST", path, 403, "Resource not accessible by integration", times=ALWAYS)
    stage.inside("comment")
    stage.inside("alert")
    assert "pull-requests: write" in (stage.folder / "summary").read_text()


@GITHUB.row("no token", ends="comment 2, alert 2", says="GITHUB_TOKEN", **REGRESSION)
def no_token(stage):
    judged(stage)
    stage.variables["GITHUB_TOKEN"] = ""
    stage.inside("comment")
    stage.inside("alert")


@GITHUB.row("pull request moved on", ends="comment 0", **REGRESSION)
def moved_on(stage):
    hub = judged(stage)
    hub.pulls[0]["commit"] = "e" * 40
    stage.inside("comment")
    assert hub.writes == []


@GITHUB.row("artifact of the run is HTML", ends="comment 2|4", kept="")
def no_archive(stage):
    hub = stage.github()
    hub.add_artifact(1, "chamiperf-verdict", {}, archive=PAGE)
    head = {"event": "pull_request", "head_branch": "topic", "head_sha": "c" * 40}
    run = {"id": 1, **head, "head_repository": {"full_name": "octo/stack"}, "html_url": "", "name": ""}
    stage.event("workflow_run", {"workflow_run": run})
    stage.inside("comment")
    assert hub.comments == []


# The chat and the heartbeat


def told_by_chat(stage, reply):
    """An alert whose chat answers so."""
    hub = judged(stage)
    with serving(reply) as chat:
        stage.variables["CHAMIPERF_ALERT_WEBHOOK"] = f"{chat.url}/canary"
        stage.inside("alert")
    assert len(hub.issues) == 1
    assert "canary" not in "\n".join(stage.said)
    return chat


@GITHUB.row("chat unreachable", ends="alert 4", says="not delivered: the message to the chat", **REGRESSION)
def no_chat(stage):
    judged(stage)
    stage.variables["CHAMIPERF_ALERT_WEBHOOK"] = "http://127.0.0.1:9/canary"
    stage.inside("alert")
    assert len(stage.hub.issues) == 1
    assert "canary" not in "\n".join(stage.said)


@GITHUB.row("chat address revoked", ends="alert 4", says="not delivered: the message to the chat", **REGRESSION)
def revoked(stage):
    assert len(told_by_chat(stage, Reply(404, body=PAGE)).asked) == 1


@GITHUB.row("chat never answers", ends="alert 4", says="not delivered: the message to the chat", **REGRESSION)
def mute_chat(stage):
    told_by_chat(stage, Reply(hang=True))


@GITHUB.row("chat fails twice, then accepts", ends="alert 0", **REGRESSION)
def tired_chat(stage):
    assert len(told_by_chat(stage, [Reply(500), Reply(503), Reply(200)]).asked) == 3


@GITHUB.row("chat redirects elsewhere", ends="alert 4", says="not delivered: the message to the chat", **REGRESSION)
def moved_chat(stage):
    told_by_chat(stage, Reply(302, headers={"Location": "http://198.18.0.1/"}))


@GITHUB.row("GitHub and chat down", ends="alert 4", says="not delivered: the issues", **REGRESSION)
def both(stage):
    hub = judged(stage)
    hub.fail("GET", "", 503, times=ALWAYS)
    stage.variables["CHAMIPERF_ALERT_WEBHOOK"] = "http://127.0.0.1:9/canary"
    stage.inside("alert")
    assert "not delivered: the message to the chat" in "\n".join(stage.said)


@GITHUB.row("heartbeat address down", ends="alert 4", says="not delivered: the heartbeat", **REGRESSION)
def no_heartbeat(stage):
    judged(stage)
    stage.variables["CHAMIPERF_HEARTBEAT_URL"] = "http://127.0.0.1:9/canary"
    stage.inside("alert")


@GITHUB.row("nightly schedule switched off", ends="alert 0")
def schedule_off(stage):
    hub = stage.github(workflows={"nightly.yml": "disabled_inactivity"})
    (stage.folder / "nights").mkdir()
    stage.inside("alert", "--watch", "--schedule", "nightly.yml", "--environment", "lab", "--history", "nights")
    assert [issue["title"] for issue in hub.issues] == ["lab: the nights are not measuring"]


@GITHUB.row("night without a verdict, not declared", ends="comment 2|0, alert 2")
def no_verdict(stage):
    hub = stage.github()
    stage.inside("comment")
    stage.inside("alert")
    assert (hub.comments, hub.issues) == ([], [])


# The branch with the history


def kept_on(stage, remote):
    """Add a made night to a branch of this remote, from a clone."""
    stage.made_night()
    subprocess.run(["git", "init", "--quiet", "."], cwd=stage.folder, check=True)
    stage.inside("history", "add", "--runs", "night", "--history-branch", "data", "--remote", remote)


@GITHUB.row("history night of a newer version", ends="alert 0", **REGRESSION)
def newer_night(stage):
    hub = judged(stage)
    night = stage.folder / "nights/lab/2026/02/20260201T011700Z.boot_storm.night.w1.json"
    night.parent.mkdir(parents=True)
    night.write_text('{"schema_version": 99}', encoding="utf-8")
    stage.inside("alert", "--history", "nights")
    assert "The history could not be read, so what changed is not known." in hub.issues[0]["body"]


@GITHUB.row("history remote missing", ends="history 4", says="git ls-remote failed")
def no_remote(stage):
    kept_on(stage, "http://token:canary@127.0.0.1:9/octo/stack.git")
    assert "canary" not in "\n".join(stage.said)


@GITHUB.row("history remote answers with HTML", ends="history 4", says="git push failed")
def remote_portal(stage):
    with serving(Reply(body=PAGE, headers={"Content-Type": "text/html"})) as server:
        kept_on(stage, f"{server.url}/octo/stack.git")


@GITHUB.row("history remote refuses the push", ends="history 4", says="git push failed")
def protected(stage):
    subprocess.run(["git", "init", "--quiet", "--bare", "remote.git"], cwd=stage.folder, check=True)
    hook = stage.folder / "remote.git" / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho protected >&2\nexit 1\n")
    hook.chmod(0o755)
    kept_on(stage, str(stage.folder / "remote.git"))
