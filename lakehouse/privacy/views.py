"""A dataset as one reader sees it, as a SELECT for DuckDB: columns masked, rows of others and of the hidden left out.

    select <sights> from <source> where (<rows>) and <no person of it hidden>

Whoever runs it sees the salt of the reader's tokens in it: it is for our own commands, never for the reader's SQL to look at.
"""

import hmac
from collections.abc import Collection

from lakehouse.contracts.model import Field
from lakehouse.contracts.types import TYPES
from lakehouse.privacy.access import Access, Sight
from lakehouse.privacy.roles import Reader, text

HIDDEN = "hidden_people"
REDACTED = "[redacted]"
TOKEN_CHARS = 32


def salt_of(secret: bytes, reader: Reader) -> str:
    """One reader's own: what two readers know by their tokens cannot be put together."""
    return hmac.digest(secret, f"pseudonyms of {reader.actor_kind}:{reader.actor}".encode(), "sha256").hex()


def seen(fields: tuple[Field, ...], access: Access, reader: Reader, source: str, salt: str, opened: Collection[str]) -> str:
    """`source`: a table or a table function. `opened`: columns that the reader sees and that hold ciphertext, to be decrypted. The
    connection has a table `hidden_people` with one column, `pid`, and is within columns.decrypting() where anything is opened."""
    sights = reader.sights(access)
    columns = ", ".join(_column(field, sights[field.name], salt, field.name in opened) for field in fields if field.name in sights)
    rows = [f"({reader.rows(access)})", *(_not_hidden(name) for name in access.persons)]
    return f"select {columns} from {source} where {' and '.join(rows)}"


def _column(field: Field, sight: Sight, salt: str, is_opened: bool) -> str:
    name = f'"{field.name}"'
    match sight:
        case Sight.TOKEN:
            return f"left(sha256({text(salt)} || {name}), {TOKEN_CHARS}) as {name}"
        case Sight.YEAR:
            return f"date_trunc('year', {name})::{TYPES[field.type].duckdb} as {name}"
        case Sight.REDACT:
            return f"case when {name} is not null then '{REDACTED}' end as {name}"
    return f"decrypted('{field.name}', {name}) as {name}" if is_opened else name


def _not_hidden(name: str) -> str:
    return f'not exists (select 1 from {HIDDEN} where pid = "{name}")'
