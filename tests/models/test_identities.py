"""The identity formula, held to the vectors that the load scripts are held to as well."""

import pytest

from chamiperf_ci.adapters.files import dialect
from chamiperf_ci.models.dialect import Identities, Owner, owner_of

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
