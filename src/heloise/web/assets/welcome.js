// The first page while it is empty: how a first mail is sent, and a sample that shows what this is for.

import { post } from "./api.js";
import { copyable } from "./copying.js";
import { h, icon, show } from "./dom.js";

/** `smtp` is where mail is taken; `sent()` is called when the sample has been refused and taken. */
export function welcome(smtp, frame, sent) {
  const host = smtp.host.includes(":") ? `[${smtp.host}]` : smtp.host;
  const place = `${host}:${smtp.port}`;
  const button = h("button", { class: "primary", id: "sample", onclick: sample }, icon("send"), "Send a sample");
  const python = `import smtplib

with smtplib.SMTP("${smtp.host}", ${smtp.port}) as client:
    client.sendmail("me@example.test", ["you@example.test"],
                    "Subject: Hello\\r\\n\\r\\nIt works.\\r\\n")`;

  async function sample() {
    button.disabled = true;
    show(button, icon("send"), "Sending…");
    try {
      await post("/sample");
      frame.say("The sample was refused once, then accepted.");
      sent();
    } catch (error) {
      frame.problem(error);
    } finally {
      button.disabled = false;
      show(button, icon("send"), "Send a sample");
    }
  }

  const way = (title, text) => h("section", {}, h("h3", {}, title), copyable(text, title));
  return h(
    "div",
    { class: "welcome" },
    h("h1", {}, "No mail yet"),
    h("p", { class: "lead" }, "Whatever is sent to ", h("code", {}, place), " is caught and shown here. Nothing goes anywhere."),
    h(
      "div",
      { class: "card try" },
      h("div", {}, h("h2", {}, "See a retry explained"), h("p", {}, "heloise sends itself a letter, refuses it once with 451, and takes it when it comes again.")),
      button,
    ),
    h("h2", {}, "Or send your own"),
    way("With heloise", `heloise send --server ${place} --from me@example.test --to you@example.test`),
    way("From Python", python),
    way("With swaks or curl", `swaks --server ${place} --to you@example.test

printf 'Subject: Hello\\n\\nIt works.\\n' |
  curl smtp://${place} --mail-from me@example.test --mail-rcpt you@example.test --upload-file -`),
  );
}
