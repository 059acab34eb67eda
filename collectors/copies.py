"""People in the rows that a backfill could not use, for their erasure: these lie in clear, until somebody has mended the file.

<home>/backfill/*.csv ─▶ rows that name somebody, by account or by whatever else they are known by ─▶ written anew without them
"""

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from lakehouse.places import Home
from lakehouse.privacy.erasure.copies import Left, Place, Purged, Tell
from lakehouse.privacy.requests import Whom
from lakehouse.privacy.rights.held import Held
from lakehouse.storage.durable import write_file


class Rejects(Place):
    """Files of rejected rows, where `lakehouse backfill` leaves them unless it is told otherwise."""

    name = "rejected rows"
    stage = 15

    def purge(self, people: Sequence[Whom], tell: Tell) -> list[Purged]:
        done = []
        for path, rows in self._files():
            kept = [row for row in rows if not any(_names(row, one) for one in people)]
            if len(kept) < len(rows):
                before, text = path.stat().st_size, io.StringIO()
                csv.writer(text).writerows(kept)
                write_file(path, text.getvalue().encode())
                done.append(Purged(f"backfill/{path.name}", "file written anew", len(rows) - len(kept), before, path.stat().st_size))
        return done

    def left(self, people: Sequence[Whom]) -> list[Left]:
        found = []
        for path, rows in self._files():
            named = {one.pid or "": sum(_names(row, one) for row in rows) for one in people}
            found.append(Left(f"backfill/{path.name}", {pid: count for pid, count in named.items() if count}, len(rows)))
        return found

    def held(self, one: Whom) -> Iterator[Held]:
        for path, rows in self._files():
            head, own = rows[0] if rows else [], [row for row in rows[1:] if _names(row, one)]
            yield Held(f"backfill/{path.name}", f"backfill/{path.stem}", [dict(zip(head, row)) for row in own])

    def _files(self) -> Iterator[tuple[Path, list[list[str]]]]:
        for path in sorted(Home(self.settings.home).backfill.glob("*.csv")):
            with path.open(newline="", encoding="utf-8") as file:
                yield path, list(csv.reader(file))


def _names(row: Sequence[str], one: Whom) -> bool:
    return any(trace in cell for cell in row for trace in one.traces)
