"""Cards of why a whole run is not judged. Exit code 3 for each."""

from chamiperf_ci.render.cards.card import Card

RUNS: dict[str, Card] = {
    "generator-saturated": Card(
        "The load generator was the bottleneck, so its latencies are its own and not the stack's.",
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
