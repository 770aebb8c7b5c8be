// What the pages of an operator share: logging out, dialogs that ask first, what can be done to mail.

import { facts, post } from "./api.js";
import { h, show } from "./dom.js";
import { plural } from "./format.js";
import { openDialog } from "./keys.js";
import { wear } from "./style.js";

/** Called first by each page. */
export async function prepare() {
  await wear("operator.css");
  await wear("timeline.css");
  if (!facts.login) return;
  const leave = h("button", { class: "quiet small", onclick: logOut }, "Log out");
  document.getElementById("corner").prepend(leave);
}

async function logOut() {
  await fetch("/logout", { method: "POST", headers: { "Content-Type": "application/json" }, body: "{}" });
  location.href = facts.login;
}

/** What can be done: name, words on the button, what it means, and whether it loses mail. */
export const DEEDS = {
  retry: { button: "Retry", ask: "Try now?", means: "They are tried at once; destinations in trouble, too." },
  hold: { button: "Hold", ask: "Hold?", means: "They are not tried until they are released." },
  release: { button: "Release", ask: "Release?", means: "What is held is tried again, now." },
  redirect: { button: "Redirect…", ask: "Redirect?", means: "They go elsewhere, and are tried now." },
  remove: { button: "Remove…", ask: "Remove?", means: "They are gone, and no report is sent to anybody. It can not be undone.", loses: true },
};

/** A button for each deed; `does(deed)` is called when one is pressed. */
export function deedButtons(does, { small = false, only = Object.keys(DEEDS) } = {}) {
  return only.map((deed) => h("button", { class: `${small ? "small" : ""} ${DEEDS[deed].loses ? "danger" : ""}`.trim(), "data-deed": deed, onclick: () => does(deed) }, DEEDS[deed].button));
}

/** Asks, does, and tells what came of it. `what` says to whom; `act(body)` does it and gives {recipients, under_way}. */
export function askAndDo(frame, deed, what, act, done) {
  const { ask, means, loses, button } = DEEDS[deed];
  const route = h("input", { type: "text", id: "route", placeholder: "smtp:mail.example.org, maildir:alice …", autocomplete: "off" });
  const address = h("input", { type: "text", id: "address", placeholder: "somebody@example.org", autocomplete: "off" });
  const fields = deed !== "redirect" ? [] : [
    h("div", { class: "field" }, h("label", { for: "route" }, "To this route"), route, h("span", { class: "hint" }, "Leave it out when the address below says it.")),
    h("div", { class: "field" }, h("label", { for: "address" }, "For this address"), address, h("span", { class: "hint" }, "Leave it out to keep the recipients as they are.")),
  ];
  const trouble = h("p", { class: "no-words", role: "alert" });
  const yes = h("button", { class: loses ? "danger" : "primary", type: "submit" }, button.replace("…", ""));
  const no = h("button", { type: "button", onclick: () => dialog.close() }, "Cancel");
  const form = h("form", {}, h("p", {}, h("b", {}, what)), h("p", { class: "soft" }, means), fields, trouble, h("div", { class: "answers" }, yes, no));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const body = {};
    if (deed === "redirect") {
      if (route.value.trim()) body.to = route.value.trim();
      if (address.value.trim()) body.recipient = address.value.trim();
      if (!Object.keys(body).length) return void (trouble.textContent = "Say a route, an address, or both.");
    }
    yes.disabled = true;
    try {
      const told = await act(body);
      dialog.close();
      tell(frame, deed, told);
      await done?.();
    } catch (error) {
      yes.disabled = false;
      trouble.textContent = error.message;
    }
  });
  const dialog = openDialog(ask, form);
  dialog.classList.add("asking");
  (fields.length ? route : yes).focus();
}

const DONE = { retry: "tried now", hold: "held", release: "released", redirect: "redirected", remove: "removed" };

function tell(frame, deed, { recipients, under_way: left }) {
  const words = `${plural(recipients, "recipient")} ${DONE[deed]}` + (left ? `; ${plural(left, "other")} left alone, since ${left === 1 ? "it is" : "they are"} being tried` : "");
  frame.say(words);
  document.querySelector(".done")?.remove();
  const box = h("div", { class: "toast done" }, h("span", {}, words));
  document.body.append(box);
  setTimeout(() => box.remove(), 6000);
}

/** To one message: all recipients, or one. */
export const toMessage = (id, deed, body) => post(`/messages/${encodeURIComponent(id)}/${deed}`, body);

/** The state of a recipient. */
export function stateBadge(state) {
  const kind = { waiting: "later", leased: "live", held: "no", delivered: "yes", failed: "no" }[state] ?? "";
  return h("span", { class: `badge ${kind}` }, state === "leased" ? "being tried" : state);
}

/** Something in the place of a page that has nothing to show. */
export const nothing = (title, ...words) => h("div", { class: "nothing" }, h("h2", {}, title), h("p", { class: "soft" }, words));

export { show };
