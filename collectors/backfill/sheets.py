"""CSV files as rows that know where they come from, and the joins between them.

FILE.csv ─▶ Row (line, values by column) ─┐
other.csv ─▶ index by its key columns ────┴─▶ Row with the joined values under `table.column`
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from collectors.backfill.located import Located, MappingError, did_you_mean
from lakehouse.errors import BadInputError


class Unusable(Exception):
    """This row cannot become this event; says why, in words for whoever has the file open."""


@dataclass(slots=True)
class Row:
    """One row: its line in the file (as an editor counts), and its values by column."""

    line: int
    values: dict[str, str]


@dataclass(frozen=True)
class Sheet:
    """One CSV file. `columns` are its header's names."""

    path: Path
    columns: tuple[str, ...]
    delimiter: str
    encoding: str

    def rows(self) -> Iterator[Row]:
        """Raises BadInputError at a row with more or fewer values than there are columns."""
        with self.path.open(newline="", encoding=self.encoding) as file:
            reader = csv.reader(file, delimiter=self.delimiter)
            try:
                next(reader)
                for values in reader:
                    if values and len(values) != len(self.columns):
                        raise BadInputError(
                            f"{self.path.name}:{reader.line_num}: {len(values)} values for {len(self.columns)} columns",
                            hint="is a delimiter or a quotation mark missing or too many? `delimiter:` in the mapping sets another one",
                        )
                    if values:
                        yield Row(reader.line_num, dict(zip(self.columns, map(str.strip, values))))
            except (csv.Error, UnicodeDecodeError) as error:
                raise _unreadable(self.path, self.encoding, error) from error


def open_sheet(path: Path, delimiter: str = ",", encoding: str = "utf-8-sig") -> Sheet:
    """Read the header. Raises BadInputError where there is no such file, or no header."""
    try:
        with path.open(newline="", encoding=encoding) as file:
            header = next(csv.reader(file, delimiter=delimiter), [])
    except FileNotFoundError:
        raise BadInputError(f"there is no file {path}", hint="give the path of a CSV file with a header") from None
    except (UnicodeDecodeError, csv.Error, LookupError) as error:
        raise _unreadable(path, encoding, error) from error
    columns = tuple(name.strip() for name in header)
    if not columns or len(set(columns)) < len(columns):
        raise BadInputError(f"{path.name}: the first line must name every column once; it says {', '.join(columns) or 'nothing'}")
    return Sheet(path, columns, delimiter, encoding)


def _unreadable(path: Path, encoding: str, error: Exception) -> BadInputError:
    return BadInputError(
        f"{path.name} cannot be read as {encoding}: {error}", hint="`encoding:` in the mapping sets another one, such as cp949"
    )


class Join:
    """Another sheet, by key. `name`, as columns of it are called: `name.column`."""

    def __init__(self, name: str, spec: Located, main: Sheet, sheet: Sheet) -> None:
        self.name, self.sheet = name, sheet
        on = spec["on"]
        self._pairs = list(on.items()) if isinstance(on, dict) else [(column, column) for column in (on if isinstance(on, list) else [on])]
        for mine, theirs in self._pairs:
            for column, where in ((mine, main), (theirs, sheet)):
                if column not in where.columns:
                    raise spec.error(f"no column `{column}` in {where.path.name}", "on", hint=did_you_mean(column, where.columns))
        self._index: dict[tuple[str, ...], dict[str, str]] = {}
        for row in sheet.rows():
            key = tuple(row.values[theirs] for _, theirs in self._pairs)
            if key in self._index:
                raise spec.error(
                    f"{sheet.path.name}:{row.line}: {self._said(key)} is there twice, so a row of {main.path.name} would have two matches",
                    "on",
                    hint="name more columns under `on:`, so that each row of the other file is met once",
                )
            self._index[key] = {f"{name}.{column}": value for column, value in row.values.items()}

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(f"{self.name}.{column}" for column in self.sheet.columns)

    def extend(self, row: Row) -> None:
        """Give the row the joined values. Raises Unusable where there is no match."""
        key = tuple(row.values[mine] for mine, _ in self._pairs)
        found = self._index.get(key)
        if found is None:
            raise Unusable(f"no row in {self.sheet.path.name} with {self._said(key)}")
        row.values.update(found)

    def _said(self, key: tuple[str, ...]) -> str:
        return ", ".join(f"{theirs} {value}" for (_, theirs), value in zip(self._pairs, key))


def open_joins(specs: Located, main: Sheet) -> list[Join]:
    """The mapping's `join:`; files are looked for beside the main one. Raises MappingError."""
    joins = []
    for name, spec in specs.items():
        if not isinstance(spec, Located):
            raise specs.error(f"join `{name}` needs `file:` and `on:`", name)
        spec.allow("file", "on", "delimiter", "encoding")
        path = main.path.parent / spec.require("file", str, "the name of a CSV file beside the main one")
        spec.require("on", (str, list, dict), "the column that both files share, a list of them, or `mine: theirs`")
        try:
            sheet = open_sheet(path, spec.get("delimiter", main.delimiter), spec.get("encoding", main.encoding))
        except BadInputError as error:
            raise MappingError(f"{spec.file}:{spec.lines['file']}: {error}", hint=error.hint) from error
        joins.append(Join(name, spec, main, sheet))
    return joins
