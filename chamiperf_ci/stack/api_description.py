"""A service's routes as an OpenAPI document and a page (contract 1.4). The document is JSON, which is YAML as well."""

import html
import re
from collections.abc import Sequence

from chamiperf_ci import __version__
from chamiperf_ci.stack.http import Answer, Request, encode
from chamiperf_ci.stack.routing import Route

YAML = "application/yaml"
HTML = "text/html; charset=utf-8"


def document(service: str, routes: Sequence[Route]) -> bytes:
    """The OpenAPI document: every route with the scope it needs and the parameters of its path."""
    paths: dict[str, dict[str, object]] = {}
    for route in routes:
        parameters = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in re.findall(r"{(\w+)}", route.pattern)
        ]
        security = {"security": [{"bearer": [route.scope]}]} if route.scope else {}
        operation = {
            "operationId": route.name,
            "parameters": parameters,
            "responses": {"default": {"description": "See the contract."}},
            **security,
        }
        paths.setdefault(route.pattern, {})[route.method.lower()] = operation
    return encode(
        {
            "openapi": "3.1.0",
            "info": {"title": f"{service} (embedded stand-in)", "version": __version__},
            "paths": paths,
            "components": {"securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}},
        }
    )


def page(service: str, routes: Sequence[Route]) -> bytes:
    """A list of the routes for people."""
    rows = "".join(f"<li><code>{html.escape(f'{route.method} {route.pattern}')}</code></li>" for route in routes)
    title = html.escape(f"{service} (embedded stand-in)")
    return f"<!doctype html><title>{title}</title><h1>{title}</h1><ul>{rows}</ul>\n".encode()


def description_routes(service: str, routes: Sequence[Route]) -> list[Route]:
    """`/api/openapi.yaml` and `/api/docs` for these routes."""

    def describe(_request: Request) -> Answer:
        return Answer(200, document(service, routes), YAML)

    def show(_request: Request) -> Answer:
        return Answer(200, page(service, routes), HTML)

    return [
        Route("GET", "/api/openapi.yaml", describe, "openapi", operational=True),
        Route("GET", "/api/docs", show, "docs", operational=True),
    ]
