"""
Levels out: keep every channel at the true number, inside its limits.

A publisher compares what a channel should show (`stock.level` through the channel's rules) with what it does show
(`channel.level.<channel>`) and works off the difference, the nearest oversell first.
"""
