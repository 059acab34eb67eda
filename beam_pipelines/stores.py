"""The storage of a worker: opened once a process, from the settings that travel with the pipeline."""

from dataclasses import dataclass
from functools import lru_cache

from lakehouse.privacy.met import Met
from lakehouse.settings import Settings
from lakehouse.storage.open import open_files, open_tables, open_vault
from lakehouse.storage.protocols import Files, TableStore, Vault


@dataclass(frozen=True)
class Stores:
    files: Files
    tables: TableStore
    vault: Vault
    met: Met


@lru_cache(maxsize=4)
def stores(settings: Settings) -> Stores:
    vault = open_vault(settings)
    return Stores(open_files(settings), open_tables(settings), vault, Met(vault))
