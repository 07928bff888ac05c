"""WooCommerce's answers: errors, pages with their totals, and parameters read as the server reads them."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from aiohttp import web

MAX_PER_PAGE = 100
Query = Mapping[str, str]


class WooError(Exception):
    """An answer in WordPress's error shape; the handler sends it."""

    def __init__(self, code: str, message: str, status: int) -> None:
        """Name the error as WooCommerce does."""
        super().__init__(message)
        self.code, self.message, self.status = code, message, status

    def body(self) -> dict[str, Any]:
        """Write the error object."""
        return {"code": self.code, "message": self.message, "data": {"status": self.status}}


def answer(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """Write a JSON answer."""
    return web.Response(status=status, body=orjson.dumps(body), content_type="application/json", headers=headers)


def integer(query: Query, name: str, default: int, *, low: int = 0, high: int | None = None) -> int:
    """Read a whole number in its range. Raises WooError."""
    text = query.get(name, str(default))
    value = int(text) if text.lstrip("-").isdigit() else low - 1
    if value < low or (high is not None and value > high):
        message = f"Invalid parameter(s): {name}"
        raise WooError("rest_invalid_param", message, 400)
    return value


def words(query: Query, name: str) -> list[str]:
    """Read a list: commas, or the same name with `[]`."""
    return [word.strip() for word in query.get(name, query.get(f"{name}[]", "")).split(",") if word.strip()]


def page(rows: Sequence[Any], query: Query) -> tuple[Sequence[Any], dict[str, str]]:
    """Cut one page out of all rows, with the headers that tell the totals; `offset` goes before `page`."""
    size = integer(query, "per_page", 10, low=1, high=MAX_PER_PAGE)
    start = (integer(query, "page", 1, low=1) - 1) * size
    start = integer(query, "offset", 0) if "offset" in query else start
    headers = {"X-WP-Total": str(len(rows)), "X-WP-TotalPages": str(math.ceil(len(rows) / size))}
    return rows[start : start + size], headers
