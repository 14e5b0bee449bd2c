"""Published text names the environment, not hosts."""

import pytest

from chamiperf_ci.steps.published import address_of, without_hosts

SERVICES = {"10.1.2.3:27779": "smd", "bss.site.example": "bss"}


def hidden(text, environment="staging"):
    """The text as it is published."""
    return without_hosts(text, environment=environment, services=SERVICES)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("GET http://10.1.2.3:27779/hsm/v2: 503", "GET smd@staging/hsm/v2: 503", id="a URL keeps its path"),
        pytest.param(
            "see https://bss.site.example/boot/v1.", "see bss@staging/boot/v1.", id="the sentence keeps its full stop"
        ),
        pytest.param("https://ada:canary@10.1.2.3:27779/x", "smd@staging/x", id="a URL with a password"),
        pytest.param("10.9.9.9 refused", "host@staging refused", id="an address that is not known"),
        pytest.param("10.1.2.3:27779 refused", "smd@staging refused", id="an address with a port"),
        pytest.param("http://[fd00::1]:80/x down", "host@staging/x down", id="an IPv6 URL"),
        pytest.param("[fd00::1]:8080 down", "host@staging down", id="an IPv6 address"),
        pytest.param("db.cluster.internal is slow", "host@staging is slow", id="a host's name"),
        pytest.param("node-7:27778 is slow", "host@staging is slow", id="a short name with a port"),
        pytest.param("(http://10.1.2.3:27779)", "(smd@staging)", id="in parentheses"),
        pytest.param("postgres://u:p@10.0.0.1/db", "host@staging/db", id="a database's URL"),
        pytest.param("http://10.1.2.3:27779/x?token=canary#y", "smd@staging/x", id="a query goes"),
        pytest.param("[::1]:80 refused", "host@staging refused", id="loopback of IPv6"),
        pytest.param("localhost:3333 refused", "host@staging refused", id="loopback by name"),
    ],
)
def test_an_address_becomes_a_service_and_an_environment(text, expected):
    assert hidden(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "p99.9 is 12.5 ms, 20.7 % slower (95 %: 8.2 to 34.7 %)",
        "runs/boot_storm.repeat-1.json and out/verdict.json",
        "baseline.patch.v2.json",
        "chamiperf 0.1.0, k6 1.1.0 on linux 6.1.0-18",
        "at 02:23:45 of 2026-11-24T02:23:45Z",
        "boot_storm / bootscript p99 (ramp-up)",
        "exit code 3; `--fail-on inconclusive`",
        "2c-24GiB, sha256:4f1d9c2e",
    ],
)
def test_what_only_looks_like_an_address_stays(text):
    assert hidden(text) == text


def test_a_stack_without_a_name_is_called_stack():
    assert hidden("http://10.1.2.3:27779/", environment="") == "smd@stack/"


def test_the_address_of_a_url_has_its_port():
    assert address_of("HTTP://SMD.Site.example:8080/hsm") == "smd.site.example:8080"


@pytest.mark.timeout(60)
@pytest.mark.parametrize("unit", ["a.", "a-", "a-a.", "a", "a:", "[a:", "1.", "a@"])
def test_a_megabyte_that_is_made_to_be_slow_does_not_take_minutes(unit):
    text = unit * (1_000_000 // len(unit))
    assert len(hidden(text)) <= len(text)
