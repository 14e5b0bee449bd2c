"""The nodes that a request names, by themselves or by SMD's groups."""

from collections.abc import Sequence

from chamiperf_ci.stack.client import Client, Unreachable
from chamiperf_ci.stack.http import Problem


class NodeNames:
    """Looks groups up in SMD."""

    def __init__(self, smd: Client | None) -> None:
        self._smd = smd

    async def expanded(self, nodes: Sequence[str], groups: Sequence[str]) -> list[str]:
        """Every node named, once each.

        Raises:
            Problem: 400 for none, 404 for an unknown group, 502 where SMD cannot be read.
        """
        wanted = dict.fromkeys(nodes)
        for group in groups:
            wanted.update(dict.fromkeys(await self._members(group)))
        if not wanted:
            raise Problem(400, "no node is named")
        return list(wanted)

    async def _members(self, group: str) -> list[str]:
        if self._smd is None:
            raise Problem(502, "the groups cannot be read: there is no SMD")
        try:
            reply = await self._smd.get(f"/hsm/v2/groups/{group}")
        except Unreachable as fault:
            raise Problem(502, f"the groups cannot be read: {fault}") from None
        if reply.status == 404:  # noqa: PLR2004
            raise Problem(404, f"group {group} not found")
        if reply.status != 200:  # noqa: PLR2004
            raise Problem(502, f"the groups cannot be read: SMD answered {reply.status}")
        return list(reply.json()["spec"]["members"])
