"""Whatever answers in GitHub's place: another shape, no end, too much, elsewhere. It is never our own failure."""

import socket
import threading
from contextlib import contextmanager

import pytest
from github_standin import ROBOT

from chamiperf_ci.adapters.github import api as api_module
from chamiperf_ci.adapters.github import artifacts, comments, issues, pull_requests, repository
from chamiperf_ci.adapters.github.api import GitHubFailed, NoAnswer, connect
from chamiperf_ci.errors import ConfigurationError, OutsideServiceError

REPOSITORY = "octo/stack"
PROPOSAL = pull_requests.ProposedChange(
    branch="ours", title="t", body="b", message="m", files={"baselines.json": "{}\n"}
)
ASKED = {
    "a pull request": lambda api: comments.read_pull_request(api, REPOSITORY, 7),
    "the pull requests of a head": lambda api: comments.pull_requests_from(
        api, REPOSITORY, head_repository=REPOSITORY, branch="topic"
    ),
    "any pull request": lambda api: pull_requests.newest_from_branch(api, REPOSITORY, "topic"),
    "a proposal": lambda api: pull_requests.open_or_update_pull_request(
        api, REPOSITORY, lambda _: PROPOSAL, base="", branch="ours"
    ),
    "who we are": comments.login_of,
    "our comment": lambda api: comments.find(api, REPOSITORY, 7, key="k", author=ROBOT),
    "a new comment": lambda api: comments.post(api, REPOSITORY, 7, key="k", author=ROBOT, text="x", existing=None),
    "our issues": lambda api: issues.find(api, REPOSITORY, author=ROBOT, state="all"),
    "a new issue": lambda api: issues.create(
        api, REPOSITORY, title="t", body="m\n", labels=["l"], marker="m", author=ROBOT
    ),
    "a changed issue": lambda api: issues.update(api, REPOSITORY, 300, title="t", body="b"),
    "a closed issue": lambda api: issues.close(api, REPOSITORY, 300, comment="c"),
    "a file": lambda api: repository.read_text(api, REPOSITORY, "baselines.json"),
    "a workflow": lambda api: repository.read(api, REPOSITORY, "nightly.yml"),
    "a run": lambda api: repository.run_of(api, REPOSITORY, 4711),
    "an artifact": lambda api: artifacts.of_run(api, REPOSITORY, 4711, "verdict"),
}
NONSENSE = {
    "an empty object": b"{}",
    "nothing": b"",
    "null": b"null",
    "a text": b'"hello"',
    "a number": b"1",
    "a list of nothing": b"[null]",
    "a list of texts": b'["a"]',
    "objects without anything": b"[{}]",
    "cut off": b'{"id": 1, "number": 7, "sta',
    "a page": b"<html>Sign in</html>",
    "ids that are texts": b'{"id": "1", "number": "7", "state": "open", "login": 5, "sha": 3, "total_count": 1}',
    "everything null": b'{"id": null, "number": null, "object": null, "head": null, "artifacts": null, "sha": null}',
    "objects where texts are": b'{"state": {}, "body": {}, "user": [], "message": {}, "encoding": {}, "content": []}',
    "too deep": b"[" * 5000 + b"]" * 5000,
    "a number of 400 digits": b'{"id": ' + b"9" * 400 + b"}",
}


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("said", NONSENSE)
def test_an_answer_of_another_shape_is_githubs_failure(api, hub, asked, said):
    for verb in ("GET", "POST", "PATCH"):
        hub.fail(verb, "", 200, NONSENSE[said], times=99)
    with pytest.raises(OutsideServiceError, match="not what its description says"):
        ASKED[asked](api)


def test_a_limit_that_is_no_number_is_not_ours_to_fail_on(api, hub):
    hub.add_pull(7)
    hub.fail(
        "GET", "/pulls/7", 503, headers={"X-RateLimit-Remaining": "many", "X-RateLimit-Limit": "5", "Retry-After": "x"}
    )
    assert comments.read_pull_request(api, REPOSITORY, 7).number == 7


def test_a_netrc_never_takes_the_place_of_the_token(api, hub, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine api.github.test login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    hub.add_pull(7)
    comments.read_pull_request(api, REPOSITORY, 7)
    assert hub.log[0].authorization == "token token-of-the-test"


def test_the_headers_that_github_asks_for_are_sent(hub):
    sent = []
    answer = hub.handle
    hub.handle = lambda verb, url, headers, raw: sent.append(dict(headers)) or answer(verb, url, headers, raw)
    hub.add_pull(7)
    comments.read_pull_request(connect("t", api_url=hub.base_url), REPOSITORY, 7)
    assert sent[0]["Accept"] == "application/vnd.github+json"
    assert sent[0]["X-GitHub-Api-Version"] == "2022-11-28"
    assert sent[0]["User-Agent"]


def test_a_renamed_repository_is_followed_with_the_same_request(api, hub):
    hub.moved_to = "1296269"
    hub.add_pull(7)
    assert comments.read_pull_request(api, REPOSITORY, 7).number == 7
    comments.post(api, REPOSITORY, 7, key="k", author=ROBOT, text="x", existing=None)
    assert [comment["body"].partition("\n")[2] for comment in hub.comments] == ["x"]
    assert {asked.authorization for asked in hub.log} == {"token token-of-the-test"}


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize(
    "place",
    [
        "https://api.github.test:8443/repositories/1/pulls/7",
        "http://api.github.test/repositories/1/pulls/7",
        "https://elsewhere.test/pulls/7",
        "https://api.github.test@elsewhere.test/pulls/7",
        "//elsewhere.test/pulls/7",
        "ftp://api.github.test/",
        "",
    ],
)
def test_a_redirect_to_another_place_never_carries_the_token(api, hub, status, place):
    hub.fail("GET", "/pulls/7", status, headers={"Location": place})
    with pytest.raises(GitHubFailed, match="redirects to another host"):
        comments.read_pull_request(api, REPOSITORY, 7)
    assert len(hub.log) == 1


def test_redirects_in_a_circle_end(api, hub):
    there = f"{hub.base_url}/repos/{REPOSITORY}/pulls/7"
    hub.fail("GET", "/pulls/7", 301, headers={"Location": there}, times=99)
    with pytest.raises(GitHubFailed):
        comments.read_pull_request(api, REPOSITORY, 7)
    assert len(hub.log) == 1 + api_module.REDIRECTS


@pytest.mark.parametrize("url", ["foobar", "http://a..b", "ftp://x", "https://", "https://h:99999", "http://[::1"])
def test_an_address_that_is_no_url_is_a_matter_of_configuration(url):
    with pytest.raises(ConfigurationError, match="GITHUB_API_URL"):
        connect("t", api_url=url)


@pytest.mark.parametrize("token", ["a b", "t\n", "t\u00f6ken"])
def test_a_token_that_no_header_can_carry_is_a_matter_of_configuration(token):
    with pytest.raises(ConfigurationError, match="GITHUB_TOKEN") as caught:
        connect(token)
    assert token not in str(caught.value)


@contextmanager
def dripping(head, drop, drops):
    """A server that sends `head` at once and then `drop` again and again; it would come to a good end."""
    over = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while not over.is_set():
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(peer,), daemon=True).start()

    def answer(peer):
        with peer:
            try:
                peer.recv(65536)
                peer.sendall(head)
                for _ in range(drops):
                    if over.wait(0.05):
                        return
                    peer.sendall(drop)
                peer.sendall(b'{"login": "ada"}')
            except OSError:
                return

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        over.set()
        listener.close()


BODY = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(
    ("head", "drop"),
    [pytest.param(BODY, b" ", id="the body"), pytest.param(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n", id="the head")],
)
def test_an_answer_that_drips_ends_in_time(monkeypatch, head, drop):
    monkeypatch.setattr(api_module, "TIMEOUT_S", 1)
    monkeypatch.setattr(api_module, "ATTEMPTS", 1)
    with dripping(head, drop, 60) as url, pytest.raises(NoAnswer, match="TimeoutError"):
        comments.login_of(connect("t", api_url=url, seconds_between_writes=0))


def test_an_answer_without_an_end_is_cut_off(api, hub, monkeypatch):
    monkeypatch.setattr(api_module, "MOST_BYTES", 1000)
    hub.fail("GET", "/pulls/7", 200, b" " * 1001)
    with pytest.raises(NoAnswer, match="cannot be understood"):
        comments.read_pull_request(api, REPOSITORY, 7)
    assert len(hub.log) == 1


def test_requests_that_are_lost_for_long_are_not_repeated_for_ever(api, hub):
    api.lost_s = api_module.LOST_S
    hub.fail("GET", "", 0, times=9)
    with pytest.raises(NoAnswer):
        comments.read_pull_request(api, REPOSITORY, 7)
    assert len(hub.log) == 1


def test_a_file_above_a_megabyte_is_read_by_its_blob(api, hub):
    text = '{"x": "' + "y" * 1_200_000 + '"}'
    hub.files["baselines.json"] = text
    assert repository.read_text(api, REPOSITORY, "baselines.json") == text
    assert hub.log[-1].path.startswith(f"/repos/{REPOSITORY}/git/blobs/")


def test_a_run_of_a_fork_is_known_by_githubs_word(api, hub):
    hub.runs[4711] = {
        "event": "pull_request",
        "head_repository": "mallory/stack",
        "head_branch": "topic",
        "head_sha": "a" * 40,
    }
    run = repository.run_of(api, REPOSITORY, 4711)
    assert (run.repository, run.head_repository, run.event) == (REPOSITORY, "mallory/stack", "pull_request")
