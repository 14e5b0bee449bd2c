"""What a report links to and knows of its surroundings, apart from the verdict."""

from dataclasses import dataclass

CARDS = "docs/verdicts.md"


@dataclass(frozen=True, slots=True)
class Context:
    """Where a report's links lead.

    Attributes:
        project_url: Where this project's files can be read, such as `https://HOST/OWNER/chamiperf-ci/blob/v1`; empty
            if unknown: cards are then named and not linked.
        run_url: The workflow run that made the report; empty outside one.
        report_url: The page with the full report; empty if there is none.
        artifact: Name of the artifact that holds the full report; empty if there is none.
        trusted: Whether the verdict is our own; one from a fork may name links that are not to be shown.
    """

    project_url: str = ""
    run_url: str = ""
    report_url: str = ""
    artifact: str = ""
    trusted: bool = True

    def card_url(self, word: str) -> str:
        """Return the URL of a verdict's or reason's card; empty when the project's place is unknown."""
        return f"{self.project_url.rstrip('/')}/{CARDS}#{anchor(word)}" if self.project_url else ""


def anchor(word: str) -> str:
    """Return the anchor that GitHub gives a heading made of one verdict or reason: `at the limit`: `at-the-limit`."""
    return word.lower().replace(" ", "-").replace(".", "")
