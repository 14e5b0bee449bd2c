"""Kea-Sync: brings SMD's interfaces to Kea as reservations (contract 4.3). Real Kea-Sync has no HTTP interface at all.

The stand-in's operational endpoints exist so that its readiness and its figures can be seen without a collector.
"""

import asyncio
import random
from collections.abc import Callable, Mapping
from typing import Any

from chamicore_standin.context import Unreachable, WorkerContext
from chamicore_standin.metrics import Family, Registry
from chamicore_standin.service import BuiltService
from chamicore_standin.services.kea import EMPTY, OK, SUBNET_ID
from chamicore_standin.sync import SmdInventory, SyncLoop, SyncMetrics
from chamicore_standin.tokens import Gatekeeper
from chamiperf_ci.models import faults

PUSHES_AT_ONCE = 8

Reservation = Mapping[str, Any]


class KeaPusher:
    """Keeps Kea's reservations equal to SMD's interfaces; what has no address gets no reservation."""

    def __init__(self, context: WorkerContext) -> None:
        self._client = context.client("kea")
        self._entry = context.urls.get("bss", "")
        self._known: dict[str, Reservation] | None = None
        self._losses: faults.LoseSync | None = None
        self._lost: set[str] = set()
        self.pushed = {"add": 0, "del": 0}

    def follow(self, active: tuple[faults.Fault, ...]) -> None:
        """Take note of changes to be lost; those of an earlier fault stay lost until their interface changes again."""
        losses = [fault for fault in active if isinstance(fault, faults.LoseSync)]
        self._losses = losses[-1] if losses else None
        if self._losses is None:
            self._lost = set()

    async def apply(self, inventory: SmdInventory) -> int:
        """Push the difference to what Kea has: deletions first, so that an address is free for its next holder.

        Raises:
            Unreachable: Kea did not take a command; what was pushed is remembered, the rest comes with the next sync.
        """
        if self._known is None:
            self._known = await self._reservations()
        known = self._known
        wanted = {each["hw-address"]: each for each in map(self._reservation, inventory.interfaces.items) if each}
        changed = [mac for mac, each in wanted.items() if known.get(mac) != each and mac not in self._lost]
        changed = self._without_losses(changed)
        gone = [] if inventory.interfaces.torn else [mac for mac in known if mac not in wanted]
        await self._each(self._delete, [mac for mac in (*gone, *changed) if mac in known])
        await self._each(lambda mac: self._add(wanted[mac]), changed)
        return len(gone) + len(changed)

    def _without_losses(self, changed: list[str]) -> list[str]:
        if self._losses is None:
            return changed
        short = max(0, self._losses.count - len(self._lost))
        lost = random.Random(self._losses.seed).sample(changed, min(short, len(changed)))  # noqa: S311 - a seeded fault
        self._lost.update(lost)
        return [mac for mac in changed if mac not in self._lost]

    def _reservation(self, interface: Mapping[str, Any]) -> Reservation | None:
        addresses = interface.get("ipAddrs") or []
        if not addresses:
            return None
        mac = interface["macAddr"].lower()
        return {
            "hw-address": mac,
            "ip-address": addresses[0],
            "hostname": interface["componentId"],
            "boot-file-name": f"{self._entry}/boot/v1/bootscript?mac={mac}",
            "next-server": "127.0.0.1",
            "subnet-id": SUBNET_ID,
        }

    async def _each(self, push: Callable[[str], Any], macs: list[str]) -> None:
        waiting = iter(macs)

        async def pusher() -> None:
            for mac in waiting:
                await push(mac)

        await asyncio.gather(*(pusher() for _ in range(PUSHES_AT_ONCE)))

    async def _add(self, reservation: Reservation) -> None:
        await self._command("reservation-add", {"reservation": reservation}, good=(OK,))
        self._remembered()[reservation["hw-address"]] = reservation
        self.pushed["add"] += 1

    async def _delete(self, mac: str) -> None:
        arguments = {"identifier-type": "hw-address", "identifier": mac, "subnet-id": SUBNET_ID}
        await self._command("reservation-del", arguments, good=(OK, EMPTY))
        self._remembered().pop(mac, None)
        self.pushed["del"] += 1

    def _remembered(self) -> dict[str, Reservation]:
        if self._known is None:
            self._known = {}
        return self._known

    async def _reservations(self) -> dict[str, Reservation]:
        arguments = await self._command("reservation-get-all", {"subnet-id": SUBNET_ID}, good=(OK, EMPTY))
        listed = arguments.get("reservations") or arguments.get("hosts") or []
        return {each["hw-address"]: {**each, "subnet-id": SUBNET_ID} for each in listed}

    async def _command(self, name: str, arguments: Mapping[str, Any], *, good: tuple[int, ...]) -> dict[str, Any]:
        reply = await self._client.post("/", {"command": name, "service": ["dhcp4"], "arguments": arguments})
        try:
            answer = reply.json()[0]
            result, text = answer["result"], answer.get("text", "")
        except (KeyError, IndexError, TypeError, ValueError):
            raise Unreachable(f"Kea answered {reply.status}") from None
        if result not in good:
            raise Unreachable(f"Kea refused {name}: {text}")
        return answer.get("arguments") or {}


def build(context: WorkerContext, _gatekeeper: Gatekeeper) -> BuiltService:
    """The daemon."""
    pusher = KeaPusher(context)
    loop = SyncLoop(context, pusher.apply, save=lambda _status: None)

    def metrics(registry: Registry) -> Callable[[], None]:
        families = SyncMetrics(registry)
        pushed = registry.add(
            Family("kea_sync_reservations_pushed_total", "counter", "Reservations pushed to Kea.", ("operation",))
        )

        def refresh() -> None:
            families.feed(loop.status.document())
            for operation, count in pusher.pushed.items():
                pushed.set(count, (operation,))

        return refresh

    return BuiltService(
        routes=[],
        ready=lambda: None if loop.status.ready else "the first sync from SMD to Kea is not done",
        tasks=(loop.follow,),
        on_faults=(pusher.follow,),
        metrics=metrics,
    )
