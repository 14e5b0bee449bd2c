"""What is known of nodes' power (contract section 3.8)."""

from typing import Any

from chamiperf_ci.stack.http import Answer, Request, encode
from chamiperf_ci.stack.services.power_nodes import NodeNames
from chamiperf_ci.stack.services.power_transitions import API_VERSION
from chamiperf_ci.stack.storage import Database


class Statuses:
    """What is known of nodes' power."""

    def __init__(self, database: Database, nodes: NodeNames) -> None:
        self._database = database
        self._nodes = nodes

    async def get(self, request: Request) -> Answer:
        """The status of the nodes that the query names."""
        named: dict[str, list[str]] = {"node": [], "group": []}
        for name, value in request.query_pairs():
            named.get(name.rstrip("s"), []).extend(part for part in value.split(",") if part)
        nodes = await self._nodes.expanded(named["node"], named["group"])
        statuses = [self._status(node) for node in nodes]
        document = {
            "kind": "PowerStatus",
            "apiVersion": API_VERSION,
            "metadata": {"id": "power-status"},
            "spec": {"nodeStatuses": statuses, "total": len(statuses)},
        }
        return Answer(200, encode(document))

    def _status(self, node: str) -> dict[str, Any]:
        linked = self._database.one("SELECT bmc_id FROM node_bmc_links WHERE node_id = ?", (node,))
        last = self._database.one(
            "SELECT t.transition_id, x.operation, t.state, t.power, t.error, t.completed_at FROM transition_tasks t"
            " JOIN transitions x ON x.id = t.transition_id WHERE t.node_id = ? ORDER BY t.seq DESC LIMIT 1",
            (node,),
        )
        transition, operation, state, power, error, completed_at = last or ("", "", "unknown", "", "", None)
        return {
            "nodeID": node,
            "bmcID": linked[0] if linked else "",
            "transitionID": transition,
            "operation": operation,
            "state": state if linked else "unresolved",
            "powerState": power or "",
            "errorDetail": error or "",
            "lastUpdatedAt": completed_at,
            "lastCompletedAt": completed_at,
        }
