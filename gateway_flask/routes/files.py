"""Routes of files: upload, list, download, links, deletion."""

from flask import Response, request

from gateway_flask.http import file_streaming
from gateway_flask.http.envelope import listing, ok
from gateway_flask.middleware.request_context import caller
from gateway_flask.openapi.endpoints import Api
from gateway_flask.routes.paths import IdPath
from gateway_flask.rpc.calls import call
from schemas.api.files import FileContentQuery, FilesQuery, Link, LinkFile, LinkRequest, StoredFile, Upload
from schemas.rpc.files import FilesRpc

api = Api("files", "Files", "Pictures in three sizes, documents, and links to private files.", "/files")


@api.post("", reply=StoredFile, statuses=(201,), takes_bytes=True, form=Upload)
def upload_file() -> Response:
    """Upload a file: `multipart/form-data` with the parts `file`, `purpose` and optionally `private`.

    At most 10 MB. The type is detected by content. Pictures are re-encoded, upright and without metadata.
    """
    body = request.environ["wsgi.input"]  # not Flask's: the limit of other bodies is lower
    stored = file_streaming.host().upload(body, request.headers.get("Content-Type", ""), request.content_length)
    return ok(stored, "File stored", 201)


@api.get("", reply=StoredFile, many=True)
def list_files(query: FilesQuery) -> Response:
    """List the caller's files, the newest first. Administrators may name another owner."""
    return listing(call(FilesRpc.list_files, query=query, caller=caller()), "Files")


@api.get("/<string:id>", reply=None, gives_bytes=True, headers=("If-None-Match", "Range"))
def get_file(path: IdPath, query: FileContentQuery) -> Response:
    """Download a file: a public one, an own one, or one by its link. Supports `Range`."""
    return file_streaming.host().content(path.id, query)


@api.get("/<string:id>/info", reply=StoredFile)
def get_file_info(path: IdPath) -> Response:
    """Get the metadata of a file."""
    return ok(call(FilesRpc.get_file, file_id=path.id, caller=caller()), "File")


@api.post("/<string:id>/link", reply=Link, statuses=(201,))
def link_file(path: IdPath, body: LinkRequest) -> Response:
    """Create a link to an own file that is valid for a while."""
    command = LinkFile(**body.given(), file_id=path.id, caller=caller())
    return ok(call(FilesRpc.link, command), "Link created", 201)


@api.delete("/<string:id>", reply=None)
def delete_file(path: IdPath) -> Response:
    """Delete an own file; administrators delete any."""
    return ok(call(FilesRpc.delete_file, file_id=path.id, caller=caller()), "File deleted")
