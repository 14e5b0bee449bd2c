"""Of several credentials one is used, or none is guessed."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.target import CredentialKind, TargetEntry, TargetOptions
from chamiperf_ci.steps.targets import choose, k6_environment, secrets_in

SECRET = SecretStr("planted")
NOTHING = TargetOptions()
INTERNAL = TargetOptions(secrets={CredentialKind.INTERNAL_TOKEN: SECRET})
BEARER = TargetOptions(secrets={CredentialKind.BEARER: SECRET})
ACCOUNT = TargetOptions(client_id="a", secrets={CredentialKind.CLIENT_CREDENTIALS: SECRET})
BOTH = {CredentialKind.BEARER: SECRET, CredentialKind.INTERNAL_TOKEN: SECRET}


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (NOTHING, CredentialKind.NONE),
        (INTERNAL, CredentialKind.INTERNAL_TOKEN),
        (BEARER, CredentialKind.BEARER),
        (ACCOUNT, CredentialKind.CLIENT_CREDENTIALS),
        (TargetOptions(credential=CredentialKind.DEV_MODE), CredentialKind.DEV_MODE),
        (TargetOptions(credential=CredentialKind.NONE, secrets={CredentialKind.BEARER: SECRET}), CredentialKind.NONE),
    ],
)
def test_the_kind_follows_from_what_is_given(given, kind):
    assert choose(given, TargetEntry(), {}).kind is kind


def test_what_is_given_stands_before_the_file():
    assert choose(BEARER, TargetEntry(), INTERNAL.secrets).kind is CredentialKind.BEARER


def test_the_kind_in_the_file_decides_between_what_the_file_offers():
    entry = TargetEntry(credential=CredentialKind.BEARER)
    assert choose(NOTHING, entry, BOTH).kind is CredentialKind.BEARER


@pytest.mark.parametrize(
    ("given", "line"),
    [
        pytest.param(
            TargetOptions(secrets=BOTH),
            "several credentials are given: internal-token, bearer (options, variables and chamiperf.toml). "
            "Say which one with --credential.",
            id="two kinds",
        ),
        pytest.param(
            TargetOptions(credential=CredentialKind.BEARER, secrets={CredentialKind.INTERNAL_TOKEN: SECRET}),
            "the credential bearer is selected but not given (--credential). "
            "Set CHAMICORE_TOKEN, or name its file with --token-file.",
            id="another than asked for",
        ),
        pytest.param(
            TargetOptions(client_id="a"),
            "client credentials need both an id and a secret (--client-id). "
            "Set CHAMIPERF_CLIENT_ID and CHAMIPERF_CLIENT_SECRET (or --client-secret-file).",
            id="half a pair",
        ),
    ],
)
def test_what_cannot_be_used_is_one_clear_line(given, line):
    with pytest.raises(ConfigurationError) as refused:
        choose(given, TargetEntry(), {})
    assert str(refused.value) == line


def test_a_files_secrets_lie_beside_it(tmp_path):
    (tmp_path / "secret").write_text("planted\n", encoding="utf-8")
    filed = secrets_in(TargetEntry(internal_token_file=Path("secret")), tmp_path)
    assert filed[CredentialKind.INTERNAL_TOKEN].get_secret_value() == "planted"


@pytest.mark.parametrize(
    ("given", "variables"),
    [
        (NOTHING, {}),
        (INTERNAL, {"CHAMICORE_INTERNAL_TOKEN": "planted"}),
        (BEARER, {"CHAMIPERF_TOKEN": "planted"}),
        (ACCOUNT, {"CHAMIPERF_CLIENT_ID": "a", "CHAMIPERF_CLIENT_SECRET": "planted"}),
    ],
)
def test_the_load_scripts_get_the_credential_by_variable(given, variables):
    assert k6_environment(choose(given, TargetEntry(), {})) == variables
