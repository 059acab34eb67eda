"""What every place with copies of people must be able to do, and which places there are.

lakehouse.copies (entry points) ─▶ every edge's own places ─▶ close ─ purge ─ read back      an erasure
                                                          ├─▶ restrict ─ release ─ follow   a restriction
                                                          └─▶ held                          what a person gets to see
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Protocol

from lakehouse.errors import NotInstalledError
from lakehouse.privacy.requests import Whom
from lakehouse.privacy.rights.held import Held
from lakehouse.settings import Settings

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Purged:
    """What was taken out of one table, file or store. Bytes are those of the files that named somebody, and of what was
    written in their place; 0 where it is no file."""

    place: str
    how: str
    rows: int
    bytes_held: int = 0
    bytes_written: int = 0


@dataclass(frozen=True, slots=True)
class Left:
    """What there is of people, by key: pseudonym → rows, of those who have any; and of how many rows in all."""

    place: str
    rows: Mapping[str, int]
    of_rows: int


class Copies(Protocol):
    """A kind of place where copies of people are. Everything may be done again, and is, where somebody was killed."""

    name: str
    stage: int
    """Places are purged in this order: what is made from others comes after them."""

    def close(self, people: Sequence[Whom]) -> None:
        """At once, at a cost that does not grow with what is stored: show these people to nobody any more."""

    def prepare(self, people: Sequence[Whom]) -> None:
        """Before anything is purged anywhere: note what can only be known while they are still there."""

    def purge(self, people: Sequence[Whom], tell: Tell) -> list[Purged]:
        """Take them out, so that no byte of them stays."""

    def left(self, people: Sequence[Whom]) -> list[Left]:
        """Every table, file or store of this place, and what it has of these people."""

    def held(self, one: Whom) -> Iterator[Held]:
        """What this place has of them, to be shown to them; nothing where it is a copy of what another place shows."""

    def restrict(self, people: Sequence[Whom]) -> None:
        """At once, and so that it can be undone: serve them to nobody. They are on the list of the restricted already."""

    def release(self, people: Sequence[Whom]) -> None:
        """They are on that list no more."""

    def follow(self, people: Sequence[Whom]) -> None:
        """Later, and many together: make what was worked out of these people as it is with that list as it stands."""


class Place:
    """Copies that have nothing to do at a step need not say so."""

    name = ""
    stage = 50

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def close(self, people: Sequence[Whom]) -> None:
        """Nothing shows them."""

    def prepare(self, people: Sequence[Whom]) -> None:
        """Nothing is known here that would be lost."""

    def purge(self, people: Sequence[Whom], tell: Tell) -> list[Purged]:
        return []

    def left(self, people: Sequence[Whom]) -> list[Left]:
        return []

    def held(self, one: Whom) -> Iterator[Held]:
        return iter(())

    def restrict(self, people: Sequence[Whom]) -> None:
        """Whoever reads here asks who is hidden."""

    def release(self, people: Sequence[Whom]) -> None:
        """Nothing was withdrawn."""

    def follow(self, people: Sequence[Whom]) -> None:
        """Nothing is worked out here."""


def places(settings: Settings) -> list[Copies]:
    """Every place, in the order in which they are purged. Raises NotInstalledError: who erases must reach every copy."""
    found = []
    for point in entry_points(group="lakehouse.copies"):
        try:
            found.append(point.load()(settings))
        except ModuleNotFoundError as absent:
            raise NotInstalledError(
                f"the copies in {point.name} cannot be reached: {absent.name} is not installed",
                hint="erase where every edge is installed: `make setup`, or the image of operations",
            ) from absent
    return sorted(found, key=lambda place: (place.stage, place.name))
