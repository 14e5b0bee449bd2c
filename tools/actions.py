"""The actions, and what of each does not follow from its command; knows no file."""

from collections.abc import Mapping
from dataclasses import dataclass, field

PROJECT_URL = (
    "${{ inputs.project-url || github.action_repository && "
    "format('{0}/{1}/blob/{2}', github.server_url, github.action_repository, github.action_ref) || '' }}"
)
"""Where people read the files of the very version that ran; a local copy of an action does not know its place."""


@dataclass(frozen=True)
class Action:
    """What of an action does not follow from its command."""

    name: str
    summary: str
    inputs: tuple[str, ...]
    """The command's options that are inputs, by name, eleven at most; every other option is given by `args`."""
    outputs: Mapping[str, str] = field(default_factory=dict)
    """Output to its description; the command publishes them."""
    permissions: str = "none"
    """What the job's token must be allowed, as a person writes it."""
    subcommand: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    """Option to the expression that gives it, where that is not just the input."""

    @property
    def writes(self) -> bool:
        """Whether it writes to GitHub, and so needs a token."""
        return "write" in self.permissions


ACTIONS = (
    Action(
        "stack",
        "Start the embedded stack, a stand-in for Chamicore on loopback, for repositories without a stack.",
        (
            "ports",
            "tls",
            "gateway",
            "service-time-ms",
            "workers",
            "without",
            "database",
            "dev-mode",
            "keep-data",
            "state-dir",
            "env-file",
        ),
        subcommand="up",
        # Printed, the variables would put the stack's token into the log.
        values={"env_file": "${{ inputs.env-file || format('{0}/chamiperf-stack.env', runner.temp) }}"},
    ),
    Action(
        "wait",
        "Wait until every service of the stack is ready.",
        ("target", "config", "environment", "timeout"),
    ),
    Action(
        "seed",
        "Seed nodes through the stack's own API, or remove them.",
        ("target", "config", "nodes", "shared-stack", "allow-dhcp", "remove", "sweep", "older-than", "dry-run", "out"),
        # The command refuses it without `sweep`, so the default is not passed on.
        values={"older_than": "${{ inputs.older-than != '24h' && inputs.older-than || '' }}"},
        outputs={"seed-path": "Path of seed.json, which says what is in the stack."},
    ),
    Action(
        "smoke",
        "Check that each service works; fails if one does not.",
        ("target", "config", "environment", "deadline", "out"),
        outputs={"smoke-path": "Path of smoke.json."},
    ),
    Action(
        "load",
        "Load the stack with k6 scenarios.",
        (
            "target",
            "scenario",
            "profile",
            "kind",
            "vus",
            "sustained",
            "pairs",
            "against",
            "against-seed-file",
            "dry-run",
            "out",
        ),
        outputs={"runs-path": "Folder with one JSON file for each run."},
    ),
    Action(
        "compare",
        "Judge runs by targets and baseline.",
        ("runs", "baselines", "history", "gate", "fail-on", "explain", "out"),
        outputs={
            "verdict": "The verdict, such as `pass`, `regression` or `target missed`.",
            "regressions": "How many rows are regressions.",
            "targets-missed": "How many targets were missed.",
            "suspect-scenarios": "Scenarios that `confirm` should measure again, separated by blanks.",
            "verdict-path": "Path of verdict.json.",
        },
    ),
    Action(
        "confirm",
        "Repeat suspect scenarios and decide.",
        (
            "target",
            "by",
            "scenario",
            "min-gap",
            "baselines",
            "history",
            "redeploy",
            "against",
            "against-seed-file",
            "out",
        ),
        outputs={
            "verdict": "The verdict, such as `pass`, `regression` or `target missed`.",
            "regressions": "How many rows are regressions.",
            "targets-missed": "How many targets were missed.",
            "suspect-scenarios": "Scenarios that are still suspect, separated by blanks.",
            "verdict-path": "Path of verdict.json.",
        },
    ),
    Action(
        "baselines",
        "Check baselines.json: gates weakened, runs edited by hand, metrics without a gate.",
        ("baselines", "base", "runs"),
        subcommand="check",
        outputs={
            "broken": "How many findings must be fixed; above 0 the exit code is 1.",
            "weaker": "How many gates are weaker than in `base`; a warning each.",
        },
    ),
    Action(
        "drill",
        "Prove that the gate catches slow-downs on this runner.",
        ("target", "scenario", "profile", "vus", "runs", "comparisons", "effect", "max-duration", "baselines", "out"),
        outputs={
            "drill": "`proved`, `not proved` or `too few runs`.",
            "drill-path": "Path of drill.json.",
        },
    ),
    Action(
        "report",
        "Render a verdict: job summary, annotations, HTML and JUnit XML.",
        ("verdict", "runs", "artifact", "project-url", "run-url", "report-url", "out"),
        values={"project_url": PROJECT_URL},
        outputs={
            "summary-path": "Path of summary.md.",
            "report-path": "Path of report.html.",
            "junit-path": "Path of junit.xml.",
        },
    ),
    Action(
        "comment",
        "Post a verdict as one sticky comment on its pull request.",
        (
            "verdict",
            "artifact",
            "pull-request",
            "comment-key",
            "without-verdict",
            "report-url",
            "project-url",
            "dry-run",
            "out",
        ),
        values={"project_url": PROJECT_URL},
        outputs={
            "posting": "What happened to the comment: `created`, `updated`, `unchanged` or `skipped`.",
            "comment-url": "Address of the comment; empty when skipped.",
            "reason": "Why it was skipped.",
        },
        permissions="`pull-requests: write`; `actions: read` to fetch another run's artifact",
    ),
    Action(
        "alert",
        "Open, update and close alerts for a night, or check that nights still come.",
        (
            "verdict",
            "without-verdict",
            "watch",
            "environment",
            "schedule",
            "period",
            "history-branch",
            "project-url",
            "dry-run",
            "out",
        ),
        values={"project_url": PROJECT_URL},
        outputs={
            "opened": "How many issues were opened.",
            "closed": "How many issues were closed.",
            "undelivered": "How many things could not be delivered; above 0 the exit code is 4.",
            "verdict-exit-code": "The night's own exit code; empty without a verdict.",
        },
        permissions="`issues: write`; `actions: read` to look at the schedule",
    ),
    Action(
        "update-baseline",
        "Open a pull request that accepts runs into baselines.json; a person merges it.",
        (
            "runs",
            "reason",
            "replace",
            "overrule",
            "baselines",
            "history-branch",
            "environment",
            "branch",
            "base",
            "dry-run",
        ),
        subcommand="pull-request",
        outputs={
            "pull-request": "Number of the pull request.",
            "pull-request-url": "Its address.",
        },
        permissions="`contents: write` and `pull-requests: write`",
    ),
)
