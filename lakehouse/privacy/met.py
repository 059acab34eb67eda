"""The vault's answers about people met lately, for whoever asks batch after batch about much the same people.

    subjects of a batch ─▶ was anybody forgotten since the last one? ── yes ─▶ nobody is remembered
                                   └─ no ─▶ who is new ─▶ the vault ─▶ remembered

An answer is as good as the vault's own, which is also of a moment: of when the batch began. What it costs: the keys of these people stay in
the memory of this process, beside the master key that opens them all, until its next batch after one of them is forgotten.
"""

import threading
from collections.abc import Collection

from lakehouse.storage.protocols import SubjectKey, Vault

MOST_PEOPLE = 200_000
"""About 100 MB; beyond it all are asked for anew."""


class Met:
    """May be asked by several threads."""

    def __init__(self, vault: Vault, most: int = MOST_PEOPLE) -> None:
        self._vault, self._most = vault, most
        self._lock = threading.Lock()
        self._forgettings = -1
        self._known: dict[str, SubjectKey] = {}

    def subjects(self, subjects: Collection[str]) -> dict[str, SubjectKey]:
        """As the vault's: pseudonym and key of each, made on first sight; one who was forgotten is absent."""
        asked = set(subjects)
        with self._lock:
            # Asked for first: whoever is forgotten after this is so by the next batch, as they would be without any memory.
            forgettings = self._vault.forgettings()
            if forgettings != self._forgettings or len(self._known) + len(asked) > self._most:
                self._known, self._forgettings = {}, forgettings
            known = self._known
            if new := asked - known.keys():
                known |= self._vault.subjects(new)
            return {subject: known[subject] for subject in asked if subject in known}
