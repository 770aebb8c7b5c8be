// The token of [admin] is shown once; then a cookie stands for it.

import { h, show } from "./dom.js";
import { wear } from "./style.js";

export async function start(frame) {
  await wear("operator.css");
  const token = h("input", { type: "password", id: "token", autocomplete: "current-password", required: true });
  const name = h("input", { type: "text", autocomplete: "username", value: "operator", class: "unseen", tabindex: "-1", "aria-hidden": "true" });
  const trouble = h("p", { class: "no-words", role: "alert" });
  const enter = h("button", { class: "primary", type: "submit" }, "Log in");
  const form = h("form", { class: "card login" }, h("h1", {}, "Log in"), h("p", { class: "soft" }, "This server asks for the token that stands in [admin] of its configuration."), name, h("div", { class: "field" }, h("label", { for: "token" }, "Token"), token), trouble, enter);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    enter.disabled = true;
    try {
      const answer = await fetch("/login", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ token: token.value }) });
      if (answer.ok) return void (location.href = wanted());
      trouble.textContent = (await answer.json()).detail;
    } catch {
      trouble.textContent = "The server does not answer.";
    }
    enter.disabled = false;
    token.select();
  });
  show(frame.main, h("div", { class: "column" }, form));
  token.focus();
}

// Only to a page of this server: whatever else is asked for leads to the first one.
function wanted() {
  const next = new URLSearchParams(location.search).get("next") ?? "/";
  const place = new URL(next, location.origin);
  return place.origin === location.origin && next.startsWith("/") ? place.pathname : "/";
}
