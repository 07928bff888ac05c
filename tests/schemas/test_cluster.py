"""A cluster that has just been told something knows it broker by broker."""

from typing import Any

import pytest

from schemas import cluster


def test_topics_are_looked_for_again_until_every_broker_has_heard_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each broker answers for itself: on three of them the next one asked may not list yet what was just created."""
    answers = [[f"topic a {cluster.MISSING}"], [f"topic b {cluster.MISSING}", "topic a has 1"], ["topic a has 1"], []]
    monkeypatch.setattr(cluster, "check", lambda _: answers.pop(0))
    monkeypatch.setattr(cluster, "LOOK_S", 0.0)
    nothing: Any = None
    assert cluster.settled(nothing) == ["topic a has 1"]
    assert answers == [[]]
