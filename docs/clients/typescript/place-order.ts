/**
 * Place an order with openapi-fetch, typed by what openapi-typescript generated from the shop's OpenAPI document.
 * usage: node built/place-order.js URL guest|customer; prints the order's id and status as JSON.
 */
import { randomUUID } from "node:crypto";
import createClient from "openapi-fetch";
import type { components, paths } from "./ultramarket.js";

type Shop = ReturnType<typeof createClient<paths>>;
type Failure = components["schemas"]["Failure"];

const address = {
  name: "Ada Lovelace",
  line1: "12 St James's Square",
  city: "Springfield",
  region: "OR",
  postal_code: "97477",
  country: "US",
};

/** The body of a reply that succeeded. Throws with the error's code otherwise. */
async function success<T>(reply: Promise<{ data?: T; error?: Failure }>): Promise<T> {
  const { data, error } = await reply;
  if (error !== undefined) throw new Error(`${error.error.code}: ${error.error.message}`);
  if (data === undefined) throw new Error("The reply has no body.");
  return data;
}

/** A SKU that can be bought now. */
async function availableSku(shop: Shop): Promise<string> {
  const list = await success(shop.GET("/api/v1/products", { params: { query: { in_stock: true, limit: 20 } } }));
  for (const { id } of list.data) {
    const product = await success(shop.GET("/api/v1/products/{id}", { params: { path: { id } } }));
    const variant = product.data.variants.find(({ available }) => available > 0);
    if (variant !== undefined) return variant.sku;
  }
  throw new Error("Nothing is in stock.");
}

/** Put one unit into the cart and order it. */
async function buy(shop: Shop, email?: string): Promise<components["schemas"]["Order"]> {
  const cart = await success(shop.POST("/api/v1/cart/items", { body: { sku: await availableSku(shop), quantity: 1 } }));
  // A customer's cart is that of the token, a guest's is named. A new key for each order: a retry sends the same.
  const guest = email === undefined ? {} : { "X-Cart-Id": cart.data.id ?? "" };
  const order = await success(
    shop.POST("/api/v1/orders", {
      params: { header: { "Idempotency-Key": randomUUID(), ...guest } },
      body: {
        shipping_address: address,
        shipping_method: "standard",
        payment_method: { provider: "sandbox", token: "pm_card_visa" },
        ...(email === undefined ? {} : { email }),
      },
    }),
  );
  return order.data;
}

const [url = "", role] = process.argv.slice(2);
const email = `${randomUUID().slice(0, 8)}@example.com`;
const guest = createClient<paths>({ baseUrl: url });
if (role === "guest") {
  const { id, status, access_key } = await buy(guest, email);
  console.log(JSON.stringify({ id, status, access_key }));
} else {
  const person = { email, password: "correct horse battery", first_name: "Ada", last_name: "Lovelace" };
  const account = await success(guest.POST("/api/v1/auth/register", { body: person }));
  const headers = { Authorization: `Bearer ${account.data.access_token}` };
  const customer = createClient<paths>({ baseUrl: url, headers });
  const { id } = await buy(customer);
  const order = await success(customer.GET("/api/v1/orders/{id}", { params: { path: { id } } }));
  console.log(JSON.stringify({ id, status: order.data.status, access_token: account.data.access_token }));
}
