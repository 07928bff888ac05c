"""The signature that our own format and Etsy share: vectors of others, rotation, and what strangers send."""

import base64
import subprocess
import sys
from collections.abc import Sequence

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ingest import standard_webhooks
from ingest.signature import hmac_base64
from ingest.webhook import BadSignature

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"test": 2432232314}'
SENT_S = 1614265330
NOW_MS = SENT_S * 1_000
HMAC = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
PUBLIC = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
ED25519 = "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="
"""The key pair and the signature that Svix publishes, who wrote the specification: it quotes this very signature."""
HEADERS = {"webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp": str(SENT_S), "webhook-signature": HMAC}


def fits(signature: str, secrets: Sequence[str], *, body: bytes = BODY, bare: bool = False, **other: str) -> bool:
    """Say whether a delivery verifies; any error but `BadSignature` fails the test."""
    headers = {**HEADERS, "webhook-signature": signature}
    headers |= {f"webhook-{name}": value for name, value in other.items()}
    try:
        standard_webhooks.verify(headers, body, secrets, NOW_MS, bare=bare)
    except BadSignature:
        return False
    return True


def keys(seed: int) -> tuple[Ed25519PrivateKey, str]:
    """Return a private key, and its public key as a sender shows it."""
    private = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
    raw = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return private, "whpk_" + base64.b64encode(raw).decode()


def signed(private: Ed25519PrivateKey, body: bytes = BODY) -> str:
    message = f"{HEADERS['webhook-id']}.{SENT_S}.".encode() + body
    return "v1a," + base64.b64encode(private.sign(message)).decode()


def test_the_published_ed25519_vector_verifies() -> None:
    """Under its public key and no other; another body, id or time does not."""
    assert fits(ED25519, [PUBLIC])
    assert not fits(ED25519, [keys(1)[1]])
    assert not fits(ED25519, [PUBLIC], body=BODY + b" ")
    assert not fits(ED25519, [PUBLIC], id="msg_2")
    assert not fits(ED25519, [PUBLIC], timestamp=str(SENT_S + 1))


def test_a_signature_counts_under_its_own_kind_of_key_only() -> None:
    """`v1` of a public key's bytes, which everybody knows, is no proof; nor is either text under the other's name."""
    everybody = base64.b64decode(PUBLIC.removeprefix("whpk_"))
    forged = hmac_base64(everybody, f"{HEADERS['webhook-id']}.{SENT_S}.".encode() + BODY).decode()
    assert not fits(f"v1,{forged}", [PUBLIC])
    assert not fits(f"v1a,{forged}", [PUBLIC])
    assert not fits(HMAC.replace("v1,", "v1a,"), [SECRET, PUBLIC])
    assert not fits(ED25519.replace("v1a,", "v1,"), [SECRET, PUBLIC])


def test_keys_of_both_kinds_rotate_together() -> None:
    """A sender that moves from HMAC to ed25519 signs with both; any key in force fits any of its signatures."""
    private, public = keys(2)
    both = f"{HMAC} {signed(private)}"
    for secrets in ([SECRET], [public], [SECRET, public], [public, SECRET], [keys(1)[1], public], [SECRET, PUBLIC]):
        assert fits(both, secrets)
    assert not fits(both, [keys(1)[1], "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"])


@pytest.mark.parametrize(
    "junk",
    ["", "whpk_", "whpk_%%%", "whpk_AAAA", "whpk_" + "A" * 44, "whsec_", "whsec_ü", "whsk_" + "A" * 44, "ü", "whpk_ü"],
)
def test_a_malformed_key_signs_nothing_and_hides_no_good_one(junk: str) -> None:
    """Not base64, too short, a private key, no key at all: the next one is still tried."""
    assert not fits(HMAC, [junk])
    assert not fits(ED25519, [junk])
    assert fits(HMAC, [junk, SECRET])
    assert fits(ED25519, [junk, PUBLIC])


@pytest.mark.parametrize(
    "junk",
    [
        "",
        ",",
        "v1",
        "v1a",
        "v1a,",
        "v1a,%%%",
        "v1a,AAAA",
        "v1a," + "A" * 86 + "==",
        "v1,ü",
        "v1a,\udcff",
        "v1,\ud800",
        "v2,x",
        "   ",
        ",,,",
    ],
)
def test_malformed_entries_are_no_signatures_and_no_errors(junk: str) -> None:
    """Whatever stands in the header: `BadSignature`, and a good entry of plain ASCII beside it still counts."""
    assert not fits(junk, [SECRET, PUBLIC])
    assert fits(f"{junk} {ED25519}", [SECRET, PUBLIC]) is junk.isascii()
    assert fits(f"{HMAC} {junk}", [SECRET, PUBLIC]) is junk.isascii()


def test_a_list_without_end_is_not_read_to_its_end() -> None:
    """A stranger cannot buy hours of our time with one header: 20 entries are looked at."""
    fill = "v1a," + "A" * 86 + "=="
    assert fits(" ".join([fill] * 19 + [ED25519]), [PUBLIC])
    assert not fits(" ".join([fill] * 20 + [ED25519]), [PUBLIC])


@pytest.mark.parametrize("number", ["", "a.b", "a b", "msg_\n", "ü", "\ud800", "x" * 257])
def test_an_id_that_could_be_read_as_two_parts_is_refused(number: str) -> None:
    """A full stop separates what is signed: with one inside the id, the same bytes could mean another message."""
    message = f"{number}.{SENT_S}.".encode("utf-8", "surrogatepass") + BODY
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    signature = hmac_base64(key, message).decode()
    assert not fits(f"v1,{signature}", [SECRET], id=number)


@pytest.mark.parametrize("sent", ["", "-1614265330", "1614265330.0", " 1614265330", "٣", "9" * 13, "1e9", "\ud800"])
def test_a_timestamp_is_whole_seconds_in_plain_digits(sent: str) -> None:
    """Everything else is refused before anything is computed."""
    assert not fits(HMAC, [SECRET], timestamp=sent)


def test_the_tolerance_holds_for_ed25519_too() -> None:
    """Five minutes to either side, to the millisecond."""
    headers = {**HEADERS, "webhook-signature": ED25519}
    for off_ms in (-300_000, 300_000):
        standard_webhooks.verify(headers, BODY, [PUBLIC], NOW_MS + off_ms)
        with pytest.raises(BadSignature):
            standard_webhooks.verify(headers, BODY, [PUBLIC], NOW_MS + off_ms + off_ms // 300_000)


def test_a_bare_signature_counts_only_where_it_is_asked_for() -> None:
    """Base64 without a version is `v1` for a sender that may leave it out, and nothing for the others."""
    bare = HMAC.removeprefix("v1,")
    assert fits(bare, [SECRET], bare=True)
    assert fits(f"AAAA {bare}", [SECRET], bare=True)
    assert fits(HMAC, [SECRET], bare=True)
    assert not fits(bare, [SECRET])
    assert not fits(ED25519.removeprefix("v1a,"), [SECRET, PUBLIC], bare=True)


def test_a_sender_with_hmac_alone_never_loads_the_library_for_ed25519() -> None:
    """It costs 15 ms and 7 MiB, which only a process with such a key pays."""
    code = (
        "import sys; from ingest import standard_webhooks as s;"
        f"s.verify({HEADERS!r}, {BODY!r}, [{SECRET!r}], {NOW_MS});"
        "assert 'cryptography' not in sys.modules;"
        f"s.verify({ ({**HEADERS, 'webhook-signature': ED25519})!r}, {BODY!r}, [{SECRET!r}, {PUBLIC!r}], {NOW_MS});"
        "assert 'cryptography' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
