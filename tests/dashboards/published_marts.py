"""The marts of the tests in their PostgreSQL, and how a login of each kind comes in."""

from dataclasses import dataclass

import psycopg

from dashboards.publishing.publish import Published
from source_database.server import Server


@dataclass(frozen=True)
class Marts:
    """The full marts, published: `passwords` are those that `grant` gave."""

    server: Server
    tables: list[Published]
    passwords: dict[str, str]

    def connect(self, login: str, zone: str | None = None, org: str | None = None) -> psycopg.Connection:
        """As that login; `zone` and `org` are what its session asks for, else what it is given at the door."""
        connection = psycopg.connect(self.server.url(login, self.passwords[login]), autocommit=True)
        for setting, value in (("app.current_zone_id", zone), ("app.current_org_id", org)):
            if value is not None:
                connection.execute("select set_config(%s, %s, false)", (setting, value))
        return connection

    def administer(self) -> psycopg.Connection:
        return psycopg.connect(self.server.url(), autocommit=True)
