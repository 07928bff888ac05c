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
from schemas.settings import Channel, Config
from schemas.settings import Window as Setting


class Limited(Protocol):
    """What has limits by bucket: a kind."""

    @property
    def LIMITS(self) -> Mapping[str, tuple[Window, ...]]:  # noqa: N802 - a constant of the kind's module
        """The kind's own shares."""


def limits_of(channel: Channel, kind: Limited, config: Config) -> Mapping[str, tuple[Window, ...]]:
    """Return the limits of a channel by bucket: the configuration's, else the kind's, shared by those of one app."""
    presets = PRESETS.get(channel.kind, ())
    configured = {TELL: channel.push_limit, READ: channel.read_limit}
    return {
        bucket: _configured(configured[bucket], windows, _pool(channel, presets, bucket))
        if configured.get(bucket)
        else tuple(
            _own(window, bucket, presets, sharing(channel, config), _pool(channel, presets, bucket))
            for window in windows
        )
        for bucket, windows in kind.LIMITS.items()
    }


def sharing(channel: Channel, config: Config) -> int:
    """Return how many channels share this one's app, itself included."""
    return max(
        1, sum(1 for one in config.channels if channel.app and (one.kind, one.app) == (channel.kind, channel.app))
    )


def _pool(channel: Channel, presets: Iterable[Preset], bucket: str) -> str:
    """Return the name of what the bucket is a share of; "" where it shares nothing."""
    for number, preset in enumerate(presets):
        if bucket in preset.buckets and TELL in preset.buckets and READ in preset.buckets:
            return f"{channel.kind}-{number}"
    return ""


def _configured(settings: Sequence[Setting], own: Sequence[Window], pool: str) -> tuple[Window, ...]:
    """Return what an operator says, and the kind's limits of listings where nothing is said of them."""
    said = tuple(
        Window(
            amount=one.calls,
            per_ms=one.per_ms,
            burst=one.burst,
            points=one.points,
            rolling=one.rolling,
            per_listing=one.per_listing,
            pool="" if one.per_listing else pool,
        )
        for one in settings
    )
    listings = tuple(one for one in own if one.per_listing)
    return said if any(one.per_listing for one in said) else (*said, *listings)


def _own(window: Window, bucket: str, presets: Iterable[Preset], shared_by: int, pool: str) -> Window:
    """Return the kind's window with what it is a share of; a listing's own limit is nobody else's."""
    if window.per_listing:
        return window
    for preset in presets:
        whole = _whole(window, preset) if bucket in preset.buckets else 0
        if whole:
            parts = shared_by if preset.per_app else 1
            return _part(replace(window, whole=0 if preset.ours else whole, pool=pool), parts)
    return replace(window, pool=pool)


def _whole(window: Window, preset: Preset) -> int:
    """Return what the vendor allows in the window's time, 0 where the preset says nothing of such a window."""
    same = [one for one in preset.windows if (one.points, one.rolling) == (window.points, window.rolling)]
    exact = [one for one in same if one.per_ms == window.per_ms] or (same if len(same) == 1 else [])
    return exact[0].amount * window.per_ms // exact[0].per_ms if exact and not exact[0].per_listing else 0


def _part(window: Window, parts: int) -> Window:
    """Return an even part of a window: a bucket takes so many times as long, a rolling window lets so many fewer."""
    if window.rolling:
        amount = max(1, window.amount // parts)
        return replace(window, amount=amount, burst=amount)
    burst = max(1, window.burst // parts)
    return replace(window, per_ms=window.per_ms * parts, whole=window.whole * parts, burst=burst)
