"""
What crosses a process boundary, and nothing else.

The dataclasses in `schemas.records` are the source; the codec, the topic registry, the JSON Schemas and the AsyncAPI
document are derived from them.  `ingest`, `processor` and `publishers` share this package and nothing else.
"""
