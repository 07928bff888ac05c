"""SQS as Amazon's notifications use it: `SendMessage` in the JSON protocol.

Source: docs.aws.amazon.com, SQS "Making requests using AWS JSON protocol". The signature is not made: the queue is a
stand-in too, which only looks for the service's name in it.
"""

import re
from urllib.parse import urlsplit

import orjson

_QUEUE = re.compile(r"/[0-9]{12}/[A-Za-z0-9_-]{1,80}")
SCOPE = "rehearsal/20260101/us-east-1/sqs/aws4_request"


def is_queue(path: str) -> bool:
    """Tell the path of a queue from that of a bridge."""
    return _QUEUE.fullmatch(path) is not None


def service(url: str) -> str:
    """Return the address of the service that a queue belongs to."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/"


def message(queue: str, body: bytes) -> tuple[dict[str, str], bytes]:
    """Write the request that puts a body into a queue."""
    headers = {
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Target": "AmazonSQS.SendMessage",
        "Authorization": f"AWS4-HMAC-SHA256 Credential={SCOPE}, SignedHeaders=host, Signature=0",
    }
    return headers, orjson.dumps({"QueueUrl": queue, "MessageBody": body.decode()})
