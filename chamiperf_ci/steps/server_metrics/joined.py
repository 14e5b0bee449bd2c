"""Client and server side by side: what the client saw of an endpoint, and what its service says of the same route."""

import re
from collections.abc import Iterator

from chamiperf_ci.models.dialect import Dialect
from chamiperf_ci.models.plan import SUSTAINED
from chamiperf_ci.models.run import Run
from chamiperf_ci.render.time_split import TimeSplit

_VERBS = {
    "create": "POST",
    "find": "GET",
    "get": "GET",
    "change": "PATCH",
    "patch": "PATCH",
    "put": "PUT",
    "delete": "DELETE",
}
_OF_ALL = ("create", "find")
"""Operations on the collection; the others are on one object."""
Route = tuple[str, str]
"""Method and path, with `{}` for whatever a part of it is called."""


def joined(run: Run, dialect: Dialect) -> tuple[TimeSplit, ...]:
    """Split the time of every endpoint whose service tells the mean of its route; others are left out."""
    return tuple(_splits(run, dialect))


def _splits(run: Run, dialect: Dialect) -> Iterator[TimeSplit]:
    routes = _routes(dialect)
    means = {
        (figure.service, figure.labels.get("method", ""), _bare(figure.labels.get("route", ""))): figure.value
        for figure in run.server
        if figure.name == "server_mean" and figure.value is not None
    }
    databases = {figure.service: figure.value for figure in run.server if figure.name == "db_time_per_request"}
    traffic = {each.endpoint: each for each in run.traffic if each.phase == SUSTAINED}
    for series in run.series:
        phase, mine = series.phases.get(SUSTAINED), traffic.get(series.endpoint)
        route = routes.get(series.endpoint)
        if series.metric != "latency" or phase is None or mine is None or route is None:
            continue
        answered = means.get((mine.service, *route))
        if answered is None:
            continue
        database = databases.get(mine.service)
        yield TimeSplit(
            scenario=run.scenario,
            endpoint=series.endpoint,
            seen=phase.mean,
            database=database,
            service=answered - (database or 0.0),
            front=phase.mean - answered,
            generator=mine.blocked_ms.mean if mine.blocked_ms else None,
        )


def _routes(dialect: Dialect) -> dict[str, Route]:
    """Every endpoint's method and path, as the load scripts name endpoints."""
    found = {name: (route.method, _bare(route.path)) for name, route in dialect.routes.items()}
    for name, shape in dialect.objects.items():
        for verb, method in _VERBS.items():
            path = shape.path if verb in _OF_ALL else f"{shape.path}/{{}}"
            found[f"{name}-{verb}"] = (method, _bare(path))
    return found


def _bare(path: str) -> str:
    return re.sub(r"\{\w*\}", "{}", path.partition("?")[0])
