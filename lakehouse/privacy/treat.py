"""Treatments: what refinement does to a value that may not stay as it is, by the contract.

    raw value ─ drop ───────────▶ nothing (sealed raw keeps it until it expires)
              ─ pseudonymise ───▶ the vault's pseudonym
              ─ truncate_ip ────▶ the network
              ─ year_only ──────▶ the year
              ─ redact ─────────▶ the text, with what is personal in it replaced by its kind (privacy/text)

Every treatment works on a whole Arrow column, once a distinct value, and answers in the terms of the field that the
value `becomes`. What cannot be treated becomes null: a value that is not understood never goes on as it is.
"""

from collections.abc import Callable, Iterable, Mapping
from ipaddress import AddressValueError, IPv4Address, IPv6Address

import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.contracts.model import Contract, Field
from lakehouse.contracts.types import TYPES
from lakehouse.privacy.text.column import redacted_column

_IPV4_KEPT = 24
_IPV6_KEPT = 48


def distinct_subjects(values: pa.Table, contract: Contract) -> list[str]:
    """Whom the vault must be asked about: every person that a pseudonymised field names, once, sorted."""
    named = {s for f in contract.fields if f.treatment == "pseudonymise" for s in pc.unique(values[f.name]).to_pylist()}
    return sorted(named - {None})


def treated(values: pa.Table, contract: Contract, words: Mapping[str, Field], pids: Mapping[str, str]) -> pa.Table:
    """A contract's columns under their own names → the columns that may be stored, under theirs.

    `values` holds every field but those that are dropped; `pids` maps each of distinct_subjects() to its pseudonym.
    """
    columns = {}
    for field in contract.fields:
        if field.treatment == "keep":
            columns[field.name] = values[field.name]
        elif field.treatment != "drop":
            becomes = words[field.becomes]
            columns[becomes.name] = _each_distinct(values[field.name], becomes, _how(field, pids))
    return pa.table(columns)


def network_of(address: str) -> str | None:
    """/24 of an IPv4 address, /48 of an IPv6 one; None where it is neither.

    An IPv6 address that carries an IPv4 one (mapped, or 6to4, where it stands inside the first 48 bits) is treated as
    the IPv4 address that it carries.
    """
    try:
        return _network4(IPv4Address(address))
    except AddressValueError:
        pass
    try:
        six = IPv6Address(address)
    except AddressValueError:
        return None
    carried = six.ipv4_mapped or six.sixtofour
    return _network4(carried) if carried else f"{IPv6Address(int(six) >> 128 - _IPV6_KEPT << 128 - _IPV6_KEPT)}/{_IPV6_KEPT}"


def _network4(four: IPv4Address) -> str:
    return f"{IPv4Address(int(four) >> 32 - _IPV4_KEPT << 32 - _IPV4_KEPT)}/{_IPV4_KEPT}"


def _how(field: Field, pids: Mapping[str, str]) -> Callable[[pa.Array], Iterable]:
    if field.treatment == "redact":
        return redacted_column
    one = {"pseudonymise": pids.get, "truncate_ip": network_of, "year_only": lambda day: day.year}[field.treatment]
    return lambda values: map(one, values.to_pylist())


def _each_distinct(column: pa.ChunkedArray, becomes: Field, how: Callable[[pa.Array], Iterable]) -> pa.ChunkedArray:
    """`how` on the distinct values. The answer is a plain column: a dictionary would carry values that no row has."""
    encoded = pa.concat_arrays([*column.chunks, pa.array([], column.type)]).dictionary_encode()
    answers = how(encoded.dictionary)
    if not isinstance(answers, pa.Array):
        answers = pa.array(_within(becomes, answers), TYPES[becomes.type].arrow)
    return pa.chunked_array([answers.take(encoded.indices)])


def _within(becomes: Field, answers: Iterable) -> list:
    """What a treatment makes obeys the limits of the field it becomes."""
    low, high = becomes.minimum, becomes.maximum
    return [None if a is None or (low is not None and a < low) or (high is not None and a > high) else a for a in answers]
