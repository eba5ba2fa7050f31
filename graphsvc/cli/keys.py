"""`graphsvc keys`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from graphsvc.cli.console import note, say
from graphsvc.config import load_settings

if TYPE_CHECKING:
    from graphsvc.cases.keys import KeyStore

app = typer.Typer(name="keys", help="API keys: create, list, revoke.", no_args_is_help=True, rich_markup_mode=None)


@app.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose key it is.")],
    scope: Annotated[list[str] | None, typer.Option(help="read, write or risk; may be repeated; default all.")] = None,
) -> None:
    """Make a key and print it, once, alone on the last line.

    Example: graphsvc keys create signup-flow --scope risk
    """
    from graphsvc.cases.keys import SCOPES

    key = _store().create(name, tuple(scope or SCOPES))
    note("Keep this key; it is not shown again.")
    say(key)


@app.command("list")
def list_keys() -> None:
    """List the keys, without their secrets.

    Example: graphsvc keys list
    """
    for key in _store().list():
        made = datetime.fromtimestamp(key.created_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")
        state = "revoked" if key.revoked_ms else "good"
        say(f"{key.id}  {state:<8} {made}  {','.join(key.scopes):<16} {key.name}")


@app.command()
def revoke(key_id: Annotated[str, typer.Argument(metavar="ID", help="The key's id, as keys list shows it.")]) -> None:
    """Make a key worthless, at once.

    Example: graphsvc keys revoke 0123456789ab
    """
    _store().revoke(key_id)
    say(f"Key {key_id} is revoked.")


def _store() -> KeyStore:
    from graphsvc.cases.keys import KeyStore

    return KeyStore(load_settings().places.create().cases)
