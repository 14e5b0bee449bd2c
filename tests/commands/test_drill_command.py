"""`chamiperf drill`: what its options become."""

import pytest
from click.testing import CliRunner

from chamiperf_ci.commands.drill import drill
from chamiperf_ci.errors import ExitCode
from chamiperf_ci.steps.drill import judge


@pytest.fixture
def asked(monkeypatch):
    """What the step is asked for by a command line; nothing is driven."""
    seen = []

    def instead(asked, out):
        seen.append((asked, out))
        return ExitCode.OK

    monkeypatch.setattr(judge, "drill", instead)

    def call(*arguments):
        result = CliRunner().invoke(drill, arguments, standalone_mode=False)
        assert result.exception is None, result.exception
        return seen[-1][0]

    return call


def test_by_default_eight_runs_and_four_slow_downs_of_the_demo_profile(asked):
    given = asked()
    assert (given.load.scenarios, given.load.profile, given.load.kind) == (("boot_storm",), "demo", "drill")
    assert (given.runs, given.comparisons, given.effects) == (8, 3, (0.05, 0.1, 0.2, 0.4))


def test_the_seed_is_that_of_the_pipeline_and_the_runs_have_a_folder_of_their_own(asked):
    load = asked("--out", "o").load
    assert (str(load.seed_file), str(load.out)) == ("o/seed.json", "o/drill")


def test_effects_replace_the_defaults(asked):
    assert asked("--effect", "40").effects == (0.4,)


def test_the_budget_is_a_duration(asked):
    assert asked("--max-duration", "20m").most_s == 1200


@pytest.mark.parametrize("arguments", [("--runs", "7"), ("--comparisons", "0"), ("--effect", "0")])
def test_what_could_prove_nothing_is_refused(arguments):
    assert CliRunner().invoke(drill, arguments).exit_code == ExitCode.CONFIGURATION
