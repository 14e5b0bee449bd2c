"""The road to the stack: what the checks reach, k6 reaches too, or nothing is driven and the cause is named."""

import datetime as dt
import ipaddress
import os
import shutil
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import command, environment
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from fronts import front
from scripted_server import Reply, serving

from chamicore_standin import lifecycle
from chamiperf_ci.adapters.files import read_document
from chamiperf_ci.errors import CertificateRefused, ConfigurationError, StackUnreachable
from chamiperf_ci.models.run import Run
from chamiperf_ci.models.seed import Seed
from chamiperf_ci.models.target import StackOptions
from chamiperf_ci.models.vocabulary import RunReason
from chamiperf_ci.steps.readiness import problem

pytestmark = pytest.mark.e2e
LIGHT = ("--profile", "demo", "--vus", 5, "--spike", 0, "--sustained", "1s", "--settle", "0.1s", "--windows", 2)
HERE = ("--environment", "embedded")
WEIRD = 'my dir %41 #é "q"'
MACHINE = {RunReason.GENERATOR_SATURATED, RunReason.LOAD_NOT_REACHED}


@pytest.fixture(scope="module")
def seeded(tmp_path_factory):
    """A stack with some nodes, and the file that says so."""
    folder = tmp_path_factory.mktemp("road")
    without = ("discovery", "power", "mcp", "kea", "kea-sync")
    state = lifecycle.up(StackOptions(ports="ephemeral", without=without), state_dir=folder / "state")
    done = command("seed", "--target", "embedded", "--nodes", 20, cwd=folder, state=state)
    assert done.returncode == 0, done.stderr
    yield state, folder / "out" / "seed.json"
    lifecycle.down(folder / "state")


def certificate(folder, *, names):
    """A certificate that signs itself, with these alternative names; the TLS context of a server, and its file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1)).not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )  # fmt: skip
    if names:
        made = made.add_extension(x509.SubjectAlternativeName(names), critical=False)
    pem = made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    private = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "server.pem").write_bytes(pem + key.private_bytes(*private))
    (folder / "ca.pem").write_bytes(pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return context, folder / "ca.pem"


def load(seeded, folder, *arguments, **variables):
    """Drive a light load, with a variable for what lies on the road."""
    state, seed_file = seeded
    given = {**environment(state, cwd=folder), **variables}
    options = (*HERE, "--seed-file", seed_file, *LIGHT, *arguments)
    return command("load", *options, cwd=folder, **given)


def measured(folder):
    """The run, which may be spoilt by the machine alone."""
    run = read_document(folder / "out" / "runs" / "boot_storm.json", Run)
    assert {problem.reason for problem in run.problems} <= MACHINE, run.problems
    assert sum(each.failed for each in run.traffic) == 0
    return run


def test_no_proxy_of_the_environment_sees_a_request(seeded, tmp_path):
    with serving(Reply(200, b"{}")) as proxy:
        names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
        load(seeded, tmp_path, **dict.fromkeys(names, proxy.url))
        assert proxy.asked == []
    measured(tmp_path)


def test_a_certificate_without_alternative_names_is_refused_before_the_load(seeded, tmp_path):
    context, ca = certificate(tmp_path, names=[])
    with front(seeded[0].url("bss"), tls=context) as port:
        done = load(seeded, tmp_path, "--ca-file", ca, CHAMICORE_TEST_BSS_URL=f"https://127.0.0.1:{port}")
    assert done.returncode == 2, done.stderr
    assert "alternative name (SAN)" in done.stderr
    assert not list((tmp_path / "out" / "runs").glob("*.json"))


@pytest.mark.parametrize(
    "mark",
    [b"\xef\xbb\xbf", *(pytest.param(mark, marks=pytest.mark.thorough) for mark in (b"\xef\xbb\xbf\r\n", b"# ours\r"))],
    ids=["mark", "line", "comment"],
)
def test_a_ca_file_is_read_alike_whatever_stands_around_its_certificates(seeded, tmp_path, mark):
    context, ca = certificate(tmp_path, names=[x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    ca.write_bytes(mark + ca.read_bytes().replace(b"\n", b"\r\n"))
    with front(seeded[0].url("bss"), tls=context) as port:
        done = load(seeded, tmp_path, "--ca-file", ca, CHAMICORE_TEST_BSS_URL=f"https://127.0.0.1:{port}")
    assert done.returncode in (0, 3), done.stderr
    assert measured(tmp_path).fingerprint.tls == "verified"


def test_a_name_of_two_families_with_the_service_on_one_is_named(seeded, tmp_path):
    with front(seeded[0].url("bss"), host="::1") as port:
        done = load(seeded, tmp_path, CHAMICORE_TEST_BSS_URL=f"http://localhost:{port}")
    # Where localhost has one family alone, Python does not get there either.
    assert done.returncode == 3, done.stderr
    assert "no answer" in done.stderr
    assert not list((tmp_path / "out" / "runs").glob("*.json"))


def seed(seeded, folder, *arguments, **variables):
    """Seed a few nodes, with a variable for what lies on the road."""
    given = {**environment(seeded[0], cwd=folder), **variables}
    return command("seed", *HERE, "--nodes", 5, "--shared-stack", *arguments, cwd=folder, **given)


def removed(seeded, folder):
    """Remove the seeded nodes, on the road itself; how many were there."""
    there = read_document(folder / "out" / "seed.json", Seed).counts["components"]
    done = command("seed", *HERE, "--remove", cwd=folder, **environment(seeded[0], cwd=folder))
    assert done.returncode == 0, done.stderr
    return there


def test_no_proxy_of_the_environment_sees_what_is_seeded(seeded, tmp_path):
    with serving(Reply(200, b"{}")) as proxy:
        names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
        done = seed(seeded, tmp_path, **dict.fromkeys(names, proxy.url))
        assert (done.returncode, proxy.asked) == (0, []), done.stderr
    assert removed(seeded, tmp_path) == 5


def test_nothing_is_seeded_past_a_certificate_without_alternative_names(seeded, tmp_path):
    context, ca = certificate(tmp_path, names=[])
    with front(seeded[0].url("smd"), tls=context) as port:
        done = seed(seeded, tmp_path, "--ca-file", ca, CHAMICORE_TEST_SMD_URL=f"https://127.0.0.1:{port}")
    assert (done.returncode, "alternative name (SAN)" in done.stderr) == (2, True), done.stderr


def test_seeding_reads_a_ca_file_whatever_stands_around_its_certificates(seeded, tmp_path):
    context, ca = certificate(tmp_path, names=[x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    ca.write_bytes(b"\xef\xbb\xbf" + ca.read_bytes().replace(b"\n", b"\r\n"))
    with front(seeded[0].url("smd"), tls=context) as port:
        done = seed(seeded, tmp_path, "--ca-file", ca, CHAMICORE_TEST_SMD_URL=f"https://127.0.0.1:{port}")
    assert done.returncode == 0, done.stderr
    assert removed(seeded, tmp_path) == 5


def test_nothing_is_seeded_where_a_name_has_two_families_and_the_service_one(seeded, tmp_path):
    with front(seeded[0].url("smd"), host="::1") as port:
        done = seed(seeded, tmp_path, CHAMICORE_TEST_SMD_URL=f"http://localhost:{port}")
    assert (done.returncode, "no answer" in done.stderr) == (3, True), done.stderr


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        ({"status": 200}, None, ""),
        ({"status": 404}, None, ""),
        ({"status": 0, "error_code": 1212, "error": "connection refused"}, StackUnreachable, "k6 takes one"),
        ({"status": 0, "error_code": 1101, "error": "no such host"}, StackUnreachable, "no such host"),
        ({"status": 0, "error_code": 1310, "error": "unknown authority"}, CertificateRefused, "(SAN)"),
        ({"status": 0, "error_code": 1020, "error": "invalid URL"}, ConfigurationError, "invalid URL"),
        ({"status": 308, "location": "https://elsewhere"}, ConfigurationError, "redirects to https://elsewhere"),
        (None, StackUnreachable, "does not say why"),
    ],
)
def test_what_keeps_k6_from_a_service_is_named(answer, error, says):
    found = problem("bss", "http://localhost:1/health", answer)
    assert (None if found is None else type(found)) is error
    assert says in str(found)


def test_a_service_that_redirects_is_named(seeded, tmp_path):
    state, _ = seeded
    with serving(lambda asked: Reply(307, headers={"Location": f"{state.url('bss')}{asked.path}"})) as moved:
        done = load(seeded, tmp_path, CHAMICORE_TEST_BSS_URL=moved.url)
    assert (done.returncode, "Give the URL of the service itself" in done.stderr) == (2, True), done.stderr


def test_a_strange_path_of_the_checkout_the_output_and_home_changes_nothing(seeded, tmp_path):
    state, seed_file = seeded
    ours, folder = Path(__file__).parents[2], tmp_path / WEIRD
    folder.mkdir()
    for name in ("chamiperf_ci", "k6", "baselines.json"):
        (shutil.copytree if (ours / name).is_dir() else shutil.copy)(
            ours / name, folder / name,
            **({"ignore": shutil.ignore_patterns("node_modules", "__pycache__")} if (ours / name).is_dir() else {}),
        )  # fmt: skip
    given = {**environment(state, cwd=folder), "PYTHONPATH": str(folder), "HOME": str(folder), "TMPDIR": str(folder)}

    def run(name, *arguments):
        line = [sys.executable, "-m", f"chamiperf_ci.commands.{name}", "--target", "embedded", *map(str, arguments)]
        return subprocess.run(
            line, cwd=folder, env={**os.environ, **given}, capture_output=True, text=True, check=False
        )

    done = run("load", "--seed-file", seed_file, *LIGHT)
    assert done.returncode in (0, 3), done.stderr
    measured(folder)
    done = run("seed", "--nodes", 5, "--shared-stack", "--out", "other out")
    assert done.returncode == 0, done.stderr
    assert run("seed", "--remove", "--out", "other out").returncode == 0
