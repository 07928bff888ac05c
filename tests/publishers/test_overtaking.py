"""SKUs that are told by themselves while a bulk with an older number of them is under way."""

from publishers.overtaking import Overtaking
from publishers.work import Call, Purpose


def call(purpose: Purpose, *skus: str) -> Call:
    """Return a call for these SKUs."""
    return Call(request_id="r", rows=(), at=0, since=dict.fromkeys(skus, 0), purpose=purpose)


def test_who_is_told_beside_a_bulk_is_told_once_more_when_it_has_ended() -> None:
    """Nobody knows which of the two the channel applied last; who is in no bulk overtakes nothing."""
    overtaking = Overtaking()
    bulk, beside = call(Purpose.BULK, "A", "B"), call(Purpose.TELL, "A", "C")
    for one in (bulk, beside):
        overtaking.begin(one)
    overtaking.end(beside)
    assert [sku for sku in "ABC" if sku in overtaking] == ["A"]
    assert not overtaking.over("A"), "the bulk is still under way"
    overtaking.end(bulk)
    assert [sku for sku in "ABC" if overtaking.over(sku)] == ["A"]
    assert not overtaking.over("A"), "once"


def test_after_its_end_nobody_overtakes_a_bulk() -> None:
    """And two bulks under way are two."""
    overtaking = Overtaking()
    first, second = call(Purpose.BULK, "A"), call(Purpose.BULK, "B")
    for one in (first, second):
        overtaking.begin(one)
    overtaking.end(first)
    overtaking.begin(call(Purpose.TELL, "A", "B"))
    overtaking.end(second)
    assert [sku for sku in "AB" if overtaking.over(sku)] == ["B"]
