"""5,000 random inputs over all loaders and commands, 200 of them as processes: no internal error, no hang, 500 MB."""

import pytest
from bad_values_runs import as_processes, in_process

pytestmark = pytest.mark.timeout(3600)


@pytest.mark.parametrize("first", range(0, 5000, 500))
def test_no_bad_value_ends_in_an_internal_error(first, tmp_path, monkeypatch):
    assert in_process(range(first, first + 500), tmp_path, monkeypatch) == []


def test_nor_does_one_in_a_process_of_its_own(tmp_path):
    assert as_processes(range(10_000, 10_200), tmp_path) == []
