"""The one place through which every request to GitHub goes: patience, the limit on writes, and errors with a remedy.

Knows no comment, no pull request and no issue. PyGithub does authentication, versions and the connection; its own
retries are off, because a repeated POST whose first answer was lost would create a thing twice.
"""

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import github

from chamiperf_ci.adapters.github.failures import GitHubFailed, NoAnswer, failure
from chamiperf_ci.adapters.github.patience import Answer, pause_before_retry
from chamiperf_ci.errors import ConfigurationError

WRITES_PER_RUN = 19
"""GitHub asks for few writes; a run that needs more than this is stuck in a loop."""

PAGE_SIZE = 100
PAGES = 100
"""A listing longer than this is not read to its end (10,000 entries)."""

TIMEOUT_S = 30

LONGEST_MESSAGE = 500
"""Characters of GitHub's own message that we repeat."""

JsonObject = dict[str, Any]


def repository_named(given: str | None) -> str:
    """Return a repository's name as it was given.

    Raises:
        ConfigurationError: None is given, or it is not OWNER/NAME.
    """
    if given and re.fullmatch(r"[\w.-]+/[\w.-]+", given, re.ASCII):
        return given
    wrong = f"{given!r} is no repository" if given else "no repository is given"
    raise ConfigurationError(wrong, where="--repository", remedy="Give it as OWNER/NAME.")


def connect(token: str, *, api_url: str = "https://api.github.com", seconds_between_writes: float = 1.0) -> "Api":
    """An `Api` that talks to GitHub.

    Args:
        token: Sent with every request; keep it out of logs.
        api_url: Without a slash at the end; of GitHub Enterprise Server `https://HOST/api/v3`.
        seconds_between_writes: GitHub asks for one second between writes; 0 for a stand-in.
    """
    return Api(
        github.Github(
            auth=github.Auth.Token(token),
            base_url=api_url,
            retry=None,
            timeout=TIMEOUT_S,
            per_page=PAGE_SIZE,
            seconds_between_requests=None,
            seconds_between_writes=seconds_between_writes,
        )
    )


@dataclass
class Api:
    """Sends requests; `sleep` and `clock` are parameters so that tests need no time."""

    client: github.Github = field(repr=False)
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.time
    writes_left: int = WRITES_PER_RUN

    def get(self, path: str, *, what: str, permission: str, **parameters: str | int) -> Any:  # noqa: ANN401 - JSON
        """Read one thing.

        Args:
            path: Such as `/repos/o/r/pulls/7`.
            what: What is tried, for messages: `read pull request #7`.
            permission: The line of YAML that this needs.
            parameters: The query.

        Raises:
            GitHubFailed: Which of its kinds says what to do.
        """
        return self._ask("GET", path, parameters=parameters, what=what, permission=permission)[0]

    def pages(self, path: str, *, what: str, permission: str, key: str = "", **parameters: str | int) -> Iterator[Any]:
        """Read a listing to its end, entry by entry; `key` names the entries where a page is an object, not a list.

        Raises:
            GitHubFailed: As `get`.
        """
        query: dict[str, str | int] = {"per_page": PAGE_SIZE, **parameters}
        for page in range(1, PAGES + 1):
            data, answer = self._ask("GET", path, parameters={**query, "page": page}, what=what, permission=permission)
            entries = data.get(key) if key and isinstance(data, dict) else data
            if not isinstance(entries, list):
                raise _unreadable(what, f"GET {path}")
            yield from entries
            if 'rel="next"' not in answer.headers.get("link", ""):
                return

    def write(
        self,
        verb: str,
        path: str,
        body: Mapping[str, object],
        *,
        what: str,
        permission: str,
        made: Callable[[], JsonObject | None] | None = None,
    ) -> JsonObject:
        """Change or create one thing.

        Args:
            verb: POST, PATCH or PUT.
            path: Such as `/repos/o/r/issues`.
            body: Sent as JSON.
            what: What is tried, for messages.
            permission: The line of YAML that this needs.
            made: For what must not be created twice: looks whether an earlier attempt, whose answer was lost, did
                create it. Asked before each further attempt, and before giving up.

        Raises:
            GitHubFailed: As `get`; also when a run writes more often than `WRITES_PER_RUN`.
        """
        data, _ = self._ask(verb, path, body=body, what=what, permission=permission, made=made)
        if not isinstance(data, dict):
            raise _unreadable(what, f"{verb} {path}")
        return data

    def location(self, path: str, *, what: str, permission: str) -> str:
        """Where GitHub redirects a download to; the address carries its own, short-lived credential.

        Raises:
            GitHubFailed: As `get`; also when the answer is no redirect.
        """
        _, answer = self._ask("GET", path, what=what, permission=permission)
        if not (location := answer.headers.get("location", "")):
            raise _unreadable(what, f"GET {path}")
        return location

    def _ask(
        self,
        verb: str,
        path: str,
        *,
        what: str,
        permission: str,
        parameters: Mapping[str, str | int] | None = None,
        body: Mapping[str, object] | None = None,
        made: Callable[[], JsonObject | None] | None = None,
    ) -> tuple[Any, Answer]:
        attempt, doubt = 1, False
        while True:
            answer, text = self._send(verb, path, parameters, body, what)
            if 0 < answer.status < 400:  # noqa: PLR2004 - HTTP's own boundary
                return _json(text, what, f"{verb} {path}"), answer
            # Once an answer was lost, even a later refusal ("already exists") may mean that it was made.
            doubt = doubt or answer.doubtful
            wait = pause_before_retry(answer, attempt, self.clock())
            if wait is not None:
                self.sleep(wait)
            if made is not None and doubt and (found := made()) is not None:
                return found, answer
            if wait is None:
                raise failure(answer, what=what, where=f"{verb} {path}", permission=permission)
            attempt += 1

    def _send(
        self,
        verb: str,
        path: str,
        parameters: Mapping[str, str | int] | None,
        body: Mapping[str, object] | None,
        what: str,
    ) -> tuple[Answer, str]:
        """Send a request once."""
        if verb != "GET":
            if self.writes_left == 0:
                raise GitHubFailed(
                    f"this run has written to GitHub {WRITES_PER_RUN} times: will not {what}",
                    where=f"{verb} {path}",
                    remedy="Please report it: a run needs fewer writes than that.",
                )
            self.writes_left -= 1
        try:
            status, headers, text = self.client.requester.requestJson(
                verb, path, parameters=dict(parameters) if parameters else None, input=dict(body) if body else None
            )
        # What requests raises is an OSError; PyGithub raises RuntimeError for a redirect to another host.
        except (OSError, RuntimeError) as error:
            return Answer(0, {}, type(error).__name__), ""
        return Answer(status, headers, _message(text) if status >= 400 else ""), text  # noqa: PLR2004 - as in _ask


def _message(text: str) -> str:
    """GitHub's own words for an error; of anything else, such as a proxy's page, nothing: it may be long or hostile."""
    try:
        data = json.loads(text)
    except ValueError:
        return ""
    if not isinstance(data, dict):
        return ""
    errors = data.get("errors")
    details = [
        str(error.get("message") or error.get("code") or "") if isinstance(error, dict) else str(error)
        for error in (errors if isinstance(errors, list) else [])
    ]
    return " ".join([str(data.get("message", "")), *details]).strip()[:LONGEST_MESSAGE]


def _json(text: str, what: str, where: str) -> Any:  # noqa: ANN401 - JSON is any shape until somebody has looked
    if not text:
        return None
    try:
        return json.loads(text)
    except ValueError as error:
        raise _unreadable(what, where) from error


def _unreadable(what: str, where: str) -> NoAnswer:
    return NoAnswer(
        f"GitHub's answer is not what its description says: could not {what}",
        where=where,
        remedy="A proxy may have answered in its place; check GITHUB_API_URL and run the job again.",
    )
