"""search: make the index anew."""

import time
from collections.abc import Callable
from typing import Annotated, Any

import typer

from ultramarket.commands.context import chosen, console, print_json
from ultramarket.commands.data import bar, refusals_end_the_command
from ultramarket.instance import Instance

AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]

search = typer.Typer(help="The search index.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    search.command("rebuild", epilog="Example: ultramarket search rebuild")(rebuild)
    search.callback()(lambda: None)
    app.add_typer(search, name="search")


def rebuild(context: typer.Context, as_json: AsJson = False) -> None:
    """Make the search index anew from the catalogue; the old one answers until the new one takes its place.

    Changes go to both meanwhile. Interrupted, it leaves the old one in service; the next run begins anew.
    """
    begun = time.monotonic()
    with refusals_end_the_command():
        done, caught_up = _rebuild(chosen(context), hidden=as_json)
    seconds = round(time.monotonic() - begun, 1)
    if as_json:
        print_json({"products": done, "caught_up": caught_up, "seconds": seconds})
    else:
        console.print(f"[green]✓[/] {done} products indexed, {caught_up} of them again ({seconds} s)")


def _rebuild(instance: Instance, hidden: bool) -> tuple[int, int]:
    from services.chassis.messaging.rpc_client import RpcClient

    client = RpcClient(instance.url("rabbitmq"), publishers=1)
    try:
        begun = client.call("search", "rebuild_begin", deadline=60)
        with bar("indexing", begun["total"], hidden=hidden) as advance:
            done = _fill(client, begun["index"], advance)
        return done, client.call("search", "rebuild_finish", deadline=60, index=begun["index"])["caught_up"]
    finally:
        client.close()


def _fill(client: Any, index: str, advance: Callable[[int], None]) -> int:
    done, after = 0, None
    while True:
        page = client.call("search", "rebuild_page", deadline=60, index=index, after=after)
        done, after = done + page["done"], page["next"]
        advance(page["done"])
        if after is None:
            return done
