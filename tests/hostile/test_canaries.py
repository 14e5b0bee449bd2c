"""A secret of each kind goes through the whole chain, and is found nowhere that anybody can read."""

import base64
import json
import os
import re
import subprocess
import sys
import threading
import uuid

import httpx
import psutil
import pytest
from hostile_artifacts import REPOSITORY
from made_verdicts import made_row, made_verdict
from scripted_server import Reply, serving

from chamicore_standin import lifecycle

pytestmark = pytest.mark.e2e

LIGHT = ("--vus", "5", "--spike", "0", "--sustained", "2s", "--windows", "2", "--settle", "0", "--ramp-up", "500ms")
CHAIN = (
    ("wait",),
    ("smoke",),
    ("seed", "--nodes", "20"),
    ("load", "--profile", "demo", *LIGHT),
    ("compare", "--baselines", "baselines.json"),
    ("report",),
    ("comment", "--pull-request", "8"),
    ("seed", "--remove"),
)
JWT = re.compile(r"eyJ[\w-]{8,}\.eyJ[\w-]{8,}")


class CommandLines(threading.Thread):
    """Collects the command lines of all processes while commands run; every user of a machine can read those."""

    def __init__(self):
        super().__init__()
        self.seen = set()
        self._over = threading.Event()

    def run(self):
        """Look often enough to meet each k6."""
        while not self._over.wait(0.2):
            for process in psutil.process_iter(["cmdline"]):
                self.seen.add(" ".join(process.info["cmdline"] or []))

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self.join()


def forms(secret):
    """The secret, and what base64 makes of it at each of the three places where it may begin."""
    yield secret
    for offset in range(3):
        # What depends on the neighbours is left out at both ends.
        yield base64.b64encode(b"x" * offset + secret.encode())[4 if offset else 0 : -4].decode()


def published(stack, hub, folder, credential):
    """Run the chain in a job; return each place that people can read with its text."""
    job = {name: folder / name for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT", "CHAMIPERF_OUT")}
    urls = {name: url for name, url in lifecycle.environment(stack).items() if name.endswith("_URL")}
    variables = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": "workflow_dispatch",
        "GITHUB_REPOSITORY": REPOSITORY,
        "GITHUB_API_URL": hub.base_url,
        "GITHUB_TOKEN": "canary-github-token-9c2e",
        "CHAMIPERF_STATE_DIR": str(folder / "no-stack"),
        **{name: str(path) for name, path in job.items()},
        **urls,
        **credential,
    }
    log = ""
    with CommandLines() as watch:
        for name, *arguments in CHAIN:
            ran = subprocess.run(
                [sys.executable, "-m", "chamiperf_ci", name, *arguments],
                cwd=folder, env={**os.environ, **variables}, capture_output=True, text=True, check=False, timeout=120,
            )  # fmt: skip
            # How a run is judged does not matter here, only that nothing broke.
            assert ran.returncode in (0, 1, 3), ran.stderr
            log += ran.stdout + ran.stderr
    # The runner swallows these lines: by them it learns what to mask.
    shown = "".join(line for line in log.splitlines(keepends=True) if not line.startswith("::add-mask::"))
    kept = folder / "CHAMIPERF_OUT"
    return {
        "log": shown,
        "files": "".join(path.read_text(errors="replace") for path in kept.rglob("*") if path.is_file()),
        "summary": job["GITHUB_STEP_SUMMARY"].read_text(),
        "outputs": job["GITHUB_OUTPUT"].read_text(),
        "comment": "".join(comment["body"] for comment in hub.comments),
        "command lines": "\n".join(watch.seen),
    }


def client_secret(stack):
    """A service account's id and secret."""
    auth = lifecycle.environment(stack)["CHAMICORE_TEST_AUTH_URL"]
    authorization = {"Authorization": f"Bearer {lifecycle.internal_token(stack)}"}
    account = {"name": uuid.uuid4().hex, "scopes": ["admin"]}
    answer = httpx.post(f"{auth}/auth/v1/service-accounts", json=account, headers=authorization)
    spec = answer.raise_for_status().json()["spec"]
    return spec["client_id"], spec["client_secret"]


def jwt(stack):
    """A token that the stack has issued."""
    auth = lifecycle.environment(stack)["CHAMICORE_TEST_AUTH_URL"]
    ident, secret = client_secret(stack)
    grant = {"grant_type": "client_credentials", "client_id": ident, "client_secret": secret}
    return httpx.post(f"{auth}/auth/v1/token", json=grant).raise_for_status().json()["access_token"]


def an_internal_token(stack):
    """The internal token alone."""
    return {"CHAMICORE_INTERNAL_TOKEN": lifecycle.internal_token(stack)}


def a_token(stack):
    """A JWT alone."""
    return {"CHAMICORE_TOKEN": jwt(stack)}


def an_account(stack):
    """A client's id and secret, for which a token is got at run time."""
    ident, secret = client_secret(stack)
    return {"CHAMIPERF_CLIENT_ID": ident, "CHAMIPERF_CLIENT_SECRET": secret}


@pytest.fixture
def folder(tmp_path):
    """A repository with the baselines that ship."""
    from made_runs import shipped_baselines  # noqa: PLC0415 - reads the package's data

    from chamiperf_ci.adapters.files import write_document  # noqa: PLC0415 - as above

    write_document(tmp_path / "baselines.json", shipped_baselines())
    return tmp_path


@pytest.mark.parametrize(
    # Most other tests hold the internal token, and one looks for it in every file; an account is exchanged for a token.
    "given", [
        pytest.param(an_internal_token, marks=pytest.mark.thorough),
        pytest.param(a_token, marks=pytest.mark.thorough),
        an_account,
    ],
)  # fmt: skip
def test_no_credential_is_found_anywhere_after_a_night(given, make_stack, hub, folder):
    stack = make_stack(without=("discovery", "power", "mcp", "kea", "kea-sync"))
    credential = given(stack)
    places = published(stack, hub, folder, credential)
    assert all(places.values())
    secrets = [value for name, value in credential.items() if name != "CHAMIPERF_CLIENT_ID"]
    for secret in (*secrets, "canary-github-token-9c2e"):
        for form in forms(secret):
            assert [place for place, text in places.items() if form in text] == []
    # Nor one that was got at run time.
    assert [place for place, text in places.items() if JWT.search(text)] == []


def test_no_address_of_a_chat_is_found_anywhere_after_an_alert(hub, tmp_path):
    job = {name: str(tmp_path / name) for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT")}
    (tmp_path / "verdict.json").write_text(made_verdict((made_row(),)).model_dump_json())
    with serving(Reply(404)) as gone, CommandLines() as watch:
        variables = {
            "GITHUB_ACTIONS": "true",
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_API_URL": hub.base_url,
            "GITHUB_TOKEN": "canary-github-token-9c2e",
            "CHAMIPERF_ALERT_WEBHOOK": f"{gone.url}/services/canary-of-the-chat-5d1a",
            "CHAMIPERF_HEARTBEAT_URL": f"{gone.url}/ping/canary-of-the-heartbeat-77b0",
            **job,
        }
        ran = subprocess.run(
            [sys.executable, "-m", "chamiperf_ci", "alert", "--verdict", "verdict.json"],
            cwd=tmp_path, env={**os.environ, **variables}, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
    assert ran.returncode == 4, ran.stderr
    assert {asked.path for asked in gone.asked} == {
        "/services/canary-of-the-chat-5d1a",
        "/ping/canary-of-the-heartbeat-77b0",
    }
    places = {
        "log": ran.stdout + ran.stderr,
        "files": "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file()),
        "issues": json.dumps(hub.issues),
        "command lines": "\n".join(watch.seen),
    }
    assert all(places.values())
    for secret in ("canary-of-the-chat-5d1a", "canary-of-the-heartbeat-77b0", "canary-github-token-9c2e"):
        for form in forms(secret):
            assert [place for place, text in places.items() if form in text] == []


@pytest.mark.parametrize("name", ["wait", "smoke", "seed", "load"])
def test_a_password_in_a_url_is_refused_and_repeated_nowhere(name, tmp_path):
    variables = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
        "CHAMICORE_TEST_SMD_URL": "http://ada:canary-of-the-url@127.0.0.1:9",
    }
    ran = subprocess.run(
        [sys.executable, "-m", "chamiperf_ci", name],
        cwd=tmp_path, env={**os.environ, **variables}, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert ran.returncode == 2
    assert "the URL carries a user or a password" in ran.stderr
    said = ran.stdout + ran.stderr + (tmp_path / "summary").read_text()
    assert not [form for form in forms("canary-of-the-url") if form in said]
