"""Structured logs."""

import logging
import subprocess
import sys

import orjson

from schemas.logs import JsonFormatter

QUIET = """
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from schemas.logs import LIBRARY, setup

setup("test")
client = AdminClient({"bootstrap.servers": "127.0.0.1:1"}, logger=LIBRARY)
try:
    client.list_topics(timeout=0.5)
except KafkaException:
    client.poll(0.1)
"""


def test_the_kafka_librarys_own_lines_are_json_too() -> None:
    """One that tells of a broker that is not there is found by the same search as ours."""
    done = subprocess.run([sys.executable, "-c", QUIET], capture_output=True, timeout=30, check=True)

    lines = [orjson.loads(line) for line in done.stderr.splitlines()]
    assert {(line["logger"], line["service"]) for line in lines} == {("librdkafka", "test")}
    assert "Connection refused" in lines[0]["message"]


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
