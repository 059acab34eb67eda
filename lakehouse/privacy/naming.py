"""Which columns name people, read off the contracts; nobody keeps a list of them.

    vocabulary: user_id ─ pseudonymise ─▶ becomes user_pid ─▶ a column of that name names somebody, in whatever table it stands

A row of a clean table is about its subject, and about whoever it cannot be without: it goes with them. Another mention, such as
who asked for something on another's behalf, is left empty, and the row stays its subject's. A row of anything that is made from
clean tables is about everybody whom it names.
"""

from collections.abc import Iterable, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.contracts.model import Contract, Field
from lakehouse.contracts.project import clean_fields
from lakehouse.contracts.registry import Registry


def pseudonyms(words: Mapping[str, Field]) -> frozenset[str]:
    """The names under which pseudonyms stand, in every table."""
    return frozenset(word.becomes for word in words.values() if word.treatment == "pseudonymise")


def naming(names: Iterable[str], words: Mapping[str, Field]) -> dict[str, bool]:
    """Of the columns of a table that was made from clean ones those that name people; all of them take the row with them."""
    people = pseudonyms(words)
    return {name: True for name in names if name in people}


def owners(contract: Contract) -> tuple[Field, ...]:
    """Fields that name whom a row is about, or whom it cannot be without: it goes with them, and is not kept without them."""
    return tuple(f for f in contract.fields if f.treatment == "pseudonymise" and (f.required or f.name == contract.subject))


def naming_in_clean(contract: Contract, words: Mapping[str, Field]) -> dict[str, bool]:
    """Column of a clean table → whether a row goes with the person it names, or is only rid of the mention."""
    if contract.layer == "derived":
        return naming((f.name for f in clean_fields(contract, dict(words))), words)
    whole = owners(contract)
    return {field.becomes: field in whole for field in contract.fields if field.treatment == "pseudonymise"}


def tables_naming_people(contracts: Registry) -> dict[str, tuple[Contract, dict[str, bool]]]:
    """Contract id → its contract and those columns, for every clean table that names anybody."""
    found = {c.id: (c, naming_in_clean(c, contracts.vocabulary)) for c in contracts.clean}
    return {name: (contract, columns) for name, (contract, columns) in found.items() if columns}


def without(rows: pa.Table, columns: Mapping[str, bool], people: pa.Array) -> tuple[pa.Table, int]:
    """The rows less those of `people`, mentions left empty; and in how many rows that was. A table from before a column existed names
    nobody in it."""
    emptied = 0
    for name, is_whole in columns.items():
        if not len(people) or name not in rows.column_names:
            continue
        named = pc.fill_null(pc.is_in(rows[name], people), False)
        if is_whole:
            rows = rows.filter(pc.invert(named))
        else:
            emptied += pc.sum(named).as_py() or 0
            nothing = pa.nulls(rows.num_rows, rows[name].type)
            rows = rows.set_column(rows.column_names.index(name), name, pc.if_else(named, nothing, rows[name]))
    return rows, emptied
