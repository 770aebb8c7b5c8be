// The page of rules to fail by: what explanations of replies point at, and where rules are made, kept and taken back.

import { get } from "./api.js";
import { copyable } from "./copying.js";
import { h, show } from "./dom.js";
import { failing } from "./failing.js";
import { live } from "./live.js";
import { wear } from "./style.js";

const PHRASES = [
  ["451 twice, then accept", "each recipient is refused twice, then taken"],
  ["450 4.2.1 \"Mailbox busy\" at rcpt to bob@*", "always, with a text of your own, for some"],
  ["drop at data", "the connection is closed; also reset, half-close, lose-reply"],
  ["slow 3s at message", "the answer to the final dot takes three seconds"],
  ["10/1m, else 421", "more than ten a minute are sent away"],
  ["30% 451 per session", "by chance, the same with the same seed"],
  ["tls-failure once", "STARTTLS is agreed to, then the handshake fails"],
];

export async function start(frame) {
  await wear("faults.css");
  const made = failing(() => {});
  const seed = h("span", { class: "soft" });
  const phrase = ([text, meaning]) => h("tr", {}, h("td", {}, h("button", { class: "link", onclick: () => take(text) }, h("code", {}, text))), h("td", {}, meaning));
  const magic = h("div", {});
  function take(text) {
    const field = document.getElementById("fail-phrase");
    field.value = text;
    field.focus();
  }
  show(
    frame.main,
    h(
      "div",
      { class: "wide faults" },
      h("div", { class: "faults-head" }, h("h1", {}, "Make it fail"), seed),
      h("p", { class: "soft lead" }, "The first rule that strikes counts. A reply that was given by a rule leads back to it, here."),
      h("div", { class: "halves" }, h("section", { class: "card", "aria-label": "A new rule" }, h("div", { class: "inside" }, made.form)), h("section", { class: "card", "aria-label": "The rules" }, h("div", { class: "inside" }, made.rules))),
      h("div", { class: "halves" }, h("section", {}, h("h2", {}, "Phrases"), h("table", { class: "grid card" }, h("tbody", {}, PHRASES.map(phrase)))), h("section", {}, h("h2", {}, "Without a rule: by the recipient"), magic)),
      h("section", {}, h("h2", {}, "The same rules in a test"), copyable('@pytest.mark.mail_faults("451 twice, then accept")\ndef test_the_client_comes_again(mail_server): ...', "a test")),
    ),
  );
  frame.bind("/", "Write a phrase", () => document.getElementById("fail-phrase").focus());
  await made.begin();
  const told = await get("/faults");
  show(seed, `Chance by seed ${told.seed}`);
  show(magic, h("table", { class: "grid card" }, h("tbody", {}, told.magic.map(({ address, meaning }) => h("tr", {}, h("td", {}, h("code", {}, address)), h("td", {}, meaning))))));
  addEventListener("hashchange", point);
  point();
  let revision = null;
  live(
    (state) => {
      if (revision !== null && state.revision !== revision && !made.rules.contains(document.activeElement)) made.begin().then(point);
      revision = state.revision;
    },
    () => {},
  );

  /** Show the rule that the address names. */
  function point() {
    const name = decodeURIComponent(location.hash.slice(1));
    for (const each of document.querySelectorAll(".rules .pointed")) each.classList.remove("pointed");
    const found = name && document.getElementById(name);
    if (!found) return;
    found.closest("details")?.setAttribute("open", "");
    found.classList.add("pointed");
    found.scrollIntoView({ block: "nearest" });
    frame.say(`Rule ${name}`);
  }
}
