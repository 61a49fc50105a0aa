"use strict";
/* The reference: Swagger UI over the document, with examples of this shop's products. */
const API = "/api/v1";
const FRESH = "00000000-0000-4000-8000-000000000000"; // stands for a new Idempotency-Key
const remembered = {cart: null, orderKeys: {}};

const uuid = () => {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
};
const json = async (path) => {
  const reply = await fetch(path);
  if (!reply.ok) throw new Error(`${path}: ${reply.status}`);
  return reply.json();
};

/* A product that is in stock, so that the examples of carts and orders work in any catalogue; null in an empty one. */
const product = async () => {
  const {data: [first]} = await json(`${API}/products?in_stock=true&limit=1`);
  if (!first) return null;
  const {data} = await json(`${API}/products/${first.id}`);
  return {id: data.id, sku: (data.variants.find((variant) => variant.available > 1) ?? data.variants[0]).sku};
};

const withProduct = (value, {id, sku}) => {
  if (Array.isArray(value)) return value.map((item) => withProduct(item, {id, sku}));
  if (!value || typeof value !== "object") return value;
  const own = {sku, product_id: id, product_ids: [id]};
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, own[key] ?? withProduct(inner, {id, sku})]));
};

const BUYING = new Set(["add_item", "set_quantity", "wait_for_stock", "track_events", "create_shipment"]);
const prepare = (spec, existing) => {
  for (const [path, operations] of Object.entries(spec.paths)) {
    for (const operation of Object.values(operations)) {
      for (const parameter of operation.parameters ?? []) {
        if (parameter.name === "Idempotency-Key") {
          parameter.example = FRESH;
          parameter.description += " Left as it is here, a new one is sent each time.";
        }
        if (parameter.in !== "path" || !existing) continue;
        if (parameter.name === "sku") parameter.example = existing.sku;
        if (parameter.name === "product_id" || path.startsWith(`${API}/products/{id}`)) parameter.example = existing.id;
      }
      const media = operation.requestBody?.content?.["application/json"];
      if (media?.example && existing && BUYING.has(operation.operationId)) media.example = withProduct(media.example, existing);
    }
  }
  return spec;
};

const beforeRequest = (request) => {
  const headers = request.headers ?? (request.headers = {});
  if (headers["Idempotency-Key"] === FRESH) headers["Idempotency-Key"] = uuid();
  const path = new URL(request.url, location.href).pathname.replace(API, "");
  const signedIn = headers.Authorization || headers["X-API-Key"];
  if (remembered.cart && !signedIn && !headers["X-Cart-Id"] && /^\/(cart|orders$|shipping\/rates)/.test(path)) {
    headers["X-Cart-Id"] = remembered.cart;
  }
  const key = remembered.orderKeys[path.split("/")[2]];
  if (key && path.startsWith("/orders/") && !headers["X-Order-Key"]) headers["X-Order-Key"] = key;
  return request;
};
const afterResponse = (ui, response) => {
  if (response.obj?.error?.details?.[0]?.challenge) SignIn.stepUp(response.obj.error);
  remembered.cart = response.headers?.["x-cart-id"] ?? remembered.cart;
  const order = response.obj?.data;
  if (order?.access_key) {
    remembered.orderKeys[order.id] = order.access_key;
    ui.getSystem().specActions.changeParam([`${API}/orders/{id}`, "get"], "id", "path", order.id, false);
  }
  return response;
};

/* Filter operations by any of their words; Swagger UI itself compares the tag only. */
const matches = (phrase, tag, method, path, summary) => {
  const text = [tag, method, path, summary].join(" ").toLowerCase();
  return phrase.toLowerCase().split(/\s+/).every((word) => text.includes(word));
};
const opsFilter = (groups, phrase) => groups
  .map((group, tag) => group.set("operations", group.get("operations").filter((each) => (
    matches(phrase, tag, each.get("method"), each.get("path"), each.getIn(["operation", "summary"]))))))
  .filter((group) => group.get("operations").size);
const filterBy = (ui, spec, phrase) => {
  const {layoutActions} = ui.getSystem();
  const tags = Object.entries(spec.paths).flatMap(([path, operations]) => Object.entries(operations)
    .filter(([method, {tags: [tag], summary}]) => !phrase || matches(phrase, tag, method, path, summary))
    .map(([, operation]) => operation.tags[0]));
  layoutActions.updateFilter(phrase);
  new Set(tags).forEach((tag) => layoutActions.show(["operations-tag", tag], Boolean(phrase)));
};

/* Swagger UI resolves the whole document anew for each operation, which takes seconds; its references are local. */
const dereferenced = (spec, value, within = []) => {
  if (Array.isArray(value)) return value.map((item) => dereferenced(spec, item, within));
  if (!value || typeof value !== "object") return value;
  const {$ref: reference, ...rest} = value;
  if (typeof reference !== "string" || !reference.startsWith("#/")) {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, dereferenced(spec, inner, within)]));
  }
  if (within.includes(reference)) return value; // a tree: its branches are shown as far as here
  const target = reference.slice(2).split("/").reduce((at, key) => at[key.replace(/~1/g, "/").replace(/~0/g, "~")], spec);
  return {...dereferenced(spec, target, [...within, reference]), ...dereferenced(spec, rest, within)};
};
const resolveSubtree = async (spec, path) => (
  {errors: [], spec: dereferenced(spec, path.reduce((at, key) => at?.[key], spec))});

const openOperation = (ui, spec, name) => {
  document.getElementById("filter").value = "";
  ui.getSystem().layoutActions.updateFilter("");
  const operations = Object.values(spec.paths).flatMap((path) => Object.values(path));
  const {tags: [tag]} = operations.find((operation) => operation.operationId === name);
  const actions = ui.getSystem().layoutActions;
  actions.show(["operations-tag", tag], true);
  actions.show(["operations", tag, name], true);
  setTimeout(() => document.getElementById(`operations-${tag.replace(/\s/g, "_")}-${name}`)?.scrollIntoView({behavior: "smooth"}), 50);
};

/* Names for screen readers, of controls that Swagger UI leaves without one. */
const LABELS = {".copy-to-clipboard button": "Copy", ".body-param textarea": "Request body", ".microlight": "Code"};
const addLabels = () => {
  for (const [selector, text] of Object.entries(LABELS)) {
    document.querySelectorAll(`${selector}:not([aria-label])`).forEach((element) => {
      element.setAttribute("aria-label", text);
      if (selector === ".microlight") Object.assign(element, {role: "region", tabIndex: 0}); // it scrolls
    });
  }
};

const authorize = (ui, session) => {
  const authorized = Object.keys(ui.authSelectors.authorized()?.toJS() ?? {});
  if (authorized.length) ui.authActions.logout(authorized);
  if (session) ui.preauthorizeApiKey(session.scheme, session.secret);
};

(async () => {
  const existing = await product().catch(() => null); // the reference is readable while the catalogue is away
  const spec = prepare(await json(`${API}/openapi.json`), existing);
  const ui = SwaggerUIBundle({
    spec, dom_id: "#page", deepLinking: true, docExpansion: "none", defaultModelsExpandDepth: 0, filter: false,
    plugins: [() => ({fn: {opsFilter, resolveSubtree}})],
    tryItOutEnabled: true, displayRequestDuration: true, persistAuthorization: false,
    requestInterceptor: beforeRequest, responseInterceptor: (response) => afterResponse(ui, response),
    onComplete: () => Session.follow((session) => authorize(ui, session)),
  });
  new MutationObserver(addLabels).observe(document.getElementById("page"), {childList: true, subtree: true});
  const filter = document.getElementById("filter");
  filter.addEventListener("input", () => filterBy(ui, spec, filter.value.trim()));
  document.querySelectorAll("[data-operation]").forEach((button) => {
    button.addEventListener("click", () => openOperation(ui, spec, button.dataset.operation));
  });
})().catch((error) => { document.getElementById("page").textContent = `The reference could not be loaded: ${error.message}`; });
