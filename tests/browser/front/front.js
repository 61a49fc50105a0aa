"use strict";
/* A front that signs in at a provider, with PKCE of its own. `?api=` names the shop's API, remembered for the return. */
const parameters = new URLSearchParams(location.search);
if (parameters.has("api")) sessionStorage.setItem("api", parameters.get("api"));
const api = `${sessionStorage.getItem("api")}/api/v1`;
const element = (id) => document.getElementById(id);
const encoded = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");

const call = async (path, options) => (await (await fetch(api + path, options)).json());
const start = async (provider) => {
  const verifier = encoded(crypto.getRandomValues(new Uint8Array(32)));
  const challenge = encoded(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier)));
  sessionStorage.setItem("verifier", verifier);
  const query = new URLSearchParams({return_to: `${location.origin}/signed-in`, code_challenge: challenge});
  location.assign(`${api}/auth/oauth/${provider}/start?${query}`);
};
const showProviders = async () => {
  element("status").textContent = "Welcome. Sign in to go on.";
  for (const {provider, title} of (await call("/auth/oauth")).data) {
    const button = document.createElement("button");
    button.textContent = `Sign in with ${title}`;
    button.addEventListener("click", () => start(provider));
    element("providers").append(button);
  }
};
const finish = async (code) => {
  history.replaceState(null, "", "/signed-in");
  const body = JSON.stringify({code, code_verifier: sessionStorage.getItem("verifier")});
  const signedIn = await call("/auth/oauth/exchange", {method: "POST", headers: {"Content-Type": "application/json"}, body});
  if (!signedIn.success) throw new Error(signedIn.error.message);
  const {data} = await call("/auth/me", {headers: {Authorization: `Bearer ${signedIn.data.access_token}`}});
  element("status").textContent = "Signed in";
  element("name").textContent = `${data.first_name} ${data.last_name}`;
  element("email").textContent = data.email;
  element("verified").textContent = data.email_verified ? "yes" : "no";
  element("account").hidden = false;
};

(async () => {
  if (parameters.has("error")) element("status").textContent = `Not signed in: ${parameters.get("error")}`;
  else if (parameters.has("code")) await finish(parameters.get("code"));
  else await showProviders();
})().catch((error) => { element("status").textContent = `Not signed in: ${error.message}`; });
