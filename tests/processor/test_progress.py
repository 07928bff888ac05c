"""What stands still without a word is noticed; what is slow is not."""

from aiokafka import TopicPartition

from processor.progress import Progress

ORDERS, ADJUSTED, OTHER = TopicPartition("o", 0), TopicPartition("a", 0), TopicPartition("o", 1)


def test_a_partition_that_decides_nothing_while_records_wait_is_counted_from_the_first_look() -> None:
    """Seconds since it last moved."""
    progress = Progress()
    for now in (10.0, 15.0, 20.0):
        progress.note({ORDERS: 5, ADJUSTED: 2}, {ORDERS: 9, ADJUSTED: 2}, now)
    assert progress.still_s(25.0) == 15.0


def test_orders_that_wait_for_their_adjustments_do_not_stand_still() -> None:
    """A partition moves as a whole."""
    progress = Progress()
    progress.note({ORDERS: 5, ADJUSTED: 2}, {ORDERS: 9, ADJUSTED: 90}, 10.0)
    progress.note({ORDERS: 5, ADJUSTED: 30}, {ORDERS: 9, ADJUSTED: 90}, 20.0)
    assert progress.still_s(21.0) == 1.0


def test_a_partition_without_lag_or_without_a_lane_is_forgotten() -> None:
    """Idle is healthy, and a closed lane is another watch's."""
    progress = Progress()
    progress.note({ORDERS: 5, OTHER: 1}, {ORDERS: 9, OTHER: 7}, 10.0)
    progress.note({ORDERS: 9}, {ORDERS: 9}, 20.0)
    assert progress.still_s(99.0) == 0.0


def test_what_moves_between_two_looks_at_the_ends_does_not_stand_still() -> None:
    """The ends may take minutes to be looked up, where brokers do not answer: nobody ends for that."""
    progress = Progress()
    progress.note({ORDERS: 5, OTHER: 1}, {ORDERS: 90, OTHER: 7}, 10.0)
    progress.moved({ORDERS: 20, OTHER: 7}, 100.0)
    assert progress.still_s(101.0) == 1.0
    progress.moved({ORDERS: 20, OTHER: 7}, 150.0)
    assert progress.still_s(151.0) == 51.0
    progress.moved({ORDERS: 90, OTHER: 7}, 152.0)
    assert progress.still_s(999.0) == 0.0


def test_a_log_whose_end_is_not_known_is_not_judged() -> None:
    """Its brokers are in trouble, and the other partitions must not end for it."""
    progress = Progress()
    progress.note({ORDERS: 5, OTHER: 1}, {ORDERS: 9, OTHER: 7}, 10.0)
    progress.note({ORDERS: 5, OTHER: 1}, {OTHER: 7}, 60.0)
    progress.note({ORDERS: 5, OTHER: 7}, {OTHER: 7}, 61.0)
    assert progress.still_s(999.0) == 0.0
