"""The commands by which a person accepts nights, as cards print them and as one scenario needs them."""

import re

from chamiperf_ci.models.verdict import ScenarioOutcome

_NIGHTS = "--history-branch chamiperf-data --environment NAME"
"""The branch of the workflows to copy; a comparison is given its content as a folder, and not its name."""
BEGIN = f"chamiperf baselines init {_NIGHTS} --link URL"
ADD = f"chamiperf update-baseline propose --reason TEXT {_NIGHTS}"
BESIDE = f"{ADD} --overrule fingerprint"
REPLACE = f"{ADD} --replace --scenario SCENARIO --since DAY"
"""A range replaces whatever it holds, so that it is narrowed to what changed."""
WHAT_CHANGED = "SCENARIO is what changed, DAY its first night, such as 2026-03-02"
APPLY = "chamiperf update-baseline apply"
_FULL = 5
_USABLE = re.compile(r"[A-Za-z0-9._-]{1,64}")


def accept_command(scenario: ScenarioOutcome) -> str:
    """Return the command for one scenario's nights, with the environment's own name."""
    return with_environment(_command(scenario), scenario.fingerprint.environment)


def with_environment(text: str, environment: str) -> str:
    """Put an environment's name where a command asks for one; leave it where the name is none."""
    if not _USABLE.fullmatch(environment):
        return text
    return text.replace("--environment NAME", f"--environment {environment}")


def _command(scenario: ScenarioOutcome) -> str:
    if not scenario.environment_accepted:
        return BEGIN
    if scenario.accepted_otherwise:
        return BESIDE
    if scenario.baseline_runs >= _FULL:
        return f"{ADD} --replace --scenario {scenario.scenario}"
    return ADD
