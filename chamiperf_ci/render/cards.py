"""What every word of a verdict means: one card for each verdict and each reason; `docs/verdicts.md` is made of them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from chamiperf_ci.models.verdict import Verdict
from chamiperf_ci.models.vocabulary import RowReason, RowVerdict, TargetVerdict
from chamiperf_ci.render.numbers import FALSE_NIGHTS_OF_THE_ADR
from chamiperf_ci.render.sentences import ADD, APPLY, BEGIN, BESIDE, REPLACE, WHAT_CHANGED, filled_in


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
        "The 95 % interval ends below the tolerance.",
        "Nothing to do.",
    ),
    "regression": Card(
        "Slower in each of three or more runs, or in the pairs, by more than chance explains.",
        f"Look at what changed between the builds that the report names. To accept the new level: `{REPLACE}`, then "
        f"`{APPLY}`; {WHAT_CHANGED}. If a fix is coming, acknowledge it in baselines.json.",
    ),
    "improvement": Card(
        "Faster in every run, by at least half the tolerance.",
        "If it lasts, accept it as for a [regression](#regression), or a later slow-down stays hidden.",
    ),
    "inconclusive": Card(
        "The runs neither show nor rule out a slow-down beyond the tolerance; the reason says why.",
        "Run `chamiperf confirm`, by pairs on a noisy machine.",
    ),
    "invalid": Card(
        "This measurement cannot answer the question. It is not a pass.",
        "Fix what the reason names, and run again.",
    ),
    "unavailable": Card(
        "There is nothing to compare with or to judge. It is not a pass.",
        "Look up the reason.",
    ),
}

TARGETS: dict[str, Card] = {
    "met": Card(
        "The value meets the target.",
        "Nothing to do.",
    ),
    "missed": Card(
        "The value misses the target by more than runs differ.",
        "Fix the service, or acknowledge a known miss in baselines.json with an expiry date.",
    ),
    "at the limit": Card(
        "Within two standard deviations, or inside an error rate's 95 % interval: too close to tell. It counts as met.",
        "Measure longer; zero failures prove less than 0.1 % only from 3,838 requests on.",
    ),
}

NIGHTS: dict[str, Card] = {
    "target missed": Card("No row regressed, but a target is missed. Exit code 1.", "See [missed](#missed)."),
    "learning": Card(
        "No accepted run is comparable: the environment is new or has changed. For 21 nights, slow-downs go "
        "unnoticed and the exit code is 0; targets and validity count. `n of 5 runs` counts valid runs.",
        f"After five valid nights, in a clone: `{BEGIN}` or, if the "
        f"environment has changed, `{BESIDE}`, then `{APPLY}`. Merge baselines.json by pull request.",
    ),
    "targets only": Card(
        "A quick run whose profile has no accepted run: judged by targets alone, not a pass. Exit code 0.",
        f"To find slow-downs too: `chamiperf update-baseline propose --reason TEXT --runs out/runs`, then `{APPLY}`.",
    ),
    "not decided": Card(
        "One run's whole interval is 2.5 times worse than its baseline: no proof, but no pass. Exit code 3.",
        "Run `chamiperf confirm`, which repeats the suspect scenarios and decides.",
    ),
    "drift": Card(
        "The last seven nights are 10 % worse than the baseline or more, though none failed. Exit code 0; 1 with "
        "`--fail-on drift`.",
        "Start at the night and the builds that the row names.",
    ),
}

NOT_JUDGED: dict[str, Card] = {
    "run-invalid": Card(
        "The scenario's run is invalid, and so are its rows.",
        "Fix the reason that the report gives, and run again.",
    ),
    "fingerprint-mismatch": Card(
        "The baseline was made under other circumstances (machine, profile, k6 version); the row names the field.",
        f"Run as the baseline was made. Or accept five such nights beside it, in a clone: `{BESIDE}`, then `{APPLY}` "
        f"(new environment: `{BEGIN}`), and merge baselines.json by pull request.",
    ),
    "error-burst": Card(
        "In over a quarter of the windows, more than 1 % of the requests failed, so latency says nothing.",
        "Look at the errors row and the failure samples in the run's file.",
    ),
    "too-few-requests": Card(
        "Fewer than ten requests lie beyond the quantile, so a single one decides it.",
        "Use a longer profile; `chamiperf load --dry-run` shows what each can judge.",
    ),
    "statistic-mismatch": Card(
        "The accepted run, of an earlier version, pools what this one takes by windows, or the reverse.",
        "Accept runs of this version.",
    ),
    "not-a-quantity": Card(
        "Zero, negative or not a number: a clock went backwards, or nothing was written.",
        "Look at the windows in the run's file.",
    ),
    "restarted": Card(
        "The service restarted meanwhile, so its memory says nothing about leaks.",
        "Look for a crash or a deployment in the service's log.",
    ),
    "machine-busy": Card(
        "Other work on the generator's machine, more than beside any accepted run, can explain the value. Exit code "
        "3; if a deployed stack runs there, the regression stands.",
        "Run again on a quiet machine, or measure pairs: `chamiperf load --pairs 5 --against TARGET`.",
    ),
    "unit-mismatch": Card(
        "A scenario changed, or a file was edited by hand. Exit code 3.",
        "Report in the old unit, or accept runs as for a [regression](#regression).",
    ),
    "resolution": Card(
        "The smallest step that can be measured is over 5 % of the value.",
        "Use finer histogram buckets or a shorter poll period.",
    ),
    "no-baseline": Card(
        "No accepted run has the metric, so slow-downs go unnoticed. Exit code 0 while learning, then 3.",
        f"After five nights, in a clone: `{BEGIN}` if the environment has no baseline, else `{ADD}` (with "
        f"`--replace` if there are five), then `{APPLY}`. Or exempt the metric: docs/baselines.md shows how.",
    ),
    "not-offered": Card(
        "The plan offers less than 1.2 times the target rate, so its own pace would be measured. Never fails a night.",
        "Raise `--spike-vus` or `--spike-rate`, or shorten `--pace` (`chamiperf load`).",
    ),
    "not-measured": Card(
        "A metric of the baseline or a rule was not measured: renamed, removed, its service missing, or the rule "
        "misspelled. Exit code 3.",
        "Restore the metric, correct the rule, or accept nights without it as for a [regression](#regression).",
    ),
    "simulated": Card(
        "The embedded stack simulates this value.",
        "Measure a deployed stack.",
    ),
    "too-short": Card(
        "The run is shorter than the 30 minutes that the target needs.",
        "Use the profile `soak`.",
    ),
    "not-compared": Card(
        "Held against its target only: a paced rate is its plan, a quantile needs more requests, p99.9 and other "
        "phases are compared on request.",
        "Nothing, or set `compared` in its rule in baselines.json.",
    ),
}

UNDECIDED: dict[str, Card] = {
    "suspect-not-repeated": Card(
        "One run looks slower and was not repeated, or there are fewer than five pairs. One run in ten is bad by "
        "chance.",
        "Run `chamiperf confirm`, which repeats the two most suspect scenarios, or `chamiperf load --pairs 5`.",
    ),
    "runs-disagree": Card(
        "Some runs are slower and some are not: the machine is shared, or the slow-down comes and goes.",
        "Look at each run's value, and measure pairs: `chamiperf confirm --by pairs`.",
    ),
    "noisy": Card(
        "Runs differ so much that the interval contains the tolerance. The row says which change would be found.",
        "Accept more runs, use a quieter machine or a longer profile, or measure pairs.",
    ),
    "thin-baseline": Card(
        "The one or two accepted runs may not be typical.",
        f"Add the nights measured since: `{ADD}`, then `{APPLY}`.",
    ),
    "part-of-run": Card(
        "A quarter of the windows are 30 % slower than the median window and the accepted runs, which predate "
        "this comparison. Not judged.",
        "Look for a growing queue, a full cache or another job in those windows. Accept runs of this version.",
    ),
    "no-earlier-figure": Card(
        "Requests wait for a connection (p95 above 1 ms and 20 % of the endpoint's p95), and there is no earlier "
        "figure. Never a pass.",
        "Look for a slow listener, a proxy or TLS in between. Accept runs of this version.",
    ),
    "too-few-pairs": Card(
        "Fewer than five usable pairs can agree by chance.",
        "Measure five: `chamiperf confirm --by pairs`, or `chamiperf load --pairs 5 --against TARGET`.",
    ),
}

DECIDED: dict[str, Card] = {
    "within-tolerance": Card("The interval ends below the tolerance.", "Nothing to do."),
    "slower-within-tolerance": Card(
        "Certainly slower, and certainly by less than the tolerance.",
        "Look at the change before the next one adds to it.",
    ),
    "within-tolerance-over-nights": Card(
        "With the seven nights before, tonight's runs rule a slow-down out.",
        "Nothing to do.",
    ),
    "faster": Card(
        "Certainly faster in every run.",
        "See [improvement](#improvement).",
    ),
    "one-run": Card(
        "Faster in one run only, perhaps by chance.",
        "Wait for the next night, or run `chamiperf confirm --scenario NAME`.",
    ),
    "slower-in-all-runs": Card(
        "Slower in each of three or more runs, by more than chance explains among all rows of the night.",
        "See [regression](#regression).",
    ),
    "slower-in-pairs": Card(
        "Slower in all, or all but one, of five or more pairs measured side by side.",
        "See [regression](#regression).",
    ),
    "slower-than-half-again": Card(
        "Each of three runs is 50 % slower (a pooled p99: 100 %) than the one or two accepted runs, or more. "
        "Smaller slow-downs cannot be found.",
        "See [regression](#regression), and complete the baseline.",
    ),
    "more-stalled-windows": Card(
        "In every run, more windows stalled (p99 above twice the run's median window) than in any accepted run.",
        "Look for garbage collection, a checkpoint, a lock or a full pool in those windows.",
    ),
    "more-errors": Card(
        "In every run, clearly more requests failed than in the accepted runs, and more than 0.05 %.",
        "Look at the failure samples in the run's file.",
    ),
    "slower-connections": Card(
        "In every run, requests waited longer for a connection (p95) than in any accepted run, by more than 1 ms "
        "and the tolerance. Latency excludes it.",
        "Look for a slow listener, a proxy, TLS or connections that are not kept open.",
    ),
    "lower-rate": Card(
        "Every run reached less than 95 % of its planned rate, and 5 points less than any accepted run, with a "
        "healthy generator.",
        "Look at latency, and at the service's CPU and connection pools.",
    ),
    "above-tolerance": Card(
        "One run exceeds the tolerance over the accepted median (gate `adr`), which fails "
        f"{FALSE_NIGHTS_OF_THE_ADR} of 100 unchanged nights of 192 rows.",
        "Use the default gate.",
    ),
}

RUNS: dict[str, Card] = {
    "generator-saturated": Card(
        "The load generator measured its own delays: the machine is too small or busy, or k6 may use only part of it.",
        "Use a larger runner, fewer VUs (`--vus` of `chamiperf load`), or a longer pace; see docs/runner.md.",
    ),
    "dropped-iterations": Card(
        "Over 0.1 % of the planned arrivals found no free VU: the stack is too slow, or the profile has too few.",
        "Give it more VUs, or lower its rate.",
    ),
    "load-not-reached": Card(
        "The load stayed below 95 % of the plan, partly by the generator's fault.",
        "Read the generator's health in the run's file; use a larger runner.",
    ),
    "incomplete": Card(
        "The run was stopped early, or fewer than half of its windows have data.",
        "Run it again.",
    ),
    "throttled": Card(
        "Over 0.1 % of the requests got a 429: the rate limit was measured, not the service.",
        "Lift the limit for the generator's address, or lower the load.",
    ),
    "auth-expired": Card(
        "A token expired during the run and could not be renewed.",
        "Use a client ID and secret, or a token that outlives the run.",
    ),
    "brake-failures": Card(
        "Stopped, because over half of the requests failed for 30 s.",
        "Look at the failure samples in the run's file.",
    ),
    "brake-readiness": Card(
        "Stopped, because a service said for 30 s that it was not ready.",
        "Look at the service's `/readiness`, its log and its database.",
    ),
    "max-duration": Card(
        "Stopped at `--max-duration`: the plan is longer, or the stack slowed the load down.",
        "Raise it (`chamiperf load`), or use a smaller profile.",
    ),
    "out-of-memory": Card(
        "Stopped before the generator ran out of memory.",
        "Use fewer VUs or more memory; docs/scale.md says how much.",
    ),
    "generator-died": Card(
        "k6 was killed, by a person or for lack of memory.",
        "Read what k6 said last, in the run's file and the step's log.",
    ),
    "script-failed": Card(
        "An exception ended the load or over 0.1 % of its iterations: an unexpected answer, or a bug.",
        "Read k6's message and line in the problem's text; check what the service answers there.",
    ),
    "stack-unreachable": Card(
        "A service died, the network broke, or the URL is wrong.",
        "Check with `chamiperf wait` and `chamiperf smoke`.",
    ),
    "lock-lost": Card(
        "Somebody took the stack's lock, so two loads may have measured each other.",
        "Run it again when the run that the problem's text names is over.",
    ),
    "shard-missing": Card(
        "A machine that shares the load did not start, died, was late, or has a wrong clock or another plan.",
        "Fix the shard that the problem's text names, and run all again.",
    ),
    "not-possible": Card(
        "The stack lacks what the scenario needs. The night fails only if the scenario was measured before.",
        "Configure what the problem's text names, or leave the scenario out.",
    ),
    "not-run-budget": Card(
        "The scenario did not fit into `--max-duration`.",
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
    "You look up a word from a report. Each card says what the word means, then what to do first.",
    "[How a verdict is reached](verdict.md) has the rules behind the words.",
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
            yield from ("", f"### {word}", "", card.meaning, "", card.remedy)
    yield from ("", "You now know what to do first; [on call](on-call.md) has the rest of a bad night.")


def words(verdict: Verdict) -> list[tuple[str, str]]:
    """Return the words that a reader may ask about, each with what its card says, for places far from the page."""
    used = dict.fromkeys(
        word
        for word in (
            verdict.outcome.word,
            *(reason for scenario in verdict.scenarios for reason in scenario.reasons),
            *(word for row in verdict.rows if row.verdict is not RowVerdict.PASS for word in (row.verdict, row.reason)),
            *(row.target.verdict for row in verdict.rows),
        )
        if word in CARDS and word not in (RowVerdict.PASS, TargetVerdict.MET, RowReason.NOT_COMPARED)
    )
    cards = ((str(word), CARDS[word]) for word in used)
    return [(word, plain_text(_named(f"{card.meaning} {card.remedy}", verdict, word))) for word, card in cards]


def _named(text: str, verdict: Verdict, word: str) -> str:
    """A card's text with this night's names in its commands: the scenario is the first that the word is said of."""
    said_of = (row.key.scenario for row in verdict.rows if word in (row.verdict, row.reason))
    return filled_in(text, environment=verdict.environment, scenario=next(said_of, ""))
