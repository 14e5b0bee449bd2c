"""What every word of a verdict means: one card for each verdict and each reason; `docs/verdicts.md` is made of them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from chamiperf_ci.render.numbers import FALSE_NIGHTS_OF_THE_ADR
from chamiperf_ci.render.sentences import ADD, APPLY, BEGIN, BESIDE, REPLACE, WHAT_CHANGED


@dataclass(frozen=True, slots=True)
class Card:
    """One word's card: what it means, with the usual cause, and what to do first."""

    meaning: str
    remedy: str


def plain_text(markdown: str) -> str:
    """Return a card's text without its markup: no backticks, links as their label."""
    return re.sub(r"\[([^]]+)\]\([^)]*\)", r"\1", markdown).replace("`", "")


ROWS: dict[str, Card] = {
    "pass": Card(
        "The upper end of the 95 % interval lies below the tolerance: no slow-down of that size.",
        "Nothing. If it says `slower, within tolerance`, look at the change before it grows.",
    ),
    "regression": Card(
        "Slower in each of at least three runs (or in the pairs) by more than chance explains, and perhaps by more "
        "than the tolerance.",
        "Look at what changed between the builds that the report names: code, configuration, machine. To accept the "
        f"new level: `{REPLACE}`, then `{APPLY}`; {WHAT_CHANGED}. If a fix is on its way, acknowledge it in "
        "baselines.json.",
    ),
    "improvement": Card(
        "Faster in every run, by at least half the tolerance. Where it says `one run`, it may be chance.",
        "If it lasts, accept the new level as for a [regression](#regression): against a stale baseline, a later "
        "slow-down goes unnoticed.",
    ),
    "inconclusive": Card(
        "The runs neither show nor rule out a slow-down beyond the tolerance. The reason says why.",
        "Measure again with `chamiperf confirm`, by pairs on a noisy machine; complete the baseline to five runs.",
    ),
    "invalid": Card(
        "This measurement cannot answer the question. It is not a pass, and the measured value is shown.",
        "Fix what the reason names, and run again.",
    ),
    "unavailable": Card(
        "There is nothing to compare with, or nothing that can be judged. It is not a pass.",
        "Look up the reason below; it also says whether the night fails.",
    ),
}

TARGETS: dict[str, Card] = {
    "met": Card(
        "The measured value meets the target.",
        "Nothing. The comparison is separate: a metric can meet its target and still regress.",
    ),
    "missed": Card(
        "The measured value misses the target by more than runs differ.",
        "Fix the service. If the miss is known, acknowledge it in baselines.json with an expiry date.",
    ),
    "at the limit": Card(
        "Too close to the target to tell: within two standard deviations, or inside the 95 % interval of an error "
        "rate. It counts as met.",
        "Measure longer, or more often. Zero failures prove less than 0.1 % only from 3,838 requests on.",
    ),
}

NIGHTS: dict[str, Card] = {
    "target missed": Card("No row regressed, but a target is missed. Exit code 1.", "See [missed](#missed)."),
    "learning": Card(
        "No accepted run is comparable: the environment is new, or its runs differ from the accepted ones. For the "
        "first 21 nights this is exit code 0; slow-downs go unnoticed, targets and validity count. `n of 5 runs` "
        "counts valid runs; none is accepted automatically.",
        f"After five valid nights, accept them in a clone. New environment: `{BEGIN}` (URL: where missed targets are "
        f"tracked). Changed circumstances: run as the baseline was made, or `{BESIDE}`, then `{APPLY}`. Merge "
        "baselines.json by pull request.",
    ),
    "targets only": Card(
        "A quick run was judged by targets alone, because its profile has no accepted run. Not a pass. Exit code 0.",
        "To find slow-downs too, accept runs: `chamiperf update-baseline propose --reason TEXT --runs out/runs`, "
        f"then `{APPLY}`.",
    ),
    "not decided": Card(
        "One run is at least 2.5 times worse than its baseline, by its whole interval. It proves nothing, but the "
        "night cannot pass. Exit code 3.",
        "Run `chamiperf confirm`: it repeats the suspect scenarios and decides.",
    ),
    "drift": Card(
        "The last seven nights are at least 10 % worse than the baseline, though none failed. Exit code 0, or 1 with "
        "`--fail-on drift`.",
        "Start at the night and builds that the row names, if any: a change point needs five nights on each side.",
    ),
}

NOT_JUDGED: dict[str, Card] = {
    "run-invalid": Card(
        "The scenario's run cannot be judged, so none of its rows can.",
        "Fix the reason that the report gives for the run, and run again.",
    ),
    "fingerprint-mismatch": Card(
        "The baseline was made under other circumstances, such as another machine, profile or k6 version; the row "
        "names the field.",
        f"Run as the baseline was made. Or accept five nights like this one beside it, in a clone: `{BESIDE}`, then "
        f"`{APPLY}`, and merge baselines.json by pull request; if the environment is new, `{BEGIN}`. Pairs need one "
        "machine and the same options for both sides.",
    ),
    "error-burst": Card(
        "In over a quarter of the windows, more than 1 % of the requests failed, so latency says nothing.",
        "Look at the errors row, which is judged anyway, and at the failure samples in the run's file.",
    ),
    "too-few-requests": Card(
        "Fewer than ten requests lie beyond the quantile, so a single one decides its value.",
        "Use a longer profile: a window needs 20 requests for p50, 200 for p95, 1,000 for p99. `chamiperf load "
        "--dry-run` shows what a plan can judge.",
    ),
    "statistic-mismatch": Card(
        "One side is a median of windows, the other a pooled quantile; these differ even if nothing changed. The "
        "accepted run comes from an earlier version.",
        "Accept runs of this version.",
    ),
    "not-a-quantity": Card(
        "The value is zero, negative or not a number: a clock went backwards, or the metric was never written.",
        "Look at the windows in the run's file.",
    ),
    "restarted": Card(
        "The service restarted while it was observed, so its memory says nothing about leaks.",
        "Look for a crash or a deployment in the service's log; run again on one deployment.",
    ),
    "machine-busy": Card(
        "The value exceeds the tolerance, but other work on the generator's machine, more than beside any accepted "
        "run, can explain it. Exit code 3. If a deployed stack runs there, the regression stands.",
        "Run again on a quiet machine, or measure pairs: `chamiperf load --pairs 5 --against TARGET`.",
    ),
    "unit-mismatch": Card(
        "The two sides differ in unit or direction: a scenario changed, or a file was edited by hand. Exit code 3.",
        "Report in the old unit, or accept runs in the new one as for a [regression](#regression).",
    ),
    "resolution": Card(
        "The value is less than 20 times the smallest step that can be measured, so one step is over 5 %.",
        "Use finer histogram buckets or a shorter poll period.",
    ),
    "no-baseline": Card(
        "The metric was measured, but no accepted run has it, so slow-downs go unnoticed. Exit code 0 while learning, "
        "then 3.",
        f"After five nights, accept runs in a clone. If this environment has none: `{BEGIN}`. Otherwise: `{ADD}` "
        f"(with `--replace` if there are five), then `{APPLY}`. Merge baselines.json by pull request. Or exempt the "
        "metric "
        'with `"exempt": "WHY"` in its rule; docs/baselines.md shows how.',
    ),
    "not-offered": Card(
        "The plan offers less than 1.2 times the target rate, so its own pace would be measured. Never fails a night.",
        "Offer more with `chamiperf load`: a higher `--spike-vus` or `--spike-rate`, or a shorter `--pace`; "
        "`--dry-run` shows the rate for each service.",
    ),
    "not-measured": Card(
        "The metric is in the baseline or a rule, but was not measured: it was renamed or removed, a service was "
        "missing, or a rule is misspelled. Exit code 3.",
        "Restore the metric or correct the rule. If it is gone for good, accept nights without it as for a "
        "[regression](#regression).",
    ),
    "simulated": Card(
        "The embedded stack simulates this value, so it neither meets nor misses a target.",
        "Measure a deployed stack.",
    ),
    "too-short": Card(
        "The run is shorter than the target needs: stable over 30 minutes cannot be shown in 10.",
        "Use the profile `soak`, or judge a whole night on one deployment.",
    ),
    "not-compared": Card(
        "Held against its target, but not compared: a paced rate is its plan, a quantile may need more requests, and "
        "p99.9 and other phases are compared only if baselines.json says so.",
        "Nothing, or set `compared` in its rule in baselines.json.",
    ),
}

UNDECIDED: dict[str, Card] = {
    "suspect-not-repeated": Card(
        "One run looks slower and was not repeated, or fewer than five pairs were measured. One run in ten is bad by "
        "chance.",
        "Run `chamiperf confirm`, which repeats the two most suspect scenarios (more: `--max-scenarios`), or measure "
        "five pairs (`chamiperf load --pairs 5`).",
    ),
    "runs-disagree": Card(
        "Some runs are slower and some are not: the machine is shared, or the slow-down comes and goes.",
        "Look at each run's value in the report; on a noisy machine, use pairs (`chamiperf confirm --by pairs`).",
    ),
    "noisy": Card(
        "Runs on this machine differ so much that the interval contains the tolerance. The row says which change "
        "would be found.",
        "Accept more runs, use a quieter machine or a longer profile, or measure pairs.",
    ),
    "thin-baseline": Card(
        "The baseline has only one or two accepted runs, which may not be typical.",
        f"Add the nights measured since: `{ADD}`, then `{APPLY}`.",
    ),
    "part-of-run": Card(
        "At least a quarter of the windows are 30 % slower than the run's median window and the accepted runs, which "
        "predate this comparison. Reported, not judged.",
        "Look for a growing queue, a full cache or another job at those windows in report.html. Accept runs of this "
        "version.",
    ),
    "no-earlier-figure": Card(
        "Requests wait for a connection (p95 above 1 ms and 20 % of the endpoint's p95), and there is no earlier "
        "figure. Reported, not judged, never a pass.",
        "Look for a slow listener, a proxy or TLS in between (`blocked_ms`, `connecting_ms` in the run's file). "
        "Accept runs of this version to have it judged.",
    ),
    "too-few-pairs": Card(
        "Fewer than five pairs were usable; so few can agree by chance.",
        "Measure five: `chamiperf confirm --by pairs`, or `chamiperf load --pairs 5 --against TARGET`.",
    ),
}

DECIDED: dict[str, Card] = {
    "within-tolerance": Card("The interval ends below the tolerance.", "Nothing."),
    "slower-within-tolerance": Card(
        "Certainly slower, and certainly by less than the tolerance.",
        "Look at the change before the next one adds to it; drift adds them up.",
    ),
    "within-tolerance-over-nights": Card(
        "Tonight's runs alone cannot tell, but they rule a slow-down out together with the seven nights before.",
        "Nothing. Drift reports a level that creeps up.",
    ),
    "faster": Card(
        "Certainly faster in every run.",
        "If it lasts, accept the new level as for a [regression](#regression).",
    ),
    "one-run": Card(
        "Faster, but in one run only, which may be chance.",
        "Wait for the next night, or run `chamiperf confirm --scenario NAME`.",
    ),
    "slower-in-all-runs": Card(
        "Slower in each of at least three runs, by more than chance explains among all rows of the night.",
        "See [regression](#regression).",
    ),
    "slower-in-pairs": Card(
        "Slower in all, or all but one, of at least five pairs of old and new, measured side by side.",
        "See [regression](#regression).",
    ),
    "slower-than-half-again": Card(
        "Each of three runs is at least 50 % slower (a pooled p99: 100 %) than the one or two accepted runs. Smaller "
        "slow-downs cannot be found.",
        "See [regression](#regression), and complete the baseline; after an unusually fast accepted run, this returns "
        "every night.",
    ),
    "more-stalled-windows": Card(
        "In every run, more windows stalled (p99 above twice the run's median window) than in any accepted run.",
        "Look for garbage collection, a checkpoint, a lock or a full pool at those windows in report.html.",
    ),
    "more-errors": Card(
        "In every run, clearly more requests failed than in the accepted runs, and more than 0.05 %.",
        "Look at the failure samples in the run's file.",
    ),
    "slower-connections": Card(
        "In every run, requests waited longer for a connection than in any accepted run, by more than 1 ms and the "
        "tolerance (p95). Latency excludes that wait.",
        "Look for a slow listener, a proxy or TLS in between, or connections that are not kept open (`blocked_ms`, "
        "`connecting_ms` in the run's file).",
    ),
    "lower-rate": Card(
        "Every run reached less than 95 % of its planned rate, and at least 5 points less than any accepted run, with "
        "a healthy generator: the service kept the VUs waiting.",
        "Look at the latency of the same run, and at the service's CPU and connection pools.",
    ),
    "above-tolerance": Card(
        "One run exceeds the tolerance over the median of the accepted runs (gate `adr`). On unchanged code, this "
        f"rule fails {FALSE_NIGHTS_OF_THE_ADR} of 100 nights of 192 rows.",
        "Use the default gate, which repeats before it fails a night.",
    ),
}

RUNS: dict[str, Card] = {
    "generator-saturated": Card(
        "The load generator was the bottleneck: it measured its own delays. The machine is too small for this load, "
        "or busy with other work.",
        "Use a larger runner, fewer VUs (`--vus` of `chamiperf load`), or a longer pace; see docs/runner.md.",
    ),
    "dropped-iterations": Card(
        "More than 0.1 % of the planned arrivals found no free VU and never happened: the stack answers too slowly, "
        "or the profile has too few VUs.",
        "Give the profile more VUs, or lower its rate.",
    ),
    "load-not-reached": Card(
        "The load stayed below 95 % of the plan, and the generator had a part in it.",
        "Look at the generator's health in the run's file; use a larger runner.",
    ),
    "incomplete": Card(
        "The run was stopped early, or fewer than half of its windows have data.",
        "Run it again. The run's file keeps what was measured.",
    ),
    "throttled": Card(
        "Over 0.1 % of the requests were answered with 429: the rate limit was measured, not the service.",
        "Lift the limit for the generator's address, or lower the load.",
    ),
    "auth-expired": Card(
        "The stack refused the credential during the run: a token expired and could not be renewed.",
        "Use a client ID and secret, or a token that outlives the run.",
    ),
    "brake-failures": Card(
        "The load was stopped because over half of the requests failed for 30 s.",
        "Look at the failure samples in the run's file and at the services' logs.",
    ),
    "brake-readiness": Card(
        "The load was stopped because a service said for 30 s that it was not ready.",
        "Look at the service's `/readiness`, its log and its database.",
    ),
    "max-duration": Card(
        "The load was stopped at `--max-duration`: the plan is longer, or the stack slowed the load down.",
        "Raise `--max-duration` of `chamiperf load`, or use a smaller profile.",
    ),
    "out-of-memory": Card(
        "The load was stopped before the generator ran out of memory.",
        "Use a machine with more memory, fewer VUs or a shorter run; docs/scale.md says how much a load needs.",
    ),
    "generator-died": Card(
        "k6 ended without a summary, so there is nothing to judge. Somebody killed it, or the kernel did for lack of "
        "memory.",
        "Read what k6 said last, in the run's file and the step's log.",
    ),
    "script-failed": Card(
        "The load script threw an exception, so the load or over 0.1 % of its iterations did not finish: an answer "
        "had an unexpected shape, or the script has a bug.",
        "Read k6's message with the script's line in the problem's text; check what the service answers there.",
    ),
    "stack-unreachable": Card(
        "The stack stopped answering: a service died, the network broke, or the URL is wrong.",
        "Check with `chamiperf wait` and `chamiperf smoke`.",
    ),
    "lock-lost": Card(
        "Somebody took the stack's lock during the load (`--break-lock`, or by hand), so two loads may have measured "
        "each other.",
        "Run it again when the run that the problem's text names is over.",
    ),
    "shard-missing": Card(
        "Of the machines that share the load, one did not start, died, started late, has a wrong clock or another "
        "plan.",
        "Fix the shard that the problem's text names, and run all again.",
    ),
    "not-possible": Card(
        "The stack lacks a service or route that the scenario needs, so nothing ran. This fails the night only if the "
        "scenario was measured before.",
        "Configure what the problem's text names, or leave the scenario out.",
    ),
    "not-run-budget": Card(
        "The scenario did not fit into `--max-duration` and did not run.",
        "Raise it, or use the smaller plan that the load step names.",
    ),
}

_GROUPS: tuple[tuple[str, str, Mapping[str, Card]], ...] = (
    ("Rows", "The change against the baseline; targets are judged separately.", ROWS),
    ("Targets", "The measured value against what is required.", TARGETS),
    ("Nights", "The worst of a night; `pass`, `regression` and so on as above.", NIGHTS),
    ("Why a run is not valid", "Exit code 3.", RUNS),
    ("Why a row is not judged", "Its value is shown and never counts as a pass.", NOT_JUDGED),
    ("Why a row is inconclusive", "A warning with exit code 0; 1 with `--fail-on inconclusive`.", UNDECIDED),
    ("Why a row passes or fails", "What the decision rests on.", DECIDED),
)

_HEAD = (
    "# Verdicts and reasons",
    "",
    "You look up a word from a report: what it means, and what to do in the first minute.",
    "The rules behind the words are in [verdict.md](verdict.md), the exit codes in [exit-codes.md](exit-codes.md).",
    "",
    "<!-- Written by `make docs` from chamiperf_ci/render/cards.py; do not edit. -->",
)

CARDS: Mapping[str, Card] = {word: card for _, _, group in _GROUPS for word, card in group.items()}
"""By verdict and reason, as spelled in a verdict's file."""


def page() -> str:
    """Return `docs/verdicts.md`: one heading for each word, so that a report can link to it."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield from _HEAD
    for title, about, group in _GROUPS:
        yield from ("", f"## {title}", "", about)
        for word, card in group.items():
            yield from ("", f"### {word}", "", card.meaning, "", f"**Do:** {card.remedy}")
