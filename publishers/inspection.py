"""
What a look at a channel leads to: nothing, another look, a correction, a record of a drift.  Pure.

Whatever is found wrong goes into the book as the channel shows it, and is told by the same queue as everything else.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import chain, islice

from publishers.confirm import Agenda
from publishers.findings import Case, Findings, Found, Judge, Run, Seeing
from publishers.kind import Seen, Swept, shared
from publishers.readback import Agrees, Applied, Drifted, Known, Look, NotTold, NotYet, Waits, Young, judge
from publishers.rules import offered, target
from publishers.tasks import Tasks
from publishers.told import Place
from publishers.work import Gate, Setup
from schemas.channel_records import Listing
from schemas.words import DriftAction, DriftCause, Status

ON_ITS_WAY_MS = 10_000
"""So long a sale may take to reach us without being called missed."""
END_MS = 30_000
"""How long after its reading a run waits for second looks."""
SLICE = 200
"""So many listings are judged at once; then other work has its turn."""
CASES_MAX = 10_000
"""Most listings that wait for the order poll; the next run looks at the others again."""


class Inspection:
    """Takes up looks."""

    def __init__(self, setup: Setup, tasks: Tasks, position: Callable[[str], int]) -> None:
        """Work on these tasks' book; `position` says up to where a SKU's sales are heard."""
        self.setup = setup
        self.tasks = tasks
        self.book = tasks.book
        self.findings = Findings(setup.channel)
        self.agenda = Agenda()
        """What is looked at once more."""
        self.cases: dict[Place, Case] = {}
        self.run: Run | None = None
        self.gate = setup.gate
        self._position = position
        self._on_its_way = max(1, ON_ITS_WAY_MS * setup.scale // 1_000)

    def listings(self) -> Iterable[Listing]:
        """Yield the listings that we know."""
        return (listing for listings in self.book.listings.values() for listing in listings.values())

    def known(self, listing: Listing) -> Known:
        """Return what the book knows of a listing."""
        book, sku, name = self.book, listing.sku, listing.listing_id
        observed, level = book.observed.get(sku), book.levels.get(sku)
        shown, expected = book.shown(sku, name), book.expected(sku, name)
        beside = shared(listing, book.listings.get(sku, {}).values(), self.setup.kind)
        desired = None if beside else offered(book.desired(sku), retired=listing.retired)
        return Known(
            shown=shown,
            expected=expected,
            wanted=target(desired, observed.hidden if observed else 0, expected),
            moved_at=level.updated_at if level else 0,
            several=len(book.listings.get(sku, ())) > 1,
            told=book.trail.memory.of((sku, name)),
            patient_until=book.trail.confirmations.patient_until(shown),
            anxious_until=book.trail.confirmations.anxious_until(shown),
        )

    def swept(self, run: Run, swept: Swept, now: int) -> None:
        """Take up all that the channel shows; `go_on` judges it, some at a time."""
        ours: dict[str, list[Listing]] = {}
        for listing in self.listings():
            ours.setdefault(self.setup.kind.key(listing), []).append(listing)
        shows = {seen.key: seen for seen in swept.seen}
        run.shown, run.err = len(shows), swept.err or None
        run.left = chain(
            self._shown(run, ours, shows), () if swept.err else self._not_shown(run, ours, run.keys - shows.keys())
        )
        self.go_on(run, now)

    def go_on(self, run: Run, now: int) -> None:
        """Judge some of what a sweep has shown: what is urgent must not wait for tens of thousands of listings."""
        if run.left is None:
            return
        some = [*islice(run.left, SLICE)]
        for judge_one in some:
            judge_one(now)
        if not some and run.ends_at is None:
            run.left, run.ends_at = None, now + END_MS

    def _shown(self, run: Run, ours: Mapping[str, list[Listing]], shows: Mapping[str, Seen]) -> Iterator[Judge]:
        for key, seen in shows.items():
            if seen.off:
                continue
            look = Look(quantity=seen.quantity, at=seen.at, oversells=seen.oversells)
            if key not in ours:
                unmapped = Found(place=key, look=look, cause=DriftCause.UNMAPPED, called=seen.sku)
                yield partial(self._report, unmapped, run)
            for listing in ours.get(key, ()):
                yield partial(self._take, listing, look, run)

    def _not_shown(self, run: Run, ours: Mapping[str, list[Listing]], missing: Iterable[str]) -> Iterator[Judge]:
        for listing in chain.from_iterable(ours.get(key, ()) for key in missing):
            if not listing.retired:
                look, known = Look(quantity=None, at=run.started_at), self.known(listing)
                found = Found(place=listing, look=look, known=known, cause=DriftCause.NOT_SHOWN)
                yield partial(self._report, found, run)

    def looked(self, listing: Listing, look: Look, now: int) -> None:
        """Take up a look at one listing: for the run under way if it asked for it, else for itself."""
        run = self.run if self.run is not None and (listing.sku, listing.listing_id) in self.run.open else None
        self._take(listing, look, run, now)

    def _take(self, listing: Listing, look: Look, run: Run | None, now: int) -> None:
        place = (listing.sku, listing.listing_id)
        if place[1] not in self.book.listings.get(place[0], ()):
            return  # it has ended meanwhile
        known, case = self.known(listing), self.cases.get(place)
        finding = judge(known, look, case.first if case else None, through=self.book.through(now))
        seen = Seeing(listing=listing, place=place, look=look, known=known, case=case, run=run, now=now)
        match finding:
            case Agrees() | NotTold():
                self._agrees(seen, finding)
            case Applied():
                self._applied(seen)
            case NotYet() if place not in self.book.trail.confirmations.agenda:
                self.book.trail.confirmations.later(place, now)
            case Young():
                self._young(seen, finding.since)
            case Waits():
                self._waits(seen, finding)
            case Drifted():
                self._drifted(seen, finding.cause)

    def _end(self, seen: Seeing) -> None:
        """Wait no longer for a listing."""
        self.agenda.drop(seen.place)
        if seen.run is not None:
            seen.run.open.discard(seen.place)
        if self._writes(seen.run):
            self.cases.pop(seen.place, None)

    def _writes(self, run: Run | None) -> bool:
        return self.gate is Gate.PUSH and not (run is not None and run.dry)

    def _agrees(self, seen: Seeing, finding: Agrees | NotTold) -> None:
        self._end(seen)
        known, run = seen.known, seen.run
        if isinstance(finding, NotTold) and run is not None and not run.shadow:
            run.left_out += 1
        elif seen.look.quantity != known.wanted and known.wanted is not None and run is not None and run.shadow:
            self._report(seen.found(DriftCause.NOT_TOLD), run, seen.now)
        elif isinstance(finding, Agrees) and finding.explained and seen.case is not None and seen.case.told:
            self._report(seen.found(DriftCause.MISSED_ORDER), run, seen.now)
        if seen.look.quantity == known.expected:
            self.book.trail.memory.seen(seen.place)

    def _applied(self, seen: Seeing) -> None:
        self._end(seen)
        self.book.trail.memory.seen(seen.place)
        if self._writes(seen.run):
            self._believe(seen)

    def _young(self, seen: Seeing, since: int) -> None:
        """Look once more where it would make a difference; what is too young a second time is hot and told anyway."""
        run, accepted = seen.run, self.book.trail.confirmations
        if run is None:
            (accepted.agenda if seen.case is None else self.agenda).put(seen.place, since)
        elif seen.look.quantity in (seen.known.expected, seen.known.wanted) or seen.place in run.open:
            self._end(seen)
            run.left_out += 1
        else:
            run.open.add(seen.place)
            self.agenda.put(seen.place, max(since, seen.now))

    def _waits(self, seen: Seeing, finding: Waits) -> None:
        """Remember what shows less; a run tells of it when a sale has had the time to reach us."""
        run, case, ripe = seen.run, seen.case, finding.suspect.at + self._on_its_way
        told = case is not None and case.told and finding.suspect == case.first
        run_id = case.run_id if case is not None else run.ask.run_id if run is not None else None
        fresh = Case(first=finding.suspect, look=seen.look, cause=finding.cause, told=told, run_id=run_id)
        if seen.place in self.cases or len(self.cases) < CASES_MAX:
            self.cases[seen.place] = fresh
        if run is not None and seen.now < ripe:
            run.open.add(seen.place)
            self.agenda.put(seen.place, ripe)
            return
        if run is not None:
            run.open.discard(seen.place)
        if run is not None or case is None:
            self._tell(seen.listing, fresh, run, seen.now)

    def _tell(self, listing: Listing, case: Case, run: Run | None, now: int) -> None:
        """Write that a listing shows less, and that it waits."""
        place = (listing.sku, listing.listing_id)
        if place in self.cases:
            self.cases[place] = replace(case, told=True)
        waits, known = DriftAction.WAITS, self.known(listing)
        self._report(Found(place=listing, look=case.look, cause=case.cause, action=waits, known=known), run, now)

    def _drifted(self, seen: Seeing, cause: DriftCause) -> None:
        self._end(seen)
        found = seen.found(cause)
        if self._writes(seen.run):
            self._believe(seen)
            found = replace(found, action=self._action(seen.listing))
        self._report(found, seen.run, seen.now)

    def _action(self, listing: Listing) -> DriftAction:
        """Return whether the right number will be told: not where it is there already, or was given up."""
        record = self.book.observed[listing.sku]
        differs = any(row.listing.listing_id == listing.listing_id for row in self.book.rows(listing.sku))
        return DriftAction.CORRECTED if differs and record.status is not Status.DEAD else DriftAction.NONE

    def _believe(self, seen: Seeing) -> None:
        """Take what the channel shows for what it shows; what differs then is told by the queue."""
        sku, name, record = seen.listing.sku, seen.listing.listing_id, self.book.observed[seen.listing.sku]
        shown = replace(
            record.listings[name],
            shown=seen.look.quantity,
            shown_at=seen.look.at,
            inferred=False,
            accepted_at=None,
            paused=record.listings[name].paused and not seen.look.oversells,
        )
        self.book.sales.settle(sku, self.book.sales.known(sku))
        heard = max(record.heard, self._position(sku))
        self.tasks.store(replace(record, listings={**record.listings, name: shown}, heard=heard, at=seen.now))
        self.tasks.touch(sku, seen.now)

    def _report(self, found: Found, run: Run | None, now: int) -> None:
        record = self.findings.drift(found, run, now)
        if record is not None:
            self.tasks.out.append(record)

    def close(self, run: Run, now: int) -> None:
        """End a run: what is still open is told of, or left out; of a dry one nothing stays."""
        for place in tuple(run.open):
            case, listing = self.cases.get(place), self.book.listings.get(place[0], {}).get(place[1])
            self.agenda.drop(place)
            if case is not None and listing is not None:
                self._tell(listing, case, run, now)
            else:
                run.left_out += 1
        if run.dry:
            self.cases = {place: case for place, case in self.cases.items() if case.run_id != run.ask.run_id}
        self.tasks.out.append(run.record(self.setup.channel, now))
