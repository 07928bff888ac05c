"""
A channel's listings as the channel itself names them: what it sells, under which ids and with which SKUs.

Everything here but `reading` is pure.
"""
