"""Receipts: what was erased, where, how and when, and what looked for it afterwards, so that anybody can check it.

    facts ─▶ canonical JSON ─▶ Ed25519 ─▶ receipt.json ─▶ its hash in the audit log
                                 ▲
    vault: the private key, wrapped by the master key;  lake: the public keys, which are all that a checker needs

A receipt names nobody: its person is a keyed digest, which the platform can compare with an account's and nobody else can.
Signatures are RFC 8032's; the private key never leaves the process that signs.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from lakehouse.errors import BadInputError, CorruptError
from lakehouse.places import receipt_keys
from lakehouse.privacy.audit import Audit
from lakehouse.privacy.chain import canonical
from lakehouse.privacy.seal import seal, unseal
from lakehouse.privacy.vault import SqlVault
from lakehouse.storage.protocols import Files
from lakehouse.storage.sql import create_tables

FORMAT = "megacity.erasure-receipt/1"
ISSUED = "erasure.proved"

_metadata = sa.MetaData()
_signing_key = sa.Table(
    "receipt_key",
    _metadata,
    sa.Column("name", sa.String(16), primary_key=True),
    sa.Column("wrapped", sa.LargeBinary, nullable=False),
)


class Signer:
    """Signs receipts. Its key is made on first use, and kept in the vault's database under a key of the vault."""

    def __init__(self, vault: SqlVault, files: Files) -> None:
        create_tables(vault.engine, _metadata)
        self._name, self._private = _kept(vault.engine, vault.key_for("receipts"))
        self._publish(files)

    def sign(self, facts: dict[str, Any], of_format: str = FORMAT) -> dict[str, Any]:
        body = facts | {"format": of_format, "signing_key": self._name}
        return body | {"signature": self._private.sign(canonical(body).encode()).hex()}

    def _publish(self, files: Files) -> None:
        known = public_keys(files)
        if self._name not in known:
            files.put(receipt_keys(), json.dumps(known | {self._name: _public_bytes(self._private).hex()}, indent=1).encode())


def public_keys(files: Files) -> dict[str, str]:
    """Name → public key, in hex."""
    try:
        return json.loads(files.get(receipt_keys()))
    except FileNotFoundError:
        return {}


def hash_of(receipt: dict[str, Any]) -> str:
    """SHA-256 of the whole receipt, signature included: what the audit log says of it."""
    return hashlib.sha256(canonical(receipt).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Checked:
    """What verify() found to be so. `audit_sequence`: the record of the audit log that names this very receipt."""

    request_id: str
    signing_key: str
    audit_sequence: int


def verify(receipt: dict[str, Any], keys: dict[str, str], audit: Audit) -> Checked:
    """Raises CorruptError where a single value of it is not what was signed, or where the audit log does not know it or is
    itself not whole; BadInputError where it is no receipt of ours."""
    if receipt.get("format") != FORMAT:
        raise BadInputError("this is no receipt of an erasure", hint=f"a receipt says its format: {FORMAT}")
    check_signature(receipt, keys)
    audit.verify()
    told = hash_of(receipt)
    for record in audit.records(action=ISSUED):
        if json.loads(record.details).get("receipt_hash") == told:
            return Checked(receipt["request_id"], receipt["signing_key"], record.sequence)
    raise CorruptError(
        "the audit log knows no such receipt", hint="its end may have been cut off, or it is older than the year for which it is kept"
    )


def check_signature(receipt: dict[str, Any], keys: dict[str, str]) -> None:
    """Of a receipt, or of whatever else the platform signs. Raises CorruptError."""
    public = keys.get(str(receipt.get("signing_key")))
    if public is None:
        raise CorruptError("it is signed with a key that is none of ours", hint="the platform's keys are in the lake: platform/privacy")
    body = {name: value for name, value in receipt.items() if name != "signature"}
    try:
        signature = bytes.fromhex(receipt["signature"])
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)).verify(signature, canonical(body).encode())
    except (InvalidSignature, KeyError, ValueError, TypeError) as error:
        raise CorruptError(
            "the receipt is not what was signed", hint="somebody changed it, or it was cut off: take the one of the lake"
        ) from error


def _kept(engine: sa.Engine, key: bytes) -> tuple[str, Ed25519PrivateKey]:
    query = sa.select(_signing_key.c.name, _signing_key.c.wrapped).order_by(_signing_key.c.name)
    with engine.begin() as db:
        row = db.execute(query).first()
        if row is None:
            private = Ed25519PrivateKey.generate()
            name = hashlib.sha256(_public_bytes(private)).hexdigest()[:16]
            db.execute(sa.insert(_signing_key), {"name": name, "wrapped": seal(key, private.private_bytes_raw(), name.encode())})
            row = db.execute(query).first()
    return row.name, Ed25519PrivateKey.from_private_bytes(unseal(key, row.wrapped, row.name.encode()))


def _public_bytes(private: Ed25519PrivateKey) -> bytes:
    return private.public_key().public_bytes_raw()
