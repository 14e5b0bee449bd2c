"""What `chamiperf --help` imports, watched in a fresh interpreter: nothing heavy, so that it stays fast."""

import json
import subprocess
import sys

import pytest

from chamiperf_ci.cli import COMMANDS

HEAVY = {
    "cryptography",
    "granian",
    "github",
    "httpx",
    "jsonpatch",
    "numpy",
    "opentelemetry",
    "psutil",
    "pydantic",
    "rich",
    "tabulate",
}


def _modules_after(statement):
    script = f"import sys, json\n{statement}\nprint(json.dumps(sorted({{m.split('.')[0] for m in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_help_imports_nothing_heavy():
    statement = (
        "from click.testing import CliRunner\nfrom chamiperf_ci.cli import cli\nCliRunner().invoke(cli, ['--help'])"
    )
    assert _modules_after(statement) & HEAVY == set()


@pytest.mark.parametrize("module", sorted({module for module, _ in COMMANDS.values()}))
def test_a_command_has_help_and_imports_no_service_or_statistics_for_it(module):
    """Help of any one command needs neither the stack's server, nor GitHub, nor the numerics."""
    statement = f"from chamiperf_ci.commands.{module} import {module} as c\nassert c.help or c.callback.__doc__"
    assert _modules_after(statement) & {"granian", "github", "numpy", "cryptography", "opentelemetry"} == set()


def test_the_stack_and_the_demo_need_no_driver_of_postgresql():
    """The extra `postgres` is for those who ask for one; SQLite is what everybody else gets."""
    statement = (
        "import importlib, pkgutil, chamicore_standin, chamiperf_ci.steps\n"
        "for package in (chamicore_standin, chamiperf_ci.steps):\n"
        "    for found in pkgutil.walk_packages(package.__path__, f'{package.__name__}.'):\n"
        "        importlib.import_module(found.name)"
    )
    assert _modules_after(statement) & {"psycopg", "psycopg_pool"} == set()


def test_judging_a_night_imports_no_http_client_and_no_numerics():
    """No host is asked, and no change point looked for, before a drift alarms."""
    statement = "import chamiperf_ci.commands.compare, chamiperf_ci.steps.compare.step"
    assert _modules_after(statement) & {"httpx", "numpy", "opentelemetry"} == set()


def test_a_report_needs_neither_the_load_nor_the_road_to_a_stack():
    assert not _modules_after("import chamiperf_ci.steps.report") & {"httpx", "numpy", "psutil", "rich", "cryptography"}
