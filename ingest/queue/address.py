"""
What a queue's URL says: its region and its name.  Pure.

Facts: docs.aws.amazon.com, "Amazon SQS queue and message identifiers" and "Legacy endpoints":
`https://sqs.eu-west-1.amazonaws.com/123456789012/orders`, `https://eu-west-1.queue.amazonaws.com/123456789012/orders`.
"""

import re
from urllib.parse import urlsplit

_REGION = re.compile(r"(?:^|\.)([a-z]{2,3}(?:-[a-z]+)+-[0-9]{1,2})(?:\.|$)")


def region(url: str) -> str:
    """Return the region that a queue's host names, "" where it names none."""
    found = _REGION.search(urlsplit(url).hostname or "")
    return found[1] if found else ""


def name(url: str) -> str:
    """Return a queue's own name: a metric's label."""
    return urlsplit(url).path.rpartition("/")[2]
