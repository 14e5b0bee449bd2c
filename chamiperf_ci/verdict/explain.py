"""One row's computation, step by step, with its numbers: what `compare --explain` prints."""

from dataclasses import dataclass

from chamiperf_ci.models.vocabulary import Direction
from chamiperf_ci.verdict.change import HISTORY_WEIGHT, Estimate
from chamiperf_ci.verdict.row import RowDecision
from chamiperf_ci.verdict.statistic import centre_variance, prior_weight, quantile


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the computation; `formula` uses the names of verdict.md section 4."""

    name: str
    formula: str
    value: float | tuple[float, ...] | str


def explain(decision: RowDecision) -> tuple[Step, ...]:
    """Return how a row came to its verdict, in the order it was computed; counts and reasons alone where no change was.

    Numbers are on the log scale turned so that up is worse, except where the name says `shown`.
    """
    steps: tuple[Step, ...] = ()
    if decision.change is not None:
        steps = (
            *_spread(decision.change),
            *_interval(decision.change),
            Step("theta", f"the tolerance of {100 * decision.tolerance:g} % on the log scale", decision.theta),
        )
    elif decision.stalled is not None:
        counted = "windows whose p99 is above twice the run's median window"
        steps = (
            Step("stalled windows, baseline", counted, decision.stalled.baseline),
            Step("stalled windows, now", "every run >= 2 and fewest > most of the baseline", decision.stalled.current),
        )
    elif decision.errors is not None:
        steps = tuple(
            Step(name, "share, then Wilson's 95 % interval of failed/phi of requests/phi", (e.share, e.low, e.high))
            for name, e in [
                ("errors, baseline", decision.errors.baseline),
                *((f"errors, run {place}", run) for place, run in enumerate(decision.errors.current, start=1)),
            ]
        )
    return (*steps, Step("verdict", str(decision.reason), str(decision.verdict)))


def _spread(measured: Estimate) -> tuple[Step, ...]:
    if measured.by_pairs:
        return (
            Step("n", "pairs", float(measured.baseline_runs)),
            Step("r", "ln new - ln old of each pair, ascending", measured.offsets),
            Step("L", "3 max(1.4826 MAD of r, s0)", measured.clip_limit),
            Step("SS", "sum of clip(r - median r, -L, L)^2", measured.squares),
            Step("nu", "4 + n - 1", measured.nu),
            Step("sigma", "sqrt((4 s0^2 + SS) / nu)", measured.sigma),
        )
    sign = "ln" if measured.direction is Direction.LOWER else "-ln"
    weight = prior_weight(measured.prior_sd, knows_nights=measured.history_steps > 0)
    return (
        Step("s0", "prior sd of a run of this class", measured.prior_sd),
        Step("n, k", "baseline runs, current runs", (float(measured.baseline_runs), float(measured.current_runs))),
        Step("centre(b)", f"median of {sign} baseline (mean below three)", measured.baseline_centre),
        Step("c - centre(b)", f"{sign} of each current run, ascending", measured.offsets),
        Step("L", "3 max(1.4826 MAD (0 if n < 3), s0)", measured.clip_limit),
        Step("SS", "sum of clip(b - centre(b), -L, L)^2", measured.squares),
        Step("s_h", "1.4826 median|h_(j+1) - h_j| / sqrt 2", measured.history_sd or "no history"),
        Step("m", "differences of history", float(measured.history_steps)),
        Step("nu", f"{weight:g} + (n - 1) + {HISTORY_WEIGHT:g} m", measured.nu),
        Step("spread", f"sqrt(({weight:g} s0^2 + SS + 0.3 m s_h^2) / nu)", measured.spread),
        Step("sigma", "spread, x 2 if n = 1, x 1.5 if n = 2", measured.sigma),
    )


def _interval(measured: Estimate) -> tuple[Step, ...]:
    both = "q_n / n" if measured.by_pairs else "q_n / n + q_k / k"
    factor = centre_variance(measured.baseline_runs)
    if not measured.by_pairs:
        factor += centre_variance(measured.current_runs)
    return (
        Step("d", "median r" if measured.by_pairs else "centre(c) - centre(b)", measured.d),
        Step("q", both, factor),
        Step("se", f"sigma sqrt({both})", measured.se),
        Step("t", "t(0.975, nu)", quantile(0.975, measured.nu)),
        Step("[L95, U95]", "d -/+ t se", (measured.low, measured.high)),
        Step("p_worse", "P(T > d / se)", measured.p_worse),
        Step("p_better", "P(T < d / se)", measured.p_better),
        Step("change shown", "exp(d) - 1, sign turned back for higher", measured.shown),
        Step("interval shown", "the same of L95 and U95", measured.shown_interval),
        Step("minimal detectable change shown", "exp((t(0.99) + t(0.80)) se_3) - 1", measured.minimal_detectable),
    )
