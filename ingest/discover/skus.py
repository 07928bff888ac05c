"""What is worth saying about a channel's SKUs, which are taken as they are.  Pure."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

SHOWN_MAX = 20


def alike(skus: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    """Return the groups of SKUs that differ in case, blanks or Unicode form only: to us they are different SKUs."""
    groups: dict[str, dict[str, None]] = {}
    for sku in dict.fromkeys(skus):
        look = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", sku).casefold())
        groups.setdefault("".join(look.split()), {})[sku] = None
    return tuple(tuple(group) for group in groups.values() if len(group) > 1)


def several(skus: Iterable[str]) -> dict[str, int]:
    """Return the SKUs that occur more than once, with how often."""
    return {sku: times for sku, times in Counter(skus).items() if times > 1}


def remarks(same_look: Iterable[tuple[str, ...]], more: Mapping[str, int]) -> Iterator[str]:
    """Yield what people should know, a line each."""
    groups = [*same_look]
    for group in groups[:SHOWN_MAX]:
        yield f"these count as different SKUs and look the same: {', '.join(map(repr, group))}"
    if len(groups) > SHOWN_MAX:
        yield f"  ... and {len(groups) - SHOWN_MAX} more such groups (--json names all)"
    if more:
        some = ", ".join(f"{sku!r} {times} times" for sku, times in [*more.items()][:SHOWN_MAX])
        rest = f", and {len(more) - SHOWN_MAX} more" if len(more) > SHOWN_MAX else ""
        yield f"SKUs with several listings on this account, each of which is told the same level: {some}{rest}"
