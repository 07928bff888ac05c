"""
What Slack's answers mean for a message that is to be told.  Pure.

Sources: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks ("Handling errors": 400 for a message
that is none, 403, 404 and 410 for a webhook that is not there any more), the errors of `chat.postMessage` and
`chat.update`, https://docs.slack.dev/apis/web-api/rate-limits (429 with `Retry-After`).
"""

import re
from typing import Any, ClassVar

AFTER_MAX_S = 3_600.0
"""However long Slack asks to wait."""
TOO_MANY = 429
LATER = frozenset({408, 425, TOO_MANY})
"""Refusals that pass by themselves, among those that say that the asker is wrong."""
GONE = frozenset({401, 403, 404, 410})
"""Nobody is told there any more, whatever the message says."""
LATER_WORDS = frozenset(
    {"fatal_error", "internal_error", "rate_limited", "ratelimited", "request_timeout", "service_unavailable"}
)
GONE_WORDS = frozenset(
    {
        "access_denied",
        "account_inactive",
        "channel_not_found",
        "ekm_access_denied",
        "enterprise_is_restricted",
        "invalid_auth",
        "is_archived",
        "missing_scope",
        "no_permission",
        "not_allowed_token_type",
        "not_authed",
        "not_in_channel",
        "org_login_required",
        "restricted_action",
        "restricted_action_read_only_channel",
        "team_access_not_granted",
        "token_expired",
        "token_revoked",
        "two_factor_setup_required",
        "unknown_method",
    }
)
"""The words of the API for a token or a channel that takes no message at all."""
_WORD = re.compile(r"[a-z_]{1,60}")
_DIGITS = re.compile(r"[0-9]{1,5}")


class UntoldError(Exception):
    """Slack has not taken a message; try it again before any other, not before `after_s` where Slack says so."""

    GROWS: ClassVar[float] = 2.0
    """By how much each wait is longer than the one before."""
    MOST_S: ClassVar[float] = 300.0

    def __init__(self, reason: str, after_s: float = 0.0) -> None:
        """Keep how long Slack asks to wait."""
        super().__init__(reason)
        self.after_s = after_s


class GoneError(UntoldError):
    """There is nobody to tell: try again, rarely, and say so once."""

    # The second try comes soon, because a proxy's moment looks like this too.
    GROWS = 16.0
    MOST_S = 900.0


class RefusedError(UntoldError):
    """Slack has read the message and refuses it as it is; tell the others."""


def judge(status: int, retry_after: str, said: str) -> None:
    """
    Look at the status of an answer; `said` is its body.

    Raises `UntoldError` for any but a 200, of the kind that names the reaction.
    """
    if status == 200:
        return
    if status == TOO_MANY:
        raise UntoldError("too many messages", min(AFTER_MAX_S, float(retry_after)) if _is_number(retry_after) else 0.0)
    reason = f"HTTP {status}: {word(said)}"
    if status in GONE:
        raise GoneError(reason)
    if 400 <= status < 500 and status not in LATER:
        raise RefusedError(reason)
    raise UntoldError(reason)


def refusal(said: Any) -> UntoldError:
    """Return what it means that the API's answer is not `ok`."""
    named = word(said.get("error") if isinstance(said, dict) else None)
    kind = UntoldError if named in LATER_WORDS else GoneError if named in GONE_WORDS else RefusedError
    return kind(f"Slack says {named}")


def word(said: Any) -> str:
    """Return Slack's own word for an error; anything that is none may hold what must not be logged."""
    return said if isinstance(said, str) and _WORD.fullmatch(said) else "an answer without a known word"


def _is_number(said: str) -> bool:
    return _DIGITS.fullmatch(said) is not None
