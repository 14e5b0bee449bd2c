"""Checks requests and responses against GitHub's own OpenAPI description (tests/github/openapi.json).

A test that invents an answer which GitHub would not give, or a request which GitHub does not know, is red.
"""

import json
import re
from functools import cache
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

_FILE = Path(__file__).parent / "github" / "openapi.json"
_BASE = "urn:github"


class NotInDescription(AssertionError):
    """A request or a response that GitHub's description does not have."""


@cache
def _description():
    return json.loads(_FILE.read_text(encoding="utf-8"))


@cache
def _registry():
    resource = Resource(contents=_description(), specification=DRAFT4)
    return Registry().with_resource(_BASE, resource)


def schema(name):
    """One of the description's schemas."""
    return _description()["components"]["schemas"][name]


def resolved(node):
    """What a node stands for, its references followed."""
    while "$ref" in node:
        target = _description()
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


def _validate(direction, schema, value, where):
    import openapi_schema_validator  # noqa: PLC0415 - builds grammars for two seconds, in each worker

    checks = getattr(openapi_schema_validator, f"OAS30{direction}Validator")
    # References are absolute, so that they resolve from a schema which stands alone.
    text = json.dumps(schema).replace('"$ref": "#/', f'"$ref": "{_BASE}#/')
    errors = list(checks(json.loads(text), registry=_registry()).iter_errors(value))
    if errors:
        worst = min(errors, key=lambda error: len(list(error.absolute_path)))
        path = ".".join(str(part) for part in worst.absolute_path)
        raise NotInDescription(f"{where}: {path}: {worst.message[:300]}")


@cache
def _patterns():
    """Path templates as patterns; `{ref}` may hold slashes, as GitHub documents for branches."""
    return [
        (
            re.compile(re.sub(r"\\{(ref)\\}", "(.+)", re.sub(r"\\{(?!ref)\w+\\}", "([^/]+)", re.escape(path))) + "$"),
            path,
        )
        for path in sorted(_description()["paths"], key=lambda path: path.count("{"))
    ]


def operation(verb, url):
    """The description of what a request asks for."""
    path = urlsplit(url).path
    for pattern, template in _patterns():
        if pattern.match(path) and verb.lower() in _description()["paths"][template]:
            return _description()["paths"][template][verb.lower()]
    raise NotInDescription(f"{verb} {path}: no such operation")


def check_request(verb, url, body):
    """Check the query and the JSON body of a request."""
    described = operation(verb, url)
    parameters = [resolved(parameter) for parameter in described["parameters"]]
    queries = {parameter["name"]: parameter["schema"] for parameter in parameters if parameter["in"] == "query"}
    for name, value in parse_qsl(urlsplit(url).query):
        if name not in queries:
            raise NotInDescription(f"{verb} {url}: no query parameter {name}")
        typed = int(value) if queries[name].get("type") == "integer" else value
        _validate("Write", queries[name], typed, f"{verb} {url} query {name}")
    if body is None:
        return
    if "requestBody" not in described:
        raise NotInDescription(f"{verb} {url}: takes no body")
    schema = resolved(described["requestBody"])["content"]["application/json"]["schema"]
    unknown = set(body) - set(_properties(schema))
    if unknown:
        raise NotInDescription(f"{verb} {url}: GitHub ignores {sorted(unknown)}")
    _validate("Write", schema, body, f"{verb} {url} body")


def _properties(schema):
    schema = resolved(schema)
    names = set(schema.get("properties", {}))
    for part in (*schema.get("oneOf", ()), *schema.get("anyOf", ()), *schema.get("allOf", ())):
        names |= _properties(part)
    return names


def check_response(verb, url, status, body):
    """Check a response's status and JSON body; server errors (5xx) are anybody's and not described."""
    if status >= 500:
        return
    responses = operation(verb, url)["responses"]
    # 401, 403 and 429 may answer any operation, and are described for few of them.
    if str(status) not in responses:
        if status in {401, 403, 404, 429} and isinstance(body, dict) and "message" in body:
            return
        raise NotInDescription(f"{verb} {url}: GitHub does not answer {status}")
    content = resolved(responses[str(status)]).get("content", {}).get("application/json")
    if content is not None:
        _validate("Read", content["schema"], body, f"{verb} {url} answer {status}")
