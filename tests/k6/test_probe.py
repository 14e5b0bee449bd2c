"""k6's own look at each service before a load: what it saw, by name, whatever the answer."""

import json
import os
import socket
import subprocess

import pytest
from k6_runs import K6, SCRIPTS
from scripted_server import Reply, serving

pytestmark = pytest.mark.e2e

TLS = {"insecure": False, "certificate_file": None, "key_file": None}


@pytest.fixture
def probe(tmp_path):
    """Probe URLs by name; what became of each."""

    def probe_(urls, **variables):
        summary = tmp_path / "probe.json"
        given = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "CHAMIPERF_SUMMARY": str(summary), **variables}
        asked = {"urls": urls, "tls": TLS, "timeout_s": 5}
        command = [K6, "run", "--no-usage-report", "--quiet", "--address", "", SCRIPTS / "built" / "probe.js"]
        subprocess.run(command, check=True, env={**given, "CHAMIPERF_PROBE": json.dumps(asked)}, timeout=60)
        return json.loads(summary.read_text())["services"]

    return probe_


def free_port():
    """A port on which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def test_each_service_is_asked_once_and_its_answer_told(probe):
    with serving(Reply(200, b"x" * 2000)) as good, serving(Reply(503, b"no")) as bad:
        found = probe({"bss": f"{good.url}/health", "smd": bad.url})
        assert [len(good.asked), len(bad.asked)] == [1, 1]
    assert [found["bss"][key] for key in ("ok", "status", "error_code", "error")] == [True, 200, 0, ""]
    assert (found["bss"]["body"], found["bss"]["body_length"]) == ("x" * 512, 2000)
    assert [found["smd"][key] for key in ("ok", "status", "body")] == [False, 503, "no"]
    assert found["bss"]["remote"] in good.url


def test_a_redirect_is_told_and_not_followed(probe):
    with serving(Reply(301, b"", headers={"Location": "https://elsewhere.example/"})) as server:
        found = probe({"bss": server.url})["bss"]
    assert (found["ok"], found["status"], found["location"]) == (False, 301, "https://elsewhere.example/")


def test_what_cannot_be_asked_has_k6s_own_code(probe):
    with serving(Reply(200, b"")) as plain:
        found = probe(
            {
                "refused": f"http://127.0.0.1:{free_port()}",
                "no-name": "http://nowhere.invalid/",
                "no-tls": plain.url.replace("http:", "https:"),
                "no-url": "ht!tp://x",
            }
        )
    codes = {name: each["error_code"] for name, each in found.items()}
    assert codes.pop("no-name") // 100 == 11  # which of them is the resolver's affair
    assert codes == {"refused": 1212, "no-tls": 1301, "no-url": 1020}
    assert all(not each["ok"] and each["error"] and each["status"] == 0 for each in found.values())


def test_a_proxy_of_the_environment_shows_as_who_answered(probe):
    with serving(Reply(200, b"by proxy")) as proxy:
        found = probe({"bss": "http://bss.example/"}, HTTP_PROXY=proxy.url)["bss"]
    assert found["remote"] in proxy.url
