"""What a writer may not write, a reader never sees."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import BYTES_MAX, WireError, decode, encode
from schemas.records import Cause, OrderConfirmed, StockLevel, Waiting
from schemas.words import CauseKind, Policy

ORDER = {
    "v": 1,
    "sku": "TEE-M",
    "listingSku": "TEE-M",
    "qty": 2,
    "channel": "shopify-uk",
    "orderId": "shopify-uk_1_1",
    "revision": 5,
    "seenAt": 6,
    "orderedAt": 3,
    "receivedAt": 7,
}


def raw(**changes: object) -> bytes:
    return orjson.dumps({**ORDER, **changes})


def order(**changes: object) -> OrderConfirmed:
    return decode(OrderConfirmed, raw(**changes))


def level(**changes: object) -> StockLevel:
    values: dict[str, object] = {
        "sku": "A",
        "quantity": 3,
        "version": 1,
        "paused": None,
        "policy": Policy.REJECT,
        "waiting": (Waiting(order_id="woo_1_1", shortfall=2),),
        "cause": Cause(kind=CauseKind.ORDER, delta=2, received_at=1),
        "source": {"topic": 4},
        "updated_at": 9,
    }
    return StockLevel(**{**values, **changes})  # type: ignore[arg-type]  # the test breaks types on purpose


def test_a_record_is_written_in_camel_case_with_its_version_first() -> None:
    """The bytes are exactly the contract's: names, order and version."""
    assert encode(order()) == raw()


def test_an_unknown_field_is_ignored() -> None:
    """A newer writer of the same major version is understood."""
    assert order(colour="red") == order()


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"v": 2}, "version 2"),
        ({"v": True}, "version True"),
        ({"v": 1.0}, "version 1.0"),
        ({"v": "1"}, "version '1'"),
        ({"qty": -1}, "OrderConfirmed.qty: -1 is not between 0 and 1000000000"),
        ({"qty": 1_000_000_001}, "is not between"),
        ({"qty": 1.0}, "OrderConfirmed.qty: want int, got float"),
        ({"qty": True}, "want int, got bool"),
        ({"qty": "2"}, "want int, got str"),
        ({"qty": None}, "want int, got NoneType"),
        ({"sku": ""}, "OrderConfirmed.sku: 0 bytes, want 1 to 255"),
        ({"sku": "x" * 256}, "256 bytes"),
        ({"sku": "ж" * 128}, "256 bytes"),
        ({"channel": "Shopify"}, "does not match"),
        ({"channel": "a\n"}, "does not match"),
        ({"revision": 2**63}, "is not between"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_its_place(changes: dict[str, object], problem: str) -> None:
    """The error names the field and what it wants."""
    with pytest.raises(WireError) as error:
        order(**changes)

    assert problem in str(error.value)


@pytest.mark.parametrize("changes", [{"sku": "x" * 255}, {"sku": "ж" * 127}, {"qty": 0}, {"qty": 1_000_000_000}])
def test_the_bounds_themselves_fit(changes: dict[str, object]) -> None:
    """Limits are inclusive."""
    assert orjson.loads(encode(order(**changes))) == {**ORDER, **changes}


@pytest.mark.parametrize("name", [name for name in ORDER if name != "v"])
def test_a_missing_field_is_refused_by_name(name: str) -> None:
    """A field without a default must be there."""
    with pytest.raises(WireError, match=f"OrderConfirmed.{name}: missing"):
        decode(OrderConfirmed, orjson.dumps({key: value for key, value in ORDER.items() if key != name}))


def test_a_missing_version_is_refused() -> None:
    """Without `v` nobody knows what the record means."""
    with pytest.raises(WireError, match="version None, this reader knows 1"):
        decode(OrderConfirmed, orjson.dumps({key: value for key, value in ORDER.items() if key != "v"}))


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b"1", b'"x"', b"\xff{}", b'{"v":1,"sku":"\xff"}'])
def test_what_is_no_json_object_is_refused(data: bytes) -> None:
    """Anything but an object is a WireError that names the record, never another exception."""
    with pytest.raises(WireError, match=r"OrderConfirmed: (not JSON|want an object)"):
        decode(OrderConfirmed, data)


def test_a_record_over_the_limit_is_refused_before_it_is_parsed() -> None:
    """One byte more than the limit is refused; the limit itself is read."""
    body = raw(note="")
    room = BYTES_MAX - len(body)

    assert decode(OrderConfirmed, raw(note="x" * room)) == order()
    with pytest.raises(WireError, match=f"{BYTES_MAX + 1} bytes, at most {BYTES_MAX}"):
        decode(OrderConfirmed, raw(note="x" * (room + 1)))


def test_a_record_too_large_to_send_is_refused_by_the_writer() -> None:
    """The broker would refuse it later and less clearly."""
    waiting = tuple(Waiting(order_id="x" * 1_000, shortfall=1) for _ in range(1_000))

    with pytest.raises(WireError, match=f"StockLevel: [0-9]+ bytes, at most {BYTES_MAX}"):
        encode(level(waiting=waiting))


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"waiting": (Waiting(order_id="", shortfall=1),)}, r"StockLevel\.waiting\[0\]\.orderId: 0 bytes"),
        ({"waiting": ("x",)}, r"StockLevel\.waiting\[0\]: want Waiting, got str"),
        ({"waiting": "x"}, r"StockLevel\.waiting: want a list, got str"),
        ({"source": {"t": -1}}, r"StockLevel\.source\.t: -1 is not between"),
        ({"source": {1: 1}}, r"StockLevel\.source: want an object"),
        ({"source": None}, r"StockLevel\.source: want an object"),
        ({"policy": "reject"}, r"StockLevel\.policy: want Policy, got str"),
        ({"cause": None}, r"StockLevel\.cause: want Cause, got NoneType"),
        ({"sku": "\ud800"}, r"StockLevel\.sku: not valid Unicode"),
    ],
)
def test_a_writer_is_never_lenient(changes: dict[str, object], place: str) -> None:
    """A record that does not fit its types cannot be written, however deep the fault lies."""
    with pytest.raises(WireError, match=place):
        encode(level(**changes))


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"waiting": [{"orderId": "a"}]}, r"StockLevel\.waiting\[0\]\.shortfall: missing"),
        ({"waiting": [1]}, r"StockLevel\.waiting\[0\]: want an object, got int"),
        ({"waiting": {}}, r"StockLevel\.waiting: want a list, got dict"),
        ({"policy": "maybe"}, r"StockLevel\.policy: not one of reject, backorder"),
        ({"policy": 1}, r"StockLevel\.policy: not one of"),
        ({"source": []}, r"StockLevel\.source: want an object, got list"),
        ({"paused": "oversold"}, r"StockLevel\.paused: not one of oversell, operator"),
    ],
)
def test_a_reader_names_the_place_of_a_nested_fault(changes: dict[str, object], place: str) -> None:
    """Whoever repairs the record finds the spot."""
    with pytest.raises(WireError, match=place):
        decode(StockLevel, orjson.dumps({**orjson.loads(encode(level())), **changes}))


def test_a_field_with_a_default_may_be_missing() -> None:
    """Records written before the field existed are read."""
    old = {key: value for key, value in orjson.loads(encode(level())).items() if key not in ("waiting", "velocity")}

    assert decode(StockLevel, orjson.dumps(old)) == level(waiting=(), velocity=0)


@given(
    st.builds(
        OrderConfirmed,
        sku=st.text(min_size=1, max_size=60).filter(lambda text: text.isprintable()),
        listing_sku=st.just("X"),
        qty=st.integers(0, 1_000_000_000),
        channel=st.from_regex(r"[a-z0-9-]{1,40}", fullmatch=True),
        order_id=st.from_regex(r"[a-z0-9_%]{1,40}", fullmatch=True),
        revision=st.integers(0, 2**63 - 1),
        seen_at=st.integers(0, 2**53),
        ordered_at=st.integers(0, 2**53),
        received_at=st.integers(0, 2**53),
    )
)
def test_what_is_written_is_read_back_the_same(record: OrderConfirmed) -> None:
    """Encoding and decoding are inverse for every record that fits."""
    assert decode(OrderConfirmed, encode(record)) == record


@given(st.binary(max_size=200))
def test_no_bytes_cause_anything_but_a_wire_error(data: bytes) -> None:
    """A poisonous record is a verdict, not a crash."""
    with pytest.raises(WireError):
        decode(OrderConfirmed, data)
