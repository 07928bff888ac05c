"""Everything that is bounded, with its unit and its reason; what a deployment may choose stands in its file."""

ADJUSTMENTS_MAX = 1_000
"""Adjustments in one request."""

WAIT_MS_MAX = 30_000
"""How long a request may wait for outcomes."""

IN_FLIGHT_MAX = 512
"""Requests under way at once; beyond it 503, so that memory stays bounded while a broker is away."""

BODY_READ_S = 10.0
"""How long a sender may take for a body; Shopify gives up after 5 s, WooCommerce after 60 s but sends at once."""

SHARED_BODY_MAX = 65_536
"""Bytes of a body that names its own account: it is parsed before anybody has proved who sent it, in a few ms."""

CONNECTIONS_MAX = 4_096
"""Connections at once; beyond it a new one is closed."""

FIRST_REQUEST_S = 10.0
"""How long a new connection may take for the head of its first request."""

KEEP_ALIVE_S = 75.0
"""How long an idle connection is kept, and how long the head of a later request may take."""

DRAIN_S = 10.0
"""How long requests under way may take after SIGTERM."""

RETRY_AFTER_S = 5
"""What a 503 tells the sender."""
