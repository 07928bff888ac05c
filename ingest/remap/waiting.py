"""
The unmapped lines of `stock.deadletter` that nobody has resolved: of each the newest state, and its letters.  Pure.

A letter's records all have one key (its order id), so a letter, its resolution and the same letter again come in order.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from ingest.webhook import Line
from schemas.ids import order_id
from schemas.records import DeadLetter
from schemas.words import Reason

Place = tuple[str, str]
"""(channel, listing id)"""


@dataclass(slots=True, kw_only=True)
class Stuck:
    """
    A line that waits for its listing.

    `letter` holds its newest state by (revision, seenAt), `ids` names all its letters, `since` is when the first one
    was written, milliseconds since 1970.
    """

    letter: DeadLetter
    line: Line
    since: int
    ids: dict[str, None] = field(default_factory=dict)

    @property
    def place(self) -> Place:
        """Return the listing that the line waits for."""
        return str(self.letter.channel), self.line.listing_id


def line_of(letter: DeadLetter) -> Line | None:
    """Return the line that a dead letter holds, None where it does not hold enough to be counted."""
    channel, name = letter.channel, letter.order_id
    revision, seen_at, ordered_at = letter.revision, letter.seen_at, letter.ordered_at
    if not channel or not name or not letter.listing_id or letter.qty is None:
        return None
    if revision is None or seen_at is None or ordered_at is None:
        return None
    order, _, line = name.removeprefix(f"{channel}_").partition("_")
    found = Line(
        order=unquote(order),
        line=unquote(line),
        sku="",
        listing_id=letter.listing_id,
        qty=letter.qty,
        revision=revision,
        seen_at=seen_at,
        ordered_at=ordered_at,
    )
    return found if order_id(channel, found.order, found.line) == name and letter.qty >= 0 else None


class Waiting:
    """What `stock.deadletter` says of unmapped lines, record by record."""

    def __init__(self, most: int | None = None) -> None:
        """Begin empty; more letters than `most` are only counted, in `missed`."""
        self.missed = 0
        self._most = most
        self._lines: dict[Place, dict[str, Stuck]] = {}
        self._homes: dict[str, tuple[Place, str]] = {}
        self._left: dict[str, DeadLetter] = {}

    def __len__(self) -> int:
        return len(self._homes) + len(self._left)

    def take(self, letter: DeadLetter) -> bool:
        """Take up a record of `stock.deadletter`, others than ours too; returns whether there was room for it."""
        if letter.resolves is not None:
            self.resolve(letter.resolves)
        elif letter.reason is Reason.UNMAPPED:
            known = letter.dead_letter_id in self._homes or letter.dead_letter_id in self._left
            if not known and self._most is not None and len(self) >= self._most:
                self.missed += 1
                return False
            self._keep(letter)
        return True

    def _keep(self, letter: DeadLetter) -> None:
        line = line_of(letter)
        if line is None:
            self._left[letter.dead_letter_id] = letter
            return
        fresh = Stuck(letter=letter, line=line, since=letter.at)
        name = str(letter.order_id)
        self.resolve(letter.dead_letter_id)  # its line may have moved to another listing meanwhile
        stuck = self._lines.setdefault(fresh.place, {}).setdefault(name, fresh)
        if (stuck.line.revision, stuck.line.seen_at) <= (line.revision, line.seen_at):
            stuck.letter, stuck.line = letter, line
        stuck.since = min(stuck.since, letter.at)
        stuck.ids[letter.dead_letter_id] = None
        self._homes[letter.dead_letter_id] = fresh.place, name

    def resolve(self, letter_id: str) -> None:
        """Forget a letter; its line waits no more when that was its last one."""
        self._left.pop(letter_id, None)
        place, name = self._homes.pop(letter_id, (("", ""), ""))
        lines = self._lines.get(place, {})
        stuck = lines.get(name)
        if stuck is None:
            return
        stuck.ids.pop(letter_id, None)
        if not stuck.ids:
            del lines[name]
        if not lines:
            del self._lines[place]

    def lines(self) -> Iterator[tuple[Place, Mapping[str, Stuck]]]:
        """Yield each listing that is waited for, with its lines by order id."""
        yield from self._lines.items()

    def left(self) -> Iterator[DeadLetter]:
        """Yield the letters that do not hold enough to be counted."""
        yield from self._left.values()

    def counts(self) -> Counter[str]:
        """Return how many lines wait, by channel; those that can only be repaired by hand count too."""
        found: Counter[str] = Counter()
        for (channel, _), lines in self._lines.items():
            found[channel] += len(lines)
        found.update(str(letter.channel) for letter in self._left.values())
        return found
