"""Restricted columns of clean, encrypted value by value: staging and everything that is made from it see ciphertext.

    refine ─▶ text ─ AES-256-GCM-SIV, under today's column key ─▶ "enc.7.pW3k…" ─▶ clean ─▶ staging, marts
                                                                        └─ decrypted(): who may see it, by access.py

Which columns these are follows from the classification: what is still personal or sensitive after its treatment. The key that a
value names is kept, wrapped, in the vault, for as long as a file has such values: a rotation changes what is written from now on,
and rewrites nothing.

The nonce follows from the event, so that refining it again leaves the same bytes, while equal texts of two events look different
(RFC 8452 allows for a nonce that repeats). Where a join or a count of distinct values needs it (`compared: true` in the vocabulary),
it follows from nothing, and the key stays: equal values are equal, today and in a year, and nothing else can be told of them.
"""

import base64
import hmac
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV

from lakehouse.contracts.model import Contract, Field
from lakehouse.contracts.project import restricted
from lakehouse.errors import CorruptError, KeyGoneError
from lakehouse.storage.protocols import SubjectKey, Vault

OF_COLUMNS = "column:"
COMPARED = f"{OF_COLUMNS}compared"
_MARK = "enc"
_NONCE_BYTES = 12


def encrypted(rows: pa.Table, contract: Contract, words: Mapping[str, Field], vault: Vault) -> pa.Table:
    """Rows of a clean table, as they may be stored. Null stays null."""
    for name, is_compared in restricted(contract, dict(words)).items():
        at = rows.schema.get_field_index(name)
        if at < 0 or rows[name].null_count == rows.num_rows:
            continue
        key = vault.column_key(is_compared)
        values, events = rows[name].to_pylist(), rows["event_id"].to_pylist()
        sealed = [None if v is None else _encrypted(key, name, v, "" if is_compared else e) for v, e in zip(values, events)]
        rows = rows.set_column(at, rows.schema.field(at), pa.array(sealed, pa.string()))
    return rows


def decrypted(values: Iterable[str | None], column: str, vault: Vault) -> list[str | None]:
    """The values in clear, in the same order; None stays None. Raises KeyGoneError, and CorruptError where one was damaged, or
    is another column's."""
    values = list(values)
    keys = vault.keys({_named(v) for v in values if v is not None})
    return [None if v is None else _decrypted(keys.get(_named(v)), column, v) for v in values]


def teach(database: duckdb.DuckDBPyConnection, vault: Vault) -> None:
    """Queries of this connection may say `decrypted('redacted_answer_text', redacted_answer_text)`: only for who may see it."""

    def of_arrow(columns: pa.Array, values: pa.Array) -> pa.Array:
        clear: list[str | None] = [None] * len(values)
        for column in set(columns.to_pylist()):
            places = [at for at, name in enumerate(columns.to_pylist()) if name == column]
            for at, value in zip(places, decrypted([values[at].as_py() for at in places], column, vault)):
                clear[at] = value
        return pa.array(clear, pa.string())

    database.create_function("decrypted", of_arrow, ["VARCHAR", "VARCHAR"], "VARCHAR", type="arrow", null_handling="special")


def keys_in(files: Sequence[str], columns: Collection[str]) -> set[str]:
    """Names of the column keys that values of these files need."""
    found: set[str] = set()
    with duckdb.connect() as database:
        for file in files:
            there = [name for name in columns if name in pq.read_schema(file).names]
            for name in there:
                sql = f'select distinct split_part("{name}", \'.\', 2) from read_parquet(?, hive_partitioning = false) where "{name}" is not null'
                found |= {OF_COLUMNS + token for (token,) in database.execute(sql, [file]).fetchall()}
    return found


def _encrypted(key: SubjectKey, column: str, value: str, of: str) -> str:
    cipher, for_nonces = _cipher(key.key, column)
    nonce = hmac.digest(for_nonces, of.encode(), "sha256")[:_NONCE_BYTES]
    sealed = nonce + cipher.encrypt(nonce, value.encode(), column.encode())
    return f"{_MARK}.{key.key_id.removeprefix(OF_COLUMNS)}.{base64.b64encode(sealed).decode()}"


def _decrypted(key: SubjectKey | None, column: str, value: str) -> str:
    if key is None:
        raise KeyGoneError(f"the key of a value of {column} is destroyed", hint="no file should have had one left: leave these rows out")
    cipher, _ = _cipher(key.key, column)
    try:
        sealed = base64.b64decode(value.rpartition(".")[2], validate=True)
        return cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], column.encode()).decode()
    except (InvalidTag, ValueError):
        # Neither says what the value was.
        raise CorruptError(f"a value of {column} is damaged, or another column's", hint="restore the file from a copy") from None


def _named(value: str) -> str:
    mark, _, rest = value.partition(".")
    token, _, sealed = rest.partition(".")
    if mark != _MARK or not sealed:
        raise CorruptError(
            "a restricted value is not encrypted",
            hint="it is older than the encryption of columns: build the table anew with `lakehouse replay`",
        )
    return OF_COLUMNS + token


@lru_cache(maxsize=64)
def _cipher(key: bytes, column: str) -> tuple[AESGCMSIV, bytes]:
    """Of one column; a value moved to another one does not open."""
    of_column = hmac.digest(key, b"megacity column: " + column.encode(), "sha256")
    return AESGCMSIV(of_column), hmac.digest(of_column, b"nonces", "sha256")
