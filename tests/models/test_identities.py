"""The identity formula, held to the vectors that the load scripts are held to as well."""

import pytest

from chamiperf_ci.adapters.files import dialect, dialects
from chamiperf_ci.models.dialect import Identities, Owner, Owners, owner_of

RULES = dialect().identity


@pytest.mark.parametrize("vector", RULES.vectors, ids=lambda vector: f"{vector.run}-{vector.index}")
def test_id_mac_and_ip_are_those_of_the_vector(vector):
    names = Identities(RULES, vector.run, vector.network)
    index = vector.index
    assert (names.id(index), names.mac(index), names.ip(index)) == (vector.id, vector.mac, vector.ip)


def test_an_id_is_read_back_to_its_run_and_index():
    assert owner_of("chamiperf-r2026a-49999", RULES) == Owner("r2026a", 49999)


@pytest.mark.parametrize(
    "foreign",
    [
        "node-1",
        "chamiperf-r2026a",
        "chamiperf-r2026a-",
        "chamiperf-r2026a-007",
        "chamiperf-r2026a--1",
        "chamiperf-R2026A-1",
        "chamiperf-abc-1",
        "chamiperf-abcdefghijklm-1",
        "chamiperf-r2026a-1048576",
        "chamiperf-r2026a-1x",
        "xchamiperf-r2026a-1",
        "chamiperf-r2026a-1\n",
        "chamiperf-r2026a-\u0661",
        "",
    ],
)
def test_an_id_that_the_formula_does_not_make_is_nobodys(foreign):
    assert owner_of(foreign, RULES) is None


@pytest.mark.parametrize("name", dialects())
def test_every_dialect_has_vectors_that_hold_and_are_read_back(name):
    rules = dialect(name).identity
    assert len(rules.vectors) > 3
    for vector in rules.vectors:
        names, index = Identities(rules, vector.run, vector.network), vector.index
        values = names.values(index)
        made = (values["id"], values["mac"], values["ip"], values["bmc"])
        assert made == (vector.id, vector.mac, vector.ip, vector.bmc)
        owners = Owners(rules, [vector.run])
        kinds = {"{id}": vector.id, "{mac}": vector.mac, **({"{bmc}": vector.bmc} if vector.bmc else {})}
        assert {owners.of(kind, text) for kind, text in kinds.items()} == {Owner(vector.run, index)}


@pytest.mark.parametrize(
    "foreign",
    [
        "x9999c0s1635948802b0",
        "x9999c0s01635948802b0n0",
        "x9999c0s1635948802b00n0",
        "x9999c0s1635948802b0n1",
        "x1000c0s1635948802b0n0",
        "x9999c0s35b0n0",
        "x9999c0s99999999999999999999b0n0",
        "x9999c0s1635948802b1048576n0",
        "chamiperf-r2026a-0",
    ],
)
def test_an_xname_that_the_formula_does_not_make_is_nobodys(foreign):
    assert owner_of(foreign, dialect("openchami").identity) is None


def test_a_mac_is_of_a_run_that_is_known_and_of_no_other():
    rules = dialect("openchami").identity
    mac = Identities(rules, "r2026a", "198.18.0.0/15").mac(7)
    assert Owners(rules, ["w4711b"]).of("{mac}", mac) is None
    assert Owners(rules, ["w4711b", "r2026a"]).of("{mac}", mac.upper()) == Owner("r2026a", 7)
    assert Owners(rules, ["r2026a"]).of("{mac}", "00:11:22:33:44:55") is None
