"""Options, variables, `chamiperf.toml` and the embedded stack become one target, or one clear line."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from chamicore_standin import lifecycle
from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.target import CredentialKind, Service, StackKind, TargetOptions
from chamiperf_ci.steps.targets import resolve

SMD = "http://127.0.0.1:27779"
LAB = """
allowed_hosts = ["shared.example"]

[targets.lab]
environment = "lab-a"
gateway = "https://gateway.lab.example/"
allowed_hosts = ["gateway.lab.example", "smd.lab.example"]
without = ["mcp"]
internal_token_file = "secret"
insecure = true

[targets.lab.services]
smd = "https://smd.lab.example:27779"
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder without a file, and no embedded stack."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHAMIPERF_STATE_DIR", str(tmp_path / "no-stack"))
    return tmp_path


@pytest.fixture
def lab(folder):
    """A folder with a file and its secret."""
    (folder / "chamiperf.toml").write_text(LAB, encoding="utf-8")
    (folder / "secret").write_text("planted\n", encoding="utf-8")


def _given(**fields):
    return TargetOptions(**{"services": {Service.SMD: SMD}, **fields})


def test_no_target_at_all_names_the_empty_variables():
    with pytest.raises(ConfigurationError) as refused:
        resolve(TargetOptions())
    assert str(refused.value) == (
        "no target is given (these variables are empty: CHAMICORE_TEST_AUTH_URL, CHAMICORE_TEST_SMD_URL, "
        "CHAMICORE_TEST_BSS_URL, CHAMICORE_TEST_CLOUDINIT_URL, CHAMICORE_TEST_DISCOVERY_URL, "
        "CHAMICORE_TEST_POWER_URL, CHAMICORE_TEST_MCP_URL, CHAMIPERF_GATEWAY_URL). Set them, or give --target with a "
        "name from chamiperf.toml, or --target embedded."
    )


def test_urls_alone_are_a_deployed_target_named_local_on_loopback():
    target = resolve(_given())
    assert (target.environment, target.stack_kind, target.services) == (
        "local",
        StackKind.DEPLOYED,
        {Service.SMD: SMD},
    )


def test_elsewhere_the_first_host_names_the_environment():
    assert resolve(_given(services={Service.SMD: "http://smd.lab.example"})).environment == "smd.lab.example"


@pytest.mark.usefixtures("lab")
def test_a_named_target_comes_from_the_file():
    target = resolve(TargetOptions(name="lab"))
    assert target.environment == "lab-a"
    assert target.url(Service.SMD) == "https://smd.lab.example:27779"
    assert target.url(Service.BSS) == "https://gateway.lab.example"
    assert target.url(Service.MCP) is None
    assert target.allowed_hosts == ("shared.example", "gateway.lab.example", "smd.lab.example")
    assert target.credential.token.get_secret_value() == "planted"
    assert target.tls.insecure


@pytest.mark.usefixtures("lab")
def test_what_is_given_stands_before_the_file():
    target = resolve(
        TargetOptions(
            name="lab",
            environment="other",
            services={Service.SMD: SMD},
            secrets={CredentialKind.BEARER: SecretStr("mine")},
        )
    )
    assert (target.environment, target.url(Service.SMD), target.credential.kind) == (
        "other",
        SMD,
        CredentialKind.BEARER,
    )


@pytest.mark.usefixtures("lab")
def test_a_gateway_that_is_given_hides_the_files_services():
    assert resolve(TargetOptions(name="lab", gateway="http://127.0.0.1:8080")).services == {}


@pytest.mark.usefixtures("lab")
def test_without_a_name_only_the_files_general_hosts_may_be_loaded():
    assert resolve(_given()).allowed_hosts == ("shared.example",)


@pytest.mark.parametrize(
    ("given", "line"),
    [
        pytest.param(
            TargetOptions(name="prod"),
            "there is no target 'prod' (chamiperf.toml). Give one of embedded, lab, or add [targets.prod] to the file.",
            id="unknown name",
        ),
        pytest.param(
            TargetOptions(name="embedded"),
            "no embedded stack is running (--target embedded). Start it: chamiperf stack up.",
            id="no embedded stack",
        ),
        pytest.param(
            TargetOptions(services={Service.BSS: "127.0.0.1:27778"}),
            "not an http or https URL (--bss-url or CHAMICORE_TEST_BSS_URL). "
            "Write http:// or https://, then the host and the port.",
            id="malformed URL",
        ),
        pytest.param(
            _given(environment="a/b"),
            "'a/b' cannot name an environment (--environment). "
            "Use at most 64 letters, digits, dots, dashes and underscores.",
            id="environment with a slash",
        ),
        pytest.param(
            _given(network="198.18.0.0/31"),
            "198.18.0.0/31 has no address for a node (--network). Give one such as 198.18.0.0/15.",
            id="network of two addresses",
        ),
        pytest.param(
            _given(network="198.18.0.1/15"),
            "not an IPv4 network: 198.18.0.1/15 has host bits set (--network). Give one such as 198.18.0.0/15.",
            id="network with host bits",
        ),
        pytest.param(
            _given(ca_file=Path("none.pem")),
            "the file does not exist (--ca-file none.pem). Name a file in PEM format.",
            id="no CA file",
        ),
        pytest.param(
            _given(client_key=Path("chamiperf.toml")),
            "a client certificate and its key belong together (--client-certificate and --client-key). "
            "Give both or neither.",
            id="half a client certificate",
        ),
    ],
)
@pytest.mark.usefixtures("lab")
def test_what_cannot_be_used_is_one_clear_line(given, line):
    with pytest.raises(ConfigurationError) as refused:
        resolve(given)
    assert str(refused.value) == line


def test_the_name_embedded_cannot_be_taken(folder):
    (folder / "chamiperf.toml").write_text('[targets.embedded]\ngateway = "http://127.0.0.1"\n', encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"Rename \[targets\.embedded\]"):
        resolve(_given())


@pytest.fixture
def running(folder, embedded_stack, monkeypatch):
    """The session's stack is the one that is found."""
    del folder
    monkeypatch.setenv("CHAMIPERF_STATE_DIR", embedded_stack.state_dir)
    return embedded_stack


@pytest.mark.e2e
def test_it_is_a_target_by_name(running):
    target = resolve(TargetOptions(name="embedded"))
    assert (target.environment, target.stack_kind) == ("embedded", StackKind.EMBEDDED)
    assert target.url(Service.SMD) == running.url("smd")
    assert target.credential.token.get_secret_value() == lifecycle.internal_token(running)
    assert target.generator_on_target_host


@pytest.mark.e2e
def test_it_is_recognised_by_its_urls_alone(running):
    target = resolve(TargetOptions(services={Service.SMD: running.url("smd")}))
    assert (target.environment, target.stack_kind) == ("embedded", StackKind.EMBEDDED)


@pytest.mark.e2e
def test_one_of_its_urls_among_others_is_enough_to_be_no_product(running):
    services = {Service.SMD: running.url("smd"), Service.BSS: "http://bss.lab.example"}
    assert resolve(TargetOptions(services=services)).stack_kind is StackKind.EMBEDDED


@pytest.mark.e2e
@pytest.mark.usefixtures("running")
def test_a_url_that_is_not_its_own_is_refused():
    with pytest.raises(ConfigurationError) as refused:
        resolve(TargetOptions(name="embedded", services={Service.SMD: "http://127.0.0.1:1"}))
    assert str(refused.value) == (
        "smd is given as http://127.0.0.1:1, which is not the embedded stack's (--target embedded). "
        "Unset that option or variable, or leave --target out."
    )
