"""How Amazon is told levels, and what its answers mean: each file in `pushes/` is one conversation."""

import gzip
import json
from collections.abc import Callable, Generator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import unquote

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from publishers.channels import amazon as kind
from publishers.channels import amazon_report
from publishers.kind import Kind, Seen, Swept
from publishers.push import (
    NAMES,
    TOKEN,
    Accepted,
    Account,
    Answer,
    Rejected,
    Request,
    Response,
    Retry,
    Row,
    Shows,
    Verdict,
)
from schemas.channel_records import Listing

PUSHES = sorted((Path(__file__).parent / "pushes").glob("*.json"))
ACCOUNT = Account(alias="A3TH9S8BH6GOGM", marketplaces=("ATVPDKIKX0DER", "A2EUQ1WTGCTBG2"))
ITEMS = "/listings/2021-08-01/items/A3TH9S8BH6GOGM"
STEPS_MAX = 200
Judges = Callable[[Kind, Callable[[int], list[Row]], Path], None]
Talk = Generator[Request, Response, Answer | Swept]


def listing(sku: str) -> Listing:
    """Make a listing: its id is the seller's SKU at Amazon, which need not be ours."""
    return Listing(channel="a", listing_id=sku, sku=f"OUR-{sku}")


def row(sku: str, quantity: int = 5) -> Row:
    """Make a row."""
    return Row(sku=f"OUR-{sku}", listing=listing(sku), quantity=quantity, version=1)


def rows(count: int) -> list[Row]:
    """Make rows, each with a number of its own."""
    return [row(f"S{number}", 5 + number) for number in range(count)]


def feed(count: int = 3) -> Talk:
    """Tell rows in a feed."""
    assert kind.BULK is not None
    return kind.BULK.tell(rows(count), ACCOUNT, "r1")


def ended(talk: Talk, *answers: Response) -> Any:
    """Hold a conversation to its end, with the last answer again and again: returns what it comes to."""
    left = [*answers]
    next(talk)
    for _ in range(STEPS_MAX):
        try:
            talk.send(left.pop(0) if len(left) > 1 else left[0])
        except StopIteration as end:
            return end.value
    pytest.fail("the conversation does not end")


def found(body: object, status: int = 200, at: int = 0) -> Response:
    """Make an answer."""
    return Response(status=status, body=orjson.dumps(body), at=at)


@pytest.mark.parametrize("path", PUSHES, ids=lambda path: path.stem)
def test_every_conversation_gets_its_verdicts(path: Path, judges: Judges) -> None:
    """Request by request and row by row, with what the answers say of the budget."""
    few: Kind = kind
    many = cast("Kind", SimpleNamespace(tell=kind.BULK.tell if kind.BULK else None))
    judges(many if path.stem.startswith("feed_") else few, rows, path)


def test_a_sku_goes_into_the_path_whole() -> None:
    """Slashes, spaces, percent signs and letters of all kinds occur in a seller's SKU; nothing of it parts the path."""
    for sku in ("A/B", "A B", "50%", "A?x=1#y", "Größe,M", "A+B", "A%2FB", ".", "..", " A ", "..."):
        request = next(kind.tell([row(sku)], ACCOUNT, "r1"))
        path, _, query = request.path.partition("?")
        head, _, last = path.rpartition("/")
        assert (head, unquote(last)) == (ITEMS, sku)
        assert last not in (".", "..")
        assert query == "marketplaceIds=ATVPDKIKX0DER,A2EUQ1WTGCTBG2"


def test_equal_arguments_make_equal_requests() -> None:
    """A call that is made again asks for the same."""
    assert next(kind.tell(rows(1), ACCOUNT, "r1")) == next(kind.tell(rows(1), ACCOUNT, "r2"))
    assert next(feed()) == next(feed())


def test_a_pause_is_no_more_than_zero() -> None:
    """Amazon sells nothing at 0."""
    paused = Row(sku="OUR-S0", listing=listing("S0"), quantity=0, version=1, paused=True)
    value = orjson.loads(next(kind.tell([paused], ACCOUNT, "r1")).body)["patches"][0]["value"]
    assert value == [{"fulfillment_channel_code": "DEFAULT", "quantity": 0}]
    assert not kind.PAUSES


def test_the_access_token_is_a_header_and_files_never_see_it() -> None:
    """A file's address is proof by itself."""
    assert kind.headers({TOKEN: "Atza|1"}) == {"x-amz-access-token": "Atza|1", "Accept": "application/json"}
    talk = feed()
    next(talk)
    upload = talk.send(found({"feedDocumentId": "d", "url": "https://files.example/1?sig=x"}, 201))
    assert (upload.url, upload.path) == ("https://files.example/1?sig=x", "")
    assert upload.headers == {"Content-Type": "application/json; charset=UTF-8"}
    assert "sig=x" not in repr(upload)
    with pytest.raises(StopIteration) as end:
        talk.send(Response(status=403, body=b"<Error><AWSAccessKeyId>AKIA</AWSAccessKeyId></Error>"))
    assert end.value.value.verdicts[0] == Retry("a feed's file is not taken: HTTP 403")


def test_rows_of_several_products_share_no_call() -> None:
    """`patchListingsItem` takes one SKU; a feed pays from Amazon's own figure on, and takes what its schema says."""
    assert (kind.BATCH, kind.HOT_BATCH, kind.READ_BATCH) == (1, 1, 20)
    assert kind.BULK is not None
    assert (kind.BULK.least, kind.BULK.most) == (1_500, 25_000)
    assert kind.BULK.bucket in kind.LIMITS
    assert kind.key(listing("S0")) == "S0"
    assert kind.group(listing("S0")) == kind.group(listing("S1"))


def test_a_sku_with_a_comma_is_read_by_itself() -> None:
    """In a list Amazon cannot tell it from two SKUs."""
    asked = [row("A,B", 1), row("C", 2), row("D,E", 3)]
    talk = kind.read(asked, ACCOUNT)
    made = [next(talk)]
    answers = [
        found({"numberOfResults": 1, "items": [_item("C", 4)]}, at=11),
        found(_item("A,B", 5), at=12),
        found({"errors": [{"code": "NOT_FOUND", "message": "no such SKU"}]}, 404),
    ]
    made += [talk.send(answer) for answer in answers[:-1]]
    with pytest.raises(StopIteration) as end:
        talk.send(answers[-1])
    assert "identifiers=C&" in made[0].path
    assert [request.path.partition("?")[0] for request in made[1:]] == [f"{ITEMS}/A%2CB", f"{ITEMS}/D%2CE"]
    assert end.value.value.verdicts[:2] == (Shows(5, 12), Shows(4, 11))
    assert isinstance(end.value.value.verdicts[2], Rejected)


def _item(sku: str, *quantities: int) -> dict[str, Any]:
    available = [{"fulfillmentChannelCode": "DEFAULT", "quantity": quantity} for quantity in quantities]
    return {"sku": sku, "fulfillmentAvailability": available}


def _page(skus: range, token: str = "") -> Response:
    body: dict[str, Any] = {"numberOfResults": 1_200, "items": [_item(f"S{number}", number) for number in skus]}
    return found({**body, "pagination": {"nextToken": token}} if token else body, at=7)


def test_a_sweep_reads_the_pages_and_then_what_no_page_has_shown() -> None:
    """A search ends at its 1,000th result; the listings that we know are asked for by name then, 20 at a time."""
    known = [listing(f"S{number}") for number in range(1_100)] + [listing("A,B")]
    talk, number, asked = kind.sweep(ACCOUNT, known), 0, list[str]()
    request = next(talk)
    while True:
        asked.append(request.path)
        if "identifiers=" in request.path:
            skus = request.path.split("identifiers=")[1].split("&")[0].split(",")
            answer = found({"numberOfResults": len(skus), "items": [_item(sku, 1) for sku in skus if sku != "S1099"]})
        elif "/A%2CB" in request.path:
            answer = found(_item("A,B", 9))
        else:
            answer, number = _page(range(number, number + 20), f"t{number}"), number + 20
        try:
            request = talk.send(answer)
        except StopIteration as end:
            swept = end.value
            break
    assert len(asked) == 50 + 5 + 1
    assert "pageToken=t0" in asked[1]
    assert swept.err == ""
    assert {one.key for one in swept.seen} == {one.listing_id for one in known} - {"S1099"}
    assert swept.seen[7] == Seen(key="S7", sku="S7", quantity=7, at=7)


def test_a_sweep_shows_what_is_mapped_by_nobody_and_what_amazon_keeps() -> None:
    """A listing without a number of our own channel has none."""
    items = [_item("UNKNOWN", 3), {"sku": "FBA", "fulfillmentAvailability": [{"fulfillmentChannelCode": "AMAZON_EU"}]}]
    swept = ended(kind.sweep(ACCOUNT, []), found({"numberOfResults": 2, "items": items}))
    assert {one.key: one.quantity for one in swept.seen} == {"UNKNOWN": 3, "FBA": None}


def test_a_sweep_that_breaks_says_so_and_keeps_what_it_saw() -> None:
    """A page that is refused is asked for again, and not for ever."""
    swept = ended(kind.sweep(ACCOUNT, [listing("S90")]), _page(range(20), "t"), Response(status=500))
    assert (len(swept.seen), swept.err, swept.credentials) == (20, "HTTP 500", False)
    denied = found({"errors": [{"code": "Unauthorized", "message": "words"}]}, 403)
    swept = ended(kind.sweep(ACCOUNT, []), denied)
    assert swept.credentials
    assert ended(kind.sweep(ACCOUNT, []), Response(status=429)).err == "throttled"


def test_a_report_may_be_packed() -> None:
    """As Amazon's are; a file that is not packed after all is read as it is."""
    issue = {"messageId": 2, "severity": "ERROR", "code": "1", "message": "no"}
    plain = orjson.dumps({"issues": [issue, {"messageId": True, "severity": "ERROR", "message": "whole"}]})
    for body, algorithm in ((gzip.compress(plain), "GZIP"), (plain, "GZIP"), (plain, "")):
        report = amazon_report.read(body, algorithm)
        assert report is not None
        assert report.messages == {2: [issue]}
        assert len(report.whole) == 1


def test_a_report_that_unpacks_to_too_much_is_not_unpacked() -> None:
    """A few kilobytes may hold gigabytes; what is cut off or broken is no report either."""
    bomb = gzip.compress(b'{"issues": []' + b" " * amazon_report.UNPACKED_MAX + b"}")
    assert len(bomb) < 100_000
    whole = gzip.compress(orjson.dumps({"issues": []}))
    for body in (bomb, whole[:-9], b"\x1f\x8b" + b"x" * 40, b"\xff\xfe", b"[]", b""):
        assert amazon_report.read(body, "GZIP") is None
    assert amazon_report.read(whole, "GZIP") is not None


def test_every_message_of_a_feed_has_its_own_verdict() -> None:
    """25,000 of them, one refused."""
    report = amazon_report.Report(messages={17: [{"code": "1", "message": "no"}]})
    verdicts = amazon_report.verdicts(rows(25_000), report)
    assert [number for number, one in enumerate(verdicts) if not isinstance(one, Accepted)] == [16]
    assert isinstance(verdicts[16], Rejected)
    whole = amazon_report.Report(whole=[{"code": "4002001", "message": "no"}])
    assert all(isinstance(one, Retry) for one in amazon_report.verdicts(rows(3), whole))


WORDS = st.sampled_from(
    [
        *(
            "sku",
            "status",
            "ACCEPTED",
            "INVALID",
            "issues",
            "errors",
            "code",
            "message",
            "details",
            "severity",
            "ERROR",
        ),
        *(
            "feedDocumentId",
            "url",
            "https://x?sig=s3cret",
            "feedId",
            "processingStatus",
            "DONE",
            "resultFeedDocumentId",
        ),
        *("items", "S0", "A,B", "fulfillmentAvailability", "fulfillmentChannelCode", "DEFAULT", "quantity", "4000000"),
        *("pagination", "nextToken", "messageId", "compressionAlgorithm", "GZIP", "", "Invalid 'sellerId'"),
    ]
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**64) | st.floats(allow_nan=False) | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=6),
    max_leaves=20,
)
BODIES = VALUES.map(lambda value: json.dumps(value).encode())
ANSWERS = st.builds(
    Response,
    status=st.sampled_from([0, 200, 200, 200, 201, 202, 302, 400, 401, 403, 404, 408, 413, 429, 500, 503, 999]),
    body=BODIES | st.binary(max_size=60) | st.binary(max_size=60).map(gzip.compress),
    headers=st.dictionaries(
        st.sampled_from(["retry-after", "x-amzn-ratelimit-limit"]),
        st.sampled_from(["", "5", "0", "-1", "nan", "inf", "1e309", "0.0083", "x", "99999999999", "²"]),
        max_size=2,
    ),
    err=st.just("no answer"),
    unsent=st.booleans(),
    at=st.integers(0, 2**41),
)


@settings(max_examples=100, deadline=None)
@given(answers=st.lists(ANSWERS, min_size=1, max_size=8), which=st.sampled_from(["tell", "feed", "read", "sweep"]))
def test_no_answer_makes_a_conversation_raise(answers: list[Response], which: str) -> None:
    """Whatever a body holds: it ends, has a verdict for each row, and names a reason."""
    told = [row("S0"), row("A,B"), row("S2")]
    talks: dict[str, Callable[[], Talk]] = {
        "tell": lambda: kind.tell(told[:1], ACCOUNT, "r"),
        "feed": lambda: feed(3),
        "read": lambda: kind.read(told, ACCOUNT),
        "sweep": lambda: kind.sweep(ACCOUNT, [one.listing for one in told]),
    }
    end = ended(talks[which](), *answers)
    if isinstance(end, Swept):
        assert all(one.key for one in end.seen)
        return
    assert len(end.verdicts) == (1 if which == "tell" else 3)
    assert all(hint.limit is None or hint.limit > 0 for hint in end.hints)
    for verdict in end.verdicts:
        _speaks(verdict)


def _speaks(verdict: Verdict) -> None:
    reason = getattr(verdict, "reason", NAMES[type(verdict)])
    assert reason
    if isinstance(verdict, Shows):
        assert type(verdict.quantity) is int
