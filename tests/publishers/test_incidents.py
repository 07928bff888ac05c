"""One incident for one cause: when it opens, when it ends, and who was told."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publishers.incident_text import begun, ended
from publishers.incidents import GRACE_MS, QUIET_MS, Incidents, State
from schemas.channel_records import Incident
from schemas.words import IncidentKind

CALM = State()
DOWN = State(down="HTTP 503")
K = IncidentKind
LONG = 120_000


def watch(incidents: Incidents, *steps: tuple[int, State]) -> list[tuple[str, int | None]]:
    """Look at states at times; returns each record's kind and end."""
    return [(record.kind, record.until) for now, state in steps for record in incidents.look(state, now)]


def opened(state: State, kind: K) -> tuple[Incidents, Incident]:
    """Return incidents with one open."""
    incidents = Incidents("shop")
    incidents.look(state, 0)
    incidents.look(state, LONG)
    incident = incidents.open(kind)
    assert incident is not None
    return incidents, incident


def test_a_short_outage_is_nobodys_message() -> None:
    """The circuit opens and closes within the grace, several times."""
    steps = [(n * 30_000, DOWN if n % 2 else CALM) for n in range(20)]
    assert watch(Incidents("shop"), *steps) == []


def test_a_long_outage_is_one_incident_whatever_dies_in_it() -> None:
    """Opened after the grace, grown once, ended after the quiet time: since when it has been quiet."""
    incidents = Incidents("shop")
    grace = GRACE_MS[K.CHANNEL_DOWN]
    assert watch(incidents, (0, DOWN), (grace - 1, DOWN)) == []
    assert watch(incidents, (grace, DOWN)) == [("channel_down", None)]
    dying = replace(DOWN, exhausted=40)
    assert watch(incidents, (grace + 20_000, dying), (grace + 20_001, replace(dying, exhausted=41))) == [
        ("channel_down", None)
    ]
    assert watch(incidents, (grace + 26_000, dying), (grace + 27_000, dying)) == []
    back = 200_000
    assert watch(incidents, (back, CALM), (back + QUIET_MS - 1, CALM)) == []
    assert watch(incidents, (back + QUIET_MS, CALM)) == [("channel_down", back)]
    assert incidents.open(K.CHANNEL_DOWN) is None


def test_dead_letters_in_an_outage_open_its_incident_at_once() -> None:
    """A ladder shorter than the grace: somebody should know now."""
    (incident,) = Incidents("shop").look(State(down="HTTP 503", exhausted=3), 7)
    assert (incident.kind, incident.since, incident.skus, incident.err) == (K.CHANNEL_DOWN, 7, 3, "HTTP 503")


def test_what_comes_and_goes_is_one_incident() -> None:
    """Replayed and refused again within the quiet time, for an hour."""
    incidents = Incidents("shop")
    dead = State(rejected=2)
    steps = [(n * 50_000, dead if n % 2 else CALM) for n in range(72)]
    assert watch(incidents, (0, dead), (5_000, dead), *steps[1:]) == [("dead_letters", None)]


def test_ladders_that_end_without_an_outage_are_dead_letters() -> None:
    """And count together with what was rejected."""
    incidents, incident = opened(State(rejected=2, exhausted=3), K.DEAD_LETTERS)
    assert incident.skus == 5
    assert incidents.open(K.CHANNEL_DOWN) is None


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        (State(refused="HTTP 401"), K.CREDENTIALS),
        (State(zeros=40), K.BRAKE),
        (State(rules="channels[shop].rules.max: ..."), K.RULES_REFUSED),
    ],
)
def test_every_cause_has_its_incident(state: State, kind: K) -> None:
    """And only its own."""
    incidents, incident = opened(state, kind)
    assert [one for one in K if incidents.open(one)] == [kind]
    assert incident.incident_id == f"shop-{kind}-0"


def test_who_takes_over_goes_on_with_what_is_open() -> None:
    """It opens no second one, and ends an outage only once the channel has answered: no call has failed here yet."""
    _, incident = opened(DOWN, K.CHANNEL_DOWN)
    heir = Incidents("shop")
    heir.load(incident)
    heir.load(replace(incident, channel="other", kind=K.BRAKE))
    unsure = replace(CALM, answered=False)
    assert watch(heir, (200_000, unsure), (900_000, unsure)) == []
    assert watch(heir, (901_000, DOWN), (902_000, DOWN)) == []
    assert watch(heir, (1_000_000, CALM), (1_100_000, CALM)) == [("channel_down", 1_000_000)]


def test_each_message_is_wanted_once() -> None:
    """First the beginning, then the end; what was told is remembered in the record."""
    incidents, incident = opened(DOWN, K.CHANNEL_DOWN)
    assert [*incidents.untold(LONG)] == [incident]
    record = incidents.told(incident, "C1:1.5", 130_000)
    assert record is not None
    assert (record.told_at, record.end_told_at, record.message) == (130_000, None, "C1:1.5")
    assert incidents.told(incident, "C1:9.9", 130_001) is None
    assert [*incidents.untold(130_000)] == []
    watch(incidents, (200_000, CALM), (300_000, CALM))
    (over,) = incidents.untold(300_000)
    closed = incidents.told(over, None, 310_000)
    assert closed is not None
    assert (closed.told_at, closed.end_told_at, closed.message) == (130_000, 310_000, "C1:1.5")
    assert [*incidents.untold(310_000)] == []


def test_an_incident_that_ends_before_it_could_be_told_is_told_whole() -> None:
    """In one message; an hour later it is history."""
    incidents, _ = opened(DOWN, K.CHANNEL_DOWN)
    watch(incidents, (200_000, CALM), (300_000, CALM))
    (over,) = incidents.untold(300_000)
    assert [*incidents.untold(300_000 + 3_600_000)] == []
    record = incidents.told(over, None, 310_000)
    assert record is not None
    assert (record.told_at, record.end_told_at) == (310_000, 310_000)


def test_an_end_that_nobody_was_told_of_is_taken_back_when_it_begins_again() -> None:
    """The messenger is down while the channel comes and goes: one incident."""
    incidents, incident = opened(DOWN, K.CHANNEL_DOWN)
    incidents.told(incident, None, LONG)
    watch(incidents, (200_000, CALM), (300_000, CALM))
    (again,) = incidents.look(DOWN, 310_000)
    assert (again.incident_id, again.until) == (incident.incident_id, None)


def test_a_message_told_while_the_incident_ended_leaves_its_end_to_be_told() -> None:
    """The post took its time."""
    incidents, incident = opened(DOWN, K.CHANNEL_DOWN)
    watch(incidents, (200_000, CALM), (300_000, CALM))
    record = incidents.told(incident, None, 300_001)
    assert record is not None
    assert (record.told_at, record.end_told_at) == (300_001, None)
    assert [one.until for one in incidents.untold(300_002)] == [200_000]


@given(
    steps=st.lists(st.tuples(st.integers(1, 90_000), st.booleans(), st.integers(0, 3), st.integers(0, 3)), max_size=60)
)
def test_there_is_never_a_second_open_incident_of_a_kind(steps: list[tuple[int, bool, int, int]]) -> None:
    """Its records tell one story: it opens, lasts, ends; the next one has another id."""
    incidents, now, last = Incidents("shop"), 0, dict[K, Incident]()
    for gap, down, rejected, exhausted in steps:
        now += gap
        state = State(down="x" if down else None, rejected=rejected, exhausted=exhausted)
        for record in incidents.look(state, now):
            before = last.get(record.kind)
            if before is not None and before.until is None:
                assert record.incident_id == before.incident_id
            elif before is not None:
                assert record.incident_id != before.incident_id
                assert before.until is not None
                assert record.since > before.until
            last[record.kind] = record


@pytest.mark.parametrize("kind", list(K))
def test_the_messages_say_what_happened_and_name_the_incident(kind: K) -> None:
    """In the same words at the beginning and at the end; a channel's own words cannot ping anybody."""
    incident = Incident(
        incident_id=f"shop-{kind}-0", channel="shop", kind=kind, since=0, skus=3, err="<!channel> & co", at=0
    )
    first, last = begun(incident), ended(replace(incident, until=61_000))
    assert "shop" in first
    assert incident.incident_id in first
    assert incident.incident_id in last
    assert "1970-01-01 00:00:00 UTC to 1970-01-01 00:01:01 UTC" in last
    assert "<!" not in first + last
    core = first.removeprefix(":red_circle: ").partition(". ")[0]
    assert core in last
