"""YAML whose every mapping knows its line, so that an error can say where.

MAPPING.yaml ─▶ Located (a dict) ─▶ MappingError("oulad.yaml:23: …")
"""

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from lakehouse.errors import BadInputError


class MappingError(BadInputError):
    """The mapping cannot be used, or not with this file; nothing was published."""


class Located(dict):
    """A YAML mapping: a dict that knows its own line and those of its keys."""

    def __init__(self, file: str, line: int) -> None:
        super().__init__()
        self.file, self.line = file, line
        self.lines: dict[str, int] = {}

    def error(self, message: str, key: str | None = None, hint: str = "") -> MappingError:
        return MappingError(f"{self.file}:{self.lines.get(key, self.line)}: {message}", hint=hint)

    def require(self, key: str, kind: type | tuple[type, ...], what: str) -> Any:
        """Raises MappingError where the key is absent or of another type."""
        if key not in self:
            raise self.error(f"`{key}` is missing", hint=f"add `{key}:`, {what}")
        if not isinstance(self[key], kind) or isinstance(self[key], bool):
            raise self.error(f"`{key}` must be {what}", key)
        return self[key]

    def allow(self, *keys: str) -> None:
        """Raises MappingError for a key that means nothing here, and says which do."""
        for key in self:
            if key not in keys:
                raise self.error(f"`{key}` means nothing here", key, hint=did_you_mean(key, keys))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """What there is, and what was probably meant."""
    known = list(known)
    near = difflib.get_close_matches(str(word), known, n=1)
    return (f"did you mean `{near[0]}`? " if near else "") + f"there are: {', '.join(known)}"


def read(path: Path) -> Located:
    """Raises MappingError where the file is missing, not YAML, or no mapping."""
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except FileNotFoundError:
        raise MappingError(f"there is no mapping {path}", hint="collectors/backfill/mappings/oulad.yaml is one to start from") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise MappingError(f"{path.name} is not YAML: {error}") from error
    if not isinstance(node, yaml.MappingNode):
        raise MappingError(
            f"{path.name} must hold `name:`, `outputs:` …", hint="collectors/backfill/mappings/oulad.yaml is one to start from"
        )
    return _built(node, path.name, yaml.SafeLoader(""))


def _built(node: yaml.Node, file: str, loader: yaml.SafeLoader) -> Any:
    if isinstance(node, yaml.MappingNode):
        made = Located(file, node.start_mark.line + 1)
        for key_node, value_node in node.value:
            key = str(key_node.value)
            if key in made:
                raise MappingError(f"{file}:{key_node.start_mark.line + 1}: `{key}` is there twice")
            made.lines[key] = key_node.start_mark.line + 1
            made[key] = _built(value_node, file, loader)
        return made
    if isinstance(node, yaml.SequenceNode):
        return [_built(item, file, loader) for item in node.value]
    return loader.construct_object(node)
