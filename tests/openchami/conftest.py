"""The server with OpenCHAMI's oddities, and commands that are run against it."""

from pathlib import Path

import command_line
import pytest
from oddities import Oddities, openchami

STILL = ("--profile", "demo", "--ramp-up", "0", "--spike", "0", "--cooldown", "0", "--settle", "0")
LIGHT = (*STILL, "--vus", "4", "--sustained", "1s", "--windows", "2")
ARRIVALS = (*STILL, "--rate", "5", "--sustained", "2s")


class Site:
    """A running stack and a folder to measure it from."""

    def __init__(self, stack, folder: Path, dialect: str = "openchami"):
        self.stack, self.folder, self.dialect = stack, folder, dialect

    def run(self, name, *arguments, **variables):
        """Run a command at this stack."""
        urls, fabrica = self.stack.urls, self.dialect == "openchami-fabrica"
        ours = {
            "CHAMIPERF_DIALECT": self.dialect,
            "CHAMICORE_TEST_SMD_URL": urls["smd"],
            "CHAMICORE_TEST_BSS_URL": urls["boot-service" if fabrica else "bss"],
            **({} if fabrica else {"CHAMICORE_TEST_CLOUDINIT_URL": urls["cloud-init"]}),
        }
        return command_line.command(name, *arguments, cwd=self.folder, **{**ours, **variables})

    def done(self, name, *arguments, code=0, **variables):
        """Run a command that must end with a code; what it printed.

        A load may end in 3 as well where the machine was too busy for its generator, which is not asked here.
        """
        ended = self.run(name, *arguments, **variables)
        spoilt = name == "load" and (code, ended.returncode) == (0, 3) and command_line.only_the_machine(self.folder)
        assert spoilt or ended.returncode == code, f"{ended.stdout}\n{ended.stderr}"
        return f"{ended.stdout}\n{ended.stderr}"


@pytest.fixture
def site(tmp_path):
    """A fresh stack; cloud-init refreshes its cache every second."""
    with openchami(Oddities(refresh_every_s=1.0, refresh_s=0.1)) as stack:
        yield Site(stack, tmp_path)


@pytest.fixture
def site_with(tmp_path):
    """A stack with oddities of the test's own."""
    stacks = []

    def make(dialect="openchami", **options):
        context = openchami(Oddities(**{"refresh_every_s": 1.0, "refresh_s": 0.1, **options}))
        stacks.append(context)
        return Site(context.__enter__(), tmp_path, dialect)

    yield make
    for context in stacks:
        context.__exit__(None, None, None)
