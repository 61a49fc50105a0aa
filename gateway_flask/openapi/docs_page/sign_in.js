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
  const later = (action, milliseconds) => { clearTimeout(timer); timer = setTimeout(action, milliseconds); };
  const end = () => { clearTimeout(timer); store(null); };
  const start = ({access_token, refresh_token, expires_in, user}) => {
    store({scheme: "bearer", secret: access_token, name: user.email, ends: Date.now() + expires_in * 1000});
    later(async () => {
      const reply = await post("/auth/refresh", {refresh_token});
      if (reply.success) start({user, ...reply.data});
      else end();
    }, Math.max(expires_in - 60, 5) * 1000);
  };
  const useKey = async (key) => {
    // Flags need no permission: a key of any scope gets them, and one that is not valid is refused.
    const reply = await (await fetch("/api/v1/config/flags", {headers: {"X-API-Key": key}})).json();
    if (reply.success) store({scheme: "apiKey", secret: key, name: `API key ${key.slice(0, 8)}…`});
    return reply;
  };
  const follow = (listener) => { listeners.push(listener); listener(read()); };
  const restored = read();
  if (restored?.ends) later(end, restored.ends - Date.now()); // after a reload: the refresh token is not stored
  return {post, start, end, useKey, follow};
})();

/* The card: signed out, asked for a code of the second factor, or signed in. */
const SignIn = (() => {
  const element = (id) => document.getElementById(id);
  const tabs = {password: element("by-password"), key: element("by-key")};
  const forms = {password: element("password-form"), key: element("key-form"), code: element("code-form")};
  let session = null;
  let challenge = null;

  const show = () => {
    element("signed-out").hidden = Boolean(challenge || session);
    forms.code.hidden = !challenge;
    element("signed-in").hidden = Boolean(challenge || !session);
    element("identity").textContent = session?.name ?? "";
  };
  const fail = (message) => {
    element("sign-in-error").textContent = message;
    element("sign-in-error").hidden = !message;
  };
  const choose = (chosen) => {
    for (const [name, tab] of Object.entries(tabs)) {
      tab.setAttribute("aria-selected", String(name === chosen));
      tab.tabIndex = name === chosen ? 0 : -1;
      forms[name].hidden = name !== chosen;
    }
    fail("");
  };
  const askForCode = (error, reason) => {
    challenge = error.details[0].challenge;
    element("code-reason").textContent = reason;
    show();
    forms.code.code.focus();
  };
  const endChallenge = () => {
    challenge = null;
    forms.code.reset();
    show();
  };
  const messageOf = ({message, details = []}) => details[0]?.field ? `${message}: ${details[0].field} ${details[0].message}` : message;
  const on = (form, action) => form.addEventListener("submit", async (event) => {
    event.preventDefault();
    fail("");
    const button = form.querySelector(".primary");
    button.disabled = true;
    try {
      const reply = await action(form);
      if (reply.success) {
        form.reset();
        endChallenge();
        if (reply.data?.access_token) Session.start(reply.data);
      } else if (reply.error.code === "TWO_FACTOR_REQUIRED") {
        form.reset();
        askForCode(reply.error, "The account has a second factor.");
      } else {
        if (challenge && reply.error.code === "UNAUTHENTICATED") endChallenge(); // it has expired: begin again
        fail(messageOf(reply.error));
      }
    } catch (error) {
      fail(`The API could not be reached: ${error.message}`);
    } finally {
      button.disabled = false;
    }
  });

  on(forms.password, ({email, password}) => Session.post("/auth/login", {email: email.value, password: password.value}));
  on(forms.key, ({key}) => Session.useKey(key.value.trim()));
  on(forms.code, ({code}) => Session.post("/auth/2fa/login", {challenge, code: code.value.trim()}));
  Object.entries(tabs).forEach(([name, tab]) => {
    const other = name === "key" ? "password" : "key";
    tab.addEventListener("click", () => choose(name));
    tab.addEventListener("keydown", ({key}) => {
      if (key === "ArrowLeft" || key === "ArrowRight") { choose(other); tabs[other].focus(); }
    });
  });
  element("cancel-code").addEventListener("click", () => { fail(""); endChallenge(); });
  element("sign-out").addEventListener("click", () => Session.end());
  Session.follow((current) => { session = current; show(); });
  /* A call of the reference needs a code: ask for it here, and the call can be repeated. */
  const stepUp = (error) => {
    fail("");
    askForCode(error, "The call needs a code. Execute it again after that.");
    element("sign-in").scrollIntoView({block: "center"});
  };
  return {stepUp};
})();
