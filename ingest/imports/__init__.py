"""
Stock counts, listings and bundles from CSV files: what would change, and then the change.

Everything here but `command`, `present`, `progress` and `write` is pure: bytes and the present state in, a diff with
the records to write out.
"""
