"""Commands that installed packages add to ``recsys``."""

from typing import Any

import typer

from recsys.errors import InputError
from recsys.system.display import show_error
from recsys.system.plugins import load_plugin, plugins

COMMANDS = "recsys.commands"


class Commands(typer.core.TyperGroup):
    """The commands of an app, and behind them those that installed packages add.

    A package adds one by an entry point of the group ``recsys.commands``: a Typer app, or a
    function as :meth:`typer.Typer.command` takes it. It is imported when its command or the help
    is asked for.
    """

    def list_commands(self, ctx: Any) -> list[str]:
        own = super().list_commands(ctx)
        return [*own, *(name for name in plugins(COMMANDS) if name not in own)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        own = super().get_command(ctx, cmd_name)
        if own is not None or cmd_name not in plugins(COMMANDS):
            return own
        try:
            added = load_plugin(COMMANDS, cmd_name)
        except InputError as error:
            show_error(f"the command {cmd_name!r} is left out: {error}")
            return None
        if isinstance(added, typer.Typer):
            command: Any = typer.main.get_group(added)
        else:
            alone = typer.Typer(add_completion=False)
            alone.command()(added)
            command = typer.main.get_command(alone)
        command.name = cmd_name
        return command
