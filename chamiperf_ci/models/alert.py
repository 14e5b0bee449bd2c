"""What an alert remembers from night to night; kept hidden in the issue itself, so that no other store is needed."""

from datetime import date

from chamiperf_ci.models.document import Value

NOT_MEASURING = ""
"""Topic of an environment's one alert for nights that were invalid or did not happen; other topics are scenarios."""


class AlertLine(Value):
    """One row of an alert's table."""

    name: str
    """The row, or what was not measured."""
    what: str
    """Such as `regression`, `target missed`, `generator-saturated`."""
    baseline: str = ""
    now: str = ""
    says: str
    """A sentence, without markup."""
    since: date
    """The first night that it was seen."""


class Alert(Value):
    """An alert as it stands after its last night."""

    since: date
    last: date
    """The last night that failed."""
    lines: tuple[AlertLine, ...]
    seen: tuple[str, ...] = ()
    """Everything that was ever in its table, so that what comes and goes is told of once."""
    changed: tuple[str, ...] = ()
    """The suspect range: what changed since the last good night, as sentences."""
    reproduce: tuple[str, ...] = ()
    """Commands."""
    link: str = ""
    """The workflow run of the last night."""
    self_test: bool = False
    over: bool = False
    """A clean night has ended it; an alert that is closed and not over was closed by a person."""
