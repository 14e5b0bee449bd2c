"""The JSON Schema of every document, as `schemas/` holds it: for editors, and for readers in other languages."""

import importlib
import json
import pkgutil
from collections.abc import Iterator

from chamiperf_ci import models
from chamiperf_ci.models.document import Document

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def exported() -> dict[str, str]:
    """Return file name to text, such as `run.schema.json`, of each kind of document in this package."""
    return {f"{model.KIND}.schema.json": _text(model) for model in documents()}


def documents() -> tuple[type[Document], ...]:
    """Return the model of each kind of document, sorted by kind."""
    for module in pkgutil.iter_modules(models.__path__):
        importlib.import_module(f"{models.__name__}.{module.name}")
    return tuple(sorted(_below(Document), key=lambda model: model.KIND))


def _below(model: type[Document]) -> Iterator[type[Document]]:
    for one in model.__subclasses__():
        if one.__module__.startswith(models.__name__) and "KIND" in vars(one):
            yield one
        yield from _below(one)


def _text(model: type[Document]) -> str:
    schema = model.model_json_schema(by_alias=True)
    # A document that holds another of its kind is itself a definition.
    body = schema if "properties" in schema else schema["$defs"][model.__name__]
    version = body["properties"]["schema_version"]
    # The number is what a reader decides by, so an editor must object to any other.
    version.pop("default", None)
    version["const"] = model.SCHEMA_VERSION
    body["required"] = sorted({*body.get("required", ()), "kind", "schema_version"})
    return json.dumps({"$schema": DIALECT, **schema}, indent=2, ensure_ascii=False) + "\n"
