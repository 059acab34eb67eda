"""Which columns name people, read off the contracts; nobody keeps a list of them.

    vocabulary: user_id ─ pseudonymise ─▶ becomes user_pid ─▶ a column of that name names somebody, in whatever table it stands

A row of a clean table is about its subject, and about whoever it cannot be without: it goes with them. Another mention, such as
who asked for something on another's behalf, is left empty, and the row stays its subject's. A row of anything that is made from
clean tables is about everybody whom it names.
"""

from collections.abc import Iterable, Mapping

from lakehouse.contracts.model import Contract, Field
from lakehouse.contracts.project import clean_fields
from lakehouse.contracts.registry import Registry


def pseudonyms(words: Mapping[str, Field]) -> frozenset[str]:
    """The names under which pseudonyms stand, in every table."""
    return frozenset(word.becomes for word in words.values() if word.treatment == "pseudonymise")


def naming(names: Iterable[str], words: Mapping[str, Field]) -> dict[str, bool]:
    """Of the columns of a table that was made from clean ones those that name people; all of them take the row with them."""
    return {name: True for name in names if name in pseudonyms(words)}


def naming_in_clean(contract: Contract, words: Mapping[str, Field]) -> dict[str, bool]:
    """Column of a clean table → whether a row goes with the person it names, or is only rid of the mention."""
    if contract.layer == "derived":
        return naming((f.name for f in clean_fields(contract, dict(words))), words)
    named = [field for field in contract.fields if field.treatment == "pseudonymise"]
    return {field.becomes: field.required or field.name == contract.subject for field in named}


def tables_naming_people(contracts: Registry) -> dict[str, tuple[Contract, dict[str, bool]]]:
    """Contract id → its contract and those columns, for every clean table that names anybody."""
    found = {c.id: (c, naming_in_clean(c, contracts.vocabulary)) for c in contracts.clean}
    return {name: (contract, columns) for name, (contract, columns) in found.items() if columns}
