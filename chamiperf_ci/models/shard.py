"""What one of several machines leaves of a load that they share, for `merge` to make one run of."""

from typing import ClassVar, Literal

from chamiperf_ci.models.document import CheckedDocument
from chamiperf_ci.models.plan import ScriptPlan
from chamiperf_ci.models.run import Run, ScriptSummary, Shard


class ShardRun(CheckedDocument):
    """What one machine of several left of a load, written by `load --shard`, read by `merge`."""

    KIND: ClassVar[str] = "shard"

    kind: Literal["shard"] = "shard"
    shard: Shard
    plan: ScriptPlan
    """What its script was told: the same for all shards of a load, but for the paths of a client certificate."""
    run: Run
    """The run as this machine saw it, with its own health and problems; never to be judged alone."""
    summary: ScriptSummary | None
    """What its script measured, with the quantiles that can be merged; None where it left nothing."""

    @property
    def name(self) -> str:
        """Which shard it is, for people, counted from 1."""
        return shard_name(self.shard.index, self.shard.of)

    def contradiction(self) -> str:
        """Where the shard says two things of itself."""
        if not 0 <= self.shard.index < self.shard.of:
            return f"shard: {self.shard.index} is not one of {self.shard.of} from 0 on"
        if self.summary is not None and self.summary.shard != self.shard:
            told = self.summary.shard
            return f"summary.shard: {told.index} of {told.of}, and shard: {self.shard.index} of {self.shard.of}"
        return self.run.contradiction()


def shard_name(index: int, of: int) -> str:
    """A shard for people, counted from 1."""
    return f"shard {index + 1} of {of}"
