"""Tokens: what gives one, what it opens, and when it no longer does."""

import uuid

import jwt
import pytest
from stack_api import eventually

pytestmark = pytest.mark.e2e

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
COMPONENTS = "/hsm/v2/State/Components"
SMALL = ("bss", "cloud-init", "discovery", "power", "mcp", "kea")


@pytest.fixture
def client(embedded_stack, api):
    """A client of the session's stack."""
    return api(embedded_stack)


def _token(client, **grant):
    return client.post("auth", "/auth/v1/token", grant, token="")


def _account(client, *scopes):
    spec = client.post("auth", "/auth/v1/service-accounts", {"name": uuid.uuid4().hex, "scopes": scopes}).json()["spec"]
    return {"grant_type": "client_credentials", "client_id": spec["client_id"], "client_secret": spec["client_secret"]}


def test_a_service_accounts_secret_gives_a_token(client):
    answer = _token(client, **_account(client, "read:components"))
    assert answer.status_code == 200
    assert answer.json()["token_type"] == "Bearer"
    assert answer.json()["expires_in"] == 1800


def test_an_issued_token_is_signed_by_a_published_key(client):
    token = _token(client, **_account(client, "read:components", "read:power")).json()["access_token"]
    key_set = client.get("auth", "/.well-known/jwks.json", token="").json()
    key = next(jwt.PyJWK(key) for key in key_set["keys"] if key["kid"] == jwt.get_unverified_header(token)["kid"])
    claims = jwt.decode(token, key.key, algorithms=["RS256"], audience="chamicore", issuer="chamicore-auth")
    assert (claims["scope"], claims["sa"], claims["roles"]) == ("read:components read:power", True, [])


def test_a_token_opens_what_its_scopes_name_and_nothing_else(client):
    token = _token(client, **_account(client, "read:components")).json()["access_token"]
    assert client.get("smd", COMPONENTS, token=token).status_code == 200
    assert client.post("smd", COMPONENTS, {}, token=token).status_code == 403


def test_the_scope_admin_opens_everything(client):
    token = _token(client, **_account(client, "admin")).json()["access_token"]
    assert client.get("bss", "/boot/v1/bootparams", token=token).status_code == 200


@pytest.mark.parametrize(
    ("grant", "status"),
    [
        pytest.param({"grant_type": "dev_mode"}, 400, id="dev mode where there is none"),
        pytest.param({"grant_type": "password"}, 400, id="a grant that does not exist"),
        pytest.param({}, 400, id="no grant"),
        pytest.param({"grant_type": "dev_mode", "surprise": "x"}, 400, id="an unknown key"),
        pytest.param({"grant_type": EXCHANGE, "subject_token": "not.a.jwt"}, 401, id="a subject token that is none"),
        pytest.param({"grant_type": "client_credentials", "client_id": "x", "client_secret": "y"}, 401, id="nobody"),
    ],
)
def test_a_grant_that_is_not_good_gives_no_token(client, grant, status):
    assert _token(client, **grant).status_code == status


def test_a_wrong_secret_gives_no_token(client):
    assert _token(client, **{**_account(client), "client_secret": "wrong"}).status_code == 401


def test_a_form_is_not_a_token_request(client):
    answer = client.request("POST", "auth", "/auth/v1/token", data={"grant_type": "dev_mode"}, token="")
    assert answer.status_code == 415


def test_an_issued_token_can_be_exchanged_for_another(client):
    token = _token(client, **_account(client, "read:components")).json()["access_token"]
    other = _token(client, grant_type=EXCHANGE, subject_token=token).json()["access_token"]
    assert other != token
    assert client.get("smd", COMPONENTS, token=other).status_code == 200


def test_a_refresh_token_gives_a_token_and_opens_nothing_itself(client):
    pair = _token(client, **_account(client, "read:components")).json()
    answer = client.post("auth", "/auth/v1/token/refresh", {"refresh_token": pair["refresh_token"]}, token="")
    assert client.get("smd", COMPONENTS, token=answer.json()["access_token"]).status_code == 200
    assert client.get("smd", COMPONENTS, token=pair["refresh_token"]).status_code == 401


def test_an_accounts_secret_is_shown_once(client):
    created = client.post("auth", "/auth/v1/service-accounts", {"name": uuid.uuid4().hex, "scopes": []})
    again = client.get("auth", created.headers["location"])
    assert "clientSecret" in created.json()["spec"]
    assert "ecret" not in again.text


def test_a_token_outlives_its_account(client):
    grant = _account(client, "read:components")
    token = _token(client, **grant).json()["access_token"]
    client.request("DELETE", "auth", f"/auth/v1/service-accounts/{grant['client_id']}")
    assert client.get("smd", COMPONENTS, token=token).status_code == 200


def test_a_revoked_token_is_listed_and_opens_nothing_at_auth(client):
    token = _token(client, **_account(client, "admin")).json()["access_token"]
    jti = jwt.decode(token, options={"verify_signature": False})["jti"]
    assert client.post("auth", "/auth/v1/token/revoke", {"jti": jti}).status_code == 204
    listed = client.get("auth", "/auth/v1/revocations?active=true").json()["items"]
    assert jti in [item["metadata"]["id"] for item in listed]
    assert client.get("auth", "/auth/v1/roles", token=token).status_code == 401


def test_a_token_that_has_expired_opens_nothing(make_stack, api):
    client = api(make_stack(token_lifetime_s=0.3, without=SMALL))
    token = _token(client, **_account(client, "read:components")).json()["access_token"]
    assert eventually(lambda: client.get("smd", COMPONENTS, token=token).status_code == 401)
    assert client.get("smd", COMPONENTS, token=token).json()["detail"].startswith("the token has expired")


def test_in_dev_mode_the_grant_of_that_name_works(make_stack, api):
    client = api(make_stack(dev_mode=True, without=SMALL))
    assert _token(client, grant_type="dev_mode").json()["access_token"]


def test_a_list_of_credentials_keeps_their_secrets(client):
    name = uuid.uuid4().hex
    client.post("auth", "/auth/v1/credentials", {"name": name, "secret": "hidden", "tags": {"rack": name}})
    answer = client.get("auth", f"/auth/v1/credentials?tag=rack:{name}")
    assert answer.json()["metadata"]["total"] == 1
    assert "hidden" not in answer.text


def test_a_role_has_the_members_that_it_was_given(client):
    sub = uuid.uuid4().hex
    assert client.post("auth", "/auth/v1/roles/viewer/members", {"sub": sub}).status_code == 204
    roles = {
        item["spec"]["name"]: item["spec"]["members"] for item in client.get("auth", "/auth/v1/roles").json()["items"]
    }
    assert sub in roles["viewer"]
    assert client.request("DELETE", "auth", f"/auth/v1/roles/viewer/members/{sub}").status_code == 204


def test_the_times_in_a_token_are_whole_seconds(embedded_stack, api):
    client = api(embedded_stack)
    token = _token(client, **_account(client, "read:components")).json()["access_token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    assert {name: type(claims[name]) for name in ("iat", "exp")} == {"iat": int, "exp": int}
    assert claims["exp"] - claims["iat"] in (1800, 1801)
