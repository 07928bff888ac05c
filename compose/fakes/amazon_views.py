"""Amazon's shapes, pure: the `ORDER_CHANGE` notification and an order of the Orders API.

Source: amzn/selling-partner-api-models `schemas/notifications/OrderChangeNotification.json` and
`models/orders-api-model/orders_2026-01-01.json`. The two spell their statuses differently, and only the notification
has milliseconds (as the models' examples do).
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from compose.fakes import times
from compose.fakes.amazon_desk import MARKETPLACE, Desk
from compose.fakes.books import Line, Order
from compose.fakes.shopify_bodies import uuid_of

SHIPPED = "Shipped"
_WORD = re.compile(r"(?<=[a-z])(?=[A-Z])")


def status(desk: Desk, order: Order) -> str:
    """Tell an order's status in the notification's words."""
    return "Canceled" if order.cancelled_at is not None else desk.statuses.get(order.order_id, desk.initial)


def api_status(word: str) -> str:
    """Write a status as the Orders API does."""
    return "CANCELLED" if word == "Canceled" else _WORD.sub("_", word).upper()


def milliseconds(ms: int) -> str:
    """Write a time as the notifications do: `2026-11-21T10:00:00.000Z`."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def notifications(desk: Desk, order: Order, at: int, change: str) -> Iterator[dict[str, Any]]:
    """Tell one change twice: each item by itself, and the whole order."""
    items = [item(desk, order, line) for line in order.lines.values()]
    for one in items:
        yield notification(desk, summary(desk, order, [one]), (order.order_id, "OrderItemLevel", change), at)
    yield notification(desk, summary(desk, order, items), (order.order_id, "OrderLevel", change), at)


def summary(desk: Desk, order: Order, items: list[dict[str, Any]]) -> dict[str, Any]:
    """Write the order's summary with some of its items."""
    shipped = sum(one["QuantityShipped"] for one in items)
    return {
        "MarketplaceId": MARKETPLACE,
        "OrderStatus": status(desk, order),
        "PurchaseDate": milliseconds(order.created_at),
        "DestinationPostalCode": "48110",
        "FulfillmentType": "MFN",
        "OrderType": "StandardOrder",
        "NumberOfItemsShipped": shipped,
        "NumberOfItemsUnshipped": sum(one["Quantity"] for one in items) - shipped,
        "OrderPrograms": [],
        "OrderItems": items,
    }


def item(desk: Desk, order: Order, line: Line) -> dict[str, Any]:
    """Write an item; units that were cancelled out of it are no more in its quantity."""
    quantity = line.ordered - line.edited_off
    shipped = status(desk, order) == SHIPPED
    return {
        "OrderItemId": line.line_id,
        "SellerSKU": line.listing.sku,
        "SupplySourceId": None,
        "OrderItemStatus": SHIPPED if shipped else "Unshipped",
        "Quantity": quantity,
        "QuantityShipped": quantity if shipped else 0,
        "IsBuyerRequestedCancel": False,
    }


def notification(desk: Desk, told: dict[str, Any], what: tuple[str, str, str], at: int) -> dict[str, Any]:
    """Wrap a summary into the notification of a change at a time in ms."""
    order_id, level, change = what
    return {
        "NotificationVersion": "1.0",
        "NotificationType": "ORDER_CHANGE",
        "PayloadVersion": "1.0",
        "EventTime": milliseconds(at),
        "Payload": {
            "OrderChangeNotification": {
                "NotificationLevel": level,
                "SellerId": desk.seller_id,
                "AmazonOrderId": order_id,
                "OrderChangeType": "OrderStatusChange",
                "OrderChangeTrigger": {"TimeOfOrderChange": milliseconds(at), "ChangeReason": change},
                "Summary": told,
            }
        },
        "NotificationMetadata": {
            "ApplicationId": "amzn1.sellerapps.app.rehearsal",
            "SubscriptionId": uuid_of(desk.seller_id),
            "PublishTime": milliseconds(at),
            "NotificationId": uuid_of(f"{order_id}:{level}:{told['OrderItems']}:{at}"),
        },
    }


def order(desk: Desk, source: Order) -> dict[str, Any]:
    """Show an order as the API does with `FULFILLMENT` and `CANCELLATION` included; times in whole seconds."""
    word = status(desk, source)
    return {
        "orderId": source.order_id,
        "createdTime": times.zulu(source.created_at),
        "lastUpdatedTime": times.zulu(source.updated_at),
        "programs": [],
        "salesChannel": {"channelName": "AMAZON", "marketplaceId": MARKETPLACE, "marketplaceName": "Amazon.com"},
        "fulfillment": {"fulfillmentStatus": api_status(word), "fulfilledBy": "MERCHANT"},
        "orderItems": [order_item(line, word) for line in source.lines.values()],
    }


def order_item(line: Line, word: str) -> dict[str, Any]:
    """Show an item: what was ordered stays, what was cancelled out of it is neither fulfilled nor to be."""
    left = 0 if word == "Canceled" else line.ordered - line.edited_off
    shipped = left if word == SHIPPED else 0
    shown: dict[str, Any] = {
        "orderItemId": line.line_id,
        "quantityOrdered": line.ordered,
        "programs": [],
        "product": {"asin": asin(line.listing.sku), "title": line.listing.sku, "sellerSku": line.listing.sku},
        "fulfillment": {"quantityFulfilled": shipped, "quantityUnfulfilled": left - shipped},
    }
    if left < line.ordered:
        shown["cancellation"] = {"cancellationExecution": {"cancelledBy": "BUYER", "cancelReason": "BUYER_CANCELED"}}
    return shown


def asin(sku: str) -> str:
    """Make up the ASIN of a SKU."""
    return "B" + uuid_of(sku).replace("-", "")[:9].upper()
