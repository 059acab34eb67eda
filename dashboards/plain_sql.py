"""What a card's SQL may say: what DuckDB and PostgreSQL answer alike and BigQuery takes, asked of curated tables alone.

    … where true [[and zone_id = {{zone}}]]      Metabase's optional filter: without a zone, what is in [[ ]] is gone
                       │
          filled(sql) ─┴─▶ … where true         filled(sql, "kzone") ─▶ … where true and zone_id = 'kzone'

Nulls come last in DuckDB and first in PostgreSQL where an order falls: `desc` must therefore say `nulls last`. Equal
places would come in any order: the last word of an order must tell rows apart, which the test against PostgreSQL holds.
"""

import re

_FUNCTIONS = frozenset({"abs", "cast", "coalesce", "count", "greatest", "least", "max", "min", "nullif", "round", "sum"})
# Words before a bracket that call nothing.
_WORDS = frozenset({"and", "as", "by", "exists", "filter", "from", "in", "not", "on", "or", "over", "select", "then", "when", "where"})
_TABLE = re.compile(r"\b(?:from|join)\s+([a-z_][\w.]*)", re.I)
_NAMED = re.compile(r"\b([a-z_]\w*)\s+as\s+\(", re.I)
_ZONE_ID = re.compile(r"^[a-z_]{1,32}$")


def require_plain(sql: str, *, ordered: bool) -> None:
    """Raises ValueError that says what is not plain; `ordered`: several rows come, and their order matters."""
    words = _without_texts(sql)
    if not re.match(r"\s*(select|with)\b", words, re.I):
        raise ValueError("the SQL must begin with select or with")
    for mark, cure in ((";", "one statement"), ("::", "cast(… as …)"), ("--", "a comment in YAML"), ('"', "names in lower case")):
        if mark in words:
            raise ValueError(f"the SQL holds {mark}: write {cure}")
    if unknown := sorted(set(re.findall(r"\{\{(.*?)\}\}", words)) - {"zone"}):
        raise ValueError(f"the SQL has a filter {unknown[0]!r}: there is zone alone")
    if "{{" in re.sub(r"\[\[.*?\]\]", "", words):
        raise ValueError("a filter outside [[ ]] cannot be left out: write [[and zone_id = {{zone}}]]")
    called = {name.lower() for name in re.findall(r"\b([a-z_]\w*)\s*\(", words, re.I)} - _WORDS
    if unknown := sorted(called - _FUNCTIONS - {name.lower() for name in _NAMED.findall(words)}):
        raise ValueError(f"the SQL calls {unknown[0]}(), which not every engine answers alike: use {', '.join(sorted(_FUNCTIONS))}")
    if ordered and not re.search(r"\border\s+by\b", words, re.I):
        raise ValueError("the SQL has no order by: every engine would order its rows otherwise")
    if re.search(r"\bdesc\b(?!\s+nulls\s+last)", words, re.I):
        raise ValueError("the SQL orders desc: write desc nulls last, since engines put nulls elsewhere")
    named = {name.lower() for name in _NAMED.findall(words)}
    for table in _TABLE.findall(words):
        if table.lower() not in named and not table.startswith("curated."):
            raise ValueError(f"the SQL asks {table}: dashboards ask curated tables alone")
    if not tables(sql):
        raise ValueError("the SQL asks no curated table")


def tables(sql: str) -> tuple[str, ...]:
    """The curated tables that it asks, without their schema, sorted."""
    found = (table for table in _TABLE.findall(_without_texts(sql)) if table.startswith("curated."))
    return tuple(sorted({table.removeprefix("curated.") for table in found}))


def filled(sql: str, zone: str | None = None) -> str:
    """The SQL with its optional filter set, or gone. Raises ValueError for a zone that cannot be one."""
    if zone is None:
        return re.sub(r"\s*\[\[.*?\]\]", "", sql, flags=re.S)
    if not _ZONE_ID.match(zone):
        raise ValueError(f"{zone!r} is no zone_id")
    return re.sub(r"\[\[(.*?)\]\]", r"\1", sql, flags=re.S).replace("{{zone}}", f"'{zone}'")


def _without_texts(sql: str) -> str:
    return re.sub(r"'(?:[^']|'')*'", "''", sql)
