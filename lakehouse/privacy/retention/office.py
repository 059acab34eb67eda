"""Everything that carrying out the terms needs, opened once from the settings."""

from dataclasses import dataclass
from datetime import date
from functools import cached_property

from lakehouse.contracts import registry
from lakehouse.contracts.registry import Registry
from lakehouse.privacy.clean_tables import CleanTables
from lakehouse.privacy.retention.holds import Held, Holds
from lakehouse.settings import Settings
from lakehouse.storage.open import open_files, open_tables, open_vault


@dataclass(frozen=True)
class Keeper:
    """`is_dry`: look, and remove nothing."""

    settings: Settings
    as_of: date
    is_dry: bool

    @cached_property
    def contracts(self) -> Registry:
        return registry()

    @cached_property
    def vault(self):
        return open_vault(self.settings)

    @cached_property
    def files(self):
        return open_files(self.settings)

    @cached_property
    def tables(self):
        return open_tables(self.settings)

    @cached_property
    def clean_tables(self) -> CleanTables:
        return CleanTables(self.tables, self.files)

    @cached_property
    def holds(self) -> Holds:
        return Holds(self.vault)

    @cached_property
    def held(self) -> Held:
        return self.holds.held()
