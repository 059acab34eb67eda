"""What a person at the terminal sees while cards are asked: a bar, and a line a card with its time and its rows."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from dashboards.asking import Answer, Heard
from dashboards.definitions import Dashboard


@contextmanager
def heard_on(console: Console, dashboards: tuple[Dashboard, ...]) -> Iterator[Heard]:
    """What to call with each answer."""
    columns = (TextColumn("[bold]dashboards"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=sum(len(dashboard.cards) for dashboard in dashboards))

        def heard(dashboard: Dashboard, answer: Answer) -> None:
            bar.update(task, advance=1, description=dashboard.title)
            empty = "  [yellow]nothing to show[/]" if answer.is_empty else ""
            line = f"{dashboard.title:<24} {answer.card.title:<34} {answer.ms:>5.0f} ms {len(answer.rows):>5,} rows{empty}"
            bar.console.print(line, highlight=False, soft_wrap=True)

        yield heard
