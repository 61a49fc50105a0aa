"""Files of an instance: databases, logs, mails, uploads and keys are readable by their owners only."""

import os
import stat
from pathlib import Path

from ultramarket.instance import load
from ultramarket.private_files import PASSABLE, open_to_others
from ultramarket.servers.elasticsearch import OUTSIDE

EXCEPTIONS = {".sock", ".keystore", ".crt"}
"""Sockets and Elasticsearch's keystore: the server chooses the mode, and their folders are closed. Certificates are
public.
"""


def test_others_can_read_nothing_of_an_instance() -> None:
    instance = load(os.environ["ULTRAMARKET_INSTANCE"])
    outside = OUTSIDE / instance.short_id
    folders = [folder for folder in (instance.folder, outside) if folder.exists()]

    readable = [
        path
        for folder in folders
        for path in open_to_others(folder)
        if path.suffix not in EXCEPTIONS and path.name != "tls"
    ]

    assert [str(path) for path in readable] == []
    # Servers that run as a user of their own pass through these two to their data.
    assert [stat.S_IMODE(Path(folder).stat().st_mode) for folder in folders] == [PASSABLE] * len(folders)
