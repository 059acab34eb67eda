"""Where the source database is, and by which door a program enters it.

    LAKEHOUSE_SOURCE_URL ──────────────────────────────────▶ source_url(role): whoever set it chose the role, too
    <home>/source/address.json, passwords/<role> (0600) ───▶ where it is unset: what `lakehouse source serve` runs

The roles, made by `lakehouse source migrate`:

    owner     owns the schema and migrates it; sees every tenant, since a backfill must
    app       a tenant's traffic; sees the rows of app.current_org_id and app.current_zone_id, and nothing where they are not set
    importer  writes for all tenants at once: imports, and the simulated city
    debezium  reads the publication
"""

import json
from urllib.parse import quote

from lakehouse.errors import BadInputError
from lakehouse.places import Home
from lakehouse.settings import Settings
from lakehouse.storage.durable import write_file

OWNER, APP, IMPORTER, REPLICATION = "megacity_owner", "megacity_app", "megacity_importer", "debezium"
ROLES = (OWNER, APP, IMPORTER, REPLICATION)
PUBLICATION = "megacity_cdc"


def source_url(settings: Settings, role: str) -> str:
    """A libpq URL. Raises BadInputError where no source database is known."""
    if settings.source_url is not None:
        return settings.source_url.get_secret_value()
    home = Home(settings.home)
    try:
        address = local_address(home)
        password = (home.source / "passwords" / role).read_text()
    except FileNotFoundError:
        raise BadInputError(
            f"no source database has been served from {home.source}", hint="`lakehouse source serve`, or set LAKEHOUSE_SOURCE_URL"
        ) from None
    return f"postgresql://{role}:{quote(password, safe='')}@{address['host']}:{address['port']}/{address['database']}"


def local_address(home: Home) -> dict:
    """host, port, database. Raises FileNotFoundError."""
    return json.loads((home.source / "address.json").read_text())


def keep_local(home: Home, address: dict, passwords: dict[str, str]) -> None:
    """What source_url() reads: the address, and a file a role that its owner alone may read."""
    (home.source / "passwords").mkdir(mode=0o700, exist_ok=True)
    for role, password in passwords.items():
        write_file(home.source / "passwords" / role, password.encode(), mode=0o600)
    write_file(home.source / "address.json", json.dumps(address).encode())
