"""What the command line says about how much is measured."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """
    How much a case measures.

    `rounds` is how often alternatives take turns, `orders` the length of a backlog, `sizes` the catalogues (in SKUs) of
    `recovery`, `seconds` how long a load lasts; `quick` is for development: a fraction of all that.
    """

    rounds: int = 5
    orders: int = 100_000
    sizes: tuple[int, ...] = (10_000, 100_000)
    seconds: int = 15
    quick: bool = False
