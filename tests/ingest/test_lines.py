"""From lines to records, beyond what the channels' deliveries show."""

import json
from dataclasses import replace
from typing import Any

import pytest

from ingest.lines import Unmapped, confirmed, messages
from ingest.message import Arrival
from ingest.webhook import Line, Reading, Refused
from schemas.channel_records import Component, Listing
from schemas.codec import decode
from schemas.records import OrderConfirmed
from schemas.words import Reason

ARRIVAL = Arrival(channel="uk", received_at=1_000, body_sha256="0" * 64, traceparent=None)
BUNDLE = Listing(
    channel="uk",
    listing_id="9",
    sku="SET",
    components=(Component(sku="CUP", qty=2), Component(sku="CUP", qty=1), Component(sku="PLATE", qty=1)),
)


def line(**more: Any) -> Line:
    given = {"order": "7", "line": "1", "sku": "A", "listing_id": "9", "qty": 2, "revision": 3, "seen_at": 4}
    return Line(**{**given, "ordered_at": 5, **more})


def nothing(_channel: str, _listing_id: str) -> None:
    return None


def bundle(_channel: str, _listing_id: str) -> Listing:
    return BUNDLE


def test_a_listing_outranks_the_sku_that_the_channel_shows() -> None:
    """The seller's map of ids decides; a line that is not mapped is the SKU it shows."""
    plain = Listing(channel="uk", listing_id="9", sku="B")
    assert [record.sku for record in confirmed(line(), ARRIVAL, lambda _c, _l: plain)] == ["B"]
    assert [record.sku for record in confirmed(line(), ARRIVAL, nothing)] == ["A"]
    assert [record.sku for record in confirmed(line(sku=""), ARRIVAL, lambda _c, _l: plain)] == ["B"]


def test_a_line_is_looked_for_by_each_of_its_names_in_their_order() -> None:
    """A mapping by a name of former times goes on; the first name is the one that a dead letter asks for."""
    known = {name: Listing(channel="uk", listing_id=name, sku=f"BY-{name}") for name in ("2", "3")}
    several = line(sku="", others=("2", "3"))
    assert [record.sku for record in confirmed(several, ARRIVAL, lambda _c, name: known.get(name))] == ["BY-2"]
    known["9"] = replace(known["2"], listing_id="9", sku="BY-9")
    assert [record.sku for record in confirmed(several, ARRIVAL, lambda _c, name: known.get(name))] == ["BY-9"]
    (dead,) = messages(Reading(order="7", lines=(several,)), ARRIVAL, nothing).dead
    assert json.loads(dead.value or b"")["listingId"] == "9"


def test_a_bundle_takes_its_components_even_when_nothing_is_left_of_it() -> None:
    """One record a component, counted together; a cancel is zero of each, not silence."""
    found = {record.sku: record for record in confirmed(line(), ARRIVAL, bundle)}
    assert {sku: record.qty for sku, record in found.items()} == {"CUP": 6, "PLATE": 2}
    assert {(record.order_id, record.listing_sku) for record in found.values()} == {("uk_7_1", "SET")}

    cancelled = confirmed(line(qty=0), ARRIVAL, bundle)

    assert {record.sku: record.qty for record in cancelled} == {"CUP": 0, "PLATE": 0}


def test_a_line_that_is_not_paid_holds_its_units_only_where_the_channel_wants_it_so() -> None:
    """`hold_pending` decides it, for bundles and lines that wait for their listing too; a paid line always holds."""
    reading = Reading(order="7", lines=(line(pending=True), line(line="2"), line(line="3", sku="", pending=True)))
    held = messages(reading, ARRIVAL, nothing)
    free = messages(reading, replace(ARRIVAL, hold_pending=False), nothing)

    assert [json.loads(message.value)["qty"] for message in held.all] == [2, 2, 2]
    assert [json.loads(message.value)["qty"] for message in free.all] == [0, 2, 0]
    bundled = messages(Reading(order="7", lines=(line(pending=True),)), replace(ARRIVAL, hold_pending=False), bundle)
    assert [json.loads(message.value)["qty"] for message in bundled.all] == [0, 0]


def test_lines_of_one_order_that_share_a_component_are_netted_each_by_itself() -> None:
    """Two bundle lines and a line of the component alone: three order ids, and no line takes another's units."""
    lines = (line(), line(line="2", qty=1), line(line="3", sku="CUP", listing_id=""))
    ready = messages(Reading(order="7", lines=lines), ARRIVAL, bundle)
    records = [decode(OrderConfirmed, message.value) for message in ready.orders]

    assert sorted((record.order_id, record.sku, record.qty, record.listing_sku) for record in records) == [
        ("uk_7_1", "CUP", 6, "SET"),
        ("uk_7_1", "PLATE", 2, "SET"),
        ("uk_7_2", "CUP", 3, "SET"),
        ("uk_7_2", "PLATE", 1, "SET"),
        ("uk_7_3", "CUP", 2, "CUP"),
    ]
    assert len({dict(message.headers)["ce_id"] for message in ready.orders}) == 5


def test_a_retired_listing_s_orders_count_like_any_other() -> None:
    """What was sold, is cancelled or comes back moves the stock, whether the listing is sold on or not."""
    retired = Listing(channel="uk", listing_id="9", sku="B", retired=True)
    found = confirmed(line(sku=""), ARRIVAL, lambda _c, _l: retired)

    assert [(record.sku, record.qty) for record in found] == [("B", 2)]


def test_a_bundle_is_counted_whole_or_not_at_all() -> None:
    """If one component's units are out of range, no half of the bundle is booked."""
    ready = messages(Reading(order="7", lines=(line(qty=400_000_000),)), ARRIVAL, bundle)

    assert ready.orders == ()
    assert ready.reasons == {Reason.OUT_OF_RANGE: 1}


def test_a_line_without_sku_and_listing_is_unmapped() -> None:
    """It says which listing is missing, so that somebody can map it."""
    with pytest.raises(Unmapped, match="listing 9 is not mapped"):
        confirmed(line(sku=""), ARRIVAL, nothing)


def test_a_dead_letter_holds_what_fits_and_leaves_out_the_rest() -> None:
    """An overlong SKU, order id or quantity does not stop the dead letter itself."""
    refused = Refused(reason=Reason.OUT_OF_RANGE, err="é" * 2_000, order="ü" * 400, line="l", sku="é" * 200, qty=10**15)

    (message,) = messages(Reading(refused=(refused,)), ARRIVAL, nothing).dead

    letter = json.loads(message.value)
    assert (letter["sku"], letter["orderId"], letter["qty"]) == (None, f"uk_{'ü' * 400}_l", None)
    assert letter["err"] == "é" * 250
    assert message.key == f"uk_{'ü' * 400}_l".encode()


def test_the_same_fault_has_the_same_name_and_another_fault_another() -> None:
    """A redelivery's dead letter can be told to be the same; two lines of one order cannot be confused."""

    def name(refused: Refused) -> str:
        (message,) = messages(Reading(refused=(refused,)), ARRIVAL, nothing).dead
        return str(json.loads(message.value)["deadLetterId"])

    one = Refused(reason=Reason.UNMAPPED, err="e", order="7", line="1")
    assert name(one) == name(Refused(reason=Reason.UNMAPPED, err="e", order="7", line="1"))
    assert name(one) != name(Refused(reason=Reason.UNMAPPED, err="e", order="7", line="2"))
