"""Real Kafka and real PostgreSQL as ordinary processes of one user, without a container engine.

`jars` fetches Kafka's published jars, `kafka` and `postgres` run the two servers, `processes` starts and stops
everything (and guarantees that nothing outlives us), `memory` measures it.
"""
