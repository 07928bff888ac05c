"""What a run was, as one line (pure)."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from tests.chaos.evidence import Evidence, Finding
from tests.chaos.oracle import unresolved, values
from tests.chaos.stories import STORIES

ZEROS = ("lost", "doubled", "wrong")


def line(
    evidence: Evidence, found: Sequence[Finding], counts: Mapping[str, int], told: Counter[str], more: Mapping[str, Any]
) -> str:
    """
    Return the last line of the command.

    Args:
        evidence: what was judged.
        found: the findings.
        counts: what the senders of webhooks counted.
        told: what the driver counted: orders, old orders touched, stories by name, tries of secrets.
        more: kills, seconds, kinds that were left out, the seed.

    """
    kinds = Counter(finding.kind for finding in found)
    old = {sold.order for sold in evidence.sold if sold.at < evidence.since[sold.channel]}
    orders = {(sold.channel, sold.order) for sold in evidence.sold if sold.order not in old}
    results = Counter(value["result"] for value in values(evidence.topics["order.outcome"]))
    return json.dumps(
        {
            "orders": dict(sorted(Counter(channel for channel, _ in orders).items())),
            "deliveries": counts.get("delivered", 0),
            "duplicated": counts.get("duplicates", 0),
            "dropped": counts.get("dropped", 0),
            "delayed": counts.get("delayed", 0),
            "cancelled_at_once": counts.get("same_second", 0),
            "cancelled_before_created": told["cancel before create"],
            "lines_left": told["a line leaves"],
            "lines_swapped": told["another product"],
            "stories": {name: told[name] for name, *_ in STORIES},
            "new_secret_accepted": told["new_secret_accepted"],
            "old_secret_refused": told["old_secret_refused"],
            "failed": counts.get("failed", 0),
            "still_trying": told["still_trying"],
            "switched_off": counts.get("disabled", 0),
            "old_touched": told["old_touched"],
            "too_old": results["too_old"],
            "moved": told["moved"],
            **more,
            **{name: kinds[name] for name in ZEROS},
            "unresolved_dead_letters": len(unresolved(evidence)),
        }
    )
