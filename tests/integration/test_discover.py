"""`discover` against stand-in shops and a real Kafka: what a shop lists is shown, edited, written, and seen to go."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ingest import discover_cli, import_cli
from schemas.channel_records import Listing
from schemas.codec import decode
from schemas.config import load
from schemas.topics import LISTING
from tests.conftest import StandInOf
from tests.integration.outside import FAST, control, messages

TOKENS = {"shopify": "shpat_secret", "woocommerce": "ck_one:cs_two"}
ENV = {
    "LASTUNIT_SHOP_ACCESS_TOKEN": "shpat_secret",
    "LASTUNIT_SHOP_CONSUMER_KEY": "ck_one",
    "LASTUNIT_SHOP_CONSUMER_SECRET": "cs_two",
}
PLAIN = 260
"""More than a page of either shop."""
Said = tuple[int, dict[str, Any], str]


class Bench:
    """One channel: its stand-in, the commands, and the topic `listing`."""

    def __init__(self, path: Path, url: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.path, self.url, self.folder, self.capsys = path, url, folder, capsys
        self.config = load(path)

    def shop(self, word: str, **wish: Any) -> dict[str, Any]:
        """Drive the stand-in."""
        told: dict[str, Any] = control(self.url, word, **wish)
        return told

    def discover(self, *argv: str) -> Said:
        """Run the command with `--json`; returns its exit code, what it says, and its standard error."""
        return self._said(discover_cli, "shop", "--json", *argv)

    def imported(self, file: Path) -> Said:
        """Import a file."""
        return self._said(import_cli, str(file), "--json", "--apply")

    def _said(self, command: Any, *argv: str) -> Said:
        parser = argparse.ArgumentParser()
        command.add_arguments(parser)
        self.capsys.readouterr()
        code = command.run(parser.parse_args([*argv, "--config", str(self.path)]))
        said = self.capsys.readouterr()
        return code, json.loads(said.out) if said.out else {}, said.err

    def listings(self) -> dict[str, Listing]:
        """Return the live listings by id."""
        found: dict[tuple[bytes, int], Listing] = {}
        for message in messages(self.config, LISTING):
            place, value = (message.key() or b"", message.partition() or 0), message.value()
            if value is None:
                found.pop(place, None)
            else:
                found[place] = decode(Listing, value)
        return {listing.listing_id: listing for listing in found.values()}


@pytest.fixture(params=["shopify", "woocommerce"])
def bench(
    request: pytest.FixtureRequest,
    config_file: Callable[..., Path],
    stand_in: StandInOf,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Bench:
    for name, value in ENV.items():
        monkeypatch.setenv(name, value)
    kind: str = request.param
    url = f"http://{stand_in(kind, webhook='hush', token=TOKENS[kind]).address}"
    path = config_file([{"name": "shop", "kind": kind, "since": 1, "base_url": url, "orders_limit": FAST}])
    made = Bench(path, url, tmp_path, capsys)
    plain = [{"sku": f"TEE-{number}", "quantity": 1} for number in range(PLAIN)]
    rare = [
        {"sku": "", "quantity": 1},
        {"sku": " tee-1 ", "quantity": 1},
        {"sku": "EBOOK", "quantity": 1, "managed": False},
        {"sku": "RED-S", "quantity": 1, "parent": "RED"},
        {"sku": "RED-M", "quantity": 1, "parent": "RED"},
    ]
    made.shop("catalogue", products=[*plain, *rare])
    return made


def test_a_shop_s_listings_are_shown_edited_written_and_found_again(bench: Bench) -> None:
    """A dry run writes nothing; the edited file and `--apply` write the same; a second look finds nothing to do."""
    file = bench.folder / "listings.csv"
    code, told, _ = bench.discover("--csv", str(file))
    assert (code, told["new"], told["left"], told["written"]) == (0, PLAIN + 3, 2, 0)
    assert [sorted(group) for group in told["alike"]] == [[" tee-1 ", "TEE-1"]]
    assert bench.listings() == {}

    rows = file.read_text(encoding="utf-8-sig").splitlines()
    (blank,) = [row for row in rows if row.split(",")[2] == ""]
    cells = blank.split(",")
    file.write_text("\n".join(rows).replace(blank, ",".join([*cells[:2], "NAMED", *cells[3:]])), encoding="utf-8")
    code, told, _ = bench.imported(file)
    assert (code, told["new"]) == (0, PLAIN + 4)

    code, told, _ = bench.discover("--apply")
    assert (code, told["unchanged"], told["new"], told["changed"], told["left"]) == (0, PLAIN + 4, 0, 0, 1)
    found = bench.listings()
    assert found[cells[1]].sku == "NAMED"
    assert {listing.sku for listing in found.values()} >= {" tee-1 ", "TEE-1", "RED-S", "RED-M"}


@pytest.mark.parametrize("bench", ["shopify"], indirect=True)
def test_an_app_of_shopify_s_dev_dashboard_buys_its_token(
    bench: Bench, stand_in: StandInOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its client's id and secret take the place of a lasting token; a wrong one is said, and exit code 4."""
    url = f"http://{stand_in('shopify', webhook='hush', token='app:s3cret').address}"
    control(url, "catalogue", products=[{"sku": "TEE-M", "quantity": 1}])
    bench.path.write_text(bench.path.read_text(encoding="utf-8").replace(bench.url, url), encoding="utf-8")
    monkeypatch.delenv("LASTUNIT_SHOP_ACCESS_TOKEN")
    monkeypatch.setenv("LASTUNIT_SHOP_CLIENT_ID", "app")
    monkeypatch.setenv("LASTUNIT_SHOP_CLIENT_SECRET", "s3cret")
    code, told, _ = bench.discover()
    assert (code, told["new"]) == (0, 1)

    monkeypatch.setenv("LASTUNIT_SHOP_CLIENT_SECRET", "wr0ng")
    code, told, err = bench.discover()
    assert (code, told) == (4, {})
    assert "the client or its secret is refused" in err
    assert "wr0ng" not in err


def test_a_channel_that_refuses_the_keys_or_is_away_is_a_sentence(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit codes 4 and 2; nothing is compared with half a catalogue."""
    monkeypatch.setenv("LASTUNIT_SHOP_ACCESS_TOKEN", "wrong")
    monkeypatch.setenv("LASTUNIT_SHOP_CONSUMER_KEY", "wrong")
    code, told, err = bench.discover()
    assert (code, told) == (4, {})
    assert "401" in err

    monkeypatch.delenv("LASTUNIT_SHOP_ACCESS_TOKEN")
    monkeypatch.delenv("LASTUNIT_SHOP_CONSUMER_KEY")
    code, _, err = bench.discover()

    assert (code, "is missing: set LASTUNIT_SHOP_" in err) == (2, True)
