"""What every word of a verdict means: one card a verdict and a reason; `docs/verdicts.md` is made of them."""

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from chamiperf_ci.render.numbers import FALSE_NIGHTS_OF_THE_ADR
from chamiperf_ci.render.sentences import ADD, APPLY, BEGIN, BESIDE, REPLACE, WHAT_CHANGED


@dataclass(frozen=True, slots=True)
class Card:
    """One word's card; three parts, each one or two sentences."""

    meaning: str
    cause: str
    remedy: str


def plain_text(markdown: str) -> str:
    """Return a card's text without its markup: no backticks, links as their label."""
    return re.sub(r"\[([^]]+)\]\([^)]*\)", r"\1", markdown).replace("`", "")


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
        "When it lasts, accept it as under [regression](#regression): against a stale baseline a later slow-down goes "
        "unseen.",
    ),
    "inconclusive": Card(
        "Neither cleared nor condemned: a slow-down of the tolerance can neither be excluded nor shown.",
        "Noise, a thin baseline, or runs that disagree; the row's reason says which.",
        "Measure again with `chamiperf confirm`, by pairs on a noisy machine; complete the baseline to five runs.",
    ),
    "invalid": Card(
        "This measurement cannot answer. It is not a pass, and the value that was seen is shown.",
        "The load, its generator or the comparison was not what it should be; the reason says what.",
        "Mend what the reason names, and run again.",
    ),
    "unavailable": Card(
        "There is nothing to compare, or nothing that can be judged. It is not a pass; what it costs, its reason says.",
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
        "A quick run was judged by its targets alone: no run of its profile is accepted. It is not a pass. "
        "Exit code 0.",
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
        "The run is too short or its rate too low; `chamiperf load --dry-run` says what a plan can judge.",
        "Use a longer profile: a window needs 20 requests for p50, 200 for p95, 1,000 for p99.",
    ),
    "statistic-mismatch": Card(
        "One side is the median of windows, the other a pooled quantile; they differ without any change.",
        "An accepted run of an earlier version, which stored one of the two alone.",
        "Accept runs of this version.",
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
        "machine than in any accepted run, which can explain as much. Exit code 3. A deployed stack on the generator's "
        "own host gets no such excuse: the other work may be the service itself.",
        "Another job on the runner, a noisy neighbour on a hosted one, a backup on a laptop.",
        "Run again when the machine is quiet, or measure by pairs: `chamiperf load --pairs 5 --against TARGET`.",
    ),
    "unit-mismatch": Card(
        "The run and what it would be compared with differ in unit or direction, so their ratio means nothing. "
        "Exit code 3.",
        "A scenario that was changed to report in another unit, or a file edited by hand.",
        "Report in the old unit; or accept runs in the new one, as under [regression](#regression).",
    ),
    "resolution": Card(
        "The value is less than 20 of the smallest steps that can be told apart, so one step is over 5 %.",
        "A histogram with wide buckets, or a poll period near the value.",
        "Use finer buckets or a shorter poll period.",
    ),
    "no-baseline": Card(
        "The metric was measured and no accepted run has it, so a slow-down cannot be seen. It is not a pass; in a "
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
        "The metric is in the baseline, or a rule asks to compare it, and it was not measured: its gate is gone, so it "
        "is shown first. Exit code 3.",
        "A renamed or removed endpoint or metric, a service that was not there, or a misspelt rule.",
        "Bring it back or mend the rule; if it is gone for good, accept nights without it, as under "
        "[regression](#regression).",
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
        "The rate of a paced load is its plan; a quantile may need more requests than are planned; p99.9 and other "
        "phases are compared only where baselines.json says so.",
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
    "part-of-run": Card(
        "A quarter of the windows or more is at least 30 % slower than the run's own median window and than the "
        "accepted runs; the median of windows does not see it. The accepted runs were stored before windows were "
        "compared, so the row is named and not judged.",
        "A service that slows down in a part of the run: a cache that fills, a queue that grows, a job beside it.",
        "Look at the windows in report.html. With accepted runs of this version the row is judged.",
    ),
    "no-earlier-figure": Card(
        "Requests wait for a connection (p95 above 1 ms and above 20 % of the endpoint's own p95), and neither the "
        "baseline nor the history says what it was before. Named and not judged; never a pass.",
        "A listener that accepts slowly, a proxy or TLS on the way.",
        "Look at blocked_ms and connecting_ms in the run's file. With accepted runs of this version the row is judged.",
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
    "within-tolerance-over-nights": Card(
        "Tonight's runs alone cannot tell, but the seven nights before exclude the tolerance, and tonight's runs do so "
        "against those nights.",
        "Runs that differ more than the tolerance allows to see in one night.",
        "Nothing; a drift says when the level creeps.",
    ),
    "faster": Card(
        "Certainly faster in every run.",
        "A change made it better.",
        "When it lasts, accept the new level, as under [regression](#regression).",
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
        "Each of three runs is at least half again as slow as the one or two accepted runs (a pooled p99 twice).",
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
    "slower-connections": Card(
        "In every run requests waited longer for a connection (p95 of blocked or connecting) than in any accepted run, "
        "by more than 1 ms and by more than the tolerance. Latency leaves that wait out.",
        "A listener that accepts slowly, a proxy or TLS on the way, connections that are not kept open.",
        "Compare blocked_ms and connecting_ms in the run's file; look at the backlog of the service and at what stands "
        "before it.",
    ),
    "lower-rate": Card(
        "Every run achieved less than 95 % of its planned rate, and at least 5 points less than any accepted run, with "
        "a healthy generator: the service kept the virtual users waiting.",
        "A service that answers so slowly that the pace cannot be kept, or a queue that is full.",
        "Look at the latency of the same run, and at the service's processor and connection pools.",
    ),
    "above-tolerance": Card(
        "One run exceeds the tolerance over the median of the accepted (gate `adr`).",
        "A slow-down, or noise: on unchanged code this rule turns "
        f"{FALSE_NIGHTS_OF_THE_ADR} of 100 nights of 192 rows red.",
        "Use the default gate, which repeats before it condemns.",
    ),
}


RUNS: dict[str, Card] = {
    "generator-saturated": Card(
        "The load generator was the bottleneck in the windows that are judged: the latencies are its own.",
        "Too little CPU or memory for the number of nodes, or another program beside it.",
        "Use a larger runner, fewer VUs (`--vus` of `chamiperf load`), or a longer pace; see docs/runner.md.",
    ),
    "dropped-iterations": Card(
        "More than 0.1 % of the planned arrivals found no free VU and never happened.",
        "The stack answers so slowly, or the generator has so few VUs, that arrivals queue up.",
        "Raise the number of VUs of the profile, or lower the rate.",
    ),
    "load-not-reached": Card(
        "Less than 95 % of the planned load was reached, and the generator had a part in it.",
        "VUs that did not start, or a generator without room.",
        "Look at the generator's health in the run's file; use a larger runner.",
    ),
    "incomplete": Card(
        "The run did not come to its planned end, or fewer than half of its windows have data.",
        "It was cancelled, or it was stopped by a brake or an error.",
        "Run it again; what was measured is kept in the run's file.",
    ),
    "throttled": Card(
        "Over 0.1 % of the requests were answered 429: the rate limit was measured, not the service.",
        "A rate limit in front of the services.",
        "Lift the limit for the generator's address, or lower the load below it.",
    ),
    "auth-expired": Card(
        "The credential was refused in the middle of the run.",
        "A token whose life is shorter than the run, and which could not be renewed.",
        "Give client id and secret instead of a token, or a token that lives long enough.",
    ),
    "brake-failures": Card(
        "The load was stopped: over half of the requests failed for 30 s.",
        "The stack broke down under the load.",
        "Look at the failure samples of the run's file and at the services' logs.",
    ),
    "brake-readiness": Card(
        "The load was stopped: a service said for 30 s that it is not ready.",
        "The service, or its database, gave up under the load.",
        "Look at the service's `/readiness` and its log.",
    ),
    "max-duration": Card(
        "The load was stopped because it took longer than it may.",
        "`--max-duration` is shorter than the plan, or the stack held the load up.",
        "Raise `--max-duration` of `chamiperf load`, or use a smaller profile.",
    ),
    "out-of-memory": Card(
        "The load was stopped before the generator ran out of memory.",
        "About 0.2 MB a VU and 160 bytes a request are needed, more than this machine has.",
        "Use a machine with more memory, fewer VUs or a shorter run.",
    ),
    "generator-died": Card(
        "k6 ended without a summary, so there is no number to judge.",
        "It was killed, by the kernel for want of memory or by hand.",
        "The run's file and the step's log hold what k6 said last.",
    ),
    "script-failed": Card(
        "The load script threw an exception: the load, or over 0.1 % of its iterations, did not come to its end.",
        "A service answered in a shape that the script does not expect, or the script has a bug.",
        "The problem's text has k6's own words with the script's line; look at what the service answers there.",
    ),
    "stack-unreachable": Card(
        "The stack stopped answering, so what was measured is not its latency.",
        "A service died, the network broke, or the URL is wrong.",
        "Check with `chamiperf wait` and `chamiperf smoke`.",
    ),
    "lock-lost": Card(
        "Somebody took the stack's lock while the load ran, so two loads may have measured each other.",
        "Another run was started with `--break-lock`, or the lock was deleted by hand.",
        "Run it again when the other run is over; the problem's text says whose it is.",
    ),
    "shard-missing": Card(
        "Several machines shared the load, and one of them is missing: less load makes a stack look faster.",
        "A machine did not start, died or began late, its clock is off, or it was given another plan.",
        "The problem's text names the shard and why; mend it and run all of them again. What each left is kept.",
    ),
    "not-possible": Card(
        "This stack lacks what the scenario needs; nothing was driven. It costs nothing unless it was measured before.",
        "A service or route is not configured or not installed.",
        "The problem's text names what is missing; configure it, or leave the scenario out.",
    ),
    "not-run-budget": Card(
        "The scenario did not fit into the night's time and was not run.",
        "`--max-duration` is too short for all scenarios of this profile.",
        "Raise it, or use the smaller plan that the load step names.",
    ),
}


_GROUPS: tuple[tuple[str, str, Mapping[str, Card]], ...] = (
    ("What a row is said to be", "The change against the baseline; the target has a column of its own.", ROWS),
    ("What a target is said to be", "What users saw against what is wanted, apart from any comparison.", TARGETS),
    ("What a night is said to be", "The gravest thing seen; `pass`, `regression` and so on as above.", NIGHTS),
    ("Why a run is not judged", "The measurement is not valid: exit code 3.", RUNS),
    ("Why a row is not judged", "The value is shown all the same, and never counts as pass.", NOT_JUDGED),
    ("Why a row is inconclusive", "Exit code 0 with a warning; `--fail-on inconclusive` makes it 1.", UNDECIDED),
    ("Why a row passes or does not", "What the decision rests on.", DECIDED),
)

_HEAD = (
    "# What a verdict says, word by word",
    "",
    "One card a verdict and a reason: what it means, what causes it, what to do. Reports link here.",
    "The rules behind the words, with formulas and what they were measured to do, are in [verdict.md](verdict.md),",
    "the exit codes in [exit-codes.md](exit-codes.md).",
    "This page is made by `python -m chamiperf_ci.render.cards > docs/verdicts.md`.",
)

CARDS: Mapping[str, Card] = {word: card for _, _, group in _GROUPS for word, card in group.items()}
"""By verdict and reason, as spelt in a verdict's file."""


def page() -> str:
    """Return `docs/verdicts.md`: one heading a word, so that a report can link to it."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield from _HEAD
    for title, about, group in _GROUPS:
        yield from ("", f"## {title}", "", about)
        for word, card in group.items():
            yield from ("", f"### {word}", "")
            yield f"**Meaning:** {card.meaning}"
            yield f"**Cause:** {card.cause}"
            yield f"**Remedy:** {card.remedy}"


if __name__ == "__main__":
    sys.stdout.write(page())
