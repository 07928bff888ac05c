"""The deployment's client options, which are spelt for librdkafka, as aiokafka wants them."""

import ssl
from collections.abc import Mapping
from typing import Any

from schemas.config import ConfigError
from schemas.settings import Kafka

_DIRECT: Mapping[str, str] = {
    "security.protocol": "security_protocol",
    "sasl.mechanism": "sasl_mechanism",
    "sasl.mechanisms": "sasl_mechanism",
    "sasl.username": "sasl_plain_username",
    "sasl.password": "sasl_plain_password",
}
_TLS = ("ssl.ca.location", "ssl.certificate.location", "ssl.key.location", "ssl.key.password")
_HARMLESS = ("client.id", "debug", "log_level")


def client(kafka: Kafka) -> dict[str, Any]:
    """Return the keyword arguments of every aiokafka client; raises `ConfigError` for what aiokafka cannot do."""
    unknown = [name for name in kafka.options if name not in (*_DIRECT, *_TLS, *_HARMLESS)]
    if unknown:
        raise ConfigError(f"kafka.options: the processor's client does not know {', '.join(sorted(unknown))}")
    options: dict[str, Any] = {_DIRECT[name]: kafka.options[name] for name in _DIRECT if name in kafka.options}
    if "security_protocol" in options:
        options["security_protocol"] = options["security_protocol"].upper()
    if options.get("security_protocol", "").endswith("SSL"):
        options["ssl_context"] = _context(kafka.options)
    return {"bootstrap_servers": kafka.bootstrap.split(","), **options}


def _context(options: Mapping[str, str]) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=options.get("ssl.ca.location"))
        if certificate := options.get("ssl.certificate.location"):
            context.load_cert_chain(certificate, options.get("ssl.key.location"), options.get("ssl.key.password"))
    except OSError as error:
        raise ConfigError(f"kafka.options: TLS files cannot be used ({error})") from None
    return context
