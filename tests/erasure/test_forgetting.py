"""From a request to a receipt: closed at once, purged, proved; and what a proof does when something is left."""

import json
from pathlib import Path

import pytest

from lakehouse.errors import BadInputError, CorruptError, KeyGoneError, NotForgottenError
from lakehouse.places import Home, receipt
from lakehouse.privacy.erasure.close import close, to_close
from lakehouse.privacy.erasure.prove import prove, to_prove
from lakehouse.privacy.erasure.purge import purge, to_purge
from lakehouse.privacy.erasure.receipt import public_keys, verify
from lakehouse.privacy.erasure.scan import scan
from lakehouse.privacy.hidden import hidden_people
from lakehouse.privacy.seal import unseal
from tests.commands import lakehouse
from tests.erasure.conftest import ANN, BOB, CAT, EXAM, LOGIN, MAIL, ask, current_users, envelope, exam, forget, login, rows_of, send


def counts(lake, pids) -> dict[str, tuple[int, int]]:
    return {user: (rows_of(lake, EXAM, [pid]), rows_of(lake, LOGIN, [pid])) for user, pid in pids.items()}


def test_at_once_nobody_can_open_find_or_meet_them(town, office, pids) -> None:
    ann = office.vault.find([ANN])[ANN]
    sealed = [row for row in town.dead_letters(EXAM) if row["subject"] == ann.key_id]
    assert unseal(ann.key, sealed[0]["payload"], sealed[0]["event_id"].encode())
    (closed,) = close(office, [ask(office, ANN)])
    assert closed.state == "closed" and closed.closed_at >= closed.received_at
    assert office.vault.find([ANN]) == office.vault.keys([ann.key_id]) == office.vault.people([ann.pid]) == {}
    with pytest.raises(KeyGoneError):
        unseal(office.vault.keys([ann.key_id]).get(ann.key_id), sealed[0]["payload"], sealed[0]["event_id"].encode())
    assert hidden_people(office.files) == {ann.pid}
    assert rows_of(town, EXAM, [ann.pid]) == 20, "the rows wait for the purge"


def test_purged_and_proved_in_every_byte_and_others_keep_theirs(town, office, pids, home: Path) -> None:
    before = counts(town, pids)
    send(town, exam(500, ANN), refine=False)  # landed, and not refined yet
    town.publish(EXAM, [b'{"half": "an envelope of %b"}' % ANN.encode()])
    (signed,) = forget(office, ANN)
    assert counts(town, pids) == before | {ANN: (0, 0)} and before[ANN] == (20, 10)
    assert current_users(town) == {pids[BOB], pids[CAT]} and hidden_people(office.files) == set()
    traces = [text.encode() for text in (ANN, MAIL, pids[ANN])]
    assert scan(home, traces) == ([], signed["scan"]["read_bytes"] + signed["scan"]["decoded_bytes"] + _grown(home, signed))
    assert scan(home / "lake", [pids[BOB].encode()])[0], "the scanner finds who is there"
    places = {one["place"]: one for one in signed["places"]}
    assert (places["exams/clean/exam_events"]["rows_before"], places["source/current/users"]["rows_before"]) == (20, 1)
    assert {one["rows_after"] for one in signed["places"]} == {0}
    assert (
        signed["sealed"]["records_nobody_can_read"] == 20 + 1 + 1 + 10 + 1 + 1
    )  # exams, their letter twice, a late one, logins, an account


def _grown(home: Path, signed: dict) -> int:
    """The receipt itself, the audit log and the vault were written to after the scan."""
    looked_at = scan(home, [b"nothing at all"])[1]
    return looked_at - signed["scan"]["read_bytes"] - signed["scan"]["decoded_bytes"]


def test_a_receipt_is_checked_and_one_that_was_changed_is_not(town, office) -> None:
    (signed,) = forget(office, ANN)
    stored = json.loads(office.files.get(receipt(signed["request_id"])))
    keys = public_keys(office.files)
    assert verify(stored, keys, office.audit).request_id == signed["request_id"]
    for name in stored:
        for changed in (stored | {name: "other"}, {k: v for k, v in stored.items() if k != name}):
            with pytest.raises((CorruptError, BadInputError)):
                verify(changed, keys, office.audit)
    deeper = json.loads(json.dumps(stored))
    deeper["places"][0]["rows_after"] = 1
    with pytest.raises(CorruptError, match="not what was signed"):
        verify(deeper, keys, office.audit)
    other = {**office.signer.sign({k: v for k, v in stored.items() if k not in ("format", "signing_key", "signature")} | {"law": "gdpr"})}
    with pytest.raises(CorruptError, match="knows no such receipt"):
        verify(other, keys, office.audit)  # well signed, and never issued


def test_the_command_checks_it_too(town, office, tmp_path: Path) -> None:
    (signed,) = forget(office, ANN)
    mine = tmp_path / "mine.json"
    mine.write_text(json.dumps(signed))
    assert lakehouse("privacy", "verify", str(mine), "--user", ANN).returncode == 0
    assert lakehouse("privacy", "verify", signed["request_id"]).returncode == 0
    assert lakehouse("privacy", "verify", str(mine), "--user", BOB).returncode == CorruptError.exit_code
    mine.write_text(json.dumps(signed | {"closed_at": signed["due_at"]}))
    assert lakehouse("privacy", "verify", str(mine)).returncode == CorruptError.exit_code


@pytest.mark.parametrize("where", ["logs/some.log", "lake/exams/stray.txt", "backfill/rejects.csv", "airflow/note"])
def test_a_single_stray_copy_and_nothing_is_proved(town, office, home: Path, where: str) -> None:
    close(office, [ask(office, ANN)])
    purge(office, to_purge(office))
    stray = home / where
    stray.parent.mkdir(parents=True, exist_ok=True)
    stray.write_text(f"seen: {ANN}, today")
    with pytest.raises(NotForgottenError, match=stray.name) as error:
        prove(office, to_prove(office))
    assert ANN not in str(error.value) and error.value.exit_code == 23
    (waiting,) = to_prove(office)
    stray.unlink()
    (signed,) = prove(office, [waiting])
    assert office.requests.get(signed["request_id"]).state == "proved"


def test_rows_that_are_left_are_found_by_key(town, office, pids) -> None:
    close(office, [ask(office, ANN)])
    request = office.requests.reach(to_purge(office)[0].request_id, "purged", to_purge(office)[0].closed_at, purged=[], purged_with=1)
    with pytest.raises(NotForgottenError, match=r"exams/clean/exam_events \(20 rows\)"):
        prove(office, [request])


def test_many_people_go_in_one_purge_with_a_receipt_each(town, office, pids) -> None:
    receipts = forget(office, ANN, BOB)
    assert len({one["request_id"] for one in receipts}) == 2 and {one["purge"]["requests_together"] for one in receipts} == {2}
    assert counts(town, pids) == {ANN: (0, 0), BOB: (0, 0), CAT: (20, 10)}
    for one in receipts:
        verify(one, public_keys(office.files), office.audit)


def test_somebody_never_met_is_refused_from_then_on(town, office, pids) -> None:
    (signed,) = forget(office, "stranger.account.9")
    assert signed["sealed"]["records_nobody_can_read"] == 0
    send(town, login(77, "stranger.account.9"))
    assert office.vault.find(["stranger.account.9"]) == {} and len(town.clean(LOGIN)) == 30


def test_nothing_is_known_of_them_once_it_is_proved(town, office, home: Path, pids) -> None:
    key_id = office.vault.find([ANN])[ANN].key_id
    (signed,) = forget(office, ANN)
    with pytest.raises(BadInputError, match="nothing is known"):
        office.requests.whom(signed["request_id"])
    vault = b"".join(path.read_bytes() for path in Home(home).vault.glob("*"))
    assert pids[ANN].encode() not in vault and key_id.encode() not in vault and pids[BOB].encode() in vault
    assert ANN not in json.dumps(signed) and pids[ANN] not in json.dumps(signed)


class KilledError(Exception):
    """Stands for the end of the process."""


def kills(really, is_after: bool):
    def killed(*args, **kwargs):
        if is_after:
            really(*args, **kwargs)
        raise KilledError

    return killed


@pytest.mark.parametrize("is_after", [False, True])
@pytest.mark.parametrize("step", ["forget", "append", "reach", "close"])
def test_killed_anywhere_it_is_done_again(town, office, pids, monkeypatch: pytest.MonkeyPatch, step: str, is_after: bool) -> None:
    """Just before each thing that closing an erasure writes, and just after."""
    request = ask(office, ANN)
    writers = (office.vault, office.audit, office.requests, office.places[0])
    of = next(type(one) for one in writers if hasattr(type(one), step) and (step != "close" or one is office.places[0]))
    monkeypatch.setattr(of, step, kills(getattr(of, step), is_after))
    with pytest.raises(KilledError):
        close(office, [request])
    monkeypatch.undo()
    close(office, to_close(office))
    purge(office, to_purge(office))
    (signed,) = prove(office, to_prove(office))
    assert rows_of(town, EXAM, [pids[ANN]]) == 0
    assert next(one for one in signed["places"] if one["place"] == "exams/clean/exam_events")["rows_before"] == 20


def test_an_event_id_that_names_its_person_is_replaced(town, office, pids, home: Path) -> None:
    twice = envelope(EXAM, f"{ANN}:attempt:7", ANN, json.loads(bytes(exam(7, ANN).payload)))
    send(town, twice)
    send(town, twice)
    assert not scan(home / "lake", [ANN.encode()])[0]
    assert rows_of(town, EXAM, [pids[ANN]]) == 21, "and the same event twice is still the same event"
