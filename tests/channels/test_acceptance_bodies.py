"""
What every kind must do with a body, whatever stands in it: run against each captured webhook and each polled answer.

The body of a webhook may be refused by one of two named errors; an answer to a poll is never refused, and what cannot
be read of it becomes a dead letter.
"""

import json
import unicodedata
from collections import Counter
from typing import Any

import pytest

from ingest.channels.calls import POLLS
from ingest.poll.kind import Answer
from ingest.webhook import BadPayload, TooLarge
from schemas import codec
from schemas.records import DeadLetter, OrderConfirmed
from schemas.settings import Kind
from tests.channels import bodies
from tests.channels.bodies import Result, Sample
from tests.channels.conftest import LISTINGS, NOW_MS

WEBHOOKS, POLLED = bodies.webhooks(), bodies.polls()
SAMPLES = WEBHOOKS + POLLED
CANARY = "jane.doe@example.com"
ODD: tuple[Any, ...] = (
    None, True, "", " ", "x", "\N{PILE OF POO}" * 300, -1, 0.5, 1e308, 2**53, 2**63, 2**64, 2**80, [], {}, [[]], [{}],
    "9" * 5_000, "²", "\u0663", "1_000", "0x10", "1e5", "-0", "NaN", "\x00",
    "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-11-21T10:00:00", "1969-12-31T23:59:59Z",
)  # fmt: skip
MANY = 120
"""Places in a body from which on not every value is tried at each."""
COMPOSED, DECOMPOSED = "caf\u00e9", "cafe\u0301"
KEPT = (
    COMPOSED,
    DECOMPOSED,
    "größe 45 👟",
    "\u05d7\u05d5\u05dc\u05e6\u05d4-\u200fM",
    "\u202eRTL\u202c",
    "👩‍👩‍👧‍👦",
    " tee-m ",
    "TEE-M|2_x%5F",
    "a\tb\x00c",
    "x" * 255,
    "é" * 127 + "x",
)
"""SKUs that are taken as they are given, byte for byte."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for `sample` once for each there is, and one that asks for `named` where SKUs stand."""
    if "sample" in metafunc.fixturenames:
        metafunc.parametrize("sample", SAMPLES, ids=str)
    if "polled" in metafunc.fixturenames:
        metafunc.parametrize("polled", bodies.answers(), ids=str)


def read(sample: Sample, body: bytes) -> Result:
    return bodies.read(sample, body, NOW_MS, lambda _channel, listing_id: LISTINGS.get(listing_id))


def outcome(sample: Sample, body: Any) -> Result | None:
    """Return what a body becomes, None where it is refused by one of the errors that the service answers to."""
    try:
        return read(sample, bodies.raw(body))
    except (BadPayload, TooLarge):
        assert not sample.polled, "an answer to a poll cannot be refused: nobody would send it again"
        return None


def sku_places(sample: Sample) -> list[bodies.JsonPath]:
    return bodies.sku_places(sample, read)


def assert_sound(result: Result | None) -> None:
    """Check that whatever came out is within the contract."""
    for message in result.messages if result else ():
        record = codec.decode(OrderConfirmed, message.value)
        assert record.order_id.startswith(f"{bodies.CHANNEL}_")
        assert message.key == record.sku.encode()
    for message in result.dead if result else ():
        codec.decode(DeadLetter, message.value)


@pytest.mark.parametrize("asked", list(POLLS), ids=str)
def test_a_kind_that_can_be_asked_shows_what_it_is_answered(asked: Kind) -> None:
    """`tests/channels/<kind>/polls/` holds an API's answer as sent, with an order from which a record comes."""
    pages = [sample for sample in POLLED if sample.kind is asked]
    assert pages, (
        f"tests/channels/{asked}/polls/: no file is an answer that {asked}_poll.read takes for a page of orders"
    )
    counts = [len(read(sample, sample.raw).records) for sample in pages]
    assert any(counts), f"tests/channels/{asked}/polls/: no captured order becomes a record"


def test_a_kind_shows_a_sku_of_its_own(kind: Kind) -> None:
    """Some captured body names a SKU that becomes a record's, or the tests of SKUs would test nothing."""
    samples = [sample for sample in SAMPLES if sample.kind is kind]
    found = [path for sample in samples for path in sku_places(sample)]
    assert found, f"tests/channels/{kind}: no webhook and no polled answer holds a line with a SKU that is not mapped"


def test_the_same_body_again_gives_the_same_bytes(sample: Sample) -> None:
    """A retry or a replay says the same of each line, in the same records, under the same event ids."""
    assert read(sample, sample.raw) == read(sample, sample.raw)


def test_unknown_fields_change_nothing(sample: Sample) -> None:
    """Vendors add fields without notice, in any object, of any shape: nothing else comes out."""
    plain = read(sample, sample.raw).told
    for value in (None, 7, "x", [1, 2, 3], {"nested": [{"sku": "X", "id": 1, "quantity": 5}]}):
        assert read(sample, bodies.raw(bodies.extended(sample.body, "a_field_of_2031", value))).told == plain


def test_a_name_given_twice_counts_with_its_last_value(sample: Sample) -> None:
    """Duplicate names are no way to show one order to a filter in front of us and another to us."""
    if isinstance(sample.body, dict | list):
        plain = read(sample, sample.raw).told
        firsts: tuple[Any, ...] = (None, 9, "evil", [], {})
        for first in firsts:
            assert read(sample, bodies.doubled(sample.body, first).encode()).told == plain


def test_a_missing_field_is_refused_or_harmless(sample: Sample) -> None:
    """Without any one field a body is refused by a named error, or what comes out is within the contract."""
    for path in bodies.places(sample.body):
        assert_sound(outcome(sample, bodies.without(sample.body, path)))


def test_a_value_of_the_wrong_type_or_size_never_gets_through(sample: Sample) -> None:
    """Any value may be anything: refused by a named error, dead-lettered, or encoded within the contract's bounds."""
    places = bodies.places(sample.body)
    every = 1 if len(places) < MANY else 4  # of a long page each place meets some, and each value many places
    for number, path in enumerate(places):
        for value in ODD[number % every :: every]:
            assert_sound(outcome(sample, bodies.put(sample.body, path, value)))


def test_nothing_of_the_body_but_ids_reaches_a_dead_letter(sample: Sample) -> None:
    """Errors name places, types and ids: what a customer typed into any field is in no dead letter's sentence."""
    for path in bodies.places(sample.body):
        for value in ({"deep": CANARY}, [CANARY]):
            result = outcome(sample, bodies.put(sample.body, path, value))
            assert result is None or CANARY not in json.dumps(result.letters)
        result = outcome(sample, bodies.put(sample.body, path, CANARY))
        for letter in result.letters if result else ():
            assert CANARY not in letter["err"].replace(letter["listingId"] or "\0", "")


def test_a_customer_s_data_reaches_nothing(sample: Sample) -> None:
    """Name, address and mail stand in fields that we do not read, wherever a vendor puts them."""
    for field in ("email", "note", "customer", "shipping_address", "buyer", "name_of_buyer"):
        result = read(
            sample, bodies.raw(bodies.extended(sample.body, field, {"first_name": CANARY, "lines": [CANARY]}))
        )
        text = b"".join(part for message in (*result.messages, *result.dead) for part in (message.key, message.value))
        assert CANARY.encode() not in text


def test_a_sku_is_taken_as_it_is_given(sample: Sample) -> None:
    """Any text of 1 to 255 bytes is a SKU of its own: no trimming, no folding, no normalising."""
    assert unicodedata.normalize("NFC", DECOMPOSED) == COMPOSED
    for path in sku_places(sample):
        before = Counter(record["sku"] for record in read(sample, sample.raw).records)
        for sku in KEPT:
            twin = bodies.put(sample.body, path, sku)
            for text in (json.dumps(twin), json.dumps(twin, ensure_ascii=False)):
                result = read(sample, text.encode())
                moved = Counter(record["sku"] for record in result.records)
                assert moved - before == Counter({sku: 1}), f"{sku!r} became {moved}"
                assert sku.encode() in {message.key for message in result.messages}


def test_a_sku_that_is_too_long_becomes_a_dead_letter(sample: Sample) -> None:
    """Over 255 bytes, whatever the number of characters: no record, and a dead letter that names the line."""
    plain = read(sample, sample.raw)
    for path in sku_places(sample):
        for sku in ("x" * 256, "é" * 128, "👕" * 64, "x" * 100_000):
            result = read(sample, bodies.raw(bodies.put(sample.body, path, sku)))
            assert len(result.records) == len(plain.records) - 1
            assert len(result.letters) == len(plain.letters) + 1


def test_a_line_without_a_sku_is_never_booked_under_none(sample: Sample) -> None:
    """Empty, null or missing: the listing's SKU, a dead letter or an ignored line, and no record without a name."""
    plain = read(sample, sample.raw)
    for path in sku_places(sample):
        for body in (
            bodies.put(sample.body, path, ""),
            bodies.put(sample.body, path, None),
            bodies.without(sample.body, path),
        ):
            result = read(sample, bodies.raw(body))
            assert all(record["sku"] for record in result.records)
            assert len(result.records) + len(result.letters) <= len(plain.records) + len(plain.letters)
        for blank in (" ", "\t", "\u00a0", "\u200b"):
            result = read(sample, bodies.raw(bodies.put(sample.body, path, blank)))
            assert {record["sku"] for record in result.records} <= {blank, *(record["sku"] for record in plain.records)}


@pytest.mark.parametrize("text", ["\ud800", "TEE-\udfff"])
def test_half_a_character_is_no_sku(sample: Sample, text: str) -> None:
    """A lone surrogate has no UTF-8 form: nothing of such a body is booked."""
    for path in sku_places(sample):
        result = outcome(sample, bodies.put(sample.body, path, text))
        assert result is None or result.records == []


def test_what_is_no_json_is_refused_and_never_a_fault(sample: Sample) -> None:
    """Text, half a body, broken UTF-8, endless nesting, not-a-number: a named error, or a poll that asks again."""
    whole = bodies.raw(sample.body)
    junk = (b"", b"null", b"7", b'"x"', whole[:-1], whole + b"}", b"\xff\xfe" + whole, b"\xef\xbb\xbf" + whole,
            b"[" * 100_000, b'{"a":' * 10_000 + b"1" + b"}" * 10_000, b'{"id": NaN}', b'{"id": Infinity}',
            b'{"id": -Infinity}', b'{"id": 01}', b"{'id': 1}", b'{"a":"\\ud800"}', b'{"id": 1}\x00')  # fmt: skip
    for body in junk:
        if sample.polled:
            assert read(sample, body).records == []
        else:
            with pytest.raises(BadPayload):
                read(sample, body)


def test_an_answer_to_a_poll_never_raises(polled: Sample) -> None:
    """Whatever status and headers come with a captured body, also one that belongs to another call."""
    poll = POLLS.get(polled.kind)
    if poll is None:
        pytest.fail(f"tests/channels/{polled.kind}/polls/ is not empty, and POLLS has no {polled.kind}")
    states = [poll.start(0), poll.some(["1", "2"])]
    for status in (0, 200, 204, 301, 400, 401, 403, 404, 413, 429, 500, 503, 599):
        for headers in ({}, {"retry-after": "2"}, {"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}):
            for state in states:
                assert poll.read(state, Answer(status=status, headers=headers, body=polled.raw)) is not None
