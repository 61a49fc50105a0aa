"""Command group orders: orders whose saga does not get on, and what a person decides about them."""

from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from ultramarket.commands.context import FAILED, AsJson, console, print_json
from ultramarket.commands.rpc import OPERATOR, call

orders = typer.Typer(help="Orders that need a person's decision.", no_args_is_help=True)

OrderId = Annotated[str, typer.Argument(help="As `orders stuck` prints it.")]
Reason = Annotated[str, typer.Option(help="Recorded in the order's history and the audit trail.", show_default=False)]


def register(app: typer.Typer) -> None:
    orders.command("stuck", epilog="Example: ultramarket orders stuck")(list_stuck)
    orders.command("resume", epilog='Example: ultramarket orders resume 0192f3a4-… --reason "dispute won"')(resume)
    orders.command("end", epilog='Example: ultramarket orders end 0192f3a4-… --reason "refunded by bank transfer"')(end)
    app.add_typer(orders, name="orders")


def list_stuck(context: typer.Context, as_json: AsJson = False) -> None:
    """List orders whose saga does not get on. Exit code 1: there are some.

    A suspended one was refused a refund, a void or the return of its stock, and waits for `resume` or `end`. The others
    are still retried every 10 s: look at the service that does not answer.
    """
    rows: list[dict[str, Any]] = []
    page = 1
    while True:
        reply = call(context, "orders", "stuck", query={"page": page, "limit": 100}, caller=OPERATOR)
        rows += reply["items"]
        if len(rows) >= reply["total"] or not reply["items"]:
            break
        page += 1
    if as_json:
        print_json(rows)
    elif rows:
        console.print(_table(rows))
    else:
        console.print("[green]✓[/] no order is stuck")
    if rows:
        raise typer.Exit(FAILED)


def resume(context: typer.Context, order_id: OrderId, reason: Reason) -> None:
    """Try the refused step of a suspended order again, after its cause was mended."""
    _resolve(context, "resume", order_id, reason)


def end(context: typer.Context, order_id: OrderId, reason: Reason) -> None:
    """Settle the refused step of a suspended order: a person has done it outside of the system.

    For a refused refund this means that no money is moved by the system any more; the order goes on with the release of
    its stock and ends.
    """
    _resolve(context, "end", order_id, reason)


def _resolve(context: typer.Context, method: str, order_id: str, reason: str) -> None:
    from services.chassis.observability.audit_records import actor_context

    command = {"order_id": order_id, "reason": reason, "caller": OPERATOR}
    actor = actor_context(None, OPERATOR["roles"], None, "ultramarket")
    carried = {"user_id": OPERATOR["user_id"], "actor": actor}
    order = call(context, "orders", method, deadline=15, context=carried, **command)
    console.print(f"[green]✓[/] {order['number']} is {order['status']}")


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table("order", "number", "status", "step", "state", "reason")
    for order in rows:
        state = "suspended" if order["suspended"] else f"{order['attempts']} attempts"
        reason = escape(order["reason"] or "")
        table.add_row(order["id"], order["number"], order["status"], order["step"] or "", state, reason)
    return table
