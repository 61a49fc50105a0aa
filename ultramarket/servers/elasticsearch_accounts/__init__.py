"""Builds the plugin that gives Elasticsearch accounts: Elastic's own (X-Pack) is on no public registry."""

import hashlib
import subprocess
import tempfile
import zipfile
from pathlib import Path
from typing import Final

SOURCE: Final = Path(__file__).with_name("AccountsPlugin.java")
SOURCE_DIGEST: Final = hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:8]
DESCRIPTOR: Final = """\
description=Accounts: HTTP basic authentication, and indexes by prefix
version=1
name=ultramarket-accounts
classname=example.ultramarket.accounts.AccountsPlugin
java.version=17
elasticsearch.version={version}
"""


def build(home: Path, version: str) -> None:
    """Compile the plugin into the `plugins` folder of an Elasticsearch. Raises `subprocess.CalledProcessError`."""
    plugin = home / "plugins" / "ultramarket-accounts"
    plugin.mkdir()
    with tempfile.TemporaryDirectory() as classes:
        command = ["javac", "-nowarn", "--release", "17", "-cp", f"{home}/lib/*", "-d", classes, str(SOURCE)]
        subprocess.run(command, check=True, capture_output=True)
        with zipfile.ZipFile(plugin / "ultramarket-accounts.jar", "w") as archive:
            for file in sorted(Path(classes).rglob("*.class")):
                archive.write(file, file.relative_to(classes))
    (plugin / "plugin-descriptor.properties").write_text(DESCRIPTOR.format(version=version))
    for file in plugin.iterdir():
        file.chmod(0o644)
