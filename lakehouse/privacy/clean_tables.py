"""Which Delta tables a contract has: whoever takes people, days or keys out of clean must reach every one.

contract ─▶ <domain>/clean/<table> ─ <domain>/current/<table> ─ rebuilt/<name>/…, which replays built beside clean
"""

from lakehouse.contracts.model import Contract
from lakehouse.places import clean_table, current_table, rebuilt_dir, rebuilt_table
from lakehouse.storage.protocols import Files, TableStore


class CleanTables:
    """What replays have built is listed once, when this is made."""

    def __init__(self, tables: TableStore, files: Files) -> None:
        self._tables = tables
        self._rebuilt = sorted({path.split("/")[1] for path in files.list(rebuilt_dir())})

    def histories(self, contract: Contract) -> list[str]:
        """Those that have a partition a day."""
        return self._there(contract, clean_table)

    def every(self, contract: Contract) -> list[str]:
        return self._there(contract, clean_table, current_table)

    def _there(self, contract: Contract, *own) -> list[str]:
        at = contract.domain, contract.table
        named = [*(name(*at) for name in own), *(rebuilt_table(name, *at) for name in self._rebuilt)]
        return [table for table in named if self._tables.version(table) >= 0]
