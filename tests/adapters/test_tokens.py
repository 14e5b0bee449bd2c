"""Credentials as headers: tokens are issued, kept, and renewed before they expire."""

import base64
import json

import httpx
import pytest

from chamiperf_ci.adapters.chamicore import Tokens
from chamiperf_ci.adapters.files import dialect
from chamiperf_ci.errors import ConfigurationError, CredentialRefused, StackUnreachable, UnexpectedAnswer
from chamiperf_ci.models.target import Credential, CredentialKind, Service, StackKind, Target

ACCOUNT = Credential(kind=CredentialKind.CLIENT_CREDENTIALS, client_id="id-1", client_secret="planted-secret")


class _Issuer:
    """Answers token requests one after the other, on a clock of its own."""

    def __init__(self, **answer):
        self.now = 0.0
        self.bodies = []
        self.answer = answer
        self.status = 200

    def __call__(self, request):
        self.bodies.append(json.loads(request.content))
        return httpx.Response(self.status, json={"access_token": f"token-{len(self.bodies)}", **self.answer})

    def tokens(self, credential=ACCOUNT, services=None):
        target = Target(
            environment="lab",
            stack_kind=StackKind.DEPLOYED,
            services={Service.AUTH: "http://auth.example"} if services is None else services,
            credential=credential,
        )
        http = httpx.Client(transport=httpx.MockTransport(self))
        return Tokens(target, dialect(), http, clock=lambda: self.now)


def test_a_fixed_token_is_sent_as_it_is():
    tokens = _Issuer().tokens(Credential(kind=CredentialKind.BEARER, token="planted"))
    assert tokens.header() == {"Authorization": "Bearer planted"}


def test_without_a_credential_no_header_is_sent():
    assert _Issuer().tokens(Credential(kind=CredentialKind.NONE)).header() == {}


def test_client_credentials_are_exchanged_once_while_the_token_lasts():
    issuer = _Issuer(expires_in=900)
    tokens = issuer.tokens()
    assert [tokens.header(), tokens.header()] == [{"Authorization": "Bearer token-1"}] * 2
    assert issuer.bodies == [
        {"grant_type": "client_credentials", "client_id": "id-1", "client_secret": "planted-secret"}
    ]


@pytest.mark.parametrize(
    ("life_s", "still_good", "renewed"),
    [pytest.param(20, 14.9, 15.0, id="20 s life"), pytest.param(3600, 3539.0, 3540.0, id="an hour's life")],
)
def test_a_token_is_renewed_before_it_expires(life_s, still_good, renewed):
    issuer = _Issuer(expires_in=life_s)
    tokens = issuer.tokens()
    tokens.header()
    issuer.now = still_good
    assert tokens.header() == {"Authorization": "Bearer token-1"}
    issuer.now = renewed
    assert tokens.header() == {"Authorization": "Bearer token-2"}


def test_a_lifetime_that_is_not_stated_is_read_from_the_token():
    claims = base64.urlsafe_b64encode(json.dumps({"iat": 1000, "exp": 1020}).encode()).decode().rstrip("=")
    issuer = _Issuer(access_token=f"x.{claims}.y")
    tokens = issuer.tokens()
    tokens.header()
    issuer.now = 16.0
    tokens.header()
    assert len(issuer.bodies) == 2


def test_a_refused_token_is_worth_one_more_try_with_another():
    issuer = _Issuer(expires_in=900)
    tokens = issuer.tokens()
    assert tokens.refused(tokens.header())
    assert tokens.header() == {"Authorization": "Bearer token-2"}


def test_a_refused_fixed_token_is_not_worth_another_try():
    tokens = _Issuer().tokens(Credential(kind=CredentialKind.INTERNAL_TOKEN, token="planted"))
    assert not tokens.refused(tokens.header())


def test_dev_mode_asks_for_a_token_without_a_secret():
    issuer = _Issuer()
    issuer.tokens(Credential(kind=CredentialKind.DEV_MODE)).header()
    assert issuer.bodies == [{"grant_type": "dev_mode"}]


def test_no_token_for_a_credential_is_a_refusal_that_does_not_show_the_secret():
    issuer = _Issuer()
    issuer.status = 401
    with pytest.raises(CredentialRefused) as refused:
        issuer.tokens().header()
    assert str(refused.value) == (
        "the auth service issued no token: 401 (http://auth.example/auth/v1/token, client-credentials). "
        "Check the client id and secret, or give another credential."
    )


@pytest.mark.parametrize("status", [429, 500, 503])
def test_an_auth_service_in_trouble_says_nothing_of_the_credential(status):
    issuer = _Issuer()
    issuer.status = status
    with pytest.raises(UnexpectedAnswer, match=f"status {status}"):
        issuer.tokens().header()


def test_an_answer_without_a_token_is_a_refusal():
    issuer = _Issuer(access_token=None)
    with pytest.raises(CredentialRefused):
        issuer.tokens().header()


def test_a_token_cannot_be_issued_without_an_auth_service():
    with pytest.raises(ConfigurationError, match="CHAMICORE_TEST_AUTH_URL is empty"):
        _Issuer().tokens(services={Service.SMD: "http://smd.example"}).header()


def test_an_auth_service_that_does_not_answer_is_unreachable():
    def refuse(_request):
        raise httpx.ConnectError("refused")

    issuer = _Issuer()
    tokens = issuer.tokens()
    tokens._http = httpx.Client(transport=httpx.MockTransport(refuse))  # noqa: SLF001 - the wire, not the object
    with pytest.raises(StackUnreachable):
        tokens.header()


def test_secrets_are_not_in_a_credentials_repr():
    assert "planted" not in repr(ACCOUNT)
