"""TLS at the collector: 1.3, unless 1.2 is asked for.

certificate and key ─▶ SSLContext │ neither: None, where a load balancer ends TLS or all stays on this machine
"""

import ssl

from lakehouse.access.open import needs_encryption
from lakehouse.errors import SettingsError
from lakehouse.settings import Settings

_MINIMUM = {"1.3": ssl.TLSVersion.TLSv1_3, "1.2": ssl.TLSVersion.TLSv1_2}


def tls_context(settings: Settings) -> ssl.SSLContext | None:
    """Raises SettingsError where keys and events would travel in clear, or the certificate cannot be used."""
    certificate, key = settings.collector_tls_cert, settings.collector_tls_key
    if certificate is None and key is None:
        if needs_encryption(settings) and not settings.collector_behind_tls:
            raise SettingsError(
                "the collector would take keys and events in clear",
                hint="set LAKEHOUSE_COLLECTOR_TLS_CERT and _TLS_KEY, or LAKEHOUSE_COLLECTOR_BEHIND_TLS=true where a load balancer ends TLS",
            )
        return None
    if certificate is None or key is None:
        raise SettingsError("a certificate needs its key", hint="set both LAKEHOUSE_COLLECTOR_TLS_CERT and LAKEHOUSE_COLLECTOR_TLS_KEY")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _MINIMUM[settings.collector_tls_minimum]
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise SettingsError(
            f"the certificate cannot be used: {getattr(error, 'strerror', None) or error}",
            hint="LAKEHOUSE_COLLECTOR_TLS_CERT must name a PEM chain, LAKEHOUSE_COLLECTOR_TLS_KEY its key, without a passphrase",
        ) from error
    return context


def _no_password() -> str:
    """OpenSSL would ask at the terminal, and the collector would hang at its start."""
    raise ValueError("the key has a passphrase")
