"""Features, copied to other regions: what contracts say is `replicated`, by pseudonym, and nothing else.

plan()  which datasets, to where ─▶ refused as a whole where one may not leave its region
copy()  Parquet as exported here, less the hidden ─▶ their home/replicas/<here>/lake ─▶ who is hidden ─▶ whose it is, and of when
load()  there: that copy, brought online beside it: what a region reads of another's people, also while that one is away
"""

import json
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa
from pyarrow import parquet

from feature_repo.online import Online
from feature_repo.serving import Served, bring_online, exported_as, put
from lakehouse.contracts import Contract, registry, residency
from lakehouse.errors import BadInputError
from lakehouse.places import feature_file, replica_told
from lakehouse.privacy.hidden import hidden_people, hide
from lakehouse.privacy.naming import naming, without
from lakehouse.settings import Settings
from lakehouse.storage import replicas
from lakehouse.storage.open import open_files
from lakehouse.storage.protocols import Files
from lakehouse.storage.turns import beside

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """`copies`: region → settings of the copy there."""

    contracts: Sequence[Contract]
    copies: dict[str, Settings]


@dataclass(frozen=True)
class Copied:
    """What one region has of one feature table now."""

    region_id: str
    table: str
    rows: int


def plan(settings: Settings, datasets: Sequence[str] = (), to: Sequence[str] = ()) -> Plan:
    """All that is replicated to every region that settings name, or these datasets and regions alone. Nothing has moved yet.

    Raises ContractError (no such dataset or region), BadInputError (it may not leave its region), SettingsError.
    """
    copies = replicas.ours(settings)
    for region_id in to:
        registry().region(region_id)
        if region_id not in copies:
            raise BadInputError(
                f"LAKEHOUSE_REPLICAS does not say where {region_id}'s installation is", hint=f"add {region_id}=its LAKEHOUSE_HOME"
            )
    chosen = [registry().get(name) for name in datasets] or residency.replicated(registry())
    if staying := [contract.id for contract in chosen if not contract.is_replicated]:
        raise BadInputError(
            f"{', '.join(staying)}: what is about people stays in {settings.region}",
            hint=f"only feature vectors that say `replicated: true` leave it: {', '.join(c.id for c in residency.replicated(registry()))}",
        )
    return Plan(chosen, {region_id: copy for region_id, copy in copies.items() if not to or region_id in to})


def copy(settings: Settings, planned: Plan, tell: Tell = lambda step: None, gone: Collection[str] = ()) -> Iterator[Copied]:
    """Replace each copy. Whoever is hidden while it runs is taken out before it ends. `gone`: pseudonyms that not even the list of the
    hidden may name there any more. Raises BadInputError (nothing was exported yet), BusyError."""
    ours = open_files(settings)
    absent = [c.table for c in planned.contracts if not ours.list(feature_file(c.table))]
    if absent:
        raise BadInputError(f"never exported: {', '.join(absent)}", hint="run `lakehouse serve` first")
    with beside(settings):
        for region_id, there in planned.copies.items():
            replicas.note(settings, region_id)
            files, rows, hidden = open_files(there), {}, None
            while hidden != (now := hidden_people(ours)):
                hidden = now
                for contract in planned.contracts:
                    tell(f"{contract.table} to {region_id}")
                    kept = _visible(ours, contract, hidden)
                    put(files, contract, kept)
                    rows[contract.table] = kept.num_rows
                close(there, hidden, gone)
            told = {"of": settings.region, "replicated_at": datetime.now(UTC).isoformat(), "rows": rows}
            files.put(replica_told(), json.dumps(told, indent=1).encode())
            yield from (Copied(region_id, table, count) for table, count in rows.items())


def close(there: Settings, hidden: Collection[str], gone: Collection[str] = ()) -> None:
    """These and no others are shown to nobody by this copy."""
    hide(open_files(there), set(hidden) - set(gone))
    Online(there).delete(sorted({*hidden, *gone}))


def withdraw(settings: Settings, region_id: str) -> int:
    """Delete the copy there, online and off; how many files that were. Raises BadInputError, SettingsError, UnavailableError."""
    there = replicas.existing(settings).get(region_id)
    if there is None:
        raise BadInputError(f"{region_id} has no copy of {settings.region}'s features", hint="`lakehouse replicate` makes one")
    files = [path for path in there.home.rglob("*") if path.is_file()]
    for path in files:
        path.unlink()
    replicas.strike(settings, region_id)
    return len(files)


def load(settings: Settings, region_id: str, tell: Tell = lambda step: None) -> list[Served]:
    """Bring that region's copy here online. Raises BadInputError where there is none."""
    there = replicas.theirs(settings, region_id)
    files, exported = open_files(there), []
    for contract in residency.replicated(registry()):
        if files.list(feature_file(contract.table)):
            exported.append(exported_as(contract, _visible(files, contract, hidden_people(files)), time.monotonic()))
    served = bring_online(there, exported, tell)
    Online(there).delete(sorted(hidden_people(files)))  # whoever was hidden meanwhile
    return served


def _visible(files: Files, contract: Contract, hidden: Collection[str]) -> pa.Table:
    rows = parquet.read_table(pa.BufferReader(files.get(feature_file(contract.table))))
    return without(rows, naming(contract.names, registry().vocabulary), pa.array(sorted(hidden), pa.string()))[0]
