"""The whole `comment` command after a fork's run, against a stand-in of GitHub on a loopback port."""

import json
from dataclasses import dataclass

import github_standin
import pytest
from hostile_artifacts import COMMIT, FORK, REPOSITORY, RUN

from chamiperf_ci.cli import run


@dataclass
class Outcome:
    """How the command ended."""

    code: int
    out: str
    err: str
    summary: str
    outputs: str


@pytest.fixture
def hub():
    """The stand-in, with a pull request from a fork; every request and answer is as GitHub describes them."""
    with github_standin.serve(github_standin.StandIn(repository=REPOSITORY)) as stand_in:
        stand_in.add_pull(7, head_repository=FORK, branch="topic", commit=COMMIT)
        stand_in.add_pull(8, branch="other", commit="d" * 40)
        yield stand_in
    assert stand_in.checked == []


@pytest.fixture
def after_a_forks_run(hub, tmp_path, monkeypatch, capsys):
    """Runs the command as the `workflow_run` job does; the event can be changed."""

    def go(*arguments, event=None):
        other = {
            "id": RUN,
            "event": "pull_request",
            "head_branch": "topic",
            "head_sha": COMMIT,
            "head_repository": {"full_name": FORK},
            "html_url": f"https://github.test/{REPOSITORY}/actions/runs/{RUN}",
            "name": "pull request",
            # Empty for forks, as on GitHub.
            "pull_requests": [],
        }
        (tmp_path / "event.json").write_text(json.dumps({"workflow_run": other | (event or {})}))
        files = {name: tmp_path / name for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT")}
        variables = {
            "GITHUB_ACTIONS": "true",
            "GITHUB_EVENT_NAME": "workflow_run",
            "GITHUB_EVENT_PATH": str(tmp_path / "event.json"),
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_API_URL": hub.base_url,
            "GITHUB_TOKEN": "token-of-the-base-repository",
            **{name: str(path) for name, path in files.items()},
        }
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(tmp_path)
        from chamiperf_ci.commands.comment import comment  # noqa: PLC0415 - after the variables are set

        with pytest.raises(SystemExit) as ended:
            run(comment, arguments)
        said = capsys.readouterr()
        read = {name: path.read_text() if path.exists() else "" for name, path in files.items()}
        return Outcome(ended.value.code, said.out, said.err, read["GITHUB_STEP_SUMMARY"], read["GITHUB_OUTPUT"])

    return go
