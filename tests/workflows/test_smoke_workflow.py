"""`smoke.yml` as an adopter copies it, against a stack that was deployed by somebody else."""

import json
import subprocess
import sys

import harness
import pytest

pytestmark = [pytest.mark.needs_act, pytest.mark.timeout(900)]

RELEASE = """
on: push
permissions: {}
jobs:
  deploy:
    runs-on: ubuntu-24.04
    steps:
      - run: echo deployed
  smoke:
    needs: deploy
    uses: ./.github/workflows/chamiperf-smoke.yml
    permissions:
      contents: read
    secrets: inherit
  release:
    needs: smoke
    runs-on: ubuntu-24.04
    steps:
      - run: echo released
"""
"""How a deploy job calls it, as the head of smoke.yml says."""


@pytest.fixture
def staging(adopter, deployed):
    """A stack that the adopter's chamiperf.toml calls `staging`."""
    stack, urls = deployed
    services = ("auth", "smd", "bss", "cloud-init")
    lines = [f'{service} = "{url}"' for service, url in zip(services, urls.values(), strict=True)]
    adopter.write("chamiperf.toml", "\n".join(["[targets.staging.services]", *lines, ""]))
    adopter.copy("smoke.yml")
    return stack


def break_bss(stack):
    """Let every answer of BSS be an error."""
    words = ["stack", "fault", "set", "--service", "bss", "--error-rate", "1", "--state-dir", stack.state_dir]
    subprocess.run([sys.executable, "-m", "chamiperf_ci", *words], check=True, env=harness.clean_environment())


def found(ran):
    """The kept smoke.json."""
    return json.loads((ran.artifacts / "chamiperf-smoke-staging-1" / "smoke.json").read_text())


@pytest.mark.usefixtures("staging")
def test_a_push_tests_the_deployed_stack(adopter):
    ran = adopter.run("smoke.yml", event="push")
    assert ran.jobs == {"smoke": "success"}, ran.log
    assert found(ran)["ok"]
    assert "staging works: " in ran.log
    assert "🟢 smoke " in ran.summaries["smoke"]


@pytest.mark.usefixtures("staging")
def test_a_release_goes_on_behind_a_good_smoke_test(adopter):
    adopter.write(".github/workflows/release.yml", RELEASE)
    ran = adopter.run("release.yml", event="push")
    assert ran.jobs == {"deploy": "success", "smoke": "success", "release": "success"}, ran.log


def test_a_red_smoke_test_stops_a_release_names_the_service_and_keeps_what_it_found(adopter, staging):
    break_bss(staging)
    adopter.write(".github/workflows/release.yml", RELEASE)
    ran = adopter.run("release.yml", event="push")
    assert ran.jobs == {"deploy": "success", "smoke": "failure"}, ran.log
    assert "bss" in ran.summaries["smoke"]
    assert not found(ran)["ok"]
