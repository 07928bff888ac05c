"""The access token of a channel: when it is fetched, how long it is believed, what becomes of refusals."""

import asyncio
from collections.abc import Sequence

import pytest

from ingest.poll.grant import EARLY_MS, RETRY_MS, Tokens, outlived
from ingest.poll.kind import Answer, Denied, Expired, Later, Request, Token
from schemas.settings import Channel, Kind

SHOP = Channel(name="shop", kind=Kind.GENERIC, since=0, auth_url="http://auth")
HOUR = 3_600_000
BUSY = Later(why="busy", after_ms=7_000)
NO = Denied(why="no")


class Auth:
    """An authorisation server by script, which is the kind's `Grant` too; it notes with which secrets it was asked."""

    SECRETS = ("CLIENT_ID", "REFRESH_TOKEN")

    def __init__(self, *script: Token | Later | Denied) -> None:
        self.script, self.now, self.asked = list(script), 1_000_000, list[tuple[str, ...]]()
        self.secrets: Sequence[str] = ("id", "first")
        self.tokens = Tokens(SHOP, self, lambda: self.secrets, self.call, lambda: self.now)

    def request(self, channel: Channel, secrets: Sequence[str]) -> Request:
        """Note the secrets."""
        self.asked.append(tuple(secrets))
        return Request(method="POST", url=channel.auth_url, headers={})

    def read(self, _answer: Answer) -> Token | Later | Denied:
        """Answer by script."""
        return self.script.pop(0) if self.script else token(f"t{len(self.asked)}")

    async def call(self, _request: Request) -> Answer:
        """Take a turn of the loop."""
        await asyncio.sleep(0)
        return Answer(status=200, headers={}, body=b"")


def token(value: str, lasts_ms: int = HOUR, successor: str = "") -> Token:
    return Token(value=value, lasts_ms=lasts_ms, successor=successor)


async def value(auth: Auth) -> str:
    found = await auth.tokens.get()
    assert isinstance(found, Token)
    return found.value


async def test_a_token_is_fetched_once_and_again_before_it_ends() -> None:
    """Five minutes before the end of an hour the next one is fetched, and not a millisecond earlier."""
    auth = Auth()
    assert [await value(auth), await value(auth)] == ["t1", "t1"]
    auth.now += HOUR - EARLY_MS - 1
    assert await value(auth) == "t1"
    auth.now += 1
    assert await value(auth) == "t2"


async def test_a_short_lived_token_is_renewed_in_the_last_fifth_of_its_life() -> None:
    """Ten minutes: five before the end would halve its life."""
    auth = Auth(token("short", 600_000))
    await value(auth)
    auth.now += 479_999
    assert await value(auth) == "short"
    auth.now += 1
    assert await value(auth) == "t2"


@pytest.mark.parametrize("first", [token("one"), BUSY, NO])
async def test_many_who_ask_at_once_share_one_fetch(first: Token | Later | Denied) -> None:
    """A hundred tasks, one call, and all get what came of it: also where that is a failure."""
    auth = Auth(first)
    found = await asyncio.gather(*(auth.tokens.get() for _ in range(100)))
    assert found == [first] * 100
    assert len(auth.asked) == 1


async def test_a_fetch_that_is_cancelled_leaves_nobody_waiting() -> None:
    """The one who fetches goes away: the next one fetches."""
    auth = Auth()
    first = asyncio.ensure_future(auth.tokens.get())
    second = asyncio.ensure_future(auth.tokens.get())
    await asyncio.sleep(0)
    first.cancel()
    async with asyncio.timeout(5):
        assert isinstance(await second, Token)


async def test_what_the_server_says_instead_of_a_token_passes_through() -> None:
    """Waits and refusals are the caller's to obey; the next call asks again."""
    auth = Auth(BUSY, NO)
    assert [await auth.tokens.get(), await auth.tokens.get()] == [BUSY, NO]
    assert await value(auth) == "t3"


@pytest.mark.parametrize("problem", [Later(why="down"), NO])
async def test_a_token_that_cannot_be_renewed_is_used_to_its_end(problem: Later | Denied) -> None:
    """In its last minutes the old one still works; the server is asked every ten seconds, and its word counts then."""
    auth = Auth(token("old"), problem, problem, problem)
    await value(auth)
    auth.now += HOUR - EARLY_MS
    assert [await value(auth), await value(auth)] == ["old", "old"]
    assert len(auth.asked) == 2, "not with each call"
    auth.now += RETRY_MS
    assert await value(auth) == "old"
    auth.now += EARLY_MS
    assert await auth.tokens.get() == problem


async def test_a_refused_token_is_replaced_once_and_then_the_credentials_are_at_fault() -> None:
    """The channel refuses the first and its successor: no third; a token that worked in between earns a new try."""
    auth = Auth()
    for expected in (True, False):
        found = await auth.tokens.get()
        assert isinstance(found, Token)
        assert auth.tokens.refused(found) is expected
    found = await auth.tokens.get()
    assert isinstance(found, Token)
    auth.tokens.accepted()
    assert auth.tokens.refused(found)


async def test_a_late_refusal_does_not_drop_the_token_that_came_after() -> None:
    """Two calls with one token are refused: it is replaced once."""
    auth = Auth()
    old = await auth.tokens.get()
    assert isinstance(old, Token)
    assert auth.tokens.refused(old)
    new = await value(auth)
    assert auth.tokens.refused(old)
    assert await value(auth) == new


async def test_refresh_tokens_follow_one_another_until_another_one_is_configured() -> None:
    """Each successor takes the place of the last secret; a newly configured one wins over what is remembered."""
    auth = Auth(token("a", successor="second"), token("b", successor="third"), token("c"))
    for _ in range(3):
        await value(auth)
        auth.now += HOUR
    auth.secrets = ("id", "fresh")
    await value(auth)
    assert auth.asked == [("id", "first"), ("id", "second"), ("id", "third"), ("id", "fresh")]


async def test_a_successor_that_is_refused_gives_way_to_the_configured_one() -> None:
    """Another process may have used it up: the one in the configuration is tried before anybody is woken."""
    auth = Auth(token("a", successor="second"), NO, token("b"))
    await value(auth)
    auth.now += HOUR
    assert await value(auth) == "b"
    assert auth.asked == [("id", "first"), ("id", "second"), ("id", "first")]


def test_only_a_401_or_the_kinds_own_word_means_that_a_token_has_ended() -> None:
    """A 403 is about what the token may do, unless the kind says otherwise."""
    at = {status: Answer(status=status, headers={}, body=b"") for status in (200, 401, 403)}
    assert outlived(NO, at[401])
    assert outlived(Expired(why="x"), at[403])
    assert not outlived(NO, at[403])
    assert not outlived(BUSY, at[401])


def test_no_token_shows_in_a_log() -> None:
    """Neither the token nor the refresh token is in its readable form."""
    assert "geheim" not in repr(token("geheim", successor="geheim"))
