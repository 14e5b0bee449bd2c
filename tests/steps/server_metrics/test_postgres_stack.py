"""A real PostgreSQL read beside a real load: a lost index is named, unchanged runs name nothing, no secret gets out."""

import json
import shutil
import subprocess
import sys
import time
from urllib.parse import urlsplit

import command_line
import psutil
import pytest
from database_stack import needs_postgres

from chamicore_standin import faulting, lifecycle
from chamicore_standin.catalogue import READER_FILE
from chamiperf_ci.adapters.files import read_document
from chamiperf_ci.models.faults import DropIndex
from chamiperf_ci.models.run import Run
from chamiperf_ci.models.target import StackOptions
from chamiperf_ci.models.verdict import Verdict
from chamiperf_ci.render.numbers import significant
from chamiperf_ci.steps.compare.outcome import FACTOR

# Minutes of processor time; tests/standin/test_postgres.py sees the lost index, compare/test_statements.py its factor.
pytestmark = [pytest.mark.e2e, pytest.mark.thorough, needs_postgres]

NODES = 1500
"""Enough rows that reading them all takes several times as long as reading one."""
SCENARIO = "database_stress"
ATTEMPTS = 3
LOAD = ("--scenario", SCENARIO, "--profile", "demo", "--vus", "4", "--pace", "200ms", "--ramp-up", "0", "--spike", "0",
        "--cooldown", "0", "--sustained", "5s", "--windows", "2", "--settle", "0")  # fmt: skip

BARE = {"kind": "baselines", "schema_version": 1, "producer": "chamiperf"}


class Measured:
    """A stack on PostgreSQL with nodes, and the commands that measure it."""

    def __init__(self, state, folder):
        self.state, self.folder, self.spoilt = state, folder, set()
        self.dsn = (folder / "state" / READER_FILE).read_text().strip()

    def run(self, name, *arguments, **variables):
        """Run a command that reads the database."""
        ours = {"CHAMIPERF_POSTGRES_DSN": self.dsn, **variables}
        return command_line.command(name, *arguments, cwd=self.folder, state=self.state, **ours)

    def load(self, name):
        """Drive the scenario, again where the machine was too busy to; its run's file, under another name.

        What a busy machine does to the generator is not asked here: the last such run is judged as if it were valid.
        """
        written = self.folder / "out" / "runs" / f"{SCENARIO}.json"
        for _ in range(ATTEMPTS):
            ended = self.run("load", *LOAD)
            assert written.exists(), f"{ended.stdout}\n{ended.stderr}"
            if not read(written).problems:
                break
        else:
            self.spoilt.add(name)
        assert command_line.only_the_machine(self.folder), f"{ended.stdout}\n{ended.stderr}"
        kept = self.folder / f"{name}.json"
        written.rename(kept)
        return kept


def read(path):
    """A run as it was written."""
    return read_document(path, Run)


def compared(measured, run):
    """What `compare` says of one run against the accepted one, on the screen and in the file."""
    runs = measured.folder / "compared"
    shutil.rmtree(runs, ignore_errors=True)
    runs.mkdir()
    shutil.copy(run, runs / f"{SCENARIO}.json")
    ended = measured.run("compare", "--runs", runs, "--baselines", measured.folder / "baselines.json")
    assert ended.returncode in (0, 1, 3), ended.stderr
    return ended.stdout, read_document(measured.folder / "out" / "verdict.json", Verdict)


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    folder = tmp_path_factory.mktemp("postgres")
    few = ("mcp", "kea", "kea-sync")
    options = StackOptions(ports="ephemeral", password_cost=4, without=few, database="postgres")
    state = lifecycle.up(options, state_dir=folder / "state")
    found = Measured(state, folder)
    seeded = found.run("seed", "--nodes", NODES, "--sample", 3)
    assert seeded.returncode == 0, seeded.stderr
    yield found
    lifecycle.down(folder / "state")


@pytest.fixture(scope="module")
def alike(measured):
    """Runs of a stack that nothing happens to, the first of them accepted."""
    first, *others = (measured.load(f"unchanged-{number}") for number in range(4))
    (measured.folder / "baselines.json").write_text(json.dumps(BARE))
    accepted = ("--runs", first, "--link", "https://example.org/why", "--baselines", measured.folder / "baselines.json")
    ended = measured.run("baselines", "init", *accepted)
    assert ended.returncode == 0, ended.stderr
    return first, *others


def test_a_lost_index_is_named_with_its_factor_and_unchanged_runs_name_nothing(measured, alike):
    for run in alike[1:]:
        said, verdict = compared(measured, run)
        # What beyond the generator is slow on a machine that is too busy for it, nobody knows.
        if not measured.spoilt & {alike[0].stem, run.stem}:
            assert (verdict.statements, "times as long" in said) == ((), False)
    faulting.set_fault(measured.state, DropIndex(service="bss", index="boot_params_by_id"))
    try:
        lost = measured.load("lost")
    finally:
        faulting.clear_faults(measured.state)
    said, verdict = compared(measured, lost)
    # The statement that reads the whole table is named first; on a machine with few cores others may wait for it.
    assert [each.text for each in verdict.statements if each.factor < FACTOR] == []
    assert "boot_params" in next((each.text for each in verdict.statements), "")
    assert f"Statement {significant(verdict.statements[0].factor)} times as long" in said
    # How much of a latency the statement is depends on what else the machine does, so a row may as well pass.
    assert [row for row in verdict.rows if row.compared and row.key.endpoint.startswith("bootparams")]


def test_what_the_database_says_stands_in_the_run(alike):
    run = read(alike[0])
    words = {each.text.split()[0].upper() for each in run.statements}
    assert words
    assert words <= {"SELECT", "INSERT", "UPDATE", "DELETE"}
    assert all(each.calls > 0 and each.mean_ms > 0 and each.points for each in run.statements)
    figures = {each.name: each.value for each in run.server if each.service == "postgres"}
    assert figures["connections_open"] > 0
    # The services state their pools and statements themselves, so no target is judged by the database's word.
    assert "pool_utilisation" not in figures


def test_no_secret_of_the_connection_string_gets_out(measured):
    secret = urlsplit(measured.dsn).password
    assert secret
    process = subprocess.Popen(
        [sys.executable, "-m", "chamiperf_ci.commands.load", *LOAD],
        cwd=measured.folder,
        env=command_line.environment(measured.state, cwd=measured.folder, CHAMIPERF_POSTGRES_DSN=measured.dsn),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    shown = []
    while process.poll() is None:
        shown += [" ".join(each.info["cmdline"] or ()) for each in psutil.process_iter(["cmdline"])]
        for child in psutil.Process(process.pid).children(recursive=True) if process.poll() is None else ():
            shown += _environment(child)
        time.sleep(0.2)
    shown += process.communicate()
    shown += [path.read_text(errors="replace") for path in (measured.folder / "out").rglob("*") if path.is_file()]
    wrong = measured.dsn.replace(secret, "not-the-password")
    refused = measured.run("load", *LOAD, CHAMIPERF_POSTGRES_DSN=wrong)
    shown += [refused.stdout, refused.stderr]
    assert [text for text in shown if secret in text or "not-the-password" in text] == []
    assert "the password is refused" in (measured.folder / "out" / "runs" / f"{SCENARIO}.json").read_text()


def _environment(process):
    try:
        return list(process.environ().values())
    except psutil.Error:
        return []
