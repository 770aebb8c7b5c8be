// Caught mail as a file, and from one.

import { post, query, url } from "./api.js";
import { h, icon, show } from "./dom.js";
import { plural } from "./format.js";
import { openDialog } from "./keys.js";

/** The dialog; what `wish` narrows the list to is what is saved. */
export function archive(frame, wish) {
  const which = query({ query: wish.query, mailbox: wish.mailbox });
  const save = (format, text) =>
    h("a", { class: "button", href: url(`/export${which ? `${which}&` : "?"}format=${format}`), download: `inbox.${format}` }, icon("down"), text);
  const told = h("p", { role: "status", class: "soft" });
  const file = h("input", { type: "file", id: "archive-file", accept: ".mbox,.eml,.zip,message/rfc822,application/zip", onchange: read });
  async function read() {
    if (!file.files.length) return;
    show(told, "Reading…");
    try {
      const { added } = await post("/import", file.files[0]);
      show(told, `${plural(added.length, "message")} read.`);
    } catch (error) {
      show(told, error.message);
    }
  }
  openDialog(
    "Files",
    h("h3", {}, which ? "Save the messages that fit" : "Save all messages"),
    h("p", { class: "row-of-buttons" }, save("mbox", "mbox"), save("zip", "ZIP, with envelopes")),
    h("h3", {}, "Read messages"),
    h("div", { class: "field" }, h("label", { for: "archive-file" }, "A message, an mbox or a ZIP of messages"), file),
    told,
  );
}
