"""Power transitions and their tasks (contract section 3.8)."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from chamiperf_ci.stack.fields import Field, decode
from chamiperf_ci.stack.http import Answer, Problem, Request, encode
from chamiperf_ci.stack.resources import now, page_of, random_id
from chamiperf_ci.stack.services.power_nodes import NodeNames
from chamiperf_ci.stack.services.power_operations import POWER_AFTER, operation_of, state_of
from chamiperf_ci.stack.storage import Database

API_VERSION = "power/v1"
MOST_NODES = 20
MOST_LISTED = 1000
TASK_S = 0.1
"""Seconds until a task that is no dry run succeeds."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS transitions (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, request_id TEXT, operation TEXT NOT NULL,
    requested_by TEXT, dry_run INTEGER NOT NULL, queued_at TEXT NOT NULL, started_ns INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS transition_tasks (
    seq INTEGER PRIMARY KEY, transition_id TEXT NOT NULL REFERENCES transitions (id) ON DELETE CASCADE,
    node_id TEXT NOT NULL, bmc_id TEXT, endpoint TEXT, state TEXT NOT NULL, error TEXT, power TEXT, completed_at TEXT);
CREATE INDEX IF NOT EXISTS tasks_by_transition ON transition_tasks (transition_id);
CREATE INDEX IF NOT EXISTS tasks_by_node ON transition_tasks (node_id, seq);
CREATE INDEX IF NOT EXISTS tasks_pending ON transition_tasks (state) WHERE state = 'pending';
"""

_BODY = (
    Field("operation"),
    Field("requestID"),
    Field("nodes", "texts"),
    Field("groups", "texts"),
    Field("dryRun", "flag"),
)


class Transitions:
    """Starts transitions, shows them, and lets their tasks end."""

    def __init__(self, database: Database, nodes: NodeNames) -> None:
        self._database = database
        self._nodes = nodes

    def start(self, operation: str | None) -> Callable[[Request], Awaitable[Answer]]:
        """A handler for a transition with this operation, or with the one in the body."""

        async def handler(request: Request) -> Answer:
            body = decode(_BODY, request.json_object())
            wanted = operation or operation_of(body.get("operation") or "")
            if wanted is None:
                raise Problem(400, "unknown operation")
            nodes = await self._nodes.expanded(body.get("nodes") or [], body.get("groups") or [])
            if len(nodes) > MOST_NODES:
                raise Problem(400, f"more than {MOST_NODES} nodes")
            asked = body.get("requestID") or request.header("x-request-id") or random_id({})
            ident = self._store(wanted, nodes, asked, request.claims.get("sub", ""), dry_run=bool(body.get("dryRun")))
            return self._shown(202, ident, (("location", f"/power/v1/transitions/{ident}"),))

        return handler

    def _store(self, operation: str, nodes: Sequence[str], asked: str, by: str, *, dry_run: bool) -> str:
        ident, (at, stamp) = random_id({}), now()
        with self._database.transaction():
            self._database.write(
                "INSERT INTO transitions (id, request_id, operation, requested_by, dry_run, queued_at, started_ns)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (ident, asked, operation, by, dry_run, at, stamp),
            )
            for node in nodes:
                self._store_task(ident, node, at, dry_run=dry_run)
        return ident

    def _store_task(self, transition: str, node: str, at: str, *, dry_run: bool) -> None:
        mapped = self._database.one(
            "SELECT bmc_id, endpoint FROM node_bmc_links JOIN bmc_endpoints USING (bmc_id) WHERE node_id = ?", (node,)
        )
        state = "failed" if mapped is None else "planned" if dry_run else "pending"
        bmc, endpoint = mapped or ("", "")
        error = "" if mapped else "no BMC with an address is known for this node"
        self._database.write(
            "INSERT INTO transition_tasks (transition_id, node_id, bmc_id, endpoint, state, error, completed_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (transition, node, bmc, endpoint, state, error, None if state == "pending" else at),
        )

    async def finish(self) -> None:
        """Let tasks succeed once their moment has come."""
        while True:
            await asyncio.sleep(TASK_S / 2)
            due = self._database.all(
                "SELECT t.seq, x.operation FROM transition_tasks t JOIN transitions x ON x.id = t.transition_id"
                " WHERE t.state = 'pending' AND x.started_ns < ?",
                (time.time_ns() - int(TASK_S * 1e9),),
            )
            for seq, operation in due:
                self._database.write(
                    "UPDATE transition_tasks SET state = 'succeeded', power = ?, completed_at = ? WHERE seq = ?",
                    (POWER_AFTER[operation], now()[0], seq),
                )

    def get(self, request: Request) -> Answer:
        """A transition with its tasks."""
        return self._shown(200, request.args[0])

    def cancel(self, request: Request) -> Answer:
        """Cancel what has not ended: 202 with the transition."""
        ident = request.args[0]
        self._row(ident)
        self._database.write(
            "UPDATE transition_tasks SET state = 'canceled', completed_at = ?"
            " WHERE transition_id = ? AND state = 'pending'",
            (now()[0], ident),
        )
        return self._shown(202, ident)

    def page(self, request: Request) -> Answer:
        """Transitions without their tasks, newest first."""
        limit, offset = page_of(request.query, MOST_LISTED)
        rows = self._database.all("SELECT id FROM transitions ORDER BY seq DESC LIMIT ? OFFSET ?", (limit, offset))
        count = self._database.one("SELECT count(*) FROM transitions")
        metadata = {"total": (count or (0,))[0], "limit": limit, "offset": offset}
        items = [self._resource(ident, with_tasks=False) for (ident,) in rows]
        document = {"kind": "TransitionList", "apiVersion": API_VERSION, "metadata": metadata, "items": items}
        return Answer(200, encode(document))

    def _row(self, ident: str) -> tuple[Any, ...]:
        row = self._database.one(
            "SELECT request_id, operation, requested_by, dry_run, queued_at FROM transitions WHERE id = ?", (ident,)
        )
        if row is None:
            raise Problem(404, f"transition {ident} not found")
        return row

    def _shown(self, status: int, ident: str, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
        return Answer(status, encode(self._resource(ident, with_tasks=True)), headers=headers)

    def _resource(self, ident: str, *, with_tasks: bool) -> dict[str, Any]:
        asked, operation, by, dry_run, queued_at = self._row(ident)
        tasks = [
            _task(row, operation, queued_at, dry_run=bool(dry_run))
            for row in self._database.all(
                "SELECT node_id, bmc_id, endpoint, state, error, power, completed_at FROM transition_tasks"
                " WHERE transition_id = ? ORDER BY seq",
                (ident,),
            )
        ]
        states = [task["state"] for task in tasks]
        state = state_of(states, dry_run=bool(dry_run))
        ended = None if state == "running" else max((task["completedAt"] or "" for task in tasks), default=queued_at)
        spec = {
            "requestID": asked,
            "operation": operation,
            "state": state,
            "requestedBy": by,
            "dryRun": bool(dry_run),
            "targetCount": len(tasks),
            "successCount": states.count("succeeded") + states.count("planned"),
            "failureCount": states.count("failed"),
            "queuedAt": queued_at,
            "startedAt": queued_at,
            "completedAt": ended,
            **({"tasks": tasks} if with_tasks else {}),
        }
        metadata = {"id": ident, "createdAt": queued_at, "updatedAt": ended or queued_at}
        return {"kind": "Transition", "apiVersion": API_VERSION, "metadata": metadata, "spec": spec}


def _task(row: Sequence[Any], operation: str, queued_at: str, *, dry_run: bool) -> dict[str, Any]:
    node, bmc, endpoint, state, error, power, completed_at = row
    return {
        "nodeID": node,
        "bmcID": bmc,
        "endpoint": endpoint,
        "operation": operation,
        "state": state,
        "dryRun": dry_run,
        "attemptCount": int(state == "succeeded"),
        "finalPowerState": power or "",
        "errorDetail": error or "",
        "queuedAt": queued_at,
        "startedAt": queued_at,
        "completedAt": completed_at,
    }
