"""
The file that a bulk operation has left: read in parts, so that no answer is large.  Pure.

Facts: the file stands in a cloud store that takes `Range` (RFC 9110, section 14); its address is signed, so no token of
ours goes there.
"""

from collections.abc import Generator
from typing import Any

from publishers.push import READ, Request, Response

PART = 4 * 1024 * 1024
FILE_MAX = 128 * 1024 * 1024
"""Most bytes of a file that are read: about half a million variants."""
TRIES = 3
AGAIN_MS = 2_000


def download(url: str, size: Any) -> Generator[Request, Response, bytes | str]:
    """Return the file at `url`, of `size` bytes as the shop says, or why it cannot be read; no address is no rows."""
    if not url:
        return b""
    total = int(size) if str(size).isdecimal() else None
    if not url.startswith(("https://", "http://")) or (total or 0) > FILE_MAX:
        return f"the bulk operation's file of {size} bytes is not read"
    if total is None:
        return (yield from _part(url, {}))
    body = bytearray()
    while len(body) < total:
        part = yield from _part(url, {"Range": f"bytes={len(body)}-{min(total, len(body) + PART) - 1}"})
        if isinstance(part, str):
            return part
        body += part
    return bytes(body) if len(body) == total else f"the bulk operation's file has {len(body)} bytes, not {total}"


def _part(url: str, headers: dict[str, str]) -> Generator[Request, Response, bytes | str]:
    """Read a part (all of it without a range); an empty one is an error, so that each one leads on."""
    err = ""
    for attempt in range(TRIES):
        wait = AGAIN_MS if attempt else 0
        response = yield Request(method="GET", path="", body=b"", url=url, bucket=READ, headers=headers, after_ms=wait)
        if response.status in (200, 206) and response.body:
            return response.body
        err = response.err or f"HTTP {response.status}"
    return f"the bulk operation's file cannot be read: {err}"
