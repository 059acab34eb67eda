"""BigQuery's rules for a materialized view that it keeps up to date by itself, looked for in the SQL that dbt compiles.

From its documentation (create materialized views: supported queries, limitations, partition alignment), which no engine at hand checks:
one native table; certain aggregates, each of them an output as it stands; no outer or self join, window, distinct aggregate, order,
limit, set operation or subquery in an expression; nothing that answers otherwise when asked again; partitioned as its table is.
Ours on top: the table must be one that builds extend. A table that is replaced takes its views with it.
"""

from sqlglot import exp, parse_one

_AGGREGATES = {
    exp.AnyValue, exp.ApproxDistinct, exp.ArrayAgg, exp.Avg, exp.BitwiseAndAgg, exp.BitwiseOrAgg, exp.BitwiseXorAgg, exp.Count, exp.CountIf,
    exp.LogicalAnd, exp.LogicalOr, exp.Max, exp.Min, exp.ArgMax, exp.ArgMin, exp.Sum,
}  # fmt: skip
_FORBIDDEN = {
    exp.Window: "a window", exp.Distinct: "distinct", exp.Having: "having", exp.Order: "order by", exp.Limit: "limit",
    exp.SetOperation: "a set operation", exp.Unnest: "unnest", exp.Qualify: "qualify", exp.TableSample: "tablesample",
    exp.Rand: "rand()", exp.CurrentDate: "current_date()", exp.CurrentTimestamp: "current_timestamp()",
    exp.CurrentDatetime: "current_datetime()", exp.CurrentTime: "current_time()", exp.SessionUser: "session_user()", exp.Uuid: "generate_uuid()",
}  # fmt: skip


def broken_rules(sql: str, partition: str, bases: dict[str, str]) -> list[str]:
    """What BigQuery, or the next build, would make of a view with this SQL. `bases`: table that builds extend → its partition column."""
    tree = parse_one(sql, dialect="bigquery")
    named = {cte.alias for cte in tree.find_all(exp.CTE)}
    tables = [table.name for table in tree.find_all(exp.Table) if table.name not in named or table.db]
    broken = [f"it has {word}" for kind, word in _FORBIDDEN.items() if tree.find(kind)]
    broken += [f"it calls {call.name}()" for call in tree.find_all(exp.Anonymous)]
    if len(tables) != 1 or tree.find(exp.Join):
        broken.append(f"it reads {', '.join(tables) or 'nothing'}: one table, once")
    broken += [f"{table} is not a table that builds extend" for table in tables if table not in bases]
    if list(tree.find_all(exp.Subquery, exp.Exists)):
        broken.append("it has a subquery")
    aggregating = [select for select in tree.find_all(exp.Select) if select.find(exp.AggFunc) and _own(select)]
    if len(aggregating) != 1:
        return [*broken, "it aggregates once, and neither less nor more"]
    (select,) = aggregating
    for outer in tree.find_all(exp.Select):
        if outer is not select and any(not isinstance(each, exp.Star | exp.Column) for each in outer.expressions):
            broken.append("it computes outside of the aggregation")
    for each in select.expressions:
        value = each.unalias()
        if type(value) not in _AGGREGATES and value.find(exp.AggFunc):
            broken.append(f"{each.alias_or_name} is computed from an aggregate, or of one that is not allowed")
    groups = {group.name for group in select.args["group"].expressions} if select.args.get("group") else set()
    if partition not in groups or any(bases.get(table) != partition for table in tables):
        broken.append(f"it is partitioned by {partition}, its table otherwise, or it does not group by it")
    return broken


def _own(select: exp.Select) -> bool:
    """Whether one of the aggregates is this SELECT's, and not that of a query inside it."""
    return any(aggregate.find_ancestor(exp.Select) is select for aggregate in select.find_all(exp.AggFunc))
