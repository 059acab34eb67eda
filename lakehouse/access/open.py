"""Settings → the gate: the one place that decides whether it may stand open.

local profile, LAKEHOUSE_ACCESS off (its default) ─▶ OpenGate
otherwise                                         ─▶ ClosedGate: keys in SQLite │ LAKEHOUSE_ACCESS_URL, tokens of LAKEHOUSE_OIDC_ISSUER
"""

import hashlib

import sqlalchemy as sa

from lakehouse.access.caller import Gate, OpenGate
from lakehouse.access.gate import ClosedGate
from lakehouse.access.keys import KeyStore
from lakehouse.access.oidc import Tokens
from lakehouse.errors import SettingsError, UnavailableError
from lakehouse.places import Home
from lakehouse.privacy.key_file import KeyFile
from lakehouse.settings import Settings
from lakehouse.storage.sql import postgres_engine, sqlite_engine


def open_gate(settings: Settings) -> Gate:
    """Raises SettingsError where the gate is to stand open outside the local profile, or something that it needs is not set."""
    is_local = settings.profile == "local"
    if not is_local and settings.access == "off":
        raise SettingsError(
            "LAKEHOUSE_ACCESS=off is for the local profile alone", hint="leave it unset, and give keys: `lakehouse keys create`"
        )
    if (settings.access or ("off" if is_local else "on")) == "off":
        return OpenGate()
    tokens = Tokens(settings, access_secret(settings)) if settings.oidc_issuer else None
    return ClosedGate(open_keys(settings), tokens, settings.access_cache_seconds)


def access_secret(settings: Settings) -> bytes | None:
    """What ids of token holders and readers' own names for pseudonyms are made with; None where nobody said one."""
    if settings.access_secret is not None:
        return hashlib.sha256(settings.access_secret.get_secret_value().encode()).digest()
    if settings.profile != "local":
        return None
    path = Home(settings.home).access / "secret.key"
    KeyFile(path)  # makes it on first use
    return path.read_bytes()


def needs_encryption(settings: Settings) -> bool:
    """Whether what callers send leaves this machine."""
    return settings.profile != "local"


def open_keys(settings: Settings) -> KeyStore:
    """Raises SettingsError where it is not said where the keys are, UnavailableError where their store does not answer."""
    if settings.access_url is not None:
        engine = postgres_engine(settings.access_url.get_secret_value(), pool_timeout=5)
    elif settings.profile == "local":
        engine = sqlite_engine(Home(settings.home).access / "keys.sqlite")
    else:
        raise SettingsError("LAKEHOUSE_ACCESS_URL is not set", hint="name the database of API keys, such as postgresql+psycopg://…")
    try:
        return KeyStore(engine)
    except sa.exc.SQLAlchemyError as error:
        raise UnavailableError(
            "the store of keys does not answer", hint="see LAKEHOUSE_ACCESS_URL, and whether it may be reached"
        ) from error
