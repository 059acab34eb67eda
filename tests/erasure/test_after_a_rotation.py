"""After new keys everything of the lake opens as before: raw, dead letters, columns, the register, receipts; and work goes on."""

import io
import json

import pyarrow.parquet as pq

from lakehouse.contracts import registry
from lakehouse.places import raw_dir, receipt
from lakehouse.privacy.columns import decrypted
from lakehouse.privacy.erasure.close import close
from lakehouse.privacy.erasure.office import Office
from lakehouse.privacy.erasure.prove import prove, to_prove
from lakehouse.privacy.erasure.purge import purge, to_purge
from lakehouse.privacy.erasure.receipt import public_keys, verify
from lakehouse.privacy.seal import unseal_all
from lakehouse.settings import settings
from lakehouse.storage.open import open_vault
from tests.commands import succeeds
from tests.erasure.conftest import ANN, BOB, CAT, EXAM, LOGIN, ask, exam, forget, login, rows_of, send

NETWORK = "203.0.113.0/24"


def unsealed(lake, contract_id: str) -> list[bytes | None]:
    """All that is sealed of a contract, opened by a vault that was opened now."""
    vault, contract, rows = open_vault(settings()), registry().get(contract_id), lake.dead_letters(contract_id)
    for path in lake.at.files.list(raw_dir(contract.domain, contract.table) + "/dt="):
        rows += pq.read_table(io.BytesIO(lake.at.files.get(path))).to_pylist()
    keys = vault.keys({row["subject"] for row in rows})
    found = [keys[row["subject"]].key if row["subject"] in keys else None for row in rows]
    return sorted(unseal_all(found, [r["payload"] for r in rows], [(r["event_id"] or "").encode() for r in rows]), key=str)


def networks(lake) -> list[str | None]:
    return decrypted([row["ip_network"] for row in lake.clean(LOGIN)], "ip_network", open_vault(settings()))


def test_raw_letters_columns_the_register_and_receipts(town, office, pids) -> None:
    send(town, login(700, BOB, ip_address="203.0.113.9"))
    (proved,) = forget(office, ANN)
    waiting = ask(office, CAT, "cat@example.com")
    sealed, clear = [unsealed(town, name) for name in (EXAM, LOGIN)], networks(town)
    succeeds("vault", "rotate")
    assert (
        [unsealed(town, name) for name in (EXAM, LOGIN)] == sealed and None in sealed[0] and sealed[0].count(None) == 22
    )  # exams, and a letter twice
    assert networks(town) == clear and clear.count(NETWORK) == 1
    later = Office(settings(), "tests", office.actor_kind)
    assert later.requests.whom(waiting.request_id).identifiers == ("cat@example.com",)
    stored = json.loads(later.files.get(receipt(proved["request_id"])))
    assert verify(stored, public_keys(later.files), later.audit).signing_key == proved["signing_key"]
    # The lake of this test was opened before: it lands, refines and encrypts on, and another process reads what it wrote.
    send(town, exam(800, BOB), exam(801, "dan.account.4"), login(701, BOB, ip_address="203.0.113.77"))
    assert len(unsealed(town, EXAM)) == len(sealed[0]) + 2 and networks(town).count(NETWORK) == 2
    # Whoever asked before is forgotten after, and their receipt is signed by the same key.
    close(later, [waiting])
    purge(later, to_purge(later))
    (signed,) = prove(later, to_prove(later))
    assert signed["signing_key"] == proved["signing_key"] and rows_of(town, EXAM, [pids[CAT]]) == 0


def test_an_erased_person_stays_erased_through_rotations(town, office) -> None:
    key_id = office.vault.find([ANN])[ANN].key_id
    forget(office, ANN)
    for _ in range(2):
        succeeds("vault", "rotate")
    vault = open_vault(settings())
    assert vault.subjects([ANN]) == {} and vault.keys([key_id]) == {} and vault.forgotten([ANN]) == {ANN}
