"""One process from the bus to clean; what waits is found at once however old the lake; a contract is refined by one at a time."""

import multiprocessing

import pytest

from beam_pipelines import sinks, sources
from beam_pipelines.ingest import Ingest, refine_waiting
from beam_pipelines.locks import alone
from lakehouse import places
from lakehouse.contracts import registry
from lakehouse.envelope import pack_envelopes
from lakehouse.errors import BusyError
from lakehouse.storage.memory import MemoryFiles
from lakehouse.storage.open import open_bus
from tests.beam.test_refine_rules import LOGOUT, envelope

TOPIC = "auth.login.events"
CONTRACT = registry().get(TOPIC)
AT = CONTRACT.domain, CONTRACT.table


def ingest(lake, told: list | None = None) -> dict:
    bus = open_bus(lake.settings)
    try:
        hook = (told if told is not None else []).append
        return Ingest(lake.settings, bus, lake.at.files, registry().ingested, hook).run(lambda: False, follow=False)
    finally:
        bus.close()


def test_what_is_on_the_bus_is_in_clean_and_acknowledged(lake) -> None:
    lake.publish(TOPIC, [*pack_envelopes([envelope(n, LOGOUT) for n in range(30)]), b"no envelope"])
    told: list = []
    counts = ingest(lake, told)[TOPIC]
    assert (counts["landed"], counts["unreadable"], counts["valid"]) == (30, 1, 30)
    assert [t[TOPIC]["valid"] for t in told] == [30]
    assert len(lake.clean(TOPIC)) == 30 and ingest(lake) == {}


def test_what_another_process_has_landed_is_refined_too(lake) -> None:
    lake.publish(TOPIC, pack_envelopes([envelope(n, LOGOUT) for n in range(7)]))
    lake.land()
    assert ingest(lake)[TOPIC]["valid"] == 7


def test_directly_and_by_beam_the_rows_are_the_same(lake, tmp_path) -> None:
    for _ in range(2):  # the second time all of them are duplicates
        lake.publish(TOPIC, pack_envelopes([envelope(n, LOGOUT) for n in range(20)]))
        lake.land()
    [beam] = lake.refine().values()
    lake.at.files.delete(places.waiting_list_begun(*AT))
    for marker in lake.at.files.list(places.refined_dir(*AT) + "/"):
        lake.at.files.delete(marker)
    [again] = refine_waiting(lake.settings, [CONTRACT]).values()
    assert (beam["valid"], beam["duplicates"], again["valid"], again["duplicates"]) == (20, 20, 0, 40)
    assert len(lake.clean(TOPIC)) == 20


class Watched(MemoryFiles):
    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def get(self, path: str) -> bytes:
        self.asked += 1
        return super().get(path)

    def list(self, prefix: str) -> list[str]:
        found = super().list(prefix)
        self.asked += 1 + len(found)
        return found


def _landed(files, number: int) -> None:
    said = {"batch_id": f"batch-{number:04d}", "first_received_at": "2026-03-02", "files": [{"path": "x", "rows": 1}], "messages": []}
    sinks.commit_raw(files, CONTRACT, said)


def _refined(files, number: int) -> None:
    files.put(places.refined_marker(*AT, f"batch-{number:04d}"), b"{}")


def test_finding_what_waits_costs_the_same_in_an_old_lake() -> None:
    costs = []
    for history in (10, 1_000):
        files = Watched()
        for number in range(history):
            _landed(files, number)
            _refined(files, number)
        assert sources.pending(files, CONTRACT) == []
        _landed(files, history)
        files.asked = 0
        assert [b.batch_id for b in sources.pending(files, CONTRACT)] == [f"batch-{history:04d}"]
        costs.append(files.asked)
    assert costs[0] == costs[1] < 10


def test_a_lake_from_before_there_was_a_waiting_list_is_all_found() -> None:
    files = MemoryFiles()
    for number in range(4):
        _landed(files, number)
        files.delete(places.waiting_batch(*AT, f"batch-{number:04d}"))
    _refined(files, 2)
    assert [b.batch_id for b in sources.pending(files, CONTRACT)] == ["batch-0000", "batch-0001", "batch-0003"]


def test_a_batch_that_was_never_committed_waits_for_nobody() -> None:
    files = MemoryFiles()
    files.put(places.waiting_batch(*AT, "killed"), b"")
    assert sources.pending(files, CONTRACT) == []


def _holds(home, contract_id: str, taken, release) -> None:
    with alone(home, contract_id):
        taken.set()
        release.wait(60)


def test_a_contract_is_refined_by_one_process_at_a_time_and_others_do_not_wait(home) -> None:
    fork = multiprocessing.get_context("fork")
    taken, release = fork.Event(), fork.Event()
    other = fork.Process(target=_holds, args=(home, TOPIC, taken, release))
    other.start()
    try:
        assert taken.wait(30)
        with pytest.raises(BusyError, match=r"another process is refining auth\.login\.events"), alone(home, TOPIC, patience_s=0.1):
            pass
        with alone(home, "exam.events", patience_s=0.1):
            pass
    finally:
        release.set()
        other.join()
    with alone(home, TOPIC, patience_s=0.1):
        pass
