"""One request, drawn from a source of chance: to any address of the application, more than half of them proved."""

import base64
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from ingest.channels import WEBHOOKS
from schemas.config import Channel
from schemas.settings import Kind
from tests.channels import bodies
from tests.channels.conftest import SECRETS, SIGN
from tests.fuzz.material import materials
from tests.fuzz.mutate import made, spoiled, to_bytes

CANARIES = ("Jane-Q-Canary", "jane.canary@example.com", "4711 Canary Lane")
"""A customer's name, mail and street: they stand in bodies and headers and must come out nowhere."""
TOKEN = "a-token-for-stock-5309"
STRANGER = "whsec_QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB"
CUSTOMER = ("customer", "email", "note", "shipping_address", "buyer", "billing", "recipient", "phone", "message")
PATHS = (
    *(
        "/",
        "/webhooks",
        "/webhooks/%00/order",
        "/webhooks/%ff/order",
        f"/webhooks/{'n' * 300}/order",
        "/..",
        "/x?y=%zz",
    ),
    *("/webhooks/nobody/order", "/stock", "//", "/webhooks/orders", "/readyz/x", "/.env", "/metrics?a=1"),
)
METHODS = ("GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "POST")
ADJUSTMENT = {
    "sku": "TEE-M",
    "kind": "set",
    "qty": 5,
    "adjustmentId": "a-1",
    "ifVersion": None,
    "reason": "",
    "actor": "",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """
    A request, and what is known of it.

    `proved` says that it bears a valid signature or token; `whole` that nothing else is wrong with how it is sent, so
    that only its body decides.  `secret` is what it was signed with, which a channel that is asked for a key would say.
    """

    method: str
    path: str
    headers: Sequence[tuple[str, str]]
    body: bytes
    kind: Kind | None = None
    secret: str = ""
    proved: bool = False
    whole: bool = True

    @property
    def wire(self) -> bytes:
        """Return the request as it goes out."""
        lines = [f"{self.method} {self.path} HTTP/1.1", "Host: fuzz.example"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        lines += [f"Content-Length: {len(self.body)}", "", ""]
        return "\r\n".join(lines).encode("utf-8", "surrogateescape") + self.body

    def curl(self) -> str:
        """Return the request as a command line that sends it again (signatures that hold a time must be made anew)."""
        headers = " ".join(f"-H {shlex.quote(f'{name}: {value}')}" for name, value in self.headers)
        sent = base64.b64encode(self.body).decode()
        url = shlex.quote(f"http://127.0.0.1:8080{self.path}")
        return f"echo {sent} | base64 -d | curl -i -X {self.method} {headers} --data-binary @- {url}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """What the application serves: paths that all accounts of a kind share, other addresses, and the accounts."""

    shared: Mapping[str, Kind]
    others: Sequence[tuple[str, str]]
    channels: Sequence[Channel]


def plan(random: Random, addresses: Addresses, now_ms: int) -> Plan:
    """Return a request."""
    chance = random.random()
    if chance < 0.86:
        return _webhook(random, addresses, now_ms)
    return _adjustment(random) if chance < 0.94 else _other(random, addresses)


def _webhook(random: Random, addresses: Addresses, now_ms: int) -> Plan:
    account = random.choice(addresses.channels)
    kind, material = account.kind, materials()[account.kind]
    sample = random.choice(material.webhooks)
    body = spoiled(random, material, sample.body) if random.random() < 0.93 else made(random, material)
    if random.random() < 0.4:
        body = _with_customer(random, body)
    raw = to_bytes(random, body)
    given = _spoiled_headers(random, sample.headers or {})
    secret, proof, proved = _proof(random, kind, raw, now_ms)
    odd, whole = _odd_headers(random)
    shared = [path for path, of in addresses.shared.items() if of is kind]
    together = bool(shared and account.alias and random.random() < 0.5)
    named = {name.lower() for name, _ in odd}
    kept = [(name, value) for name, value in given.items() if name not in named]
    headers = [*kept, *proof.items(), *odd]
    return Plan(
        method="POST", path=random.choice(shared) if together else f"/webhooks/{account.name}/order", headers=headers,
        body=raw, kind=kind, secret=secret, proved=proved,
        whole=whole and not of_another(account, headers, raw, together=together),
    )  # fmt: skip


def of_another(account: Channel, headers: Sequence[tuple[str, str]], raw: bytes, *, together: bool = False) -> bool:
    """
    Say whether a webhook is not the account's own by what it says itself, so that no proof may let it in.

    Args:
        account: whose address it is sent to.
        headers: what is sent, in order.
        raw: its body.
        together: whether accounts share the address, where a webhook that names nobody is nobody's.

    """
    sent = {name.lower(): value.strip() for name, value in headers}
    mine = {account.alias.lower()} if together else {account.alias.lower(), ""}
    return bool(account.alias) and WEBHOOKS[account.kind].account(sent, raw) not in mine


def _with_customer(random: Random, body: Any) -> Any:
    """Plant a customer wherever there is room."""
    person = {"first_name": CANARIES[0], "email": CANARIES[1], "lines": [CANARIES[2]]}
    return bodies.extended(body, random.choice(CUSTOMER), random.choice((person, [person], CANARIES[1])))


def _spoiled_headers(random: Random, headers: Mapping[str, str]) -> dict[str, str]:
    kept = dict(headers)
    if kept and random.random() < 0.15:
        name = random.choice([*kept])
        if random.random() < 0.5:
            del kept[name]
        else:
            kept[name] = random.choice(("", "x", "\u00fc" * 9, kept[name] * 3, kept[name][:-1], "2026-11-21T10:00:00Z"))
    return kept


def _proof(random: Random, kind: Kind, raw: bytes, now_ms: int) -> tuple[str, Mapping[str, str], bool]:
    """Return what signed, the headers that say so, and whether they prove it."""
    secret = random.choice(SECRETS[kind])
    good = SIGN[kind](raw, secret, now_ms)
    chance = random.random()
    if chance < 0.72:
        return secret, good, True
    wrong: Sequence[Callable[[], Mapping[str, str]]] = (
        dict,
        lambda: SIGN[kind](raw + b" ", secret, now_ms) if kind != "amazon" else {},
        lambda: {name: value[: int(random.random() * len(value))] for name, value in good.items()},
        lambda: {name: random.choice(("", "v1,", "\u00fc", "e30=", "x" * 3_000, "null")) for name in good},
        lambda: SIGN[other := random.choice([one for one in SIGN if one is not kind])](raw, SECRETS[other][0], now_ms),
    )
    return secret, random.choice(wrong)(), False


def _odd_headers(random: Random) -> tuple[list[tuple[str, str]], bool]:
    """Return headers that ask for something else, and whether the request is as it should be all the same."""
    chance = random.random()
    if chance < 0.80:
        return [], True
    if chance < 0.82:
        return [("Content-Encoding", random.choice(("gzip", "br", "x", "identity, gzip")))], False
    harmless = (
        (
            "Content-Type",
            random.choice(("text/plain", "", "multipart/form-data; boundary=a", "application/json; charset=x")),
        ),
        ("traceparent", random.choice(("x", "", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "\u00fc"))),
        ("User-Agent", CANARIES[0]),
        ("Cookie", "a=" + "b" * random.randrange(4_000)),
        ("Expect", "100-continue"),
        ("Accept", "text/html"),
        ("X-Forwarded-For", CANARIES[2]),
    )
    return [random.choice(harmless)], True


def _adjustment(random: Random) -> Plan:
    material = materials()[random.choice([*materials()])]
    rows: list[Any] = [{**ADJUSTMENT, "adjustmentId": f"a-{n}"} for n in range(random.choice((1, 1, 2, 5, 60)))]
    if random.random() < 0.6:
        rows[-1] = spoiled(random, material, rows[-1])
    body = {"adjustments": rows}
    raw = to_bytes(random, body if random.random() < 0.7 else spoiled(random, material, body))
    proved = random.random() < 0.75
    token = TOKEN if proved else random.choice(("", TOKEN[:-1], "x", "\u00fc", TOKEN + "x"))
    query = random.choice(("", "", "", "?wait_ms=1", "?wait_ms=-1", "?wait_ms=x", "?wait_ms=99999999999", "?x=%zz"))
    headers = [("Authorization", f"{random.choice(('Bearer', 'bearer'))} {token}")]
    return Plan(method="POST", path=f"/stock/adjustments{query}", headers=headers, body=raw, proved=proved)


def _other(random: Random, addresses: Addresses) -> Plan:
    method, path = (
        random.choice(addresses.others) if random.random() < 0.5 else (random.choice(METHODS), random.choice(PATHS))
    )
    if random.random() < 0.2:
        method = random.choice(METHODS)
    if random.random() < 0.5:
        path += random.choice(("?challenge_code=a1", "?challenge_code=", "?challenge_code=%00%ff", "?x=y"))
    return Plan(
        method=method, path=path, headers=[("Accept", "*/*")], body=random.choice((b"", b"{}", b"\xff")), whole=False
    )
