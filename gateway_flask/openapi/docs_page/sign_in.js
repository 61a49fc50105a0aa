"use strict";
/* Sign-in of the page. The access token or key is in this tab's session storage, the refresh token in memory only. */
const Session = (() => {
  const STORED = "ultramarket.docs.session";
  const listeners = [];
  let timer;

  const post = async (path, body) => {
    const reply = await fetch(`/api/v1${path}`, {
      method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(body),
    });
    return reply.json();
  };
  const read = () => {
    const session = JSON.parse(sessionStorage.getItem(STORED) ?? "null");
    return session && (!session.ends || session.ends > Date.now()) ? session : null;
  };
  const store = (session) => {
    if (session) sessionStorage.setItem(STORED, JSON.stringify(session));
    else sessionStorage.removeItem(STORED);
    listeners.forEach((listener) => listener(session));
  };
  const end = () => { clearTimeout(timer); store(null); };
  const start = ({access_token, refresh_token, expires_in, user}) => {
    store({scheme: "bearer", secret: access_token, name: user.email, ends: Date.now() + expires_in * 1000});
    clearTimeout(timer);
    timer = setTimeout(async () => {
      const reply = await post("/auth/refresh", {refresh_token});
      if (reply.success) start({user, ...reply.data});
      else end();
    }, Math.max(expires_in - 60, 5) * 1000);
  };
  const useKey = (key) => store({scheme: "apiKey", secret: key, name: `API key ${key.slice(0, 8)}…`});
  const follow = (listener) => { listeners.push(listener); listener(read()); };
  return {post, start, end, useKey, follow};
})();

{
  const element = (id) => document.getElementById(id);
  const form = element("sign-in");
  let challenge = null;

  const choose = (byKey) => {
    element("by-key").setAttribute("aria-selected", String(byKey));
    element("by-password").setAttribute("aria-selected", String(!byKey));
    element("key-fields").hidden = !byKey;
    element("password-fields").hidden = byKey;
  };
  const fail = (message) => {
    element("sign-in-error").textContent = message;
    element("sign-in-error").hidden = !message;
  };
  const signIn = async () => {
    if (!element("key-fields").hidden) return Session.useKey(form.key.value.trim());
    const reply = challenge
      ? await Session.post("/auth/2fa/login", {challenge, code: form.code.value.trim()})
      : await Session.post("/auth/login", {email: form.email.value, password: form.password.value});
    if (reply.success) {
      challenge = null;
      element("code-field").hidden = true;
      form.reset();
      return Session.start(reply.data);
    }
    if (reply.error.code === "TWO_FACTOR_REQUIRED") {
      challenge = reply.error.details[0].challenge;
      element("code-field").hidden = false;
      form.code.focus();
      return fail("");
    }
    challenge = null;
    element("code-field").hidden = true;
    return fail(reply.error.message);
  };

  element("by-key").addEventListener("click", () => choose(true));
  element("by-password").addEventListener("click", () => choose(false));
  element("sign-out").addEventListener("click", () => Session.end());
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    fail("");
    try {
      await signIn();
    } catch (error) {
      fail(`The API could not be reached: ${error.message}`);
    }
  });
  Session.follow((session) => {
    element("signed-out").hidden = Boolean(session);
    element("signed-in").hidden = !session;
    element("identity").textContent = session ? `Signed in as ${session.name}. Every call on this page is sent with it.` : "";
  });
}
