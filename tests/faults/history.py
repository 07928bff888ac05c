"""Everything that a run has left in its topics, as the oracle wants it: data only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


class Input(NamedTuple):
    """A record of a source topic; `poison` names what is wrong with it, where something is, on purpose."""

    key: bytes | None
    value: bytes | None
    poison: str = ""


class Output(NamedTuple):
    """A record that the processor wrote, with its offset and the time (ms) at which its broker took it."""

    offset: int
    key: bytes
    value: bytes
    at: int


class Place(NamedTuple):
    """A partition of a topic, by the topic's id: a topic that is made anew has another."""

    topic_id: str
    partition: int


class Skip(NamedTuple):
    """Offsets from `start` to before `end` that an operator gave up, because the log has lost them."""

    place: Place
    start: int
    end: int


class Witness(NamedTuple):
    """
    One look at a running system: the group's `positions`, which were known at a time (ms).

    Whatever they have passed must have left its outcome in the log by then.  The log's end is no measure: after a
    change of leaders it may be told as it was a moment ago.
    """

    partition: int
    positions: Mapping[str, int]
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """
    A whole run.

    Args:
        names: the name of each source topic by its id; of one that was made anew there are several ids.
        inputs: the source records, by place and offset, those included that were deleted later.
        outcomes: `order.outcome` by partition, in order.
        levels: `stock.level`, likewise.
        dead: the values of `stock.deadletter`.
        committed: the group's positions at the end, for the topics as they are now.
        skips: what operators gave up.
        witnesses: looks at the running system, each partition's in order of time.

    """

    names: Mapping[str, str]
    inputs: Mapping[Place, Mapping[int, Input]]
    outcomes: Mapping[int, Sequence[Output]]
    levels: Mapping[int, Sequence[Output]]
    dead: Sequence[bytes]
    committed: Mapping[Place, int]
    skips: Sequence[Skip] = ()
    witnesses: Sequence[Witness] = field(default_factory=tuple)


class Finding(NamedTuple):
    """Something that must not be: `counted` is the figure of the report it belongs to, `kind` its name."""

    counted: str
    kind: str
    text: str
