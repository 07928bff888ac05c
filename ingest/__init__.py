"""
What comes in: webhooks, missed orders, operators' adjustments and imports, all of it into Kafka before anyone is told.

Thin on purpose: verify, parse, produce, answer.  The state of a process is a view of `listing` and its secrets.
"""
