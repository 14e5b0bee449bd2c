"""Power: transitions of nodes through their BMCs, dry or done, and what is known of their power (contract 3.8).

No BMC is behind it: a transition that is no dry run succeeds for every mapped node a moment later.
"""

from chamiperf_ci.stack.routing import Route
from chamiperf_ci.stack.service import Context, Service
from chamiperf_ci.stack.services import power_mappings, power_transitions
from chamiperf_ci.stack.services.power_nodes import NodeNames
from chamiperf_ci.stack.services.power_operations import ACTIONS
from chamiperf_ci.stack.services.power_status import Statuses
from chamiperf_ci.stack.services.power_transitions import Transitions
from chamiperf_ci.stack.tokens import Gatekeeper

SCHEMA = power_transitions.SCHEMA + power_mappings.SCHEMA


def build(context: Context, _gatekeeper: Gatekeeper) -> Service:
    """The power service."""
    database = context.database(SCHEMA)
    smd = context.client("smd") if "smd" in context.urls else None
    nodes = NodeNames(smd)
    transitions, statuses = Transitions(database, nodes), Statuses(database, nodes)
    mappings = power_mappings.Mappings(context, database)
    write = "write:power"
    return Service(
        routes=[
            Route("POST", "/power/v1/transitions", transitions.start(None), "transitions-create", write),
            *(
                Route("POST", f"/power/v1/actions/{action}", transitions.start(operation), f"actions-{action}", write)
                for action, operation in ACTIONS.items()
            ),
            Route("POST", "/power/v1/actions/reset", transitions.start(None), "actions-reset", write),
            Route("GET", "/power/v1/transitions", transitions.page, "transitions-list", "read:power"),
            Route("GET", "/power/v1/transitions/{id}", transitions.get, "transitions-get", "read:power"),
            Route("DELETE", "/power/v1/transitions/{id}", transitions.cancel, "transitions-cancel", write),
            Route("GET", "/power/v1/power-status", statuses.get, "power-status", "read:power"),
            Route("POST", "/power/v1/admin/mappings/sync", mappings.sync_now, "mappings-sync", "admin:power"),
        ],
        database=database,
        ready=mappings.not_ready if smd is not None else lambda: None,
        tasks=(transitions.finish, *((mappings.follow,) if smd is not None else ())),
    )
