"""Failed answers, kept as evidence: three of them, cut short, and none that names a node of somebody else's; pure."""

import json
import re
from typing import Final

from pydantic import ValidationError

from chamiperf_ci.models.identities import Identities
from chamiperf_ci.models.run import FailureSample

MOST_SAMPLES: Final = 3
_BODY_BYTES: Final = 512
_MAC: Final = re.compile(r"\b[0-9a-f]{2}(?:[:-][0-9a-f]{2}){5}\b", re.IGNORECASE)
_NAMED: Final = re.compile(r'"(?:id|component_?id)"\s*:\s*"([^"]*)', re.IGNORECASE)
_MADE_BY_THE_SERVER: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d*", re.IGNORECASE)
_WITHHELD: Final = "(withheld: it names nodes that are not this run's)"


def failure_samples(lines: tuple[str, ...], ours: tuple[Identities, ...]) -> tuple[FailureSample, ...]:
    """The first three failed answers that the scripts logged; a line of another shape is left out.

    Args:
        lines: JSON, as `k6/README.md` has it.
        ours: What this run seeded and what it writes. A list on a shared stack can hold other people's nodes; a body
            with one of them is withheld whole, the endpoint, status and error stay.
    """
    samples = []
    for line in lines[:MOST_SAMPLES]:
        try:
            sample = FailureSample.model_validate(json.loads(line))
        except (ValueError, ValidationError):
            continue
        body = sample.body.encode(errors="replace")[:_BODY_BYTES].decode(errors="ignore")
        samples.append(sample.model_copy(update={"body": _WITHHELD if _names_others(body, ours) else body}))
    return tuple(samples)


def _names_others(body: str, ours: tuple[Identities, ...]) -> bool:
    macs = tuple(_digits(names.mac(0))[:7] for names in ours)
    ids = tuple(names.id(0).removesuffix("0") for names in ours)
    return any(not _digits(mac).startswith(macs) for mac in _MAC.findall(body)) or any(
        not name.startswith(ids) and not _MADE_BY_THE_SERVER.fullmatch(name) for name in _NAMED.findall(body)
    )


def _digits(mac: str) -> str:
    return re.sub("[:-]", "", mac).lower()
