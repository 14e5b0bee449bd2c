"""Objects of others in a shared stack: recorded before, compared after; a night leaves them as they were."""

import hashlib
import random
from typing import Final

from chamiperf_ci.adapters.chamicore import Chamicore
from chamiperf_ci.models.dialect import fill
from chamiperf_ci.models.seed import SharedStack
from chamiperf_ci.steps.seed.inventory import Inventory

SAMPLE: Final = 50
_NAMED: Final = 3
"""Changed boot scripts whose MAC is told; of more, only how many."""
_UNSERVED: Final = "not served"


def record(client: Chamicore, others: Inventory) -> SharedStack:
    """Count the objects of others and digest the boot scripts of up to 50 of their MACs, drawn at random."""
    macs = sorted({entry.mac for entry in others.entries if entry.shape == "bootparams" and entry.mac is not None})
    drawn = sorted(random.sample(macs, min(SAMPLE, len(macs))))
    return SharedStack(counts=others.counts(client.dialect), bootscripts={mac: _digest(client, mac) for mac in drawn})


def differences(client: Chamicore, before: SharedStack, others: Inventory) -> list[str]:
    """Sentences on what is not as it was before; empty when all is well."""
    now = others.counts(client.dialect)
    found = [
        f"others have {now.get(kind, 0):,} {kind}, they had {count:,}"
        for kind, count in before.counts.items()
        if now.get(kind, 0) != count
    ]
    changed = [mac for mac, digest in before.bootscripts.items() if _digest(client, mac) != digest]
    return found + _told(changed)


def _told(changed: list[str]) -> list[str]:
    """At most one sentence on the MACs whose boot script is another one."""
    if len(changed) <= 1:
        return [f"the boot script of {mac}, which is not ours, is another one now" for mac in changed]
    more = f" and {len(changed) - _NAMED} more" if len(changed) > _NAMED else ""
    return [f"{len(changed)} boot scripts, which are not ours, are others now: {', '.join(changed[:_NAMED])}{more}"]


def _digest(client: Chamicore, mac: str) -> str:
    """SHA-256 of the boot script that a MAC gets, or that it gets none."""
    route = client.dialect.routes["bootscript"]
    path = fill(route.path, {"mac": mac, "mac_encoded": mac.replace(":", "%3A")})
    answer = client.send(route.method, route.service, path, authorised=not route.open)
    return hashlib.sha256(answer.content).hexdigest() if answer.ok else _UNSERVED
