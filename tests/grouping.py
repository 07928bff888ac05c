"""
Which tests go to one process of a run, one after the other, so that what they share is made once.

Groups follow from the modules' places: pytest-xdist 3.8 writes those of its own marker where pytest 9.2 does not look.
"""

from xdist.scheduler import LoadScopeScheduling

MODULES = (
    "tests/integration/",
    "tests/processor/test_handover.py",
    "tests/processor/test_revival.py",
    "tests/scale/test_scale.py",
)
"""Modules here have a broker's topics, a wheel or a long run in common."""
BREAKING = ("tests/chaos/test_chaos.py", "tests/faults/test_processor_faults.py")
"""These load the machine: never two of them at once."""


def group(nodeid: str) -> str:
    """Return the name of a test's group; most tests are one by themselves."""
    path = nodeid.partition("::")[0]
    if path in BREAKING:
        return "breaking"
    return path if path.startswith(MODULES) else nodeid


class Groups(LoadScopeScheduling):  # type: ignore[misc] # xdist ships no types
    """Gives out the groups, the largest first, and single tests last: so both processes end at about the same time."""

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)
