"""Cards of why a row has the verdict it has."""

from chamiperf_ci.render.accepting import ADD, APPLY, BEGIN, BESIDE, REPLACE, WHAT_CHANGED
from chamiperf_ci.render.cards.card import Card
from chamiperf_ci.render.measured import FALSE_NIGHTS_OF_THE_ADR

NOT_JUDGED: dict[str, Card] = {
    "run-invalid": Card(
        "The scenario's run cannot be judged, and so none of its rows.",
        "See the reason of the run, which the report names.",
        "Mend it and run again.",
    ),
    "fingerprint-mismatch": Card(
        "There is a baseline, but it was made under other circumstances; comparing would mix two questions.",
        "Another machine, profile, seed size, k6 version or way to the services; the row names the field.",
        f"Run as the baseline was made. Or, after five nights as now, accept them beside it, in a clone: `{BESIDE}`, "
        f"then `{APPLY}`, and merge baselines.json by a pull request; if the row names the environment, begin its own: "
        f"`{BEGIN}`. Of pairs that stand alone, measure old and new on one machine, with the same options.",
    ),
    "error-burst": Card(
        "In more than a quarter of the windows over 1 % of the requests failed, so latency says nothing.",
        "The service failed for a while; failed answers are often the fastest ones.",
        "Look at the row of errors, which is judged all the same, and at the run's failure samples.",
    ),
    "too-few-requests": Card(
        "Fewer than ten responses lie beyond the quantile, so one of them decides its value.",
        "The run is too short or its rate too low for this quantile.",
        "Use a longer profile: a window needs 20 requests for p50, 200 for p95, 1,000 for p99.",
    ),
    "statistic-mismatch": Card(
        "One side is the median of windows, the other a pooled quantile; they differ without any change.",
        "One of the runs had too few requests in its windows.",
        "Run as long as the accepted runs were, or accept new ones.",
    ),
    "not-a-quantity": Card(
        "The value is zero, negative or no number, which this quantity cannot be.",
        "A clock that went backwards, or a metric that was never written.",
        "Look at the windows in the run's file.",
    ),
    "restarted": Card(
        "The service restarted while it was observed, so its memory says nothing about leaks.",
        "A crash or a deployment during the run.",
        "Look at the service's log; run again on one deployment.",
    ),
    "machine-busy": Card(
        "The number is worse than the tolerance allows, but other work took at least 10 points more of the generator's "
        "machine than in any accepted run, which can explain as much. It is no pass. Exit code 3. A deployed stack on "
        "the generator's own host gets no such excuse: the other work may be the service itself, so the row stays a "
        "regression and says how much more other processes used.",
        "Another job on the runner, a noisy neighbour on a hosted one, a backup on a laptop.",
        "Run again when the machine is quiet, or measure by pairs: `chamiperf load --pairs 5 --against TARGET`.",
    ),
    "unit-mismatch": Card(
        "The run and what it would be compared with differ in unit or direction, so their ratio means nothing. It is "
        "no pass. Exit code 3.",
        "A scenario that was changed to report in another unit, or a file edited by hand.",
        f"Report in the old unit; or accept runs in the new one: `{REPLACE}`, then `{APPLY}`.",
    ),
    "resolution": Card(
        "The value is less than 20 of the smallest steps that can be told apart, so one step is over 5 %.",
        "A histogram with wide buckets, or a poll period near the value.",
        "Use finer buckets or a shorter poll period.",
    ),
    "no-baseline": Card(
        "The metric was measured and no accepted run has it, so a slow-down cannot be seen. It is no pass; in a "
        "learning night it costs nothing, after those it is exit code 3.",
        "The metric is new, or nothing was accepted yet.",
        f"After five nights accept runs, in a clone. If none of this environment is accepted: `{BEGIN}`. If some are: "
        f"`{ADD}`, and `--replace` behind it where there are five, then `{APPLY}`. Merge baselines.json by a pull "
        'request. Or write `"exempt": "WHY"` into the metric\'s rule there; docs/baselines.md shows one.',
    ),
    "not-offered": Card(
        "The plan offers less than 1.2 times the target rate, so the pace would be measured and not the service. It "
        "costs nothing.",
        "A paced profile, whose rate is its plan.",
        "Offer more: `chamiperf load` with a higher `--spike-vus` or `--spike-rate`, or a shorter `--pace`; "
        "`--dry-run` shows what the plan offers each service.",
    ),
    "not-measured": Card(
        "The metric is in the baseline and was not measured: its gate is gone, so it is shown first. Exit code 3.",
        "A renamed or removed endpoint or metric, a service that was not there, or a script that no longer asks.",
        f"Bring it back; or, if it is gone for good, accept nights without it: `{REPLACE}`, then `{APPLY}`; "
        f"{WHAT_CHANGED}.",
    ),
    "simulated": Card(
        "The figure is that of a stand-in, and neither meets nor misses a target.",
        "The embedded stack has no database pool of its own and says what one would show.",
        "Measure a deployed stack.",
    ),
    "too-short": Card(
        "The time observed is shorter than the target needs: stable over 30 minutes is not seen in 10.",
        "The run is shorter than 30 minutes.",
        "Use the profile `soak`, or judge the whole night on one deployment.",
    ),
    "not-compared": Card(
        "Shown, held against its target if it has one, and not compared with a baseline.",
        "The rate of a paced load is its plan; a quantile such as p99.9 and other phases are compared only where "
        "baselines.json says so.",
        "Nothing, or set `compared` for it in the rules of baselines.json.",
    ),
}

UNDECIDED: dict[str, Card] = {
    "suspect-not-repeated": Card(
        "One run looks slower; one run never condemns, and it was not measured again. So it is with fewer than five "
        "pairs that stand alone.",
        "A slow-down, or one of the bad runs that every tenth run is.",
        "Run `chamiperf confirm`; it takes the two most suspect scenarios, more with `--max-scenarios`. Of pairs that "
        "stand alone, measure five (`chamiperf load --pairs 5`).",
    ),
    "runs-disagree": Card(
        "Some of the runs are slower and some are not, so chance is not excluded.",
        "A machine with neighbours, or a slow-down that comes and goes.",
        "Look at each run's value in the report; use pairs on a noisy machine (`chamiperf confirm --by pairs`).",
    ),
    "noisy": Card(
        "The interval is so wide that the tolerance lies inside it.",
        "Runs on this machine differ by more than the tolerance allows to see.",
        "More accepted runs, a quieter machine, a longer profile, or pairs. The row says which change would be seen.",
    ),
    "thin-baseline": Card(
        "One or two accepted runs show too little: nothing says that they are typical.",
        "The baseline was begun and not completed.",
        f"Add the nights measured since: `{ADD}`, then `{APPLY}`.",
    ),
    "too-few-pairs": Card(
        "Fewer than five pairs could be used; so few agree by luck, and neither clear nor condemn.",
        "Fewer were asked for, or some were invalid and are left out.",
        "Measure five: `chamiperf confirm --by pairs`, or `chamiperf load --pairs 5 --against TARGET`.",
    ),
}

DECIDED: dict[str, Card] = {
    "within-tolerance": Card("The interval ends below the tolerance.", "No change, or a small one.", "Nothing."),
    "slower-within-tolerance": Card(
        "Certainly slower, and certainly by less than the tolerance.",
        "A small slow-down.",
        "Look at it before the next one joins it; drift adds them up.",
    ),
    "faster": Card(
        "Certainly faster in every run.",
        "A change made it better.",
        f"Accept the new level: `{REPLACE}`, then `{APPLY}`; {WHAT_CHANGED}.",
    ),
    "one-run": Card(
        "Faster, in one run only.",
        "An improvement, or luck.",
        "Wait for the next night, or measure again with `chamiperf confirm --scenario NAME`.",
    ),
    "slower-in-all-runs": Card(
        "Slower in each of at least three runs, more than chance explains among all rows of the night.",
        "A change of the build, its configuration or its machine.",
        "See [regression](#regression).",
    ),
    "slower-in-pairs": Card(
        "Slower in all but at most one of five pairs of old and new, measured side by side.",
        "A change between the two builds; the night's luck is the same on both sides.",
        "See [regression](#regression).",
    ),
    "slower-than-half-again": Card(
        "Each of three runs is at least half again as slow as the one or two accepted runs.",
        "A large slow-down; smaller ones cannot be seen with so thin a baseline. If the accepted run was a lucky one, "
        "this returns every night.",
        "See [regression](#regression), and complete the baseline.",
    ),
    "more-stalled-windows": Card(
        "In every run more windows stalled (p99 above twice the run's median window) than in any accepted run.",
        "Pauses: garbage collection, a checkpoint, a lock, a full pool. The median over windows is blind to them.",
        "Look at the windows in report.html and at what the services did at those times.",
    ),
    "more-errors": Card(
        "In every run clearly more requests failed than in the accepted runs, and more than 0.05 %.",
        "A fault that shows under load.",
        "Look at the failure samples of the run's file.",
    ),
    "above-tolerance": Card(
        "One run exceeds the tolerance over the median of the accepted (gate `adr`).",
        "A slow-down, or noise: on unchanged code this rule turns "
        f"{FALSE_NIGHTS_OF_THE_ADR} of 100 nights of 192 rows red.",
        "Use the default gate, which repeats before it condemns.",
    ),
}
