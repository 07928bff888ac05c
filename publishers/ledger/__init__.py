"""
The ledger: what the hub decided and what every channel was told, in PostgreSQL, and the answers from it.

It is a reader like any other.  When PostgreSQL is down it waits, and nothing else notices.
"""
