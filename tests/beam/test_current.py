"""The current state of a source table is the fold over its whole history, in whatever order and pieces that came."""

from datetime import UTC, datetime, timedelta
from random import Random

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beam_pipelines import current, folding
from beam_pipelines.folding import Floor, position
from beam_pipelines.stores import stores
from lakehouse import places
from lakehouse.business_day import business_day
from lakehouse.contracts import project, registry
from lakehouse.settings import Settings

EXAMS, FLOORS = registry().get("source.exams"), registry().get(current.FLOORS)
WORDS = registry().vocabulary
SHAPE = folding.shape(EXAMS, WORDS)
START = datetime(2026, 3, 2, tzinfo=UTC)
PLAIN = {"zone_id": "univprep", "org_id": 7, "contract_version": "1.0.0"}


def change(key: str, op: str, epoch: int | None, lsn: int, minute: int, unchanged: tuple[str, ...] = (), nth: int = 0) -> dict:
    """A change whose values all name it, so that it can be seen where a value is from."""
    name = f"{key}.{epoch}.{lsn}.{op}.{minute}.{nth}{len(unchanged) and unchanged}"
    values = {
        "exam_title": f"title of {name}",
        "exam_type": f"type of {name}",
        "item_count": hash(name) % 1000,
        "time_limit_ms": hash(name) % 999,
    }
    own = {n: None if n in unchanged else v for n, v in values.items()}
    at = START + timedelta(minutes=minute)
    place = {"op": op, "changed_at": at, "source_lsn": lsn, "source_epoch": epoch, "unchanged_fields": list(unchanged) or None}
    return PLAIN | {"event_id": name, "exam_id": key, "received_at": at} | place | own


def slowly(changes: list[dict], floors: list[tuple[int, int]]) -> dict[str, dict]:
    """The definition: everything there is, sorted, one row after the other."""
    highest, rows = max(floors, default=(0, 0)), {}
    for key in {c["exam_id"] for c in changes}:
        of_key = sorted({c["event_id"]: c for c in changes if c["exam_id"] == key}.values(), key=position)
        newest = of_key[-1]
        row = {name: newest.get(name) for name in SHAPE.columns}
        is_gone = newest["op"] == "d" or position(newest)[:2] < highest
        for name in SHAPE.values:
            row[name] = None
            for one in of_key:
                if not is_gone and position(one)[:2] >= highest and (one["op"] == "d" or name not in (one["unchanged_fields"] or ())):
                    row[name] = None if one["op"] == "d" else one.get(name)
        rows[key] = row | {"is_deleted": is_gone}
    return rows


class Writer:
    """A history and a current table on disk; changes come as refine would append them."""

    def __init__(self, folder) -> None:
        self.settings, self.batches = Settings(home=folder), 0
        self.tables = stores(self.settings).tables
        self.sent: set[str] = set()

    def history(self, changes: list[dict]) -> None:
        new = {c["event_id"]: c for c in changes if c["event_id"] not in self.sent}
        self.sent |= new.keys()
        self._append(EXAMS, list(new.values()))

    def floors(self, places_: list[tuple[int, int]]) -> None:
        rows = [
            PLAIN
            | {"event_id": f"floor-{e}-{n}", "op": "c", "changed_at": START, "received_at": START, "source_epoch": e, "source_lsn": n}
            | {"table_name": "exams", "floor_reason": "truncate"}
            for e, n in places_
        ]
        self._append(FLOORS, rows)

    def _append(self, contract, rows: list[dict]) -> None:
        self.batches += 1
        made = [row | {"event_key": abs(hash(row["event_id"])) % 2**62, "dt": business_day(row["changed_at"])} for row in rows]
        schema = project.arrow_schema(project.clean_fields(contract, WORDS))
        table = places.clean_table(contract.domain, contract.table)
        self.tables.append(table, pa.Table.from_pylist(made, schema), f"batch-{self.batches}", {})

    def advance(self) -> None:
        current.advance(self.settings, EXAMS)

    def rows(self, table: str) -> list[dict]:
        files = self.tables.files(table)
        return pa.concat_tables([pa.parquet.read_table(f, partitioning=None) for f in files]).to_pylist() if files else []

    def current(self) -> dict[str, dict]:
        rows = self.rows(places.current_table("source", "exams"))
        assert len({row["exam_id"] for row in rows}) == len(rows), "a row a key"
        return {row["exam_id"]: {k: v for k, v in row.items() if k != "carried_values"} for row in rows}

    def live_in_history(self) -> set[str]:
        """What a reader of the history alone takes for live: the newest change by position, as dbt's macro has it."""
        newest: dict[str, dict] = {}
        for row in self.rows(places.clean_table("source", "exams")):
            if row["exam_id"] not in newest or position(row) > position(newest[row["exam_id"]]):
                newest[row["exam_id"]] = row
        return {key for key, row in newest.items() if row["op"] != "d"}


# As in a log: records are 8 bytes apart, several changes may share one, and a floor may be anywhere.
lsns = st.integers(0, 12).map(lambda n: 8 * n)
changes = st.builds(
    change,
    key=st.sampled_from("abcd"),
    op=st.sampled_from("rcuuud"),
    epoch=st.sampled_from([None, 0, 1, 2]),
    lsn=lsns,
    minute=st.integers(0, 3),
    unchanged=st.sets(st.sampled_from(["time_limit_ms", "item_count"])).map(lambda s: tuple(sorted(s))),
    nth=st.integers(0, 1),
)
floors = st.lists(st.tuples(st.integers(0, 2), lsns), max_size=3)


@given(some=st.lists(changes, min_size=1, max_size=30), floors=floors, seed=st.integers(0, 2**32))
@settings(max_examples=150, deadline=None)
def test_in_any_order_and_any_pieces_the_fold_is_the_same(some: list[dict], floors, seed: int) -> None:
    """The pure part: current rows by the fold of pieces, against the fold of everything."""
    random = Random(seed)
    pieces: list = [("change", c) for c in [*some, *random.sample(some, len(some) // 2)]] + [("floor", f) for f in floors * 2]
    random.shuffle(pieces)
    known, rows = set(), {}
    while pieces:
        taken = [pieces.pop() for _ in range(min(len(pieces), random.randrange(1, 6)))]
        known |= {what for kind, what in taken if kind == "floor"}
        sorted_floors = [Floor(place, START, START) for place in sorted(known)]
        of_key: dict[str, list] = {key: [] for key in rows} if any(kind == "floor" for kind, _ in taken) else {}
        for kind, what in taken:
            if kind == "change":
                of_key.setdefault(what["exam_id"], []).append(what)
        for key, of in of_key.items():
            rows[key] = folding.folded(rows.get(key), of, sorted_floors, SHAPE)
    assert {key: {n: v for n, v in row.items() if n != "carried_values"} for key, row in rows.items()} == slowly(some, floors)


@given(some=st.lists(changes, min_size=1, max_size=20), floors=floors, seed=st.integers(0, 2**32))
@settings(max_examples=4, deadline=None)
def test_on_disk_too_and_the_history_says_of_every_row_whether_it_lives(tmp_path_factory, some: list[dict], floors, seed: int) -> None:
    random, writer = Random(seed), Writer(tmp_path_factory.mktemp("current"))
    order = random.sample(some, len(some))
    cuts = sorted(random.sample(range(len(order) + 1), min(2, len(order))))
    for start, end in zip([0, *cuts], [*cuts, None]):
        writer.history(order[start:end])
        if random.random() < 0.5 and floors:
            writer.floors([random.choice(floors)])
        if random.random() < 0.7:
            writer.advance()
    writer.floors(floors)
    writer.advance()
    assert writer.current() == slowly(some, floors)
    assert writer.live_in_history() == {key for key, row in writer.current().items() if not row["is_deleted"]}
    version = writer.tables.version(places.clean_table("source", "exams"))
    writer.floors(floors)
    writer.history(some)
    writer.advance()
    assert writer.current() == slowly(some, floors)
    assert writer.tables.version(places.clean_table("source", "exams")) == version + 1, "what comes again ends no row again"


@pytest.mark.parametrize(
    "told, some, floors, title",
    [
        ("the newest by position, not by arrival", [("u", 1, 16, 9), ("u", 1, 24, 1)], [], "a.1.24"),
        ("an epoch outweighs any position before it", [("u", 2, 8, 0), ("u", 1, 800, 5)], [], "a.2.8"),
        ("no epoch is the first one", [("r", None, 0, 0), ("u", 0, 8, 0)], [], "a.0.8"),
        ("a photograph of where a change begins does not show the change", [("u", 1, 8, 0), ("r", 1, 8, 9)], [], "a.1.8.u"),
        ("a row that one UPDATE moves to another partition stays", [("c", 1, 8, 0), ("d", 1, 16, 9), ("c", 1, 16, 1)], [], "a.1.16.c"),
        ("a delete is no row", [("c", 1, 8, 0), ("d", 1, 16, 1)], [], None),
        ("nor does what is older bring it back", [("d", 1, 16, 1), ("u", 1, 8, 0)], [], None),
        ("a floor takes what is below it", [("u", 1, 8, 0)], [(1, 16)], None),
        ("and not what stands on it", [("u", 1, 16, 0)], [(1, 16)], "a.1.16"),
        ("nor what comes back after it", [("u", 1, 8, 0), ("c", 1, 24, 3)], [(1, 16)], "a.1.24"),
        ("a second snapshot shows every row once", [("r", 1, 8, 0), ("r", 1, 80, 2)], [(1, 8), (1, 80)], "a.1.80"),
    ],
)
def test_what_is_current_by_example(told: str, some, floors, title: str | None) -> None:
    rows = [change("a", *one) for one in some]
    after = folding.folded(None, rows, [Floor(place, START, START) for place in floors], SHAPE)
    assert (after["exam_title"] or "").startswith(f"title of {title}." if title else ""), told
    assert after["is_deleted"] == (title is None), told


def test_a_value_that_did_not_travel_is_the_one_before_also_where_that_comes_late() -> None:
    first, late = change("a", "c", 1, 8, 0), change("a", "u", 1, 16, 1)
    last = change("a", "u", 1, 24, 2, unchanged=("item_count",))
    now = folding.folded(folding.folded(None, [first], [], SHAPE), [last], [], SHAPE)
    assert (now["item_count"], now["exam_type"]) == (first["item_count"], last["exam_type"])
    assert folding.folded(now, [late], [], SHAPE)["item_count"] == late["item_count"]
    assert folding.folded(None, [last], [], SHAPE)["item_count"] is None


def test_a_floor_takes_away_what_a_row_above_it_carries_from_below(tmp_path) -> None:
    writer = Writer(tmp_path)
    writer.history([change("a", "c", 1, 8, 0), change("a", "u", 1, 80, 1, unchanged=("item_count",))])
    writer.advance()
    assert writer.current()["a"]["item_count"] is not None
    writer.floors([(1, 16)])
    writer.advance()
    assert (writer.current()["a"]["item_count"], writer.current()["a"]["is_deleted"]) == (None, False)


def test_a_kill_between_history_and_current_is_made_good(tmp_path, monkeypatch) -> None:
    writer = Writer(tmp_path)
    writer.history([change("a", "c", 1, 8, 0), change("b", "c", 1, 80, 0)])
    writer.advance()
    writer.floors([(1, 16)])
    with monkeypatch.context() as patch:
        patch.setattr(type(writer.tables), "replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            writer.advance()
    assert writer.live_in_history() == {"b"} and not writer.current()["a"]["is_deleted"]
    written = writer.tables.version(places.clean_table("source", "exams"))
    writer.advance()
    assert writer.current()["a"]["is_deleted"] and not writer.current()["b"]["is_deleted"]
    assert writer.tables.version(places.clean_table("source", "exams")) == written
