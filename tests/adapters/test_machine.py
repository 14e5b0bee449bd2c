"""How much of the generator's machine may be used, where a container has limits of its own."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from chamiperf_ci.adapters import machine


@pytest.fixture
def grouped(tmp_path, monkeypatch):
    """Puts this process into a control group of a version; gives the mount's folder and the process's own."""

    def put(version, group="/", *, root="/", name="cgroup"):
        point = tmp_path / name
        own = point / group.removeprefix(root).strip("/")
        own.mkdir(parents=True, exist_ok=True)
        kind = "cgroup2 cgroup2 rw" if version == 2 else "cgroup cgroup rw,cpu,cpuacct,memory"
        shown = str(point).replace(" ", "\\040")
        (tmp_path / "mounts").write_text(
            f"1 1 0:1 / / rw - ext4 x rw\n31 23 0:28 {root} {shown} rw shared:9 - {kind}\n"
        )
        (tmp_path / "groups").write_text(
            f"0::{group}\n" if version == 2 else f"3:pids:/\n4:cpu,cpuacct,memory:{group}\n"
        )
        monkeypatch.setattr(machine, "_GROUPS", tmp_path / "groups")
        monkeypatch.setattr(machine, "_MOUNTS", tmp_path / "mounts")
        monkeypatch.setattr(machine.psutil, "virtual_memory", lambda: SimpleNamespace(available=8e9, total=16e9))
        monkeypatch.setattr(machine.os, "sched_getaffinity", lambda _: set(range(8)))
        return point, own

    return put


@pytest.fixture
def container(grouped):
    """A container of 4,000 MB that uses 3,900 of them, on a machine with 8,000 MB to give."""
    point, _ = grouped(2)
    (point / "memory.max").write_text("4000000000\n")
    (point / "memory.current").write_text("3900000000\n")
    return point


V1 = {"memory.max": "memory.limit_in_bytes", "memory.current": "memory.usage_in_bytes"}


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("where", ["its own", "above", "at the top"])
@pytest.mark.parametrize(("group", "root"), [("/a/b c/d", "/"), ("/docker/x/s/t", "/docker/x")])
def test_a_limit_counts_wherever_it_stands(grouped, version, where, group, root):
    point, own = grouped(version, group, root=root, name="control groups")
    folder = {"its own": own, "above": own.parent, "at the top": point}[where]
    for name, text in {"memory.max": "2000000000", "memory.current": "500000000"}.items():
        (folder / (name if version == 2 else V1[name])).write_text(text)
    (folder / "memory.stat").write_text(f"{'' if version == 2 else 'total_'}inactive_file 100000000\n")
    if version == 2:
        (folder / "cpu.max").write_text("250000 100000\n")
    else:
        (folder / "cpu.cfs_quota_us").write_text("250000")
        (folder / "cpu.cfs_period_us").write_text("100000")
    assert (machine.available_mb(), machine.cores()) == (pytest.approx(1600), 3)
    assert machine.machine().memory_gib == 2


def test_the_narrowest_of_several_limits_counts(grouped):
    point, own = grouped(1, "/a")
    for folder, limit in ((point, 3e9), (own, 6e9)):
        (folder / "memory.limit_in_bytes").write_text(str(int(limit)))
        (folder / "memory.usage_in_bytes").write_text("0")
    (point / "cpu.cfs_quota_us").write_text("-1")
    (point / "cpu.cfs_period_us").write_text("100000")
    assert (machine.available_mb(), machine.cores()) == (pytest.approx(3000), 8)


def test_no_limit_of_version_1_is_no_limit(grouped):
    point, _ = grouped(1)
    (point / "memory.limit_in_bytes").write_text("9223372036854771712")
    (point / "memory.usage_in_bytes").write_text("1")
    assert machine.available_mb() == pytest.approx(8000)


@pytest.mark.parametrize("group", ["/../../outside", "/elsewhere"])
def test_a_group_outside_of_what_is_mounted_is_that_of_the_mount(grouped, group):
    point, _ = grouped(2, "/", root="/")
    (point.parent / "groups").write_text(f"0::{group}\nnonsense:\n" if group == "/elsewhere" else f"0::{group}\n")
    (point / "cpu.max").write_text("100000 100000")
    assert machine.cores() == 1


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
def test_a_quota_of_processors_is_rounded_up(container, quota, cores):
    (container / "cpu.max").write_text(quota)
    assert machine.cores() == cores


@pytest.fixture
def another():
    """Starts another process of this machine, with variables of its own."""
    started = []

    def start(**variables):
        given = {**os.environ, **variables}
        started.append(subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, env=given))
        return started[-1].pid

    yield start
    for process in started:
        process.kill()
        process.communicate()


def _together(*pids: int) -> float:
    return machine.usable_cores(machine.allowances(pids).values())


def test_a_process_may_use_what_it_is_kept_to(another):
    first, second = another(), another()
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(first, cores[:1])
    os.sched_setaffinity(second, cores[-1:])
    assert (_together(first), _together(first, first)) == (1, 1)
    assert _together(first, second) == len({cores[0], cores[-1]})


@pytest.mark.parametrize(("text", "cores"), [("3", 3), ("0", 1), ("many", 8), ("", 8)])
def test_go_takes_no_more_than_its_environment_says(another, monkeypatch, text, cores):
    monkeypatch.setattr(machine.os, "sched_getaffinity", lambda _: set(range(8)))
    monkeypatch.setattr(machine, "_control_groups", lambda *_: [])
    first, second = another(GOMAXPROCS=text), another(GOMAXPROCS=text)
    assert _together(first) == cores
    assert _together(first, second) == min(8, 2 * cores)


def test_a_quota_of_less_than_a_processor_is_shared_by_all_that_it_holds(another, grouped, monkeypatch):
    point, own = grouped(1, "/k6")
    (own / "cpu.cfs_quota_us").write_text("50000")
    (own / "cpu.cfs_period_us").write_text("100000")
    (point.parent / "none").write_text("")
    inside, also, outside = (another(GOMAXPROCS="") for _ in range(3))
    files = {inside: "groups", also: "groups", outside: "none"}
    monkeypatch.setattr(machine, "_groups_of", lambda pid: point.parent / files[pid])
    assert _together(inside) == _together(inside, also) == 0.5
    assert _together(inside, outside) == 8


def test_a_process_that_has_ended_may_use_nothing(another):
    gone = another()
    os.kill(gone, 9)
    os.waitpid(gone, 0)
    assert _together(gone) == _together() == 0
