"""eBay is told its levels by a publisher with bought tokens, through whatever happens to tokens and secrets."""

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from compose.runner.child import Child
from schemas import channel_records, topics
from schemas.config import load
from schemas.ids import listing_key
from schemas.words import Status
from tests.conftest import StandInOf
from tests.integration.test_publisher import ConfigFile, Eventually, Rig, Service, http

ENV = {
    "LASTUNIT_SHOP_CLIENT_ID": "app-id",
    "LASTUNIT_SHOP_CLIENT_SECRET": "cert-id",
}
FAST = [
    {"calls": 200, "per_ms": 1_000, "burst": 50},
    {"calls": 250, "per_ms": 86_400_000, "burst": 250, "rolling": True, "per_listing": True},
]


@dataclass(kw_only=True)
class Ebay(Rig):
    """One seller; `secret` is the file of its refresh token."""

    secret: Path

    def start(self, *more: str) -> Child:
        """Start a publisher."""
        argv = (sys.executable, "-m", "publishers", "run", "shop", "--config", str(self.path), *more)
        return self.service("publisher-ebay", *argv, env={**ENV, "LASTUNIT_SHOP_REFRESH_TOKEN_FILE": str(self.secret)})

    def configure(self, token: str) -> None:
        """Rotate the refresh token, as a mounted secret is: at once."""
        new = self.secret.with_suffix(".new")
        new.write_text(token, encoding="utf-8")
        new.replace(self.secret)

    def catalogue(self, products: Sequence[Mapping[str, object]]) -> None:
        """Load products into the stand-in and write their listings, under SKUs of our own."""
        for made in self.control("catalogue", {"products": products})["listings"]:
            ids = {"listing": made["ids"]["listing"], "offer": made["ids"]["offer"], "inventory_item": made["sku"]}
            listing = channel_records.Listing(
                channel="shop",
                listing_id=made["listing"],
                sku=f"our-{made['sku']}",
                ids={name: str(value) for name, value in ids.items()},
            )
            self.listings[listing.sku] = listing
            self.write(topics.LISTING, listing_key("shop", listing.listing_id), listing)
        self.producer.flush()

    def told(self, wanted: Mapping[str, int]) -> bool:
        """Return whether eBay shows these numbers, and we know it."""
        observed = self.observed()
        in_step = {observed[sku].status for sku in wanted if sku in observed} == {Status.IN_STEP}
        return in_step and self.shows() == {sku.removeprefix("our-"): number for sku, number in wanted.items()}

    def health(self, publisher: Child) -> Any:
        """Return what the publisher says of itself."""
        return http(f"http://{publisher.address}/healthz")


@pytest.fixture
def ebay(config_file: ConfigFile, stand_in: StandInOf, service: Service, tmp_path: Path) -> Ebay:
    """Return a seller whose refresh token is configured by a file."""
    fake = stand_in("ebay", webhook="a-verification-token", token="app-id:cert-id:the-refresh-token")
    channel = {
        "name": "shop",
        "kind": "ebay",
        "since": 0,
        "base_url": f"http://{fake.address}",
        "mode": "push",
        "push_limit": FAST,
    }
    path = config_file([channel])
    config = load(path)
    producer = Producer(config.kafka.producer(linger_ms=0))
    (secret := tmp_path / "refresh-token").write_text("the-refresh-token", encoding="utf-8")
    return Ebay(kind="ebay", fake=fake, path=path, config=config, service=service, producer=producer, secret=secret)


def test_levels_reach_ebay_through_ended_tokens_and_rotated_secrets(ebay: Ebay, eventually: Eventually) -> None:
    """
    Sixty items, a third of them variations; a token that ends early; a consent that is withdrawn and given anew.

    Nothing is told twice for it, a refusal stops the channel and nothing else, and the new secret starts it again.
    """
    ebay.catalogue([{"sku": f"E{n}", **({"parent": f"P{n % 7}"} if n % 3 == 0 else {})} for n in range(60)])
    wanted = {f"our-E{n}": 3 + n for n in range(60)}
    ebay.levels(wanted)
    publisher = ebay.start()
    eventually(lambda: ebay.told(wanted))
    assert ebay.control("state")["calls"]["tokens"] == 1

    ebay.control("ebay", {"revoke": True})
    wanted["our-E1"] = 0
    ebay.levels({"our-E1": 0})
    eventually(lambda: ebay.told(wanted))
    assert (ebay.control("state")["calls"]["tokens"], ebay.health(publisher)["refused"]) == (2, None)

    ebay.configure("withdrawn")
    ebay.control("ebay", {"revoke": True})
    wanted["our-E2"] = 77
    ebay.levels({"our-E2": 77})
    eventually(lambda: "invalid_grant" in (ebay.health(publisher)["refused"] or ""))
    assert ebay.shows()["E2"] == 5
    ebay.configure("the-refresh-token")
    eventually(lambda: ebay.told(wanted))

    tallies = sum((Counter(one) for one in ebay.control("state")["tallies"].values()), Counter[str]())
    assert tallies["tells"] == 62
    assert (tallies["repeats"], tallies["throttles"]) == (0, 0)
    said = publisher.output()
    assert "access token fetched" in said
    assert not any(secret in said for secret in ("the-refresh-token", "cert-id", "v^1.1#"))
