"""
Which share of what a channel allows is this publisher's.  Pure.

Purposes share by the kind's `LIMITS`, or as the configuration says.  Channels of a kind with the same `app` share what
the vendor allows an app: evenly, because their publishers do not talk to one another.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from publishers.presets import PRESETS, Preset
from publishers.push import READ, TELL
from publishers.windows import Window
from schemas.settings import PER_APP, Channel, Config
from schemas.settings import Window as Setting


class Limited(Protocol):
    """What has limits by bucket: a kind."""

    @property
    def LIMITS(self) -> Mapping[str, tuple[Window, ...]]:  # noqa: N802 - a constant of the kind's module
        """The kind's own shares."""


def limits_of(channel: Channel, kind: Limited, config: Config) -> Mapping[str, tuple[Window, ...]]:
    """Return the limits of a channel by bucket: the configuration's, else the kind's, shared by those of one app."""
    said = {TELL: channel.push_limit, READ: channel.read_limit}
    presets, parts = PRESETS.get(channel.kind, ()), sharing(channel, config)
    limits = {}
    for bucket, windows in kind.LIMITS.items():
        own = tuple(_own(window, bucket, presets, parts) for window in windows)
        limits[bucket] = _configured(said[bucket], own) if said.get(bucket) else own
    return limits


def sharing(channel: Channel, config: Config) -> int:
    """Return how many channels share what the vendor allows this one's app, itself included."""
    if channel.kind not in PER_APP or not channel.app:
        return 1
    return sum(1 for one in config.channels if (one.kind, one.app) == (channel.kind, channel.app))


def _pool(presets: Iterable[Preset], bucket: str) -> str:
    """Return the name of the vendor's bucket that telling and reading back share; "" for one that nobody shares."""
    return next((one.what for one in presets if bucket in one.buckets and {TELL, READ} <= {*one.buckets}), "")


def _configured(settings: Sequence[Setting], own: Sequence[Window]) -> tuple[Window, ...]:
    """Return what an operator says, and the kind's limits of listings where nothing is said of them."""
    pool = next((one.pool for one in own if one.pool), "")
    said = tuple(
        Window(
            amount=one.calls,
            per_ms=one.per_ms,
            burst=one.burst,
            points=one.points,
            rolling=one.rolling,
            per_listing=one.per_listing,
            pool=pool,
        )
        for one in settings
    )
    return said if any(one.per_listing for one in said) else (*said, *(one for one in own if one.per_listing))


def _own(window: Window, bucket: str, presets: Iterable[Preset], parts: int) -> Window:
    """Return the kind's window with what it is a share of; a listing's own limit is nobody else's."""
    if window.per_listing:
        return window
    named = replace(window, pool=window.pool or _pool(presets, bucket))
    for preset in presets:
        whole = _whole(window, preset) if bucket in preset.buckets else 0
        if whole:
            known = replace(named, whole=0 if preset.ours else window.whole or whole)
            return _part(known, parts)
    return named


def _whole(window: Window, preset: Preset) -> int:
    """Return what the vendor allows in the window's time, 0 where the preset says nothing of such a window."""
    same = [one for one in preset.windows if not one.per_listing and _counts(one) == _counts(window)]
    exact = [one for one in same if one.per_ms == window.per_ms] or (same if len(same) == 1 else [])
    return exact[0].amount * window.per_ms // exact[0].per_ms if exact else 0


def _counts(window: Window) -> tuple[bool, bool]:
    return window.points, window.rolling


def _part(window: Window, parts: int) -> Window:
    """Return an even part of a window: a bucket takes so many times as long, a rolling window lets so many fewer."""
    if window.rolling:
        amount = max(1, window.amount // parts)
        return replace(window, amount=amount, burst=amount)
    burst = max(1, window.burst // parts)
    return replace(window, per_ms=window.per_ms * parts, whole=window.whole * parts, burst=burst)
