"""The JSON Schema of every document, as `schemas/` holds it: for editors, and for readers in other languages."""

import ast
import importlib
import inspect
import json
import pkgutil
import textwrap
from collections.abc import Iterator
from itertools import pairwise

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

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


class _Described(GenerateJsonSchema):
    """Describes fields by the strings below them.

    pydantic's `use_attribute_docstrings` reads every model's source when it is imported, which each command would pay.
    """

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        """As pydantic's, with descriptions."""
        found = super().model_schema(schema)
        model: type[BaseModel] = schema["cls"]
        described = {
            name: text
            for one in reversed(model.__mro__)
            if issubclass(one, BaseModel) and one is not BaseModel
            for name, text in _docstrings(one)
        }
        for name, field in model.model_fields.items():
            if described.get(name):
                found["properties"][field.alias or name].setdefault("description", described[name])
        return found


def _docstrings(model: type[BaseModel]) -> Iterator[tuple[str, str]]:
    """Each field that the class itself has, with the string below it, or nothing."""
    body = ast.parse(textwrap.dedent(inspect.getsource(model))).body[0]
    for field, below in pairwise((*body.body, ast.Pass()) if isinstance(body, ast.ClassDef) else ()):
        match field, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                yield name, inspect.cleandoc(text)
            case ast.AnnAssign(target=ast.Name(id=name)), _:
                yield name, ""


def _text(model: type[Document]) -> str:
    schema = model.model_json_schema(by_alias=True, schema_generator=_Described)
    # A document that holds another of its kind is itself a definition.
    body = schema if "properties" in schema else schema["$defs"][model.__name__]
    version = body["properties"]["schema_version"]
    # The number is what a reader decides by, so an editor must object to any other.
    version.pop("default", None)
    version["const"] = model.SCHEMA_VERSION
    body["required"] = sorted({*body.get("required", ()), "kind", "schema_version"})
    return json.dumps({"$schema": DIALECT, **schema}, indent=2, ensure_ascii=False) + "\n"
