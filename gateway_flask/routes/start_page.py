"""The page at `/`: what this is and where to go on; JSON for programs. Works without scripts and other files."""

from typing import Any, Final

from flask import Flask, Response, request

from gateway_flask.http.envelope import JSON, reply

LINKS: Final = (
    ("/docs", "Documentation", "Every route with examples, to be tried out in the browser."),
    ("/graphql", "GraphQL", "The same catalogue, cart and orders as one graph, with its own explorer."),
    ("/api/v1/openapi.json", "OpenAPI 3.1", "The description of the REST API, for generators of clients."),
    ("/api/v1/products", "Products", "A first request: the catalogue as JSON."),
    ("/health/live", "Health", "Whether this process is alive."),
)
ABOUT: Final = "The backend of an online marketplace: catalogue, carts, orders, payments, shipping and administration."
_STYLE: Final = """
:root { color-scheme: light dark; --ink: #16202c; --soft: #56657a; --line: #dde3ea; --paper: #fff; --ground: #f4f6f9;
  --accent: #0b62d6; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8edf4; --soft: #9fadbf; --line: #2b3746; --paper: #17202b;
  --ground: #0f161e; --accent: #6aa8ff; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: clamp(2rem, 8vw, 6rem) clamp(1rem, 5vw, 2rem); }
h1 { margin: 0; font-size: clamp(2rem, 6vw, 3.25rem); line-height: 1.1; letter-spacing: -0.03em; }
.about { margin: 0.75rem 0 2.5rem; max-width: 38rem; color: var(--soft); font-size: 1.125rem; }
ul { list-style: none; margin: 0; padding: 0; display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 17rem), 1fr)); }
a { display: block; height: 100%; padding: 1.25rem; border: 1px solid var(--line); border-radius: 0.75rem;
  background: var(--paper); color: inherit; text-decoration: none; }
a:hover, a:focus-visible { border-color: var(--accent); outline: 2px solid var(--accent); outline-offset: -1px; }
strong { display: block; color: var(--accent); font-size: 1.125rem; }
code { display: block; margin-top: 0.5rem; color: var(--soft); font-size: 0.8125rem; overflow-wrap: anywhere; }
footer { margin-top: 2.5rem; color: var(--soft); font-size: 0.875rem; }
footer code { display: inline; margin: 0; }
"""
_ITEM: Final = '<li><a href="{path}"><strong>{name}</strong>{about}<code>{path}</code></a></li>'
_PAGE: Final = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width, initial-scale=1"><title>UltraMarket API</title>'
    f'<meta name="description" content="{ABOUT}"><style>{_STYLE}</style></head><body><main>'
    f'<h1>UltraMarket</h1><p class="about">{ABOUT}</p><ul>{{items}}'
    "</ul><footer>Routes of the API begin with <code>/api/v1</code>. With <code>Accept: application/json</code> "
    "this page is a JSON document.</footer></main></body></html>"
)


def _made(served: set[str]) -> tuple[str, dict[str, Any]]:
    """The page and the document with the links that are served."""
    links = [link for link in LINKS if link[0] in served]
    items = "".join(_ITEM.format(path=path, name=name, about=about) for path, name, about in links)
    data = {"about": ABOUT, "links": {name: path for path, name, _ in links}}
    return _PAGE.replace("{items}", items), {"success": True, "message": "UltraMarket", "data": data}


def install(app: Flask) -> None:
    """Add the route; it links what this gateway serves."""
    made: list[tuple[str, dict[str, Any]]] = []

    def start_page() -> Response:
        """The page, or the JSON document for those who prefer it."""
        if not made:
            made.append(_made({rule.rule for rule in app.url_map.iter_rules()}))
        page, document = made[0]
        headers = {"Vary": "Accept", "Cache-Control": "public, max-age=300"}
        if request.accept_mimetypes.best_match([JSON, "text/html"]) == "text/html":
            return Response(page, 200, headers, content_type="text/html; charset=utf-8")
        return reply(document, 200, headers)

    app.add_url_rule("/", "start_page", start_page)
