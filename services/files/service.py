"""Files service: metadata, links and deletion over RPC; contents over HTTP (`content_server`)."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final

from schemas.api.files import FilesQuery, LinkFile
from schemas.caller import Caller
from schemas.permissions.permission import Permission
from schemas.rpc.files import FilesRpc
from schemas.signed.file_grants import PUBLIC_PATH, sign_link
from services.chassis.common import clock
from services.chassis.common.clock import rfc3339
from services.chassis.common.errors import NotFound
from services.chassis.common.ids import is_id
from services.chassis.messaging.personal_data import Person, PersonalDataHandlers, Sections
from services.chassis.messaging.rpc import Json, implements
from services.chassis.runtime.service import Service
from services.chassis.runtime.settings import load
from services.chassis.runtime.timers import every
from services.chassis.stores.postgres import Postgres
from services.files import domain
from services.files.content_server import ContentEndpoint
from services.files.file_manager import FileManager
from services.files.pictures.pool import PicturePool
from services.files.providers.installed import object_store
from services.files.settings import FileSettings
from services.files.store import FileRecord, FileStore

COLLECT_SECONDS = 60
EXPORT_LINKS_FOR: Final = timedelta(days=7)


def make_file_manager(store: FileStore, settings: FileSettings | None = None) -> FileManager:
    """Create the file manager from the settings."""
    settings = settings or load(FileSettings)
    pictures = PicturePool(
        settings.picture_workers, settings.picture_seconds, settings.picture_megapixels * domain.MEGABYTE
    )
    return FileManager(store, object_store(settings), pictures, settings)


class FilesService(PersonalDataHandlers, Service):
    """RPC methods of files and the periodic removal of unused contents."""

    name = "files"

    store = Postgres(FileStore)
    manager = ContentEndpoint(make_file_manager, "store")

    @implements(FilesRpc.get_file)
    def get_file(self, file_id: str, caller: Caller) -> Json:
        row = self._record(file_id).row
        if not domain.may_read(caller, row["owner_id"], row["private"], linked=False):
            raise NotFound("There is no such file")
        return domain.to_api(row, PUBLIC_PATH)

    @implements(FilesRpc.list_files)
    def list_files(self, query: FilesQuery, caller: Caller) -> Json:
        owner = query.owner if caller.may(Permission.FILES_MANAGE) and query.owner else caller.user_id
        page = self.store.page(query, owner)
        return {**page, "items": [domain.to_api(row, PUBLIC_PATH) for row in page["items"]]}

    @implements(FilesRpc.link)
    def link(self, command: LinkFile) -> Json:
        self._check_owner(command.file_id, command.caller)
        until = clock.now() + timedelta(seconds=command.expires_in)
        expires = int(until.timestamp())
        return {
            "url": self._url(command.file_id, expires),
            "expires_at": rfc3339(datetime.fromtimestamp(expires, UTC)),
        }

    @implements(FilesRpc.delete_file)
    def delete_file(self, file_id: str, caller: Caller) -> None:
        self._check_owner(file_id, caller)
        self.store.remove(file_id, audited=caller.may(Permission.PRODUCTS_WRITE))

    @every(seconds=COLLECT_SECONDS)
    def collect(self) -> None:
        """Remove unused contents."""
        self.manager.collect()

    def personal_data(self, person: Person) -> Sections:
        """The person's files, each with a link that is valid as long as an export."""
        expires = int((clock.now() + EXPORT_LINKS_FOR).timestamp())
        rows = self.store.of_owner(person.user_id)
        files = (domain.to_api(row, PUBLIC_PATH) | {"download": self._url(row["id"], expires)} for row in rows)
        return {"files": files}

    def erase_person(self, person: Person) -> None:
        for row in self.store.of_owner(person.user_id):
            with suppress(NotFound):  # removed meanwhile
                self.store.remove(row["id"])
        self.store.forget_owner(person.user_id)

    def _url(self, file_id: str, expires: int) -> str:
        signature = sign_link(self.manager.settings.secret, file_id, expires)
        return f"{PUBLIC_PATH}/{file_id}?expires={expires}&signature={signature}"

    def _record(self, file_id: str) -> FileRecord:
        if not is_id(file_id):
            raise NotFound("There is no such file")
        return self.store.find(file_id)

    def _check_owner(self, file_id: str, caller: Caller) -> None:
        if not domain.may_change(caller, self._record(file_id).row["owner_id"]):
            raise NotFound("There is no such file")
