"""The exported JSON schemas, and whether a document fits one."""

import json
from functools import cache

from chamiperf_ci.models.schemas import exported

texts = cache(exported)


def schema_of(kind):
    """The schema of a kind of document."""
    return json.loads(texts()[f"{kind}.schema.json"])


def misfit(data, kind):
    """The first thing in which a document does not fit its schema, as text; None where it fits."""
    import jsonschema  # noqa: PLC0415 - builds grammars for two seconds, in each worker

    validator = jsonschema.Draft202012Validator
    validator.check_schema(schema_of(kind))
    return next((error.message for error in validator(schema_of(kind)).iter_errors(data)), None)
