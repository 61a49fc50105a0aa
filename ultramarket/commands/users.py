"""Command group user: create accounts with any role."""

import secrets
from typing import Annotated

import typer

from ultramarket.commands.context import AsJson, console, exit_on_api_error, print_json, selected_instance

users = typer.Typer(help="Accounts, created without the public registration.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    users.command("create", epilog="Example: ultramarket user create eve@example.com --role ADMIN")(create_user)
    users.callback()(lambda: None)  # keeps `create` a subcommand, though it is the only one
    app.add_typer(users, name="user")


def create_user(
    context: typer.Context,
    email: str,
    role: Annotated[list[str], typer.Option("--role", help="CUSTOMER, VENDOR or ADMIN; may be repeated.")],
    password: Annotated[str | None, typer.Option(help="Generated and printed when omitted.")] = None,
    first_name: Annotated[str, typer.Option()] = "New",
    last_name: Annotated[str, typer.Option()] = "User",
    as_json: AsJson = False,
) -> None:
    """Create an account with roles that the public registration does not give. Exit code 1: refused."""
    from ultramarket import accounts

    instance = selected_instance(context)
    secret = password or secrets.token_urlsafe(12)
    roles = [name.upper() for name in role]
    with exit_on_api_error():
        user = accounts.create(
            instance.url("rabbitmq"),
            email=email,
            password=secret,
            roles=roles,
            first_name=first_name,
            last_name=last_name,
        )
    if as_json:
        print_json({"user": user, "password": secret})
    else:
        generated = "" if password else f", password [bold]{secret}[/]"
        console.print(f"[green]✓[/] {email} with {', '.join(roles)}{generated}")
