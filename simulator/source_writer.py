"""The city's tables, written into the source database as its applications would; change data capture carries them on.

    standing rows ─▶ slice by slice: accounts made, attempts started, responses, attempts ended, calls of models, payments
                  ─▶ accounts changed at noon, accounts closed in the end

Every row says itself when it changed: the simulated city lives in a past. A slice is some transactions of COPY into a
temporary table and one statement from there, which passes over rows that are there already: simulating again changes
nothing. What change data capture must deliver is counted here, for the truth: every change where it listened from the
start, the rows that are left where it comes later.
"""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from types import TracebackType

import numpy as np

from lakehouse.business_day import business_day
from lakehouse.errors import BadInputError, NotDurableError, require
from simulator import standing
from simulator.city import City
from simulator.lines import Lines, attempt_ids
from simulator.slices import Slice
from simulator.standing import Batch, moment

HEAD = ("zone_id", "org_id", "changed_at")
_SETTLED_AFTER = timedelta(seconds=2)
_ATTEMPTS = (*HEAD, "attempt_id", "exam_id", "user_id", "attempt_status", "started_at")
_ENDED = ("changed_at", "attempt_id", "attempt_status", "started_at", "finished_at", "score", "theta", "standard_error", "time_spent_ms")
_RESPONSES = (*HEAD, "response_id", "attempt_id", "item_id", "user_id", "response_index", "is_correct", "response_time_ms", "responded_at")
_CALLS = (*HEAD, "ai_request_id", "user_id", "ai_feature", "model_name", "input_tokens", "output_tokens", "cost_usd", "latency_ms", "prompt_text", "created_at")  # fmt: skip
_PAYMENTS = (*HEAD, "payment_id", "user_id", "product_id", "price_amount", "price_currency", "payment_status", "created_at")
_SETTLED = ("changed_at", "payment_id", "payment_status", "paid_at")


class SourceWriter:
    """One city's writer; use as a context.

    changes, rows   (contract, number of the day) → changes made, and rows whose last change that was; simulated days only
    is_captured     whether a replication slot was there before the first row
    """

    def __init__(self, city: City, url: str) -> None:
        self._city, self._url = city, url
        self.changes: Counter[tuple[str, int]] = Counter()
        self.rows: Counter[tuple[str, int]] = Counter()
        self.is_captured = False
        self._closed = 0
        self._new_from = city.people.first_new
        self._movers = standing.movers(city)

    def __enter__(self) -> "SourceWriter":
        """Raises BadInputError where it does not answer, or is not migrated."""
        self._psycopg = require("psycopg", "source")
        try:
            self._connection = self._psycopg.connect(self._url, autocommit=True, connect_timeout=10)
        except self._psycopg.OperationalError as error:
            # libpq's words name host, port and role, never the password.
            raise BadInputError(f"the source database does not answer: {error}", hint="is `lakehouse source serve` running?") from None
        try:
            first, last = moment(self._city.calendar.first_ms), moment(self._city.calendar.end_ms)
            self._connection.execute("select make_partitions(%s, %s)", (first.date(), last.date()))
        except self._psycopg.errors.UndefinedFunction:
            raise BadInputError("the source database has no schema", hint="run `lakehouse source migrate`") from None
        slots = "select exists (select from pg_replication_slots where slot_type = 'logical' and database = current_database())"
        self.is_captured = self._connection.execute(slots).fetchone()[0]
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: BaseException | TracebackType | None) -> None:
        self._connection.close()

    @property
    def delivered(self) -> Counter[tuple[str, int]]:
        """What change data capture must bring into clean, by contract and day."""
        return self.changes if self.is_captured else self.rows

    def told(self) -> dict[str, int]:
        """Contract → changes, for the closing table; the accounts that were closed among them, though a deletion happens today."""
        by_contract: Counter[str] = Counter({"source.users": self._closed})
        for (contract, _), count in self.changes.items():
            by_contract[contract] += count
        return dict(sorted(by_contract.items()))

    def begin(self) -> None:
        """What stands on the first morning."""
        leavers = standing.leavers(self._city)
        with self._durable():
            for batch in standing.batches(self._city):
                made = self._add(batch)
                if batch.table == "users" and made:
                    self._add(leavers)
                self._count(batch.table, [row[2] for row in batch.rows])
        self.changes[("source.users", 0)] += len(leavers.rows)  # they are gone before anybody could read them late

    def write(self, part: Slice, lines: Lines) -> None:
        """What happens in one slice, and what the applications told of it."""
        self._sign_ups(part)
        self._sit(part)
        self._from_events(lines)
        self._move(moment(part.end_ms))

    def end(self) -> None:
        """The rest of the changes, and the accounts that are closed."""
        self._move(moment(self._city.calendar.end_ms))
        leavers = [row[3] for row in standing.leavers(self._city).rows]
        with self._durable():
            self._closed = self._connection.execute("delete from users where user_id = any(%s)", (leavers,)).rowcount

    def _sign_ups(self, part: Slice) -> None:
        until = int(part.visits.user[part.visits.signs_up].max(initial=self._new_from - 1)) + 1
        numbers, self._new_from = range(self._new_from, until), until
        with self._durable():
            for batch in standing.accounts(self._city, numbers, None):
                self._add(batch)
                self._count(batch.table, [row[2] for row in batch.rows])

    def _sit(self, part: Slice) -> None:
        sittings, city = part.sittings, self._city
        people, exams = city.people, city.exams
        zone = [city.zones[z] for z in part.visits.zone[sittings.visit]]
        org = [people.org_id(people.org[u]) for u in sittings.user]
        user = [city.identities.user_id(int(u), city.zones[people.zone[u]]) for u in sittings.user]
        attempt = attempt_ids(city, part)
        began, ended = _moments(part.times(sittings)), _moments(part.end_times)
        started = [
            (zone[n], org[n], began[n], attempt[n], exams.exam_id(exam), user[n], "started", began[n])
            for n, exam in enumerate(sittings.exam.tolist())
        ]
        answers = zip(sittings.r_sitting.tolist(), sittings.r_index.tolist(), sittings.r_item.tolist(), sittings.r_is_correct.tolist(), sittings.r_time_ms.tolist(), _moments(part.response_times))  # fmt: skip
        responses = [
            (zone[n], org[n], when, f"{attempt[n]}-{index:02d}", attempt[n], exams.item_id(item), user[n], index, right, took, when)
            for n, index, item, right, took, when in answers
        ]
        nothing = (None,) * 5
        endings = []
        for n, spent in enumerate(sittings.time_spent_ms.tolist()):
            done = bool(sittings.is_finished[n])
            result = (ended[n], sittings.score_centi[n] / 100, sittings.theta_micro[n] / 1e6, sittings.error_micro[n] / 1e6, spent)
            endings.append((ended[n], attempt[n], "finished" if done else "abandoned", began[n], *(result if done else nothing)))
        with self._durable():
            self._add(Batch("attempts", _ATTEMPTS, started))
        with self._durable():
            self._add(Batch("responses", _RESPONSES, responses))
        with self._durable():
            self._change(Batch("attempts", _ENDED, endings), ("attempt_id", "started_at"), "attempt_status = 'started'")
        self._count("attempts", began, ended)
        self._count("responses", [row[2] for row in responses])

    def _from_events(self, lines: Lines) -> None:
        """Calls of models and payments: what the applications keep of what they told of."""
        calls, payments = [], []
        for text, zone in zip(lines.text, lines.zone.tolist()):
            if '"ai.usage.events"' not in text and '"event_type":"purchase"' not in text:
                continue
            event = json.loads(text)
            told, at = event["payload"], datetime.fromisoformat(event["payload"]["occurred_at"])
            tenant = (self._city.zones[zone], event["org_id"], at)
            if told["event_type"] == "purchase":
                payments.append(
                    (
                        *tenant,
                        f"pay-{event['event_id'][:20]}",
                        told["user_id"],
                        told["product_id"],
                        told["price_amount"],
                        told["price_currency"],
                        "pending",
                        at,
                    )
                )
            else:
                calls.append((*tenant, *(told.get(name) for name in _CALLS[3:-1]), at))
        settled = [(at + _SETTLED_AFTER, key, "paid", at + _SETTLED_AFTER) for _, _, at, key, *_ in payments]
        with self._durable():
            self._add(Batch("ai_requests", _CALLS, calls))
            self._add(Batch("payments", _PAYMENTS, payments))
        with self._durable():
            self._change(Batch("payments", _SETTLED, settled), ("payment_id",), "payment_status = 'pending'")
        self._count("ai_requests", [row[2] for row in calls])
        self._count("payments", [row[2] for row in payments], [row[0] for row in settled])

    def _move(self, until: datetime) -> None:
        """Accounts that change by then: their number, and the country they live in."""
        due = [(at, user, "JP") for at, user in self._movers if at < until]
        self._movers = self._movers[len(due) :]
        with self._durable():
            self._change(Batch("users", ("changed_at", "user_id", "country_code"), due), ("user_id",), "country_code <> 'JP'")
        self._count("users", [], [row[0] for row in due])
        self.rows[("source.users", 0)] -= len(due)  # each of them stood on the first morning

    def _add(self, batch: Batch) -> int:
        """Rows that are not there yet; returns how many that were."""
        self._copy(batch)
        columns = ", ".join(batch.columns)
        return self._connection.execute(
            f"insert into {batch.table} ({columns}) select {columns} from incoming on conflict do nothing"
        ).rowcount

    def _change(self, batch: Batch, key: tuple[str, ...], only: str) -> None:
        self._copy(batch)
        changes = ", ".join(f"{name} = incoming.{name}" for name in batch.columns if name not in key)
        where = " and ".join(f"{batch.table}.{name} = incoming.{name}" for name in key)
        self._connection.execute(f"update {batch.table} set {changes} from incoming where {where} and {batch.table}.{only}")

    def _copy(self, batch: Batch) -> None:
        columns = ", ".join(batch.columns)
        self._connection.execute("drop table if exists incoming")
        self._connection.execute(f"create temporary table incoming on commit drop as select {columns} from {batch.table} with no data")
        with self._connection.cursor().copy(f"copy incoming ({columns}) from stdin") as stream:
            for row in batch.rows:
                stream.write_row(row)

    def _count(self, table: str, made: list[datetime], changed: list[datetime] | None = None) -> None:
        """`changed`: when the rows that were `made` are changed for the last time."""
        contract = f"source.{table}"
        first, last = self._days(made), self._days(changed or made)
        self.changes.update((contract, day) for day in first)
        if changed is not None:
            self.changes.update((contract, day) for day in last)
        self.rows.update((contract, day) for day in last)

    def _days(self, moments: list[datetime]) -> list[int]:
        first = self._city.calendar.dates[0]
        return [day for day in ((business_day(at) - first).days for at in moments) if 0 <= day < self._city.calendar.days]

    @contextmanager
    def _durable(self) -> Iterator[None]:
        """A transaction. Raises NotDurableError where the database does not take it."""
        try:
            with self._connection.transaction():
                yield
        except self._psycopg.OperationalError as lost:  # gone, or its disk is full
            raise NotDurableError(
                "the source database went away", hint="start it, and simulate again: what is there is not doubled"
            ) from lost


def _moments(times_ms: np.ndarray) -> list[datetime]:
    return [moment(at) for at in times_ms.tolist()]
