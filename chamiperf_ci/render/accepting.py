"""The commands by which a person accepts nights, as cards print them and as one scenario needs them."""

import re

from chamiperf_ci.models.verdict import ScenarioOutcome

_NIGHTS = "--history-branch chamiperf-data --environment NAME"
"""The branch of the workflows to copy; a comparison is given its content as a folder, and not its name."""
BEGIN = f"chamiperf baselines init {_NIGHTS} --link URL"
ADD = f"chamiperf update-baseline propose --reason TEXT {_NIGHTS}"
BESIDE = f"{ADD} --overrule fingerprint"
NEWEST = f"{ADD} --replace --scenario SCENARIO"
"""The newest nights in the place of the accepted ones."""
REPLACE = f"{NEWEST} --since DAY"
"""A range replaces whatever it holds, so that it is narrowed to what changed."""
FIRST_DAY = "DAY is the first night after the change"
"""Tonight in its place would leave a baseline of one run."""
WHAT_CHANGED = f"`--scenario` names what changed, {FIRST_DAY}"
APPLY = "chamiperf update-baseline apply"
_FULL = 5
_USABLE = re.compile(r"[A-Za-z0-9._-]{1,64}")


def accept_command(scenario: ScenarioOutcome) -> str:
    """Return the command for one scenario's nights, with the environment's own name."""
    return filled_in(_command(scenario), environment=scenario.fingerprint.environment, scenario=scenario.scenario)


def filled_in(text: str, *, environment: str, scenario: str = "") -> str:
    """Put names into the commands of a text; what is not known or could be no such name is left as it is."""
    for option, value in (("--environment NAME", environment), ("--scenario SCENARIO", scenario)):
        if _USABLE.fullmatch(value):
            text = text.replace(option, f"{option.split()[0]} {value}")
    return text


def _command(scenario: ScenarioOutcome) -> str:
    if not scenario.environment_accepted:
        return BEGIN
    if scenario.accepted_otherwise:
        return BESIDE
    if scenario.baseline_runs >= _FULL:
        return NEWEST
    return ADD
