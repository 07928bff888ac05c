"""What a person sees while it runs: a live table on a terminal, plain lines elsewhere."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from compose.flashsale.drive import Run

REFRESH_S = 0.5
LINE_EVERY_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """A SKU's level in the hub; None before it is stocked."""

    quantity: int | None
    paused: bool

    @property
    def offered(self) -> int:
        """How many units every shop should show."""
        return 0 if self.paused else max(0, self.quantity or 0)

    def __str__(self) -> str:
        return f"{'-' if self.quantity is None else self.quantity}{' paused' if self.paused else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One moment of the run."""

    phase: str
    done: float
    sold: int
    sold_out: int
    decided: int
    oversold: int
    dead: int
    hub: Mapping[str, Level]
    shops: Mapping[str, Mapping[str, int]]
    events: tuple[str, ...]

    @property
    def waiting(self) -> int:
        """Orders that were sold and are not decided yet."""
        return max(0, self.sold - self.decided)


async def look(run: Run) -> Picture:
    """Take a picture of the run."""
    topics = run.witness.snapshot()
    outcomes = [s.value for s in topics["order.outcome"] if s.value and not s.value["orderId"].startswith("adj_")]
    levels = {s.value["sku"]: s.value for s in topics["stock.level"] if s.value}
    shown = await asyncio.gather(*(shop.levels() for shop in run.shops))
    length = run.demand.wishes[-1].run_at or 1
    return Picture(
        phase=run.phase,
        done=min(1.0, run.clock_ms / length),
        sold=run.results["sold"],
        sold_out=run.results["sold_out"],
        decided=len({value["orderId"] for value in outcomes}),
        oversold=sum(w["shortfall"] for level in levels.values() for w in level["waiting"]),
        dead=sum(1 for seen in topics["stock.deadletter"] if seen.value and not seen.value.get("resolves")),
        hub={sku: _level(levels.get(sku, {})) for sku in run.demand.hot},
        shops={shop.account.name: levels for shop, levels in zip(run.shops, shown, strict=True)},
        events=tuple(run.events[-4:]),
    )


def _level(value: Mapping[str, Any]) -> Level:
    return Level(quantity=value.get("quantity"), paused=value.get("paused") is not None)


def drawn(picture: Picture) -> Group:
    """Draw a picture for a terminal."""
    table = Table(title="the hottest SKUs", title_justify="left")
    for column in ("SKU", "Lastunit", *picture.shops):
        table.add_column(column, justify="left" if column == "SKU" else "right")
    for sku, level in picture.hub.items():
        cells = [_cell(shown.get(sku), level.offered) for shown in picture.shops.values()]
        table.add_row(sku, str(level), *cells)
    return Group(
        Text(plain(picture)),
        Padding(ProgressBar(total=1.0, completed=picture.done, width=60), (0, 0, 1, 0)),
        table,
        *(Text(f"  {event}", style="yellow") for event in picture.events),
    )


def _cell(shown: int | None, offered: int) -> Text:
    """Mark a number that would let somebody buy what is not there."""
    risky = shown is not None and shown > offered
    return Text("-" if shown is None else str(shown), style="bold red" if risky else "green")


def plain(picture: Picture) -> str:
    """Say a picture in one line."""
    return (
        f"{picture.phase:<16} {picture.done:4.0%}  sold {picture.sold}  decided {picture.decided}"
        f"  on their way {picture.waiting}  sold out at the shop {picture.sold_out}"
        f"  oversold units {picture.oversold}  dead letters {picture.dead}"
    )


async def watch(run: Run, console: Console) -> None:
    """Show the run until cancelled."""
    if not console.is_terminal:
        await _lines(run, console)
        return
    with Live(console=console, refresh_per_second=4, transient=True) as live:
        while True:
            live.update(drawn(await look(run)))
            await asyncio.sleep(REFRESH_S)


async def _lines(run: Run, console: Console) -> None:
    told = 0
    while True:
        console.print(plain(await look(run)), highlight=False, soft_wrap=True)
        for event in run.events[told:]:
            console.print(f"  {event}", highlight=False)
        told = len(run.events)
        await asyncio.sleep(LINE_EVERY_S)
