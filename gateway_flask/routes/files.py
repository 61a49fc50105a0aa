"""Files: pictures and documents that people bring."""

from flask import Response, request

from gateway_flask.http import file_streaming
from gateway_flask.http.envelope import listing, ok
from gateway_flask.middleware.authentication import Who
from gateway_flask.middleware.request_context import caller
from gateway_flask.openapi.endpoints import Api
from gateway_flask.routes.paths import IdPath
from gateway_flask.rpc.calls import call_by_name as call
from schemas.api.files import FileContentQuery, FilesQuery, Link, LinkRequest, StoredFile, Upload

api = Api("files", "Files", "Pictures in three sizes, and documents behind links.", "/files")


@api.post("", reply=StoredFile, statuses=(201,), who=Who.SIGNED_IN, takes_bytes=True, form=Upload)
def upload_file() -> Response:
    """Bring a file: `multipart/form-data` with the parts `file`, `purpose` and, if it is to differ, `private`.

    At most 10 MB. What it is is read from its content. Pictures are re-encoded, upright and without metadata.
    """
    body = request.environ["wsgi.input"]  # not Flask's: the limit of other bodies is lower
    stored = file_streaming.host().upload(body, request.headers.get("Content-Type", ""), request.content_length)
    return ok(stored, "File stored", 201)


@api.get("", reply=StoredFile, many=True, who=Who.SIGNED_IN)
def list_files(query: FilesQuery) -> Response:
    """The own files, the newest first. Administrators may name another owner."""
    return listing(call("files", "list_files", query=query.model_dump(), caller=caller().model_dump()), "Files")


@api.get("/<string:id>", reply=None, who=Who.GUEST, gives_bytes=True, headers=("If-None-Match", "Range"))
def get_file(path: IdPath, query: FileContentQuery) -> Response:
    """The content of a file: a public one, an own one, or one whose link one has. Parts of it by `Range`."""
    return file_streaming.host().content(path.id, query)


@api.get("/<string:id>/info", reply=StoredFile, who=Who.GUEST)
def get_file_info(path: IdPath) -> Response:
    """What is known of a file."""
    return ok(call("files", "get_file", file_id=path.id, caller=caller().model_dump()), "File")


@api.post("/<string:id>/link", reply=Link, statuses=(201,), who=Who.SIGNED_IN)
def link_file(path: IdPath, body: LinkRequest) -> Response:
    """A link that opens an own file for a while, whoever has it."""
    return ok(
        call("files", "link", file_id=path.id, **body.model_dump(), caller=caller().model_dump()), "Link made", 201
    )


@api.delete("/<string:id>", reply=None, who=Who.SIGNED_IN)
def delete_file(path: IdPath) -> Response:
    """Delete an own file; an administrator any."""
    return ok(call("files", "delete_file", file_id=path.id, caller=caller().model_dump()), "File deleted")
