"""How a run's tests are shared between its processes."""

import pytest

from tests.grouping import BREAKING, group


def test_a_module_that_needs_servers_stays_in_one_process() -> None:
    """Its topics are swept away after it; other tests go wherever there is time."""
    module = "tests/integration/test_ingest.py"
    assert {group(f"{module}::test_a"), group(f"{module}::test_b[x::y@z]")} == {module}
    assert group("tests/schemas/test_codec.py::test_a[x]") == "tests/schemas/test_codec.py::test_a[x]"


def test_runs_that_break_things_wait_for_each_other() -> None:
    """They are one group, and their modules are where it says."""
    assert {group(f"{module}::test_a") for module in BREAKING} == {"breaking"}


@pytest.mark.parametrize("module", BREAKING)
def test_the_modules_of_the_group_are_there(module: str, pytestconfig: pytest.Config) -> None:
    """A module that is moved takes its place in the list with it."""
    assert (pytestconfig.rootpath / module).is_file()
