"""`lakehouse`: every command of the platform under one name.

An edge (collectors, beam_pipelines, quality …) adds its commands by an entry point in the group `lakehouse.commands`,
so that this package imports none of them. Only the module of the command that is asked for is loaded, all of them for
`--help`; it must import its framework inside the function.
"""

import sys
from importlib.metadata import entry_points

import typer
from rich.console import Console

from lakehouse.errors import LakehouseError

_errors = Console(stderr=True)


def app(asked: str | None = None) -> typer.Typer:
    """Every command; the one that is asked for alone, where there is one of that name."""
    commands = typer.Typer(
        callback=lambda: None,  # without one, typer takes an only command for the whole program
        help="MegaCity Lakehouse: collect, land, refine, check, model, serve. `lakehouse COMMAND --help` teaches each.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
    )
    points = entry_points(group="lakehouse.commands")
    for point in sorted(points.select(name=asked) or points, key=lambda p: p.name):
        try:
            command = point.load()
        except ModuleNotFoundError as absent:
            # An image holds the packages of its own edge only; the commands of the others are not there.
            if absent.name and point.module.startswith(absent.name):
                continue
            raise
        if isinstance(command, typer.Typer):
            commands.add_typer(command, name=point.name)
        else:
            commands.command(point.name)(command)
    return commands


def main() -> None:
    """Run a command; answer an error we can explain with what went wrong, what to do next, and its exit code."""
    try:
        app(asked=sys.argv[1] if len(sys.argv) > 1 else None)()
    except LakehouseError as error:
        _errors.print(f"[bold red]{type(error).__name__}[/] {error}", highlight=False, soft_wrap=True)
        if error.hint:
            _errors.print(f"  next: {error.hint}", highlight=False, soft_wrap=True, markup=False)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
