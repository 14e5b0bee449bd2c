"""Which URLs are usable, and which hosts may be loaded."""

import pytest

from chamiperf_ci.adapters.bounds import check_url, is_loopback
from chamiperf_ci.adapters.http_client import refuse_redirect, require_allowed
from chamiperf_ci.errors import ConfigurationError, LoadNotAllowed
from chamiperf_ci.models.target import Credential, CredentialKind, Service, StackKind, Target


def _target(url, *allowed):
    return Target(
        environment="lab",
        stack_kind=StackKind.DEPLOYED,
        services={Service.SMD: url},
        credential=Credential(kind=CredentialKind.NONE),
        allowed_hosts=allowed,
    )


@pytest.mark.parametrize(
    ("url", "wrong"),
    [
        pytest.param("smd.example:27779", "not an http or https URL", id="no scheme"),
        pytest.param("ftp://smd.example", "not an http or https URL", id="other scheme"),
        pytest.param("http://", "the URL has no usable host", id="no host"),
        pytest.param(
            "http://smd example/", "the URL holds blanks or characters that cannot be printed", id="blank in host"
        ),
        pytest.param(
            "http://smd.example:port", "not a URL: Port could not be cast to integer value as 'port'", id="port"
        ),
        pytest.param("http://smd.example:65536", "not a URL: Port out of range 0-65535", id="port too high"),
        pytest.param("http://smd.example:0", "the port of the URL is 0", id="port zero"),
        pytest.param("http://[::1", "not a URL: Invalid IPv6 URL", id="bracket"),
        pytest.param(
            "http://me:planted@smd.example",
            "the URL carries a user or a password, which belong into the credential",
            id="password",
        ),
        pytest.param("http://smd.example/?x=1", "a base URL has no query and no fragment", id="query"),
    ],
)
def test_a_malformed_url_is_refused_and_not_repeated(url, wrong):
    with pytest.raises(ConfigurationError) as refused:
        check_url(url, where="--smd-url")
    assert str(refused.value) == f"{wrong} (--smd-url). Write http:// or https://, then the host and the port."


def test_a_base_url_loses_its_trailing_slash():
    assert check_url("https://lab.example/chamicore/", where="x") == "https://lab.example/chamicore"


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "127.8.9.1", "::1"])
def test_loopback_is_what_is_spelt_as_loopback(host):
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    ["localhost.example", "localtest.example", "127.0.0.1.example", "198.18.0.1", "203.0.113.1", "::", "2130706433"],
)
def test_a_name_that_may_resolve_to_loopback_is_not_loopback(host):
    assert not is_loopback(host)


def test_a_host_that_is_not_listed_may_not_be_loaded():
    with pytest.raises(LoadNotAllowed) as refused:
        require_allowed(_target("http://smd.prod.example:27779", "smd.lab.example"))
    assert str(refused.value) == (
        "load on the host smd.prod.example is not allowed (smd at http://smd.prod.example:27779). "
        'Add allowed_hosts = ["smd.prod.example"] to chamiperf.toml if it is meant.'
    )


@pytest.mark.parametrize("allowed", ["smd.lab.example", "SMD.LAB.EXAMPLE"])
def test_a_listed_host_may_be_loaded(allowed):
    require_allowed(_target("http://Smd.Lab.example:27779", allowed))


def test_a_listed_domain_does_not_allow_the_hosts_below_it():
    with pytest.raises(LoadNotAllowed):
        require_allowed(_target("http://smd.lab.example", "lab.example"))


def test_the_gateway_and_kea_have_to_be_listed_too():
    target = _target("http://127.0.0.1:1").model_copy(update={"kea": "http://kea.prod.example:8000"})
    with pytest.raises(LoadNotAllowed, match=r"kea\.prod\.example"):
        require_allowed(target)


def test_a_redirect_to_a_host_that_is_not_listed_is_refused():
    with pytest.raises(LoadNotAllowed) as refused:
        refuse_redirect("http://127.0.0.1:1/health", "http://prod.example/health", ())
    assert refused.value.where == "http://127.0.0.1:1/health redirects to it"


@pytest.mark.parametrize(
    "url",
    [
        *("http://a..b", "http://0177.0.0.1", "http://127.1", "http://0x7f.0.0.1", "http://2130706433", "http://xn--"),
        *("http://.", "http://-a", "http://a-", f"http://{'a' * 64}.b", "http://a\u00a0b", "http://a\nb", "http://ä.b"),
        *("http://\udcff", "http://[fe80::1%25eth0]:x", "http://[1]", "http://1.2.3", "http://a_b.c/\x00", "http://%"),
    ],
)
def test_a_host_that_python_and_go_would_not_read_alike_is_refused(url):
    with pytest.raises(ConfigurationError):
        check_url(url, where="--smd-url")


@pytest.mark.parametrize(
    "url", ["http://smd", "http://a_b.c.", "http://[::1]:1", "https://xn--mnchen-3ya.example/a b"[:-2]]
)
def test_usual_hosts_are_taken(url):
    assert check_url(f" {url}/ ", where="--smd-url") == url
