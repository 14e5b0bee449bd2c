"""A file as it is on a branch at GitHub."""

import base64
import binascii

from chamiperf_ci.adapters.github.api import Api
from chamiperf_ci.adapters.github.failures import NoAnswer, NotFound


def read_text(api: Api, repository: str, path: str, *, branch: str = "") -> str | None:
    """Return the file's text, or None if the branch has no such file; the default branch when none is named.

    Raises:
        GitHubFailed: It cannot be read, or is no text.
    """
    what = f"read {path} of {branch or 'the default branch'}"
    query = {"ref": branch} if branch else {}
    try:
        data = api.get(f"/repos/{repository}/contents/{path}", what=what, permission="contents: read", **query)
    except NotFound:
        return None
    try:
        return base64.b64decode(data["content"]).decode()
    except (KeyError, TypeError, binascii.Error, UnicodeDecodeError) as error:
        raise NoAnswer(
            f"GitHub did not send a text: could not {what}",
            where=f"GET /repos/{repository}/contents/{path}",
            remedy="Check that the path names a file of less than 1 MB.",
        ) from error
