"""`chamiperf.toml`."""

import pytest

from chamiperf_ci.adapters.files import read_targets
from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.target import TargetsFile


def test_without_a_name_a_missing_file_is_an_empty_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert read_targets(None) == TargetsFile()


@pytest.mark.parametrize(
    ("name", "content", "wrong"),
    [
        pytest.param(
            "not-toml.toml",
            "[targets.lab",
            "not valid TOML: Expected ']' at the end of a table declaration (at end of document)",
            id="not TOML",
        ),
        pytest.param("not-text.toml", b"\xff", "the file cannot be read: it is not UTF-8 text", id="not text"),
        pytest.param(
            "unknown-key.toml",
            '[targets.lab]\ntoken = "planted"\n',
            "unknown field targets.lab.token; there are services, gateway, kea, kea_sync, prometheus, grafana, "
            "environment, dialect, without, allowed_hosts, network, generator_on_target_host, credential, "
            "internal_token_file, token_file, client_id, client_secret_file, ca_file, client_certificate, client_key, "
            "insecure, stack_manifest",
            id="a secret in the file",
        ),
        pytest.param(
            "misspelt-service.toml",
            '[targets.lab.services]\nbbs = "http://127.0.0.1:1"\n',
            "targets.lab.services.bbs.[key]: Input should be 'auth', 'smd', 'bss', 'cloud-init', 'discovery', 'power' "
            "or 'mcp'",
            id="misspelt service",
        ),
        pytest.param(
            "two-faults.toml",
            'allowed_host = ["x"]\n[targets.lab]\ninsecure = "perhaps"\n',
            "targets.lab.insecure: Input should be a valid boolean, unable to interpret input (and 1 more)",
            id="two faults",
        ),
    ],
)
def test_a_wrong_file_is_one_clear_line(tmp_path, name, content, wrong):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigurationError) as refused:
        read_targets(path)
    assert str(refused.value) == f"{wrong} ({path}). docs/your-stack.md shows a whole file."


def test_a_file_that_was_named_has_to_be_there(tmp_path):
    with pytest.raises(ConfigurationError, match="the file does not exist"):
        read_targets(tmp_path / "none.toml")
