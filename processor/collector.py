"""How often Python looks for garbage in cycles: seldom, because a lane's work makes none."""

import gc

ALLOCATIONS = 100_000
"""More than a batch leaves behind at any moment; Python's own figure, 700, has it look through a whole inbox again and
again, which was a sixth of the processor time of a decision.  What does sit in cycles (a failed task with its
traceback) is small and waits a little longer."""
YOUNG, MIDDLE = 20, 50


def relax() -> None:
    """Look for cycles seldom, and never again in what is there already: modules, classes, settings."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(ALLOCATIONS, YOUNG, MIDDLE)
