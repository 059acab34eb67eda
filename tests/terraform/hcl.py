"""Terraform's files, read: blocks with their arguments, and what in them the provider would refuse.

terraform/*.tf ─▶ python-hcl2 ─▶ blocks() ─▶ problems(), against google_schema.json
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import hcl2

TERRAFORM = Path(__file__).resolve().parents[2] / "terraform"
_OURS = {"for_each", "count", "depends_on", "lifecycle", "provider"}  # Terraform's own, in any resource
_IS_BLOCK = "__is_block__"


@dataclass(frozen=True)
class Block:
    """One resource or data source."""

    type: str
    name: str
    body: dict


@lru_cache(maxsize=64)
def parsed(text: str) -> dict:
    """Read it, don't change it."""
    return _plain(hcl2.loads(text))


def _plain(value):
    """Without comments, and without the quotes that python-hcl2 leaves around labels and texts."""
    if isinstance(value, dict):
        return {_plain(key): _plain(inner) for key, inner in value.items() if key != "__comments__"}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value[1:-1] if isinstance(value, str) and len(value) > 1 and value[0] == value[-1] == '"' else value


def blocks(document: dict) -> Iterator[tuple[str, Block]]:
    """("resources" or "data", block) of a file."""
    for kind, word in (("resources", "resource"), ("data", "data")):
        for said in document.get(word, ()):
            for of_type, named in said.items():
                for name, body in named.items():
                    yield kind, Block(of_type, name, body)


def problems(text: str, schema: dict) -> list[str]:
    """What the provider would refuse in one file; values it judges by itself are not looked at."""
    found = []
    for kind, block in blocks(parsed(text)):
        known = schema[kind].get(block.type)
        if known is None:
            why = "is not in google_schema.json: see extract_schema.py" if block.type in schema["names"][kind] else "does not exist"
            found.append(f"{block.type} {why}")
            continue
        found += _refused(f"{block.type}.{block.name}", {k: v for k, v in block.body.items() if k not in _OURS}, known)
    return found + [f"{of_type} has no {asked}" for of_type, asked in _references(text) if not _may_be_asked(schema, of_type, asked)]


def _refused(where: str, body: dict, known: dict) -> list[str]:
    nested = known.get("blocks", {})
    given = {name for name in body if name != _IS_BLOCK} - {"dynamic"}
    found, inner = [], []
    for dynamic in body.get("dynamic", ()):
        for name, said in dynamic.items():
            if name != _IS_BLOCK:
                given.add(name)
                inner += [(name, content) for content in said["content"]]
    arguments = {*known.get("required", ()), *known.get("optional", ())}
    found += [f"{where}: no argument or block {name}" for name in sorted(given - arguments - nested.keys())]
    found += [f"{where}: {name} is missing" for name in sorted({*known.get("required", ()), *known.get("needed_blocks", ())} - given)]
    for name in sorted(given & body.keys()):
        is_block = isinstance(body[name], list) and any(isinstance(each, dict) and _IS_BLOCK in each for each in body[name])
        if is_block != (name in nested) and name in arguments | nested.keys():
            found.append(f"{where}: {name} is {'an argument' if name in arguments else 'a block'}")
        elif is_block:
            inner += [(name, each) for each in body[name]]
    for name, content in inner:
        if name in nested:
            found += _refused(f"{where}.{name}", content, nested[name])
    return found


def _references(text: str) -> set[tuple[str, str]]:
    """(type, attribute) of what expressions ask of resources and data sources."""
    uncommented = re.sub(r"(?m)#.*$", "", text)
    return set(re.findall(r"\b((?:data\.)?google_\w+)\.\w+(?:\[[^\]]*\])?\.(\w+)", uncommented))


def _may_be_asked(schema: dict, of_type: str, asked: str) -> bool:
    known = schema["data" if of_type.startswith("data.") else "resources"].get(of_type.removeprefix("data."))
    return known is not None and asked in {
        "id",
        *known.get("required", ()),
        *known.get("optional", ()),
        *known.get("blocks", ()),
        *known.get("computed", ()),
    }
