"""How a field gets its value from a row: eight small transforms, one a field.

    copy: score                                the column, as the type that the contract gives the field
    constant: coursework                       always the same
    number: minutes, times: 60000, plus: 0     a number, scaled; exact
    template: "exam-{id_assessment}"           text with columns in it
    hash: [id_assessment, id_student]          an id that is always the same for the same values, and shows none of them
    date: 2013-10-01, days: date_submitted     a day, so many days later; `at: "12:00"` for a time of that day
    timestamp: when, format: "%d.%m.%Y %H:%M"  a moment (ISO 8601 without `format`)
    choose: type, from: {TMA: coursework}      a table of values; `otherwise:` for the rest

A value that is missing (one of the mapping's `missing:` texts) leaves an optional field out, and rejects the row where
the contract requires the field.
"""

import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from collectors.backfill.located import Located, did_you_mean
from collectors.backfill.sheets import Unusable
from collectors.backfill.values import CONVERT, as_number, digest, factor, moment, parsed
from lakehouse.contracts.model import Field

Values = dict[str, str]
Transform = Callable[[Values], Any]
_PLACEHOLDER = re.compile(r"\{([^{}]+)\}")


class Maker:
    """Makes transforms for one sheet. `columns` exist; `missing` texts mean that there is no value."""

    def __init__(self, columns: tuple[str, ...], missing: frozenset[str], zone: ZoneInfo | None, sheet: str) -> None:
        self._columns, self._missing, self._zone, self._sheet = columns, missing, zone, sheet
        self._kinds = {
            "copy": (self._copy, ()),
            "constant": (self._constant, ()),
            "number": (self._number, ("times", "plus")),
            "template": (self._template, ()),
            "hash": (self._hash, ()),
            "date": (self._date, ("days", "at")),
            "timestamp": (self._timestamp, ("format",)),
            "choose": (self._choose, ("from", "otherwise")),
        }

    def make(self, spec: Any, field: Field, parent: Located) -> Transform:
        """row's values → the field's JSON value, or None. Raises MappingError now, Unusable when a value does not fit."""
        if not isinstance(spec, Located):
            raise parent.error(
                f"{field.name}: say how it is made, such as `{{copy: {spec}}}`", field.name, hint=f"transforms: {', '.join(self._kinds)}"
            )
        named = [kind for kind in self._kinds if kind in spec]
        if len(named) != 1:
            told = f"{field.name}: " + (f"`{'` and `'.join(named)}` at once" if named else f"`{next(iter(spec), '')}` is no transform")
            raise spec.error(told, hint=f"use one of {', '.join(self._kinds)}")
        make, options = self._kinds[named[0]]
        spec.allow(named[0], *options)
        return make(spec, field)

    def column(self, spec: Located, key: str) -> str:
        """The column that `key` names. Raises MappingError that lists those that exist."""
        name = str(spec[key])
        if name not in self._columns:
            raise spec.error(f"no column `{name}` in {self._sheet}", key, hint=did_you_mean(name, self._columns))
        return name

    def columns_of(self, spec: Located, key: str) -> list[str]:
        """Those of a list of columns, or of the one that is named."""
        named = spec[key] if isinstance(spec[key], list) else [spec[key]]
        for name in named:
            if name not in self._columns:
                raise spec.error(f"no column `{name}` in {self._sheet}", key, hint=did_you_mean(name, self._columns))
        return named

    def _copy(self, spec: Located, field: Field) -> Transform:
        column, convert = self.column(spec, "copy"), CONVERT[field.type]

        def copy(values: Values) -> Any:
            text = values[column]
            return None if text in self._missing else convert(text, column, field, self._zone)

        if field.type == "timestamp" and self._zone is None:
            raise spec.error(f"{field.name}: of which time zone is `{column}`?", "copy", hint="add `time_zone: Asia/Seoul` to the mapping")
        return copy

    def _constant(self, spec: Located, field: Field) -> Transform:
        value = spec["constant"]
        if isinstance(value, datetime) and value.tzinfo is None:
            raise spec.error(f"{field.name}: a moment needs its offset, such as 2013-10-01T00:00:00+01:00", "constant")
        plain = value.isoformat() if isinstance(value, date | datetime) else value
        return lambda values: plain

    def _number(self, spec: Located, field: Field) -> Transform:
        column = self.column(spec, "number")
        times, plus = (factor(spec, key, default) for key, default in (("times", 1), ("plus", 0)))

        def number(values: Values) -> Any:
            text = values[column]
            return None if text in self._missing else as_number(parsed(text, column) * times + plus, column, field)

        return number

    def _template(self, spec: Located, field: Field) -> Transform:
        text = str(spec["template"])
        for name in _PLACEHOLDER.findall(text):
            if name not in self._columns:
                raise spec.error(f"no column `{name}` in {self._sheet}", "template", hint=did_you_mean(name, self._columns))
        return lambda values: _PLACEHOLDER.sub(lambda m: self._there(values, m[1]), text)

    def _hash(self, spec: Located, field: Field) -> Transform:
        columns = self.columns_of(spec, "hash")
        return lambda values: digest(*(self._there(values, name) for name in columns))

    def _date(self, spec: Located, field: Field) -> Transform:
        start = spec["date"]
        if not isinstance(start, date):
            raise spec.error(
                f"{field.name}: `date` must be a day such as 2013-10-01; for a column of days use `timestamp` or `copy`", "date"
            )
        column = self.column(spec, "days") if "days" in spec else None
        at = time.fromisoformat(str(spec.get("at", "00:00")))
        if field.type == "timestamp" and self._zone is None:
            raise spec.error(f"{field.name}: midnight of which time zone?", "date", hint="add `time_zone: Asia/Seoul` to the mapping")

        def dated(values: Values) -> Any:
            text = values[column] if column else "0"
            if text in self._missing:
                return None
            day = start + timedelta(days=int(as_number(parsed(text, column), column, None)))
            return moment(datetime.combine(day, at, self._zone)) if field.type == "timestamp" else day.isoformat()

        return dated

    def _timestamp(self, spec: Located, field: Field) -> Transform:
        column, form = self.column(spec, "timestamp"), spec.get("format")
        if self._zone is None and (form is None or "%z" not in form):
            raise spec.error(
                f"{field.name}: of which time zone is `{column}`?", "timestamp", hint="add `time_zone: Asia/Seoul` to the mapping"
            )

        def stamped(values: Values) -> Any:
            text = values[column]
            if text in self._missing:
                return None
            try:
                when = datetime.strptime(text, form) if form else datetime.fromisoformat(text)
            except ValueError:
                raise Unusable(f"{column} is no moment{f' of the form {form}' if form else ''}") from None
            return moment(when if when.tzinfo else when.replace(tzinfo=self._zone))

        return stamped

    def _choose(self, spec: Located, field: Field) -> Transform:
        column, table = self.column(spec, "choose"), spec.require("from", dict, "a table such as {TMA: coursework}")
        if field.values and (wrong := [v for v in table.values() if v not in field.values]):
            raise table.error(f"{field.name} may not be `{wrong[0]}`", hint=f"the contract allows {', '.join(field.values)}")

        def chosen(values: Values) -> Any:
            text = values[column]
            if text in table:
                return table[text]
            if "otherwise" in spec:
                return spec["otherwise"]
            if text in self._missing:
                return None
            raise Unusable(f"{column} is none of {', '.join(table)}")

        return chosen

    def _there(self, values: Values, column: str) -> str:
        if values[column] in self._missing:
            raise Unusable(f"{column} has no value")
        return values[column]
