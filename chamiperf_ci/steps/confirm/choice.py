"""Which scenarios are measured again; pure."""

from collections.abc import Sequence

from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.verdict import Verdict

_REMEDY = "Judge a new night with `chamiperf load` and `chamiperf compare`."


def choose(verdict: Verdict, asked: Sequence[str], most: int) -> tuple[str, ...]:
    """Return the scenarios to measure again: those asked for, else the `most` most suspect ones; maybe none.

    Raises:
        ConfigurationError: The verdict is confirmed already, was made by the ADR's letter, or has no such scenario.
    """
    if verdict.stage == "confirmed":
        raise ConfigurationError(
            "the verdict is confirmed already; there is no third round, and no best of",
            where="--verdict",
            remedy=_REMEDY,
        )
    if verdict.gate == "adr":
        raise ConfigurationError(
            "gate `adr` decides on one run, so there is nothing to confirm",
            where="--verdict",
            remedy="Compare without `--gate adr` to have suspects measured again.",
        )
    known = [scenario.scenario for scenario in verdict.scenarios]
    unknown = [name for name in asked if name not in known]
    if unknown:
        raise ConfigurationError(
            f"the verdict has no scenario {unknown[0]!r}", where="--scenario", remedy=f"Name one of {', '.join(known)}."
        )
    return tuple(dict.fromkeys(asked)) or verdict.suspect_scenarios[:most]
