"""
Amazon loses, delays and overwrites what it has accepted: found by read-back, named, told again.

The publisher's own waits are cut to a thousandth (`time_scale`), the 20 minutes of a feed and the quarter of an hour's
patience to a second or two; that a look counts only 5 s after our own write stays.  At their real times, on a clock
that moves by itself, the same is in `tests/channels/amazon/test_amazon_losses.py`.
"""

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pytest
from confluent_kafka import Producer

from compose.runner.child import Child
from publishers.channels.amazon_feed import LEAST
from schemas import channel_records, topics
from schemas.cluster import now_ms
from schemas.config import load
from schemas.ids import listing_key
from schemas.words import DriftAction, DriftCause, Status
from tests.conftest import StandInOf
from tests.integration.test_publisher import ConfigFile, Eventually, Rig, Service, http

ENV = {
    "LASTUNIT_SHOP_CLIENT_ID": "client",
    "LASTUNIT_SHOP_CLIENT_SECRET": "secret",
    "LASTUNIT_SHOP_REFRESH_TOKEN": "Atzr|refresh",
}
FAST = [{"calls": 200, "per_ms": 1_000, "burst": 50}]
MANY = [f"CALM-{number}" for number in range(LEAST)]
HEALED_S = 180.0


@dataclass
class Amazon(Rig):
    """One seller."""

    def start(self, *more: str) -> Child:
        """Start a publisher."""
        argv = (sys.executable, "-m", "publishers", "run", "shop", "--config", str(self.path), *more)
        return self.service("publisher-amazon", *argv, env=ENV)

    def catalogue(self, products: Sequence[Mapping[str, object]]) -> None:
        """Load products and write their listings (their ids are the seller's SKUs), all seen to show what they do."""
        for made in self.control("catalogue", {"products": products})["listings"]:
            listing = channel_records.Listing(channel="shop", listing_id=made["listing"], sku=made["sku"])
            self.listings[listing.sku] = listing
            self.write(topics.LISTING, listing_key("shop", listing.listing_id), listing)
            shown = channel_records.Shown(shown=made["level"], shown_at=now_ms())
            seen = channel_records.ChannelLevel(
                sku=listing.sku, listings={listing.listing_id: shown}, status=Status.IN_STEP, at=now_ms()
            )
            self.write(topics.channel_level("shop"), listing.sku.encode(), seen)
        self.producer.flush()

    def drifts(self) -> Counter[tuple[str, DriftCause, DriftAction]]:
        """Count the drifts that were found, by SKU (of the many only that they are one of those)."""
        found = self.read(topics.SYNC_DRIFT, channel_records.Drift)
        return Counter((str(one.sku).partition("-")[0], one.cause, one.action) for one in found)

    def wrong(self, wanted: Mapping[str, int]) -> Counter[str]:
        """Count what is not as it should be: numbers shown, numbers that we are not sure of, SKUs out of step."""
        shown = self.shows()
        found = Counter(
            f"{shown.get(sku)} for {quantity}" for sku, quantity in wanted.items() if shown[sku] != quantity
        )
        if found:
            return found
        observed = self.observed()
        found["never told"] = len(wanted.keys() - observed.keys())
        for record in observed.values():
            found["not seen"] += sum(one.accepted_at is not None for one in record.listings.values())
            found["out of step"] += record.status is not Status.IN_STEP
        return +found

    def heals(self, wanted: Mapping[str, int], eventually: Eventually) -> None:
        """Wait until everything shows what it should, and we have seen it."""
        last = Counter[str]()

        def right() -> bool:
            last.clear()
            last.update(self.wrong(wanted))
            return not last

        try:
            eventually(right, timeout_s=HEALED_S)
        finally:
            assert not last, f"wrong in the end: {dict(last)}"

    def accepted(self) -> int:
        """Count the listings whose number was accepted and not seen yet."""
        records = self.observed().values()
        return sum(one.accepted_at is not None for record in records for one in record.listings.values())

    def tallies(self) -> Mapping[str, int]:
        """Return what the stand-in counted of all listings."""
        return sum((Counter(one) for one in self.control("state")["tallies"].values()), Counter[str]())


@pytest.fixture
def amazon(config_file: ConfigFile, stand_in: StandInOf, service: Service) -> Amazon:
    """Yield a seller whose numbers show 200 ms after they were accepted, and whose feeds take half a second."""
    fake = stand_in("amazon", webhook="a-shared-token", token="client:secret:Atzr|refresh")
    base = f"http://{fake.address}"
    seller = http(f"{base}/_control/amazon", {"rate_scale": 1_000, "apply_delay_ms": 200, "feed_ms": 500})
    channel = {
        "name": "shop",
        "kind": "amazon",
        "since": 0,
        "base_url": base,
        "auth_url": f"{base}/auth/o2/token",
        "alias": seller["seller_id"],
        "marketplaces": ["ATVPDKIKX0DER"],
        "mode": "push",
        "push_limit": FAST,
        "read_limit": FAST,
        "reconcile_every_ms": 2_000,
    }
    path = config_file([channel], {"publishers": {"time_scale": 1}})
    config = load(path)
    producer = Producer(config.kafka.producer(linger_ms=0))
    return Amazon(kind="amazon", fake=fake, path=path, config=config, service=service, producer=producer)


def test_a_patch_that_was_accepted_and_dropped_is_found_named_and_told_again(
    amazon: Amazon, eventually: Eventually
) -> None:
    """The one beside it is seen to show, and told no second time."""
    amazon.catalogue([{"sku": sku, "quantity": 9} for sku in ("LOST", "GOOD")])
    amazon.control("amazon", {"drop_patches": 1})
    amazon.start()
    amazon.levels({"LOST": 8})
    eventually(lambda: amazon.tallies().get("tells") == 1, timeout_s=HEALED_S)
    amazon.levels({"GOOD": 7})
    amazon.heals({"LOST": 8, "GOOD": 7}, eventually)
    assert amazon.drifts() == {("LOST", DriftCause.NOT_APPLIED, DriftAction.CORRECTED): 1}
    assert amazon.tallies() == {"tells": 3}


@pytest.mark.long
@pytest.mark.parametrize("outcome", ["nothing", "stuck"])
def test_a_feed_of_which_nothing_shows_is_found_named_and_told_again(
    outcome: str, amazon: Amazon, eventually: Eventually
) -> None:
    """One that says done and applied nothing; one that stands still for an hour, which is given up after 20 minutes."""
    amazon.catalogue([{"sku": sku, "quantity": 9} for sku in MANY])
    amazon.control("feed", {"outcome": outcome})
    amazon.levels(dict.fromkeys(MANY, 8))
    amazon.start()
    amazon.heals(dict.fromkeys(MANY, 8), eventually)
    assert amazon.drifts() == {("CALM", DriftCause.NOT_APPLIED, DriftAction.CORRECTED): LEAST}
    assert amazon.tallies() == {"tells": 2 * LEAST}


@pytest.mark.long
def test_an_old_feed_that_lands_on_newer_patches_is_found_named_and_told_again(
    amazon: Amazon, eventually: Eventually
) -> None:
    """Its report said done long ago; what was patched meanwhile had been seen to show."""
    amazon.catalogue([{"sku": sku, "quantity": 9} for sku in MANY])
    amazon.control("amazon", {"apply_delay_ms": 200, "feed_ms": 500})
    amazon.control("feed", {"outcome": "stuck", "ms": 120_000})
    amazon.levels(dict.fromkeys(MANY, 8))
    amazon.start()
    amazon.heals(dict.fromkeys(MANY, 8), eventually)
    newer = dict.fromkeys(MANY[:3], 2)
    amazon.levels(newer)
    amazon.heals({**dict.fromkeys(MANY, 8), **newer}, eventually)
    assert (("CALM", DriftCause.OVERWRITTEN, DriftAction.CORRECTED)) not in amazon.drifts()
    eventually(lambda: amazon.drifts()["CALM", DriftCause.OVERWRITTEN, DriftAction.CORRECTED] == 3, timeout_s=HEALED_S)
    amazon.heals({**dict.fromkeys(MANY, 8), **newer}, eventually)
