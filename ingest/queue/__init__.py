"""
Order notifications out of SQS queues.

`sorting` and `address` are pure; `sqs` speaks to AWS, `reader` takes messages until Kafka has them, `life` runs them.
"""
