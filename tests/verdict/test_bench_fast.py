"""The bench's rule on arrays is the shipped one: the same trials, the same answers."""

import numpy as np

from bench.verdict.fast import draw, judge
from bench.verdict.series import sources
from bench.verdict.trials import KEY, LEVEL
from chamiperf_ci.models.vocabulary import RowVerdict
from chamiperf_ci.verdict.row import RowInput, decide_row
from chamiperf_ci.verdict.statistic import prior_sd


def test_the_vectorised_rule_is_the_shipped_one():
    source = next(each for each in sources() if each.name == "gha")
    drawn = draw(source, 60, 7)
    for runs, history in ((5, True), (5, False), (1, False), (2, False)):
        for effect in (0.0, 0.3, 1.0):
            fast = judge(
                drawn.baseline[:, :runs],
                drawn.slowed(effect),
                prior_sd(source.metric_class),
                drawn.history if history else None,
            )
            called = fast.regressions()
            for place in range(60):
                row = RowInput(
                    KEY,
                    metric_class=source.metric_class,
                    baseline=tuple(LEVEL * np.exp(drawn.baseline[place, :runs])),
                    history=tuple(LEVEL * np.exp(drawn.history[place])) if history else (),
                    current=tuple(LEVEL * np.exp(drawn.slowed(effect)[place])),
                )
                decision = decide_row(row)
                assert np.isclose(decision.change.high, fast.high[place])
                assert (decision.verdict is RowVerdict.REGRESSION) == bool(called[place])
