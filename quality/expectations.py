"""What is asked of a table, as Great Expectations' suites; all of it follows from the contract.

    contract ─▶ row_checks      rules that every row obeys     critical: a broken one stops what comes after
    measures ─▶ measure_checks  how the day compares           warning: a person looks, the night goes on

A check says in words what it wants and what to do when it does not get it, for whoever is woken by it.
"""

from dataclasses import dataclass, field

from lakehouse.contracts import Contract, Field
from lakehouse.contracts.project import expectations
from quality.datasets import Dataset
from quality.measures import Measures

VOLUME_Z = 2.0
NULL_RISE = 0.05
DUPLICATE_SHARE = 0.01
COMPLETE_SHARE = 0.98
CONSISTENT_SHARE = 0.99

_RULES = {
    "expect_table_columns_to_match_set": "columns",
    "expect_column_values_to_not_be_null": "not_null",
    "expect_column_values_to_be_in_set": "in_set",
    "expect_column_values_to_be_between": "between",
    "expect_column_values_to_be_unique": "unique",
    "expect_compound_columns_to_be_unique": "unique",
}


@dataclass(frozen=True)
class Check:
    """One expectation. `type` and `kwargs` are Great Expectations'; `name` is unique in its dataset."""

    name: str
    type: str
    kwargs: dict = field(hash=False)
    threshold: str
    advice: str
    column: str | None = None
    severity: str = "critical"


def row_checks(dataset: Dataset) -> list[Check]:
    """Rules of every row. That a column is missing is said once, by the first check: the others leave it out."""
    contract = dataset.contract
    here = {f.name for f in dataset.fields}
    columns, *rules = expectations(contract, dataset.fields if contract.is_ingested else contract.fields)
    checks = [_projected(contract, columns)]
    checks += [_projected(contract, e) for e in rules if here.issuperset(_looks_at(e["kwargs"]))]
    if contract.is_ingested:
        checks += _required_by_event_type(contract)
        checks += [_pattern(contract, f) for f in dataset.fields if f.pattern]
    return checks


def _looks_at(kwargs: dict) -> list[str]:
    return kwargs["column_list"] if "column_list" in kwargs else [kwargs["column"]]


def _projected(contract: Contract, expectation: dict) -> Check:
    kwargs = expectation["kwargs"]
    rule = _RULES[expectation["type"]]
    column = kwargs.get("column")
    name = f"{column or '+'.join(kwargs.get('column_list', ['table']))}.{rule}"
    return Check(name, expectation["type"], kwargs, _in_words(rule, kwargs), _advice(contract, rule), column)


def _in_words(rule: str, kwargs: dict) -> str:
    if rule == "between":
        low, high = kwargs["min_value"], kwargs["max_value"]
        return f"at most {high:g}" if low is None else f"at least {low:g}" if high is None else f"{low:g} to {high:g}"
    if rule == "in_set":
        return "one of " + ", ".join(kwargs["value_set"])
    return {"columns": "every column of the contract", "not_null": "never null", "unique": "no value twice"}[rule]


def _advice(contract: Contract, rule: str) -> str:
    rules = f"contracts/{contract.path}"
    if rule == "columns":
        maker = "run `lakehouse refine`" if contract.is_ingested else "run `lakehouse model`"
        return f"The table lacks a column of {rules}: {maker} again so that it is added; was the contract changed without `make generate`?"
    if contract.is_ingested and rule == "unique":
        return "Refinement let an event in twice: keep the table as it is, find the two batches by received_at, and report it as a defect."
    if contract.is_ingested:
        return f"Rows are in clean that {rules} forbids: was the rule narrowed after they came in? If not, refinement has a defect."
    return f"The model breaks {rules}: look at `git log dbt_project/models` and at the warnings of `lakehouse check clean`, then run `lakehouse model`."


def _required_by_event_type(contract: Contract) -> list[Check]:
    needed: dict[str, list[str]] = {}
    for event_type, names in contract.event_types:
        for name in names:
            needed.setdefault(name, []).append(event_type)
    checks = []
    for name, types in needed.items():
        source = contract.field(name)
        column = source.becomes or name
        # A redacted text has none of itself in rows that were refined while it still was dropped.
        if source.required or source.treatment in ("drop", "redact"):
            continue
        query = f'select 1 from {{batch}} where event_type in ({_quoted(types)}) and "{column}" is null'
        said = f"never null in {', '.join(types)}"
        checks.append(Check(f"{column}.required_by_type", *_no_rows(query), said, _advice(contract, "required"), column))
    return checks


def _pattern(contract: Contract, column: Field) -> Check:
    query = (
        f"""select 1 from {{batch}} where "{column.name}" is not null and not regexp_matches("{column.name}", {_literal(column.pattern)})"""
    )
    return Check(f"{column.name}.pattern", *_no_rows(query), f"matches {column.pattern}", _advice(contract, "pattern"), column.name)


def _no_rows(query: str) -> tuple[str, dict]:
    """Great Expectations has no regular expressions for DuckDB; a query that must find nothing says the same. It
    selects 1, so that no value of a row can reach a result."""
    return "unexpected_rows_expectation", {"unexpected_rows_query": query}


def _quoted(values: list[str]) -> str:
    return ", ".join(_literal(v) for v in values)


def _literal(text: str) -> str:
    """A SQL text inside a query that is formatted ({{}}) and then bound (:name) before DuckDB sees it."""
    return "'" + text.replace("'", "''").replace("{", "{{").replace("}", "}}").replace(":", r"\:") + "'"


def measure_checks(dataset: Dataset, measures: Measures) -> list[Check]:
    """How the day compares with what is normal. Of a check whose measure is None too little is known to judge."""
    contract, owner = dataset.contract, dataset.contract.owner
    checks = []
    if dataset.day:
        advice = "The day has unusually few or many rows: compare zones and event types with the days before; a producer that fell silent or sends twice is the usual cause"
        checks.append(_measured("volume_zscore", None, -VOLUME_Z, VOLUME_Z, advice, owner))
    if dataset.moment and contract.freshness_minutes is not None:
        advice = "The newest row is older than promised: look whether the source still sends, and whether land, refine or model is behind"
        checks.append(_measured("freshness_minutes", None, None, contract.freshness_minutes, advice, owner))
    if contract.is_ingested:
        advice = "Producers deliver too many events twice (they were dropped): look for one that retries without need"
        checks.append(_measured("duplicate_share", None, None, DUPLICATE_SHARE, advice, owner))
        advice = "Too many records became dead letters: count them by error_code and error_field"
        checks.append(_measured("complete_share", None, COMPLETE_SHARE, None, advice, owner))
    for column in measures.null_rises:
        advice = f"{column} is empty more often than in the two weeks before: ask who changed the producer"
        checks.append(_measured("null_rise", column, None, NULL_RISE, advice, owner))
    for column in measures.consistent_shares:
        advice = f"Values of {column} are missing in the table it refers to: has its snapshot arrived?"
        checks.append(_measured("consistent_share", column, CONSISTENT_SHARE, None, advice, owner))
    return checks


def _measured(rule: str, column: str | None, low: float | None, high: float | None, advice: str, owner: str) -> Check:
    return Check(
        name=f"{column or 'table'}.{rule}",
        type="expect_column_max_to_be_between",
        kwargs={"column": f"{rule}__{column}" if column else rule, "min_value": low, "max_value": high},
        threshold=_in_words("between", {"min_value": low, "max_value": high}),
        advice=f"{advice} (owner: {owner}).",
        column=column,
        severity="warning",
    )
