"""The manual's generated pages: every setting, every command and every exit code, from the code that has them."""

from pathlib import Path

from pydantic_core import PydanticUndefined

from lakehouse import errors
from lakehouse.settings import Settings


def settings_page() -> str:
    lines = [
        "# Settings",
        "",
        "Read once, in `lakehouse/settings.py`. Secrets come from the environment only.",
        "",
        "| variable | default | what it does |",
        "| --- | --- | --- |",
    ]
    for name, field in Settings.model_fields.items():
        default = "" if field.default in (None, PydanticUndefined) else f"`{_shown(field.default)}`"
        lines.append(f"| `LAKEHOUSE_{name.upper()}` | {default} | {field.description} |")
    return "\n".join(lines) + "\n"


def _shown(default: object) -> object:
    """A folder of the repository by its name: where the repository lies is nobody else's business."""
    return default.name if isinstance(default, Path) and default.is_absolute() else default


def exit_codes_page() -> str:
    lines = [
        "# Exit codes",
        "",
        "An interface: Airflow and shell scripts may branch on them. 0 is success, 1 a defect of ours, 2 a wrong command line.",
        "",
        "| code | error | meaning |",
        "| --- | --- | --- |",
    ]
    kinds = sorted(errors.LakehouseError.__subclasses__(), key=lambda e: e.exit_code)
    lines += [f"| {e.exit_code} | {e.__name__} | {(e.__doc__ or '').strip()} |" for e in kinds]
    return "\n".join(lines) + "\n"


def commands_page() -> str:
    """`--help` of every command as Markdown."""
    import typer

    from lakehouse.cli import app

    root = typer.main.get_command(app())
    lines = ["# Commands", "", "`make help` lists what the Makefile offers; these are the commands beneath."]
    for name, command in sorted(root.commands.items()):
        subcommands = getattr(command, "commands", None)
        if subcommands is None:
            lines += _command_section(f"lakehouse {name}", command)
        else:
            for sub, subcommand in sorted(subcommands.items()):
                lines += _command_section(f"lakehouse {name} {sub}", subcommand)
    return "\n".join(lines) + "\n"


def _command_section(title: str, command) -> list[str]:
    lines = ["", f"## {title}", "", (command.help or "").strip()]
    rows = []
    for parameter in command.params:
        said = getattr(parameter, "help", None) or ""
        spelling = (
            ", ".join(f"`{o}`" for o in [*parameter.opts, *parameter.secondary_opts])
            if parameter.param_type_name == "option"
            else f"`{parameter.name.upper()}`"
        )
        rows.append(f"| {spelling} | {' '.join(said.split())} |")
    if rows:
        lines += ["", "| option | meaning |", "| --- | --- |", *rows]
    return lines
