"""
A stand-in for Slack: an incoming webhook, and the two methods of its web API that post and update a message.

Written from https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks,
https://docs.slack.dev/reference/methods/chat.postMessage and https://docs.slack.dev/apis/web-api/rate-limits: about one
message a second, short bursts allowed, beyond that 429 with `Retry-After`; the web API answers 200 with `ok` false.

`python -m compose.fakes.slack`: FAKE_TOKEN is the bot's token, FAKE_WEBHOOK the last part of the webhook's path.
`GET /_control/messages` shows the channel, `POST /_control/faults` takes `{"status": 503, "count": 2}`,
`{"lost": 1}` (taken, and the connection dropped) or `{"latency_ms": 50}`.
"""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web

HOST = "127.0.0.1"
CHANNEL = "C024BE91L"
BURST = 5
PER_S = 1.0
CLOSED = "edit_window_closed"


@dataclass
class Slack:
    """
    One workspace with one channel; `edits` counts how often each message was changed.

    A message with the text `poison` in it is refused for good.
    """

    token: str
    webhook: str
    clock: Callable[[], float] = time.monotonic
    messages: list[dict[str, Any]] = field(default_factory=list)
    refused: int = 0
    statuses: list[int] = field(default_factory=list)
    lost: int = 0
    latency_ms: int = 0
    editable: bool = True
    poison: str = ""
    _left: float = BURST
    _at: float = 0.0

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints."""
        return [
            web.post("/services/{team}/{app}/{secret}", self._weather(self._hook)),
            web.post("/api/{method}", self._weather(self._method)),
            web.get("/_control/messages", self._shown),
            web.post("/_control/faults", self._faults),
        ]

    def _weather(self, handler: Callable[[web.Request], Any]) -> Callable[[web.Request], Any]:
        async def passed(request: web.Request) -> web.StreamResponse:
            if self.latency_ms:
                await asyncio.sleep(self.latency_ms / 1_000)
            if self.statuses:
                return web.Response(status=self.statuses.pop(0), text="server_error")
            if not self._room():
                self.refused += 1
                return web.Response(status=429, headers={"Retry-After": "1"}, text="rate_limited")
            answer: web.StreamResponse = await handler(request)
            if self.lost:
                self.lost -= 1
                assert request.transport is not None
                request.transport.abort()
            return answer

        return passed

    def _room(self) -> bool:
        now = self.clock()
        self._left = min(BURST, self._left + (now - self._at) * PER_S) if self._at else self._left
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True

    async def _hook(self, request: web.Request) -> web.Response:
        if request.match_info["secret"] != self.webhook:
            return web.Response(status=404, text="no_service")
        body = _json(await request.read())
        if body is None:
            return web.Response(status=400, text="invalid_payload")
        if not body.get("text"):
            return web.Response(status=400, text="no_text")
        if self._poisoned(body):
            return web.Response(status=400, text="invalid_payload")
        self._post(str(body["text"]))
        return web.Response(text="ok")

    def _poisoned(self, body: Mapping[str, Any]) -> bool:
        return bool(self.poison) and self.poison in str(body.get("text"))

    def _post(self, text: str) -> str:
        ts = f"{1_700_000_000 + len(self.messages)}.000100"
        self.messages.append({"ts": ts, "text": text, "edits": 0})
        return ts

    async def _method(self, request: web.Request) -> web.Response:
        body = _json(await request.read()) or {}
        error = self._refusal(request, body)
        if error is None and request.match_info["method"] == "chat.postMessage":
            return web.json_response({"ok": True, "channel": CHANNEL, "ts": self._post(str(body["text"]))})
        found = next((one for one in self.messages if one["ts"] == body.get("ts")), None)
        if error is None and found is None:
            error = "message_not_found"
        if error is not None or found is None:
            return web.json_response({"ok": False, "error": error})
        found.update(text=str(body["text"]), edits=found["edits"] + 1)
        return web.json_response({"ok": True, "channel": CHANNEL, "ts": found["ts"], "text": found["text"]})

    def _refusal(self, request: web.Request, body: Mapping[str, Any]) -> str | None:
        method = request.match_info["method"]
        channels = ("#stock", CHANNEL) if method == "chat.postMessage" else (CHANNEL,)
        checks = (
            (request.headers.get("Authorization") == f"Bearer {self.token}", "invalid_auth"),
            (method in ("chat.postMessage", "chat.update"), "unknown_method"),
            (body.get("channel") in channels, "channel_not_found"),
            (bool(body.get("text")), "no_text"),
            (not self._poisoned(body), "msg_too_long"),
            (self.editable or method != "chat.update", CLOSED),
        )
        return next((error for holds, error in checks if not holds), None)

    async def _shown(self, _request: web.Request) -> web.Response:
        return web.json_response({"messages": self.messages, "refused": self.refused})

    async def _faults(self, request: web.Request) -> web.Response:
        wish = await request.json()
        self.statuses = [int(wish.get("status", 0))] * int(wish.get("count", 1 if "status" in wish else 0))
        self.lost, self.latency_ms = int(wish.get("lost", 0)), int(wish.get("latency_ms", 0))
        return web.json_response({})


def _json(raw: bytes) -> dict[str, Any] | None:
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    return body if isinstance(body, dict) else None


def application(slack: Slack) -> web.Application:
    """Make the application of a workspace."""
    app = web.Application()
    app.add_routes(slack.routes())
    return app


async def serve(slack: Slack) -> None:
    """Serve until a signal asks for the end."""
    runner = web.AppRunner(application(slack), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, HOST, 0).start()
    print(f"READY {HOST}:{runner.addresses[0][1]}", flush=True)
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await ended.wait()
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(serve(Slack(token=os.environ.get("FAKE_TOKEN", ""), webhook=os.environ.get("FAKE_WEBHOOK", ""))))
