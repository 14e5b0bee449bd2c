"""SMD as a sync loop reads it: conditional, page by page, following what the pages say of themselves."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chamiperf_ci.stack.client import Client, Reply, Unreachable

PAGE = 1000
"""Rows asked for at once. The real loops ask for 10,000; a page of that size keeps a stand-in's only thread busy for
some 50 ms, during which no request is answered, so it is asked for only where its consequence is wanted."""

TRUNCATING_PAGE = 10_000


@dataclass(frozen=True)
class Page:
    """One page as it was last seen."""

    etag: str
    total: int
    items: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Listing:
    """A whole list."""

    items: tuple[Mapping[str, Any], ...]
    etag: str
    """The first page's tag."""
    changed: bool
    """Whether anything differs from the reading before."""
    torn: bool = False
    """Whether the list changed while its pages were read: what is absent from it may be there all the same."""


class SmdReader:
    """Reads one list again and again; an unchanged page costs SMD nothing and is not transferred."""

    def __init__(self, client: Client, path: str, *, truncating: bool) -> None:
        self._client = client
        self._path = path
        self._truncating = truncating
        self._pages: dict[int, Page] = {}

    async def read(self) -> Listing:
        """Every item, or with `truncating` the newest 10,000.

        Raises:
            Unreachable: SMD did not answer, or not with a list.
        """
        pages: list[Page] = []
        changed, offset = False, 0
        while True:
            page, fresh = await self._page(offset)
            changed |= fresh
            pages.append(page)
            offset += len(page.items)
            if self._truncating or not page.items or offset >= page.total:
                break
        self._pages = {key: page for key, page in self._pages.items() if key < max(offset, 1)}
        return Listing(
            items=tuple(item for page in pages for item in page.items),
            etag=pages[0].etag,
            changed=changed,
            torn=len({page.total for page in pages}) > 1,
        )

    async def _page(self, offset: int) -> tuple[Page, bool]:
        """A page, and whether it is new. Oldest rows first: what is created meanwhile comes last and shifts nothing."""
        order = f"limit={TRUNCATING_PAGE}" if self._truncating else f"sort=created_at&limit={PAGE}"
        known = self._pages.get(offset)
        headers = {"if-none-match": known.etag} if known else None
        reply = await self._client.get(f"{self._path}{order}&offset={offset}", headers)
        if reply.status == 304 and known is not None:  # noqa: PLR2004
            return known, False
        page = _parsed(reply)
        self._pages[offset] = page
        return page, True


def _parsed(reply: Reply) -> Page:
    if reply.status != 200:  # noqa: PLR2004
        raise Unreachable(f"SMD answered {reply.status}")
    try:
        document = reply.json()
        items = tuple(item["spec"] for item in document["items"])
        return Page(reply.headers.get("etag", ""), int(document["metadata"]["total"]), items)
    except (KeyError, TypeError, ValueError) as fault:
        raise Unreachable(f"SMD did not answer with a list: {fault!r}") from None
