"""The archive that a person gets: a ZIP of documents for machines and tables for people, and a summary that says what they are.

    summary.ko.md, summary.en.md          what is held, why, how long, who may see it, who did, what rights there are
    data/<dataset>.json                   a document a dataset: what it is, what each field means, the rows
    data/<dataset>.csv                    the same rows as a table
    media/<file>                          recordings, as they were sent

It is written from front to back, so that it can be sealed on its way and lies nowhere in clear.
"""

import csv
import io
import json
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, BinaryIO

from lakehouse.privacy.rights.held import Held
from lakehouse.privacy.rights.summary import About, summary

FORMAT = "megacity.personal-data/1"


@dataclass(frozen=True, slots=True)
class Written:
    datasets: int
    rows: int
    media: int


def write(stream: BinaryIO, about: About, found: Sequence[Held]) -> Written:
    """`stream` need not be seekable."""
    named = list(zip(_names(found), found))
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for language in ("ko", "en"):
            archive.writestr(f"summary.{language}.md", summary(language, about, named))
        for name, held in named:
            archive.writestr(f"data/{name}.json", _document(held))
            archive.writestr(f"data/{name}.csv", _table(held))
            for one in held.attachments:
                with archive.open(f"media/{one.name}", "w") as file:
                    for piece in one.pieces():
                        file.write(piece)
    return Written(len(named), sum(len(held.rows) for held in found), sum(len(held.attachments) for held in found))


def _names(found: Sequence[Held]) -> list[str]:
    """A file name a dataset, which no two share."""
    taken: dict[str, int] = {}
    names = []
    for held in found:
        name = re.sub(r"[^A-Za-z0-9_.]+", "-", held.dataset).strip("-.")
        taken[name] = taken.get(name, 0) + 1
        names.append(name if taken[name] == 1 else f"{name}-{taken[name]}")
    return names


def _document(held: Held) -> str:
    contract = held.contract
    said: dict[str, Any] = {"format": FORMAT, "dataset": held.dataset}
    if contract is not None:
        said |= {"contract": contract.id, "version": contract.version, "title": contract.title, "description": contract.description}
        said |= {"purpose": contract.purpose, "owner": contract.owner}
    said["fields"] = [
        {"name": f.name, "type": f.type, "classification": f.classification, "description": f.description} for f in held.fields
    ]
    said["rows"] = held.rows
    return json.dumps(said, ensure_ascii=False, indent=1, default=_plain)


def _table(held: Held) -> str:
    text, names = io.StringIO(), list(dict.fromkeys(name for row in held.rows for name in row))
    writer = csv.writer(text)
    writer.writerow(names)
    for row in held.rows:
        writer.writerow(_cell(row.get(name)) for name in names)
    return text.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=_plain)
    return _plain(value) if isinstance(value, datetime | date | bytes) else value


def _plain(value: Any) -> Any:
    """A figure stays exact, as text."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"no JSON for {type(value).__name__}")
