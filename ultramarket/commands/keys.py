"""Command group keys: the keys that sign access tokens and encrypt stored secrets."""

from typing import Any

import typer
from rich.table import Column, Table

from ultramarket.commands.context import AsJson, console, print_done, print_json, progress_bar, selected_instance
from ultramarket.instance import Instance, locked

keys = typer.Typer(help="Keys that sign access tokens and encrypt stored secrets.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    keys.command("list", epilog="Example: ultramarket keys list")(list_keys)
    keys.command("rotate", epilog="Example: ultramarket keys rotate")(rotate)
    app.add_typer(keys, name="keys")


def list_keys(context: typer.Context, as_json: AsJson = False) -> None:
    """List the keys and what each is used for; secrets are not shown."""
    rows = _rows(selected_instance(context))
    if as_json:
        print_json(rows)
        return
    table = Table("purpose", "id", "since", Column("state"), box=None, header_style="bold")
    for row in rows:
        table.add_row(row["purpose"], row["id"], row["since"], row["state"])
    console.print(table)


def rotate(context: typer.Context) -> None:
    """Replace both keys while the shop runs.

    Tokens of the previous signing key stay valid until they expire. Stored secrets are encrypted again; a rotation
    that was interrupted is finished by the next one.
    """
    from services.chassis.common import clock
    from services.chassis.common.encryption import Encryption
    from ultramarket.encryption_key_rotation import encrypted_places, rotate_encryption_key
    from ultramarket.signing_key_rotation import rotate_signing_key

    instance = selected_instance(context)
    with locked(f"{instance.name}-keys"):
        signs_from = rotate_signing_key(instance, clock.now())
        print_done("signing key", f"published; signs from {clock.rfc3339(signs_from)}")
        places = encrypted_places(instance)
        cipher = Encryption(instance.encryption_keys)
        total = sum(place.total() for place in places)
        with progress_bar("encrypting", total) as advance:
            count = rotate_encryption_key(instance, places, advance)
        print_done("encryption key", f"{cipher.current_key_id}; {count} stored secrets are encrypted with it")


def _rows(instance: Instance) -> list[dict[str, Any]]:
    from services.auth.signing_keys import ALWAYS, SigningKeys
    from services.chassis.common import clock
    from services.chassis.common.key_ring import KeyRing
    from ultramarket.signing_key_rotation import token_lifetime

    now, signing = clock.now(), SigningKeys(instance.jwt_keys, token_lifetime(instance))
    rows = []
    for key in signing.all():
        state = "signs" if key == signing.current(now) else "verifies" if key in signing.published(now) else "retired"
        state = "signs later" if key.signs_from > now else state
        since = clock.rfc3339(key.signs_from) if key.signs_from > ALWAYS else "always"
        rows.append({"purpose": "signing", "id": key.id, "since": since, "state": state})
    ring = KeyRing.loads(instance.encryption_keys.read_text())
    for each in ring.keys:
        state = "encrypts" if each == ring.current else "decrypts"
        rows.append({"purpose": "encryption", "id": each.id, "since": clock.rfc3339(each.created_at), "state": state})
    return rows
