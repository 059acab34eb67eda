"""Texts as literals of DuckDB's SQL, where a parameter cannot stand: in a view, in the list of files of a table function, in ATTACH."""

from collections.abc import Iterable


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def literals(texts: Iterable[str]) -> str:
    """With commas between, for `[…]` and `in (…)`."""
    return ", ".join(map(literal, texts))
