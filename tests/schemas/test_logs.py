"""Structured logs."""

import logging

import orjson

from schemas.logs import JsonFormatter


def test_a_line_is_one_json_object_with_the_ids_a_search_needs() -> None:
    """Whatever `extra` holds stands beside the message."""
    record = logging.getLogger("x").makeRecord(
        "x", logging.WARNING, "f", 1, "level of %s", ("A",), None, extra={"sku": "A", "orderId": "woo_1_1"}
    )
    line = JsonFormatter("processor").format(record)

    found = orjson.loads(line)
    assert "\n" not in line
    assert {key: found[key] for key in ("level", "service", "message", "sku", "orderId")} == {
        "level": "warning",
        "service": "processor",
        "message": "level of A",
        "sku": "A",
        "orderId": "woo_1_1",
    }
