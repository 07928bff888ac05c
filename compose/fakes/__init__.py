"""Stand-in sales channels: each process is one account with its own stock, sales, webhooks and API.

Written from the vendors' published facts, never from our adapters, so that both cannot be wrong together.
`python -m compose.fakes --help` starts one; `compose.fakes.control` describes how a demo or a test drives it.
"""
