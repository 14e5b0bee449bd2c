"""A change of the accepted runs as an RFC 6902 patch, and a patch applied.

The first operation tests the digest over all accepted runs, so that a patch made against another state is refused
whole, by this tool and by any other that knows the RFC.
"""

from typing import Any

import jsonpatch
import jsonpointer

from chamiperf_ci.adapters import files
from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.baselines import Baselines
from chamiperf_ci.render.baselines_layout import arranged, content

Operation = dict[str, Any]

_DIGEST = "/accepted_digest"


def patch_between(old: Baselines, new: Baselines) -> list[Operation]:
    """Return the operations that turn the accepted runs of `old` into those of `new`; empty when they are equal."""
    before, after = content(old), content(new)
    if before == after:
        return []
    operations: list[Operation] = [{"op": "test", "path": _DIGEST, "value": before["accepted_digest"]}]
    for key in sorted(set(before["accepted_runs"]) | set(after["accepted_runs"])):
        operations += _of_fingerprint(key, before["accepted_runs"].get(key), after["accepted_runs"].get(key))
    operations.append({"op": "replace", "path": _DIGEST, "value": after["accepted_digest"]})
    return operations


def apply_patch(baselines: Baselines, operations: list[Operation], *, where: str) -> Baselines:
    """Return the file with a patch applied.

    Args:
        baselines: The file as it is.
        operations: The patch.
        where: Names the patch in messages.

    Raises:
        ConfigurationError: The patch was made against another state, is no patch, or leaves accepted runs whose
            digests do not fit.
    """
    again = "Propose it again from the present file: chamiperf update-baseline propose."
    try:
        data = jsonpatch.apply_patch(content(baselines), operations)
    except jsonpatch.JsonPatchTestFailed as error:
        raise ConfigurationError(
            "the patch was made against another state of baselines.json", where=where, remedy=again
        ) from error
    except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException, TypeError, KeyError) as error:
        raise ConfigurationError(f"the patch cannot be applied: {error}", where=where, remedy=again) from error
    patched = arranged(files.validate(Baselines, data, where=where, remedy=again))
    if edited := patched.edited_by_hand():
        raise ConfigurationError(edited[0], where=where, remedy=again)
    return patched


def sealed(baselines: Baselines) -> Baselines:
    """Return the file in its order, with the digest over its accepted runs."""
    ordered = arranged(baselines)
    return ordered.model_copy(update={"accepted_digest": ordered.computed_accepted_digest()})


def _of_fingerprint(key: str, before: Operation | None, after: Operation | None) -> list[Operation]:
    path = f"/accepted_runs/{jsonpointer.escape(key)}"
    if before == after:
        return []
    if before is None:
        return [{"op": "add", "path": path, "value": after}]
    if after is None:
        return [{"op": "remove", "path": path}]
    kept = {run["run_id"]: run for run in before["runs"]}
    if all(run in after["runs"] for run in before["runs"]):
        return [
            {"op": "add", "path": f"{path}/runs/{place}", "value": run}
            for place, run in enumerate(after["runs"])
            if run["run_id"] not in kept
        ]
    return [{"op": "replace", "path": f"{path}/runs", "value": after["runs"]}]
