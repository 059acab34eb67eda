"""The closing table: every place, what it had of the erased and has, how much was looked at, and what the others keep.

before, after: account → place → rows ─┐
scan of every byte ────────────────────┴▶ Place rows ─▶ a table for people, JSON for programs; what is wrong, in words
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table

Rows = Mapping[str, Mapping[str, int]]
_WIDTH = 160


GROWS = {
    "rebuilt/": "built by one of the attempts",
    "source/clean/": "history, to which the new snapshot adds",
    "source/raw/": "history, to which the new snapshot adds",
}
"""Places, by how they begin, in which others have more rows afterwards, and why."""


@dataclass(frozen=True)
class Line:
    """One place. `hits`: traces of erased people in its bytes."""

    place: str
    erased_before: int
    erased_after: int
    others_before: int
    others_after: int
    read_bytes: int
    hits: int

    @property
    def is_good(self) -> bool:
        kept = self.others_after >= self.others_before if self.note else self.others_after == self.others_before
        return self.erased_after == self.hits == 0 and kept

    @property
    def note(self) -> str:
        return next((why for start, why in GROWS.items() if self.place.startswith(start)), "")


def lines(before: Rows, after: Rows, erased: Sequence[str], kept: Sequence[str], scanned: Mapping[str, tuple[int, int]]) -> list[Line]:
    """`scanned`: folder → bytes looked at, hits; a place by key has none of its own."""
    places = sorted({place for rows in (*before.values(), *after.values()) for place in rows})
    total = lambda rows, users, place: sum(rows.get(user, {}).get(place, 0) for user in users)  # noqa: E731
    by_key = [
        Line(p, total(before, erased, p), total(after, erased, p), total(before, kept, p), total(after, kept, p), 0, 0) for p in places
    ]
    return by_key + [Line(f"bytes of {folder}", 0, 0, 0, 0, size, hits) for folder, (size, hits) in sorted(scanned.items())]


def show(found: Sequence[Line], tried: Mapping[str, str], closed_s: Mapping[str, float], receipts: Sequence[str]) -> None:
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH)  # a log or a file has no edge to keep to
    table = Table(title="forgotten: every place, by key and by byte", title_justify="left")
    table.add_column("place", no_wrap=True)
    for name in ("erased: rows before", "after", "others: rows before", "after ", "bytes scanned", "hits", "good"):
        table.add_column(name, justify="right")
    table.add_column("note")
    for one in found:
        mark = "[green]✓[/]" if one.is_good else "[red]✗[/]"
        numbers = (one.erased_before, one.erased_after, one.others_before, one.others_after, one.read_bytes, one.hits)
        table.add_row(one.place, *(f"{number:,}" for number in numbers), mark, one.note if one.others_after > one.others_before else "")
    console.print(table)
    ways = Table(title="ways back that were tried", title_justify="left")
    for name in ("way", "what became of it"):
        ways.add_column(name)
    for way, outcome in tried.items():
        ways.add_row(way, outcome)
    console.print(ways)
    for number, seconds in enumerate(closed_s.values(), 1):
        console.print(f"person {number}: closed {seconds:.1f} s after asking over HTTP", highlight=False)
    for one in receipts:
        console.print(one, highlight=False, soft_wrap=True)


def as_json(found: Sequence[Line]) -> list[dict]:
    return [asdict(one) | {"is_good": one.is_good} for one in found]
