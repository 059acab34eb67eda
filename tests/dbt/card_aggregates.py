"""Which aggregation of which table the cards of the dashboards ask for, read off their SQL.

card ─▶ each SELECT that aggregates curated rows ─▶ (table, what it groups by, whether it reads all days) ─▶ the cards that ask the same
"""

from collections import defaultdict
from dataclasses import dataclass

from sqlglot import exp, parse_one

from dashboards.definitions import Dashboard


@dataclass(frozen=True, order=True)
class Asked:
    table: str
    by: tuple[str, ...]

    @property
    def words(self) -> str:
        return f"`{self.table}` by {', '.join(self.by) or 'nothing: one figure'}"


def asked(boards: tuple[Dashboard, ...]) -> dict[Asked, list[str]]:
    """Aggregation → titles of the cards, with their dashboard. The newest day of a table is no aggregation that could be kept."""
    found: dict[Asked, dict[str, None]] = defaultdict(dict)
    for board in boards:
        for card in board.cards:
            for select in parse_one(card.query(), dialect="postgres").find_all(exp.Select):
                measures = {c.name for one in select.expressions for a in one.find_all(exp.AggFunc) for c in a.find_all(exp.Column)}
                tables = [t.name for t in select.find_all(exp.Table) if t.db == "curated" and t.find_ancestor(exp.Select) is select]
                if (
                    not tables
                    or not select.find(exp.AggFunc)
                    or (measures <= {"occurred_on", "activity_on"} and len(select.expressions) == 1)
                ):
                    continue
                group = select.args.get("group")
                by = {column.name for each in (group.expressions if group else ()) for column in each.find_all(exp.Column)}
                found[Asked(tables[0], tuple(sorted(by)))][f"{board.title}: {card.title}"] = None
    return {each: list(titles) for each, titles in sorted(found.items())}


def reads_whole(boards: tuple[Dashboard, ...], large: dict[str, str]) -> list[str]:
    """Cards with a SELECT of a large table whose conditions do not name its partition: BigQuery would refuse them."""
    found = []
    for board in boards:
        for card in board.cards:
            for table in parse_one(card.query(), dialect="postgres").find_all(exp.Table):
                where = table.find_ancestor(exp.Select).args.get("where")
                if table.name in large and not (where and any(c.name == large[table.name] for c in where.find_all(exp.Column))):
                    found.append(f"{board.title}: {card.title} reads all of {table.name}")
    return found
