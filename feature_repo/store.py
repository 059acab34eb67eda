"""The feature store as settings say it is: feature_store.yaml, with its folder and, where configured, Redis."""

from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

import yaml

from lakehouse.errors import SettingsError, require
from lakehouse.places import Home
from lakehouse.settings import Settings

if TYPE_CHECKING:
    from feast import FeatureStore

_YAML = Path(__file__).with_name("feature_store.yaml")


def open_store(settings: Settings) -> "FeatureStore":
    """Raises NotInstalledError, SettingsError."""
    require("feast", "features")
    from feast import FeatureStore, RepoConfig

    return FeatureStore(config=RepoConfig(repo_path=_YAML.parent, **configured(settings)))


def configured(settings: Settings) -> dict:
    """What Feast is told. Raises SettingsError."""
    folder = Home(settings.home).feature_store.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    config = yaml.safe_load(Template(_YAML.read_text(encoding="utf-8")).substitute(FEATURE_STORE=folder))
    if settings.redis_url is not None:
        address = redis_connection(settings.redis_url.get_secret_value())
        # Otherwise Feast keeps what Redis has under the same moment, and a day that was built anew never gets there.
        # Only each entity's newest row is ever written, so nothing old can replace it.
        config["online_store"] = {"type": "redis", "connection_string": address, "skip_dedup": True}
    return config


def redis_connection(url: str) -> str:
    """A Redis URL in Feast's own notation (host:port,key=value…). Raises SettingsError, which never quotes the URL."""
    from redis.connection import parse_url

    try:
        parts = parse_url(url)
        address = f"{parts['host']}:{parts.get('port', 6379)}"
    except (KeyError, ValueError) as error:
        raise SettingsError(
            "LAKEHOUSE_REDIS_URL is not a Redis URL", hint="write redis://[:password@]host:6379/0, or rediss:// for TLS"
        ) from error
    options = {"db": parts.get("db", 0), "username": parts.get("username"), "password": parts.get("password")}
    if url.startswith("rediss:"):
        options["ssl"] = "true"
    texts = {name: str(value) for name, value in options.items() if value is not None}
    if any("," in text for text in texts.values()):
        raise SettingsError("LAKEHOUSE_REDIS_URL: Feast cannot take a comma in a user name or password", hint="choose another password")
    return ",".join([address, *(f"{name}={text}" for name, text in texts.items())])
