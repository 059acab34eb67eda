"""People in the copies of features that other regions have, for their erasure and their restriction.

close  on their list of the hidden, and deleted online there ─▶ purge  the copies made anew, from a history without them
"""

from collections.abc import Sequence

from feature_repo.copies import Features
from feature_repo.replication import Plan, close, copy
from lakehouse.contracts import registry, residency
from lakehouse.places import feature_file
from lakehouse.privacy.erasure.copies import Left, Place, Purged, Tell
from lakehouse.privacy.hidden import hidden_people
from lakehouse.privacy.requests import Whom
from lakehouse.storage import replicas
from lakehouse.storage.open import open_files


class Replicas(Place):
    """Every copy there is must be reached: where one cannot be, an erasure waits for it."""

    name = "replicas"
    stage = 45  # after the history that they are copies of

    def close(self, people: Sequence[Whom]) -> None:
        hidden = hidden_people(open_files(self.settings)) | {one.pid for one in people if one.pid}
        for there in replicas.existing(self.settings).values():
            close(there, hidden)

    def purge(self, people: Sequence[Whom], tell: Tell) -> list[Purged]:
        before = {one.place: sum(one.rows.values()) for one in self.left(people)}
        self._copy_anew(tell, [one.pid for one in people if one.pid])
        return [Purged(place, "copied anew without them", rows) for place, rows in before.items() if rows]

    def left(self, people: Sequence[Whom]) -> list[Left]:
        return [
            Left(f"{region_id}: {one.place}", one.rows, one.of_rows)
            for region_id, there in replicas.existing(self.settings).items()
            for one in Features(there).left(people)
        ]

    def restrict(self, people: Sequence[Whom]) -> None:
        self.close(people)

    def release(self, people: Sequence[Whom]) -> None:
        """They are shown there again; what was deleted online comes with the next `lakehouse serve --of` there."""
        for there in replicas.existing(self.settings).values():
            close(there, hidden_people(open_files(self.settings)))

    def follow(self, people: Sequence[Whom]) -> None:
        self._copy_anew(lambda step: None, [])

    def _copy_anew(self, tell: Tell, gone: Sequence[str]) -> None:
        copies = replicas.existing(self.settings)
        exported = [c for c in residency.replicated(registry()) if open_files(self.settings).list(feature_file(c.table))]
        for _ in copy(self.settings, Plan(exported, copies), tell, gone):
            """One table after the other."""
