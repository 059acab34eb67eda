"""Programs that go on writing responses while their table is changed under them, old ones and new ones."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import psycopg

from tests.source_database.conftest import Database

PATIENCE = "5s"


@dataclass
class Writer(threading.Thread):
    """Inserts a response, changes another, and again; keeps what it wrote, how long it ever waited, and what failed.

    column, of_ms   the column that this program knows, and its value for so many milliseconds
    """

    database: Database
    name_: str
    column: str
    of_ms: Callable[[int], float]
    expected: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    longest_s: float = 0.0

    def __post_init__(self) -> None:
        super().__init__(daemon=True)
        self._ends = threading.Event()

    def __hash__(self) -> int:
        return id(self)

    def run(self) -> None:
        insert = (
            f"insert into responses (zone_id, org_id, response_id, attempt_id, item_id, user_id, response_index, is_correct, {self.column}, responded_at) "
            "values ('univprep', 1, %s, 'at', 'it', 'us', 1, true, %s, now())"
        )
        change = f"update responses set {self.column} = %s where response_id = %s"
        with self.database.connect() as connection:
            connection.execute(f"set statement_timeout = '{PATIENCE}'")
            number = 0
            while not self._ends.is_set():
                key, number = f"{self.name_}-{number:06d}", number + 1
                self._time(connection, insert, (key, self.of_ms(number)), key, number)
                earlier = f"{self.name_}-{number // 2:06d}"
                if earlier in self.expected:
                    self._time(connection, change, (self.of_ms(number + 7), earlier), earlier, number + 7)
                time.sleep(0.002)

    def _time(self, connection: psycopg.Connection, statement: str, values: tuple, key: str, milliseconds: int) -> None:
        began = time.monotonic()
        try:
            connection.execute(statement, values)
            self.expected[key] = milliseconds
        except psycopg.Error as error:
            self.failures.append(f"{self.name_}: {type(error).__name__} {error.sqlstate}")
        self.longest_s = max(self.longest_s, time.monotonic() - began)

    def end(self) -> None:
        self._ends.set()
        self.join(60)
        assert not self.is_alive()


def old(database: Database, name: str) -> Writer:
    """Knows response_time, in seconds."""
    return Writer(database, name, "response_time", lambda milliseconds: milliseconds / 1000)


def new(database: Database, name: str) -> Writer:
    return Writer(database, name, "response_time_ms", lambda milliseconds: milliseconds)
