"""Commands rebuild and search rebuild: recompute derived data from its source."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ultramarket.commands.context import (
    USAGE,
    AsJson,
    console,
    exit_on_api_error,
    fail,
    print_json,
    progress_bar,
    selected_instance,
)
from ultramarket.commands.rpc import rpc_client

if TYPE_CHECKING:
    from services.chassis.messaging.rpc_client import RpcClient

SECONDS_PER_BATCH: Final = 60
REBUILDS: Final = {"orders": ("rebuild_read_model", "orders"), "reviews": ("rebuild_ratings", "ratings")}
"""By service: the RPC method that rebuilds one batch and returns the next cursor, and what it counts."""

search = typer.Typer(help="The search index.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: ultramarket rebuild orders")(rebuild)
    search.command("rebuild", epilog="Example: ultramarket search rebuild")(rebuild_index)
    search.callback()(lambda: None)  # keeps `rebuild` a subcommand, though it is the only one
    app.add_typer(search, name="search")


def rebuild(
    context: typer.Context,
    what: Annotated[
        str,
        typer.Argument(
            help="orders: the MongoDB read model, from the events; reviews: the products' ratings.",
            autocompletion=lambda incomplete: [name for name in REBUILDS if name.startswith(incomplete)],
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Rebuild derived data from its source; the old data is served until then."""
    if what not in REBUILDS:
        fail(f"{what!r} cannot be rebuilt: choose {' or '.join(REBUILDS)}", USAGE)
    method, unit = REBUILDS[what]
    with (
        exit_on_api_error(),
        console.status(f"rebuilding {what}") as status,
        rpc_client(selected_instance(context)) as client,
    ):
        counts = _rebuild(client, what, method, lambda count: status.update(f"rebuilding: {count} {unit}"))
    if as_json:
        print_json({"rebuilt": counts.pop("done"), **counts})
    else:
        corrected = f", {counts['mended']} of them were wrong" if "mended" in counts else ""
        console.print(f"[green]✓[/] {counts['done']} {unit} rebuilt{corrected}")


def _rebuild(client: "RpcClient", service: str, method: str, show: Callable[[int], None]) -> dict[str, int]:
    counts: dict[str, int] = {}
    cursor = None
    while True:
        batch = client.call(service, method, deadline=SECONDS_PER_BATCH, cursor=cursor)
        cursor = batch.pop("next")
        for name, count in batch.items():
            counts[name] = counts.get(name, 0) + count
        show(counts["done"])
        if cursor is None:
            return counts


def rebuild_index(context: typer.Context, as_json: AsJson = False) -> None:
    """Rebuild the search index from the catalogue; the old index is served until the new one replaces it.

    Changes are written to both meanwhile. Interrupted, the old index stays in service; the next run starts again.
    """
    begun = time.monotonic()
    with exit_on_api_error(), rpc_client(selected_instance(context)) as client:
        new = client.call("search", "rebuild_begin", deadline=SECONDS_PER_BATCH)
        with progress_bar("indexing", new["total"], hidden=as_json) as advance:
            products = _index_products(client, new["index"], advance)
        end = client.call("search", "rebuild_finish", deadline=SECONDS_PER_BATCH, index=new["index"])
    seconds = round(time.monotonic() - begun, 1)
    if as_json:
        print_json({"products": products, "caught_up": end["caught_up"], "seconds": seconds})
    else:
        console.print(f"[green]✓[/] {products} products indexed, {end['caught_up']} of them again ({seconds} s)")


def _index_products(client: "RpcClient", index: str, advance: Callable[[int], None]) -> int:
    products, after = 0, None
    while True:
        page = client.call("search", "rebuild_page", deadline=SECONDS_PER_BATCH, index=index, after=after)
        products, after = products + page["done"], page["next"]
        advance(page["done"])
        if after is None:
            return products
