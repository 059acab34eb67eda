"""What an alert says: where, what, why, and the next move; never a value of a person.

The words are ours alone. What a command printed stays in its log, to which the alert links: foreign words may quote data.
"""

from dataclasses import dataclass, field

from lakehouse import errors

RUNBOOK = "docs/on_call/airflow.md"
_KILLED = 128


@dataclass(frozen=True, slots=True)
class Alert:
    """`key`: alerts of one key are one incident. `facts`: name → value, in the order in which they are shown."""

    severity: str
    summary: str
    key: str
    facts: dict[str, str] = field(default_factory=dict)
    next_move: str = ""
    log_url: str | None = None


def meaning(exit_code: int | None) -> str:
    """An exit code in words."""
    if exit_code is None:
        return "the task itself failed, not its command"
    if exit_code > _KILLED:
        return f"killed by signal {exit_code - _KILLED}"
    kinds = {kind.exit_code: kind for kind in errors.LakehouseError.__subclasses__()}
    plain = {1: "a defect of ours", 2: "a wrong command line"}
    return " ".join((kinds[exit_code].__doc__ or "").split()) if exit_code in kinds else plain.get(exit_code, "no code of ours")


def next_move(exit_code: int | None, docs_url: str | None) -> str:
    where = f"{docs_url.rstrip('/')}/on_call/airflow.md" if docs_url else RUNBOOK
    first = "read the end of the log: its last line says what to do"
    if exit_code in errors.final_exit_codes():
        first = "a retry would give the same answer; the last line of the log says what to mend, then clear the task"
    return f"{first}. {where}" + (f"#exit-code-{exit_code}" if exit_code else "")
