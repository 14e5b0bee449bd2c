"""Cards of what a row, a target or a night is said to be."""

from chamiperf_ci.render.accepting import APPLY, BEGIN, BESIDE, REPLACE, WHAT_CHANGED
from chamiperf_ci.render.cards.card import Card

ROWS: dict[str, Card] = {
    "pass": Card(
        "Slower by the tolerance or more is excluded: the upper end of the 95 % interval lies below it.",
        "The metric is as it was, or its change is small against what is tolerated.",
        "Nothing. A sentence that says `slower, within tolerance` is worth a look before it grows.",
    ),
    "regression": Card(
        "Certainly slower, not shown to stay within tolerance, and seen in every one of three runs (or in the pairs).",
        "A change of the build, its configuration or its machine made the metric worse.",
        f"Find the change between the builds that the report names. If it is wanted, accept its nights: `{REPLACE}`, "
        f"then `{APPLY}`; {WHAT_CHANGED}. If it is known and will be mended, acknowledge it in baselines.json.",
    ),
    "improvement": Card(
        "Certainly faster, by at least half the tolerance in every run.",
        "A change made the metric better; on one run it may also be luck, which the words `one run` say.",
        f"When it lasts, accept it: `{REPLACE}`, then `{APPLY}`; {WHAT_CHANGED}. "
        "Against a stale baseline a later slow-down goes unseen.",
    ),
    "inconclusive": Card(
        "Neither cleared nor condemned: a slow-down of the tolerance can neither be excluded nor shown.",
        "Noise, a thin baseline, or runs that disagree; the row's reason says which.",
        "Measure again with `chamiperf confirm`, by pairs on a noisy machine; complete the baseline to five runs.",
    ),
    "invalid": Card(
        "This measurement cannot answer. It is no pass, and the value that was seen is shown.",
        "The load, its generator or the comparison was not what it should be; the reason says what.",
        "Mend what the reason names, and run again.",
    ),
    "unavailable": Card(
        "There is nothing to compare, or nothing that can be judged. It is no pass; what it costs, its reason says.",
        "No accepted run, a metric that vanished, a figure of a stand-in, or a load that cannot show the target.",
        "Look up the word behind it: the reason, of which this list says what to do.",
    ),
}

TARGETS: dict[str, Card] = {
    "met": Card(
        "The value seen lies on the good side of the target.",
        "All is well.",
        "Nothing. A metric can meet its target and still have regressed; the two are judged apart.",
    ),
    "missed": Card(
        "The value seen lies on the wrong side of the target, by more than runs differ.",
        "The service does not reach what the requirement asks of it under this load.",
        "Mend it; or, where it is known from the first day, acknowledge it in baselines.json with an expiry date.",
    ),
    "at the limit": Card(
        "Too near to the target to tell on which side it lies; it counts as met, with this mark.",
        "The value is within two standard deviations of the target; of an error rate, the 95 % interval holds it.",
        "Measure longer, or more often. Zero failures prove less than 0.1 % only from 3,838 requests on.",
    ),
}

NIGHTS: dict[str, Card] = {
    "target missed": Card(
        "No row regressed, but a target is missed. Exit code 1.",
        "See the rows under Missed targets.",
        "See [missed](#missed).",
    ),
    "learning": Card(
        "There is no baseline for these runs yet: in an environment's first 21 nights that costs nothing, and "
        "slow-downs go unseen. `n of 5 runs` counts the valid runs measured so far, of the five that a first baseline "
        "is made of; none of them is accepted by itself. Exit code 0; targets and validity count all the same.",
        "The environment is new; or its runs are made otherwise than the accepted ones, which the first sentence says.",
        f"Wait until five nights are measured. Then accept them, in a clone: of a new environment `{BEGIN}` "
        f"(URL is where the work on missed targets is tracked). For changed "
        f"circumstances run as the baseline was made, or `{BESIDE}`, then `{APPLY}`. Merge baselines.json by a pull "
        "request.",
    ),
    "targets only": Card(
        "A quick run was judged by its targets alone: no run of its profile is accepted. It is no pass. Exit code 0.",
        "`quick` runs have accepted runs of their own, and there is none yet.",
        f"Accept some to have slow-downs judged as well: `chamiperf update-baseline propose --reason TEXT --runs "
        f"out/runs`, then `{APPLY}`.",
    ),
    "not decided": Card(
        "One run lies so far above its baseline (by a factor of 2.5 or more with the whole interval) that the night "
        "cannot end well, and one run proves nothing. Exit code 3.",
        "A large slow-down, or something that went wrong in this one run.",
        "Measure again: `chamiperf confirm` repeats the suspect scenarios and decides.",
    ),
    "drift": Card(
        "The last seven nights are at least 10 % worse than the baseline, although no single night was condemned. A "
        "warning: exit code 0, or 1 with `--fail-on drift`.",
        "Many small slow-downs, or a growing amount of data.",
        "Begin at the night and the builds that the row names. A change point is never nearer than five nights to an "
        "edge, so a drift of the last days has none.",
    ),
}
