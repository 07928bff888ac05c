"""Calls under way, between their requests."""

import pytest

from publishers.kind import Conversation
from publishers.push import Accepted, Answer, Request, Response
from publishers.talks import Talks
from publishers.work import Call, Purpose

CALL = Call(request_id="r", rows=(), at=0, since={}, purpose=Purpose.BULK)


def conversation(*, throttled: bool) -> Conversation:
    """Ask at once, and once more a minute later."""
    yield Request(path="/", body=b"")
    yield Request(path="/", body=b"", after_ms=60_000, throttled=throttled)
    return Answer(verdicts=(Accepted(),))


def test_a_conversation_that_waits_takes_no_lane() -> None:
    """Others may use it until the next request may be sent; the end gives the answer."""
    talks = Talks()
    first = talks.begin(CALL, conversation(throttled=False), 1_000)
    talks.sent(first)
    second = talks.answered(first, Response(status=200), 2_000)
    assert isinstance(second, Call)
    assert (second.step, second.request.after_ms) == (1, 60_000)
    assert [talks.busy(now) for now in (2_000, 61_999, 62_000)] == [0, 0, 1]
    talks.sent(second)
    assert talks.answered(second, Response(status=200), 63_000) == Answer(verdicts=(Accepted(),))
    assert len(talks) == 0


@pytest.mark.parametrize(("throttled", "due"), [(False, 2_600), (True, 62_000)])
def test_a_rehearsal_waits_less_but_not_where_the_channel_asked_for_it(*, throttled: bool, due: int) -> None:
    """A channel that is told too fast is no faster in a rehearsal."""
    talks = Talks(scale=10)
    talks.answered(talks.begin(CALL, conversation(throttled=throttled), 1_000), Response(status=200), 2_000)
    assert [talk.due for talk in talks] == [due]
