"""A real OpenID provider (npm `oidc-provider`, tests/oidc) and a browser that signs in there."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urljoin, urlsplit

import requests

from tests.support import npm

FOLDER = Path(__file__).parents[1] / "oidc"
PORT = 8077
"""The port that instances of tests may send requests to."""
CLIENT_ID, CLIENT_SECRET = "shop", "a secret of tests only"


class OpenIdServer:
    """A running provider."""

    def __init__(self, host: str) -> None:
        self.issuer = f"http://{host}:{PORT}"

    def settings(self, name: str = "local", **values: str) -> dict[str, str]:
        """The provider as `ULTRAMARKET_OAUTH_PROVIDERS` has it."""
        return {
            "name": name,
            "title": "Local provider",
            "discovery_url": f"{self.issuer}/.well-known/openid-configuration",
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            **values,
        }

    def sign_in(self, authorization_url: str, person: str) -> dict[str, str]:
        """Sign in as a person and consent; returns the parameters of the redirect to our callback."""
        browser = requests.Session()
        browser.trust_env = False
        response = browser.get(authorization_url, allow_redirects=False)
        while True:
            if location := response.headers.get("Location"):
                url = urljoin(response.url, location)
                if not url.startswith(self.issuer):
                    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
                response = browser.get(url, allow_redirects=False)
                continue
            response.raise_for_status()
            action = re.search(r'action="([^"]+)"', response.text)
            prompt = re.search(r'name="prompt" value="(\w+)"', response.text)
            assert action, response.text
            assert prompt, response.text
            form = {"prompt": prompt[1], "login": person, "password": "any"}
            response = browser.post(urljoin(response.url, action[1]), data=form, allow_redirects=False)


@contextmanager
def running(host: str, redirect_uri: str) -> Iterator[OpenIdServer]:
    """Run a provider on an address of 127.77.0.0/16."""
    npm.install(FOLDER)
    command = ["node", "provider.js", host, str(PORT), CLIENT_ID, CLIENT_SECRET, redirect_uri]
    process = subprocess.Popen(command, cwd=FOLDER, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    try:
        assert "is ready" in process.stdout.readline(), "the provider did not start"
        yield OpenIdServer(host)
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()
