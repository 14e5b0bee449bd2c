"""How much of the generator's machine may be used, where a container has limits of its own."""

from types import SimpleNamespace

import pytest

from chamiperf_ci.adapters import machine


@pytest.fixture
def container(tmp_path, monkeypatch):
    """A container of 4,000 MB that uses 3,900 of them, on a machine with 8,000 MB to give."""
    monkeypatch.setattr(machine, "_CGROUP", tmp_path)
    monkeypatch.setattr(machine.psutil, "virtual_memory", lambda: SimpleNamespace(available=8e9, total=16e9))
    (tmp_path / "memory.max").write_text("4000000000\n")
    (tmp_path / "memory.current").write_text("3900000000\n")
    return tmp_path


@pytest.mark.usefixtures("container")
def test_a_containers_limit_bounds_what_is_available():
    assert machine.available_mb() == pytest.approx(100)


def test_files_that_the_kernel_keeps_in_memory_are_given_back(container):
    (container / "memory.stat").write_text("anon 900000000\nfile 3000000000\ninactive_file 2500000000\nslab 1\n")
    assert machine.available_mb() == pytest.approx(2600)


def test_a_container_without_a_limit_has_what_the_machine_has(container):
    (container / "memory.max").write_text("max\n")
    assert machine.available_mb() == pytest.approx(8000)


@pytest.mark.parametrize(("quota", "cores"), [("150000 100000", 2), ("50000 100000", 1), ("max 100000", 8)])
def test_a_quota_of_processors_is_rounded_up(container, quota, cores, monkeypatch):
    monkeypatch.setattr(machine.os, "sched_getaffinity", lambda _: set(range(8)))
    (container / "cpu.max").write_text(quota)
    assert machine.cores() == cores
