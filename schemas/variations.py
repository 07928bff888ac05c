"""
By what an Etsy product is told apart within its listing: what stays when its ids do not.

Facts: product and offering ids are new after each update of a listing's inventory, on purpose (Etsy in open-api #523);
the ids of values may change as well (#523; #343: a stock value becomes the shop's own).  What an update sends back and
Etsy keeps is the property's id and the words of its values (Open API v3 `ListingPropertyValue`), and an order's line
shows those of the product that was bought (`product_data`, #254, #476).  Some answers escape words as HTML (#254).

The text stands in a listing's `ids` as `variation`, and in its id, so both processes must make the same of it.
"""

from hashlib import sha256
from html import unescape

ONLY = "-"
"""The variation of the one product of a listing without variations."""
BYTES_MAX = 220
"""Longer ones stand as their hash: an id has 255 bytes, and 20 digits and a stroke come before."""


def variation(values: object) -> str | None:
    """
    Return a product's variation, as in `100=M;200=Red`, from its `property_values`, None where they cannot be read.

    It does not depend on the order of the properties, on ids of values, nor on how blanks and signs are written.
    """
    if not isinstance(values, list):
        return None
    pairs = [_pair(value) for value in values]
    known = [pair for pair in pairs if pair is not None]
    if len(known) < len(pairs):
        return None
    text = ";".join(f"{number}={words}" for number, words in sorted(known)) or ONLY
    raw = text.encode()
    return text if len(raw) <= BYTES_MAX else f"sha256:{sha256(raw).hexdigest()}"


def _pair(value: object) -> tuple[int, str] | None:
    if not isinstance(value, dict):
        return None
    number, words = value.get("property_id"), value.get("values")
    if type(number) is not int or not isinstance(words, list) or not words:
        return None
    return (number, ",".join(map(_word, words))) if all(isinstance(word, str) for word in words) else None


def _word(word: str) -> str:
    """Return a word with single blanks and without what separates words, or is none."""
    plain = " ".join(unescape(word).split())
    return "".join(sign if sign.isprintable() and sign not in "%,;" else _escaped(sign) for sign in plain)


def _escaped(sign: str) -> str:
    return "".join(f"%{byte:02X}" for byte in sign.encode(errors="replace"))
