"""Sends to an address that is itself a secret: a chat's webhook (Slack-compatible JSON), and a heartbeat.

The address is in no message, no log and no error; what it is for is.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import httpx
from pydantic import SecretStr

from chamiperf_ci.adapters import bounds
from chamiperf_ci.adapters.bounds import check_url
from chamiperf_ci.errors import ConfigurationError, OutsideServiceError

RETRY: Final = bounds.RetryPolicy(timeout_s=20.0, retries=2, first_wait_s=2.0, longest_wait_s=30.0, spread=0.0)
ATTEMPTS: Final = 1 + RETRY.retries


@dataclass(frozen=True, slots=True)
class Webhook:
    """One such address.

    Attributes:
        url: Where to send; `https://`, or `http://` for a receiver of one's own network.
        name: The variable that holds it, for messages.
        sleep: Waits between two attempts; tests hand in another.
    """

    url: SecretStr
    name: str
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)

    def __post_init__(self) -> None:
        """Refuse something that is not an address.

        Raises:
            ConfigurationError: Without repeating it.
        """
        try:
            url = httpx.URL(self.url.get_secret_value())
            # What comes after the host is the receiver's business, and part of the secret.
            check_url(f"{url.scheme}://{url.netloc.decode()}", where=self.name)
        except (httpx.InvalidURL, ConfigurationError, ValueError):
            usable = False
        else:
            usable = True
        if not usable:
            raise ConfigurationError(
                "the address is not a URL", where=self.name, remedy="Store the whole address, from https:// on."
            )

    def post(self, text: str) -> None:
        """Send a message as `{"text": ...}`.

        A message whose answer was lost is sent again: twice is the lesser evil.

        Raises:
            OutsideServiceError: It was refused, or nobody answered.
        """
        self._send("POST", {"text": text})

    def ping(self) -> None:
        """Say that all is well.

        Raises:
            OutsideServiceError: It was refused, or nobody answered.
        """
        self._send("GET", None)

    def _send(self, verb: str, body: dict[str, str] | None) -> None:
        said = ""
        for tried in range(ATTEMPTS):
            asked_s = None
            try:
                answer = bounds.within(RETRY.timeout_s, lambda: self._ask(verb, body))
            # The exception's own text holds the address.
            except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
                said = f"no answer ({type(error).__name__})"
            else:
                if answer.is_success:
                    return
                said = f"answer {answer.status_code}"
                if answer.status_code < 500 and answer.status_code != 429:  # noqa: PLR2004 - HTTP's own boundaries
                    break
                asked_s = bounds.retry_after_s(answer.headers)
            if tried < RETRY.retries:
                self.sleep(RETRY.wait_s(tried, asked_s))
        raise OutsideServiceError(
            said,
            where=self.name,
            remedy="Check that the address is still good and that this machine may reach it.",
        )

    def _ask(self, verb: str, body: dict[str, str] | None) -> httpx.Response:
        """The head of the answer; nobody reads its body, which may have no end."""
        with httpx.stream(verb, self.url.get_secret_value(), json=body, timeout=RETRY.timeout_s) as answer:
            return answer
