"""Which credential is used, of those that options, variables and `chamiperf.toml` offer: one kind, or a refusal."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from chamiperf_ci.adapters.secret_files import read_secret
from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.fingerprint import CredentialKind
from chamiperf_ci.models.target import Credential, TargetEntry

_HOW_TO_GIVE: Final[Mapping[CredentialKind, str]] = {
    CredentialKind.INTERNAL_TOKEN: "Set CHAMICORE_INTERNAL_TOKEN, or name its file with --internal-token-file.",
    CredentialKind.BEARER: "Set CHAMICORE_TOKEN, or name its file with --token-file.",
    CredentialKind.CLIENT_CREDENTIALS: "Set CHAMIPERF_CLIENT_ID and CHAMIPERF_CLIENT_SECRET (or --client-secret-file).",
}


@dataclass(frozen=True, slots=True)
class GivenCredential:
    """Credentials as given; a kind is named only where several are given, or where none needs a secret."""

    kind: CredentialKind | None = None
    internal_token: SecretStr | None = field(default=None, repr=False)
    bearer: SecretStr | None = field(default=None, repr=False)
    client_id: str | None = None
    client_secret: SecretStr | None = field(default=None, repr=False)

    @property
    def kinds(self) -> tuple[CredentialKind, ...]:
        """The kinds of which at least a part is given."""
        present = {
            CredentialKind.INTERNAL_TOKEN: self.internal_token is not None,
            CredentialKind.BEARER: self.bearer is not None,
            CredentialKind.CLIENT_CREDENTIALS: self.client_id is not None or self.client_secret is not None,
        }
        return tuple(kind for kind, there in present.items() if there)


NOTHING: Final = GivenCredential()


def filed(entry: TargetEntry, folder: Path) -> GivenCredential:
    """The credential that an entry of `chamiperf.toml` names; its files lie relative to the file's folder.

    Raises:
        ConfigurationError: A file cannot be read or holds no usable secret.
    """
    return GivenCredential(
        kind=entry.credential,
        internal_token=_secret(folder, entry.internal_token_file, "internal_token_file"),
        bearer=_secret(folder, entry.token_file, "token_file"),
        client_id=entry.client_id,
        client_secret=_secret(folder, entry.client_secret_file, "client_secret_file"),
    )


def choose(given: GivenCredential, from_file: GivenCredential) -> Credential:
    """The one credential: what options and variables give, else what the file does, else none.

    Raises:
        ConfigurationError: Several kinds and no `--credential`, a kind that was asked for and not given, or half of a
            pair of client credentials.
    """
    known = given if given.kinds else from_file
    kind = given.kind or known.kind
    if kind is None:
        if len(known.kinds) > 1:
            raise ConfigurationError(
                f"several credentials are given: {', '.join(known.kinds)}",
                where="options, variables and chamiperf.toml",
                remedy="Say which one with --credential.",
            )
        kind = known.kinds[0] if known.kinds else CredentialKind.NONE
    if kind in _HOW_TO_GIVE and kind not in known.kinds:
        raise ConfigurationError(
            f"the credential {kind} is asked for and not given", where="--credential", remedy=_HOW_TO_GIVE[kind]
        )
    if kind is CredentialKind.CLIENT_CREDENTIALS:
        if known.client_id is None or known.client_secret is None:
            raise ConfigurationError(
                "client credentials need both an id and a secret", where="--client-id", remedy=_HOW_TO_GIVE[kind]
            )
        return Credential(kind=kind, client_id=known.client_id, client_secret=known.client_secret)
    tokens = {CredentialKind.INTERNAL_TOKEN: known.internal_token, CredentialKind.BEARER: known.bearer}
    return Credential(kind=kind, token=tokens.get(kind))


def k6_environment(credential: Credential) -> dict[str, str]:
    """The credential as the load scripts read it from their environment (`k6/README.md`)."""
    token = "" if credential.token is None else credential.token.get_secret_value()
    if credential.kind is CredentialKind.INTERNAL_TOKEN:
        return {"CHAMICORE_INTERNAL_TOKEN": token}
    if credential.kind is CredentialKind.BEARER:
        return {"CHAMIPERF_TOKEN": token}
    if credential.kind is CredentialKind.CLIENT_CREDENTIALS:
        secret = "" if credential.client_secret is None else credential.client_secret.get_secret_value()
        return {"CHAMIPERF_CLIENT_ID": credential.client_id or "", "CHAMIPERF_CLIENT_SECRET": secret}
    return {}


def _secret(folder: Path, path: Path | None, key: str) -> SecretStr | None:
    return None if path is None else read_secret(folder / path, option=key)
