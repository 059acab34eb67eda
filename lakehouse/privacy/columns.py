"""Restricted columns of clean, encrypted value by value: staging and everything that is made from it hold ciphertext.

    refine ─▶ text ─ AES-256-GCM-SIV, under today's column key ─▶ "enc.7.pW3k…" ─▶ clean ─▶ staging, marts
                                                                        └─ decrypting(): query.py, for who may see it by access.py

Which columns these are follows from the classification: what is still personal or sensitive after its treatment. The key that a
value names is kept, wrapped, in the vault, for as long as a file has such values: a rotation changes what is written from now on,
and rewrites nothing.

The nonce follows from the event, so that refining it again leaves the same bytes, while equal texts of two events look different
(RFC 8452 allows for a nonce that repeats). Where a join or a count of distinct values needs it (`compared: true` in the vocabulary),
it follows from nothing, and the key stays: equal values are equal, today and in a year, and nothing else can be told of them.
"""

import base64
import hmac
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV

from lakehouse.contracts.model import Contract, Field
from lakehouse.contracts.project import restricted
from lakehouse.errors import CorruptError, KeyGoneError, LakehouseError
from lakehouse.storage.protocols import SubjectKey, Vault

if TYPE_CHECKING:
    from lakehouse.privacy.vault import SqlVault

OF_COLUMNS = "column:"
_FUNCTION = "decrypted"
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
    parts = [None if value is None else _parts(value) for value in values]
    keys = vault.keys({part[0] for part in parts if part is not None})
    ciphers = {name: _cipher(key.key, column)[0] for name, key in keys.items()}
    return [None if part is None else _decrypted(ciphers.get(part[0]), column, part[1]) for part in parts]


@contextmanager
def decrypting(database: duckdb.DuckDBPyConnection, opened: "Callable[[], SqlVault]") -> Iterator[None]:
    """Within it, SQL of this connection may say `decrypted('ip_network', ip_network)`: our own, for who may see the column. After
    it no SQL can, and nothing that was prepared within may be run: DuckDB would call what is gone. The vault is opened with the
    first value, and not before. Raises what decrypted() does."""
    keys, failures = _Keys(opened), []

    def of_arrow(columns: pa.ChunkedArray, values: pa.ChunkedArray) -> pa.Array:
        try:
            (column,) = columns.unique().to_pylist()
            each = values.combine_chunks().dictionary_encode()  # where equal values are equal, many of a batch are
            clear = pa.array(decrypted(each.dictionary.to_pylist(), column, keys), pa.string())
            return clear.take(each.indices)
        except Exception as error:
            # Of whatever it is, DuckDB would hand on the words alone.
            failures.append(error)
            raise

    database.create_function(_FUNCTION, of_arrow, ["VARCHAR", "VARCHAR"], "VARCHAR", type="arrow", null_handling="special")
    try:
        yield
    except (duckdb.Error, LakehouseError):
        if failures:
            raise failures[0] from None
        raise
    finally:
        database.remove_function(_FUNCTION)
        keys.close()


class _Keys:
    """The vault, opened with the first value and asked for each key once: a query calls for every 2,048 rows, from several threads."""

    def __init__(self, opened: "Callable[[], SqlVault]") -> None:
        self._open = opened
        self._vault: SqlVault | None = None
        self._known: dict[str, SubjectKey | None] = {}
        self._one_at_a_time = Lock()

    def keys(self, key_ids: Collection[str]) -> dict[str, SubjectKey]:
        with self._one_at_a_time:
            if missing := set(key_ids) - self._known.keys():
                self._vault = self._vault or self._open()
                self._known |= dict.fromkeys(missing) | self._vault.keys(missing)
            return {key_id: key for key_id in key_ids if (key := self._known[key_id]) is not None}

    def close(self) -> None:
        if self._vault is not None:
            self._vault.close()


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


def _decrypted(cipher: AESGCMSIV | None, column: str, sealed: str) -> str:
    if cipher is None:
        hint = "no file should have had one left: leave these rows, or the column, out"
        raise KeyGoneError(f"the key of a value of {column} is destroyed", hint=hint)
    try:
        data = base64.b64decode(sealed, validate=True)
        return cipher.decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], column.encode()).decode()
    except (InvalidTag, ValueError):
        # Neither says what the value was.
        raise CorruptError(f"a value of {column} is damaged, or another column's", hint="restore the file from a copy") from None


def _parts(value: str) -> tuple[str, str]:
    """The name of its key, and what that sealed."""
    mark, _, rest = value.partition(".")
    token, _, sealed = rest.partition(".")
    if mark != _MARK or not sealed:
        raise CorruptError(
            "a restricted value is not encrypted",
            hint="it is older than the encryption of columns: build the table anew with `lakehouse replay`",
        )
    return OF_COLUMNS + token, sealed


@lru_cache(maxsize=64)
def _cipher(key: bytes, column: str) -> tuple[AESGCMSIV, bytes]:
    """Of one column; a value moved to another one does not open."""
    of_column = hmac.digest(key, b"megacity column: " + column.encode(), "sha256")
    return AESGCMSIV(of_column), hmac.digest(of_column, b"nonces", "sha256")
