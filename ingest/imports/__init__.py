"""
Stock counts and listings from CSV files: what would change, and then the change.

Everything here but `present`, `write` and `progress` is pure: bytes and the present state in, a diff with the records
to write out.
"""
