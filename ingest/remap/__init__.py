"""
Order lines that no listing told the SKU of: kept in mind, and counted by themselves once the listing is there.

`waiting` and `mapped` are pure.
"""
