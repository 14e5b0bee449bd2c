"""No input ends in an internal error: a few hundred random ones over all commands; `make faults` has 5,000."""

from bad_values_runs import as_processes, in_process


def test_no_bad_value_ends_in_an_internal_error(tmp_path, monkeypatch):
    assert in_process(range(250), tmp_path, monkeypatch) == []


def test_nor_does_one_in_a_process_of_its_own(tmp_path):
    assert as_processes(range(6), tmp_path) == []
