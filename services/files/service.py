"""Files: pictures in three sizes, documents behind links, each content kept once; bytes go over HTTP (`content`)."""

from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.api.files import FilesQuery, LinkRequest
from schemas.base import Caller
from schemas.signed.file_grants import PUBLIC_PATH, sign_link
from services.chassis.common import clock
from services.chassis.common.clock import rfc3339
from services.chassis.common.errors import NotFound
from services.chassis.common.ids import is_id
from services.chassis.messaging.rpc import rpc
from services.chassis.runtime.service import Service
from services.chassis.runtime.settings import load
from services.chassis.runtime.timers import every
from services.chassis.stores.postgres import Postgres
from services.files import domain
from services.files.content import Contents
from services.files.keeper import Keeper
from services.files.pictures.pool import PicturePool
from services.files.providers.installed import object_store
from services.files.settings import FileSettings
from services.files.store import FileStore, Found

COLLECT_SECONDS = 60


def make_keeper(store: FileStore, settings: FileSettings | None = None) -> Keeper:
    """A keeper as the settings say."""
    settings = settings or load(FileSettings)
    pictures = PicturePool(
        settings.picture_workers, settings.picture_seconds, settings.picture_megapixels * domain.MEGABYTE
    )
    return Keeper(store, object_store(settings), pictures, settings)


class LinkTo(LinkRequest):
    """The command behind a link."""

    file_id: str
    caller: Caller


class FilesService(Service):
    name = "files"

    store = Postgres(FileStore)
    keeper = Contents(make_keeper, "store")

    @rpc
    def get_file(self, file_id: str, caller: Caller) -> dict[str, Any]:
        """What is known of a file that the caller may read. Raises `NotFound`."""
        row = self._found(file_id).row
        if not domain.may_read(caller, row["owner_id"], row["private"], linked=False):
            raise NotFound("There is no such file")
        return domain.shown(row, PUBLIC_PATH)

    @rpc
    def list_files(self, query: FilesQuery, caller: Caller) -> dict[str, Any]:
        """A page of the caller's own files, the newest first; an administrator may name another owner."""
        owner = query.owner if caller.is_admin and query.owner else caller.user_id
        found = self.store.page(query, owner)
        return {**found, "items": [domain.shown(row, PUBLIC_PATH) for row in found["items"]]}

    @rpc
    def link(self, command: LinkTo) -> dict[str, Any]:
        """A link to the caller's own file that opens it for a while, whoever has it. Raises `NotFound`."""
        self._own(command.file_id, command.caller)
        until = clock.now() + timedelta(seconds=command.expires_in)
        expires = int(until.timestamp())
        signature = sign_link(self.keeper.settings.secret, command.file_id, expires)
        return {
            "url": f"{PUBLIC_PATH}/{command.file_id}?expires={expires}&signature={signature}",
            "expires_at": rfc3339(datetime.fromtimestamp(expires, UTC)),
        }

    @rpc
    def delete_file(self, file_id: str, caller: Caller) -> None:
        """Forget the caller's own file; an administrator's any. Raises `NotFound`."""
        self._own(file_id, caller)
        self.store.remove(file_id, told=caller.is_admin or caller.is_vendor)

    @every(seconds=COLLECT_SECONDS)
    def collect(self) -> None:
        self.keeper.collect()

    def _found(self, file_id: str) -> Found:
        if not is_id(file_id):
            raise NotFound("There is no such file")
        return self.store.find(file_id)

    def _own(self, file_id: str, caller: Caller) -> None:
        if not domain.may_change(caller, self._found(file_id).row["owner_id"]):
            raise NotFound("There is no such file")
