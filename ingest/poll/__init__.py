"""
Reading the orders that no webhook told of: the pure parts are the pace, the watermark, the held lines and the snapshot.

A poll says the same about a line as a webhook would, so whatever is read twice changes nothing.
"""
