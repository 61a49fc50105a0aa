"""The page at `/`: what this is and where to go on; JSON for programs.

Works without scripts; its font and logo are those of `/docs`.
"""

from typing import Any, Final

from flask import Flask, Response, request

from gateway_flask.http.envelope import JSON, reply

LINKS: Final = (
    ("/docs", "Documentation", "Every route with examples, to try out in the browser. Begin here."),
    ("/graphql", "GraphQL", "Catalogue, cart and orders as one graph, with an editor for queries."),
    ("/api/v1/products", "Products", "A first request: the catalogue as JSON."),
    ("/api/v1/openapi.json", "OpenAPI 3.1", "The REST API in machine-readable form, for client generators."),
    ("/api/v1/asyncapi.json", "AsyncAPI 3", "The events that the services publish, with their schemas."),
    ("/health/live", "Health", "Whether the gateway's process is alive."),
)
ABOUT: Final = "The backend of an online marketplace: catalogue, carts, orders, payments, shipping and administration."
_STYLE: Final = """
@font-face { font-family: Inter; src: url("/docs/assets/inter.woff2") format("woff2"); font-weight: 100 900;
  font-display: swap; }
:root { color-scheme: light dark; --ink: #16182c; --soft: #5b6078; --line: #e3e5ef; --paper: #fff; --ground: #f6f7fb;
  --accent: #4f46e5; }
@media (prefers-color-scheme: dark) { :root { --ink: #e7e9f3; --soft: #a3a9c2; --line: #2a3048; --paper: #171b2b;
  --ground: #0f121d; --accent: #8e88ff; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 1rem/1.55 Inter, system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: clamp(2rem, 8vw, 6rem) clamp(1rem, 5vw, 2rem); }
main > img { display: block; margin-bottom: 1.5rem; }
h1 { margin: 0; font-weight: 750; font-size: clamp(2rem, 6vw, 3.25rem); line-height: 1.1; letter-spacing: -0.03em; }
.about { margin: 0.75rem 0 2.5rem; max-width: 38rem; color: var(--soft); font-size: 1.125rem; }
ul { list-style: none; margin: 0; padding: 0; display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 17rem), 1fr)); }
li { display: grid; }
a { display: flex; flex-direction: column; gap: 0.375rem; padding: 1.25rem; border: 1px solid var(--line);
  border-radius: 0.75rem; background: var(--paper); color: inherit; text-decoration: none; }
a:hover, a:focus-visible { border-color: var(--accent); outline: 2px solid var(--accent); outline-offset: -1px; }
strong { color: var(--accent); font-size: 1.125rem; }
a code { margin-top: auto; padding-top: 0.375rem; }
code { color: var(--soft); overflow-wrap: anywhere;
  font: 0.8125rem/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; }
footer { margin-top: 2.5rem; color: var(--soft); font-size: 0.875rem; }
"""
_ITEM: Final = '<li><a href="{path}"><strong>{name}</strong><span>{about}</span><code>{path}</code></a></li>'
_PAGE: Final = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width, initial-scale=1"><title>UltraMarket API</title>'
    '<link rel="icon" href="/docs/assets/logo.svg">'
    f'<meta name="description" content="{ABOUT}"><style>{_STYLE}</style></head><body><main>'
    '<img src="/docs/assets/logo.svg" alt="" width="56" height="56">'
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
