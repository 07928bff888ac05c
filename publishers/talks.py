"""
The calls that are under way: conversations between their requests, and between a request and its answer.  Pure.

A conversation may want a request later (a feed is asked after from time to time): meanwhile it takes no lane.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from publishers.kind import Conversation, Sweep, Swept
from publishers.push import Answer, Request, Response
from publishers.work import ASIDE, Call


@dataclass(slots=True, kw_only=True)
class Talk:
    """
    A call with its conversation; `due` is when its next request may be made, None while one is on its way.

    After `until` it must not be made any more (None: there is no such time).
    """

    call: Call
    conversation: Conversation | Sweep
    due: int | None
    until: int | None = None


class Talks:
    """All calls under way, by their request ids."""

    def __init__(self, scale: int = 1_000) -> None:
        """Start with none; waits that are not the channel's own wish are multiplied by `scale` over 1,000."""
        self._talks: dict[str, Talk] = {}
        self._scale = scale

    def __iter__(self) -> Iterator[Talk]:
        """Yield them, the oldest first."""
        return iter(tuple(self._talks.values()))

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._talks)

    def begin(self, call: Call, conversation: Conversation | Sweep, now: int) -> Call:
        """Take up a call; returns it with its first request, which waits to be sent."""
        first = replace(call, request=next(conversation))
        due = now + self._after(first.request)
        self._talks[call.request_id] = Talk(call=first, conversation=conversation, due=due)
        return first

    def busy(self, now: int) -> int:
        """Return how many lanes are taken: requests on their way, or that may be sent; a read-back takes none."""
        talks = (talk for talk in self._talks.values() if talk.call.purpose not in ASIDE)
        return sum(talk.due is None or talk.due <= now for talk in talks)

    def sent(self, call: Call) -> None:
        """Note that a call's request is handed out."""
        self._talks[call.request_id].call = call
        self._talks[call.request_id].due = None

    def answered(self, call: Call, response: Response, now: int) -> Call | Answer | Swept:
        """Go on with a response: returns the call with its next request, or how the conversation has ended."""
        talk = self._talks[call.request_id]
        try:
            request = talk.conversation.send(response)
        except StopIteration as end:
            del self._talks[call.request_id]
            ended: Answer | Swept = end.value
            return ended
        wrote = call.wrote or call.request.method != "GET"
        talk.call = replace(call, request=request, step=call.step + 1, wrote=wrote)
        talk.due = now + self._after(request)
        talk.until = now + request.within_ms if request.within_ms else None
        return talk.call

    def _after(self, request: Request) -> int:
        return request.after_ms if request.throttled else request.after_ms * self._scale // 1_000

    def drop(self, call: Call) -> None:
        """Forget a call: its conversation is not gone on with."""
        del self._talks[call.request_id]
