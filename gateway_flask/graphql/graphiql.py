"""GraphiQL, the page for trying queries. Its script and style are files of a package, served by us."""

from importlib.resources import files
from typing import Final

from flask import Flask, Response, request, send_from_directory

from gateway_flask.middleware.security_headers import PAGE_HEADERS, script_policy

ASSETS: Final = "/graphql/assets"
STATIC: Final = "graphene_django_graphiql_static"
PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>UltraMarket GraphQL</title><link rel="stylesheet" href="/graphql/assets/graphiql.min.css">
<link rel="icon" href="/docs/assets/logo.svg">
<style>html, body, #page { height: 100%; margin: 0; overflow: hidden }
@media (max-width: 700px) {
  .graphiql-container .graphiql-sidebar { width: 44px }
  .graphiql-container .graphiql-session { flex-direction: column }
  .graphiql-container .graphiql-horizontal-drag-bar { display: none }
  .graphiql-container .graphiql-response { min-height: 40vh }
}</style></head>
<body><div id="page">Loading</div>
<script src="/graphql/assets/react.production.min.js"></script>
<script src="/graphql/assets/react-dom.production.min.js"></script>
<script src="/graphql/assets/graphql-ws.min.js"></script>
<script src="/graphql/assets/graphiql.min.js"></script><script>
const socket = location.origin.replace(/^http/, "ws") + "/graphql";
/* The session of /docs in this tab. Not put into the editor of headers: GraphiQL would store it. */
const credentials = () => {
  const session = JSON.parse(sessionStorage.getItem("ultramarket.docs.session") || "null");
  if (!session || (session.ends && session.ends < Date.now())) return {};
  return session.scheme === "apiKey" ? {"X-API-Key": session.secret} : {Authorization: "Bearer " + session.secret};
};
const fetcher = (params, options) => {
  const headers = {...credentials(), ...(options && options.headers)};
  return GraphiQL.createFetcher({
    url: "/graphql",
    wsClient: graphqlWs.createClient({url: socket, lazy: true, connectionParams: headers})
  })(params, {...options, headers});
};
const query = `# Sign in at /docs to query as yourself
query Products {
  products(
    first: 5
    filter: {inStock: true}
    sort: RATING
  ) {
    edges {
      node {
        name
        price
        category { name }
        variants { sku available }
      }
    }
    pageInfo { hasNextPage endCursor }
  }
}
`;
ReactDOM.render(React.createElement(GraphiQL, {
  fetcher, defaultQuery: query, defaultEditorToolsVisibility: "headers", shouldPersistHeaders: false
}), document.getElementById("page"));
</script></body></html>
"""


def is_requested() -> bool:
    """Whether a browser asks for a page."""
    return request.method == "GET" and "text/html" in request.headers.get("Accept", "")


def page() -> Response:
    """The page; its policy allows its own scripts only, and the fonts that are within its style sheet."""
    policy = script_policy(PAGE).replace("font-src 'self'", "font-src 'self' data:")
    return Response(
        PAGE, 200, PAGE_HEADERS | {"Content-Security-Policy": policy}, content_type="text/html; charset=utf-8"
    )


def install(app: Flask) -> None:
    """Add the route of the assets."""
    assets = str(files(STATIC) / "static" / STATIC)
    app.add_url_rule(
        f"{ASSETS}/<path:filename>",
        "graphiql_assets",
        lambda filename: send_from_directory(assets, filename, max_age=86_400),
    )
