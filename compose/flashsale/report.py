"""The last screen: a table for people and one line of JSON for programs.  Pure but for the console it is given."""

from collections.abc import Mapping
from itertools import chain
from typing import Any

from rich.console import Console
from rich.table import Table

from compose.flashsale.delays import measured, percentiles, to_channel, to_outcome
from compose.flashsale.demand import Demand
from compose.flashsale.evidence import Evidence
from compose.flashsale.oracle import Judgement
from compose.flashsale.timeline import Delay, oversold_by_events, oversold_by_polling

FINDINGS = 10
ZEROS = ("lost", "doubled", "level_mismatches", "channel_mismatches")
NO_DELAY = Delay(decided_ms=0, told_ms=0)


def summary(demand: Demand, evidence: Evidence, verdict: Judgement, facts: Mapping[str, float]) -> dict[str, Any]:
    """Return the line of JSON; `facts` are what the machine measured (memory, set-up, download)."""
    delays = measured(evidence)
    usual = [*delays.values()] or [NO_DELAY]
    return {
        "orders": verdict.orders,
        "accepted": verdict.accepted,
        "insufficient": verdict.insufficient,
        "duplicates": verdict.duplicates,
        **{name: len(getattr(verdict, name)) for name in ZEROS},
        "oversold_polling": oversold_by_polling(demand),
        "oversold_lastunit": oversold_by_events(demand, delays, usual) if delays else None,
        "sold_out_at_channel": sum(shop.sold_out for shop in evidence.shops),
        **facts,
        "order_to_outcome_ms": percentiles([*to_outcome(evidence).values()]),
        "order_to_channel_ms": percentiles([*chain.from_iterable(to_channel(evidence).values())]),
        "webhook_ack_ms": percentiles([*chain.from_iterable(shop.webhook_ms for shop in evidence.shops)]),
    }


def show(console: Console, result: Mapping[str, Any], verdict: Judgement) -> None:
    """Print the result as a table, with what was found wrong beneath it."""
    table = Table(title="What happened", title_justify="left", show_header=False)
    for name, value in _rows(result):
        table.add_row(name, value)
    console.print(table)
    for name in ZEROS:
        findings = getattr(verdict, name)
        for finding in findings[:FINDINGS]:
            console.print(f"{name}: {finding}", style="red", highlight=False, soft_wrap=True)
        if len(findings) > FINDINGS:
            console.print(f"{name}: and {len(findings) - FINDINGS} more", style="red")


def _rows(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        ("orders sold by the shops", str(result["orders"])),
        ("accepted / insufficient", f"{result['accepted']} / {result['insufficient']}"),
        ("repeated deliveries", str(result["duplicates"])),
        ("orders lost / counted twice", f"{result['lost']} / {result['doubled']}"),
        ("wrong levels / wrong at a shop", f"{result['level_mismatches']} / {result['channel_mismatches']}"),
        ("units oversold by polling every 15 min", str(result["oversold_polling"])),
        ("units oversold with this run's delays", str(result["oversold_lastunit"])),
        ("sold out at the shop in time", str(result["sold_out_at_channel"])),
        ("sale -> decision", _times(result["order_to_outcome_ms"])),
        ("sale -> the other shop", _times(result["order_to_channel_ms"])),
        ("webhook -> answer", _times(result["webhook_ack_ms"])),
        ("memory in all, at the peak", f"{result['memory_mib_peak']} MiB"),
    ]


def _times(values: Mapping[str, int | None]) -> str:
    return "  ".join(f"{name} {value} ms" for name, value in values.items())


def clean(result: Mapping[str, Any]) -> bool:
    """Say whether the run came to its end, sold something, and nothing of it is lost, doubled or wrong."""
    return bool(result.get("orders")) and all(result.get(name) == 0 for name in ZEROS)
