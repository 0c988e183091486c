/** The state of the page in the fragment of its address: `#panel=audit&action=login&from=2026-11-01`. */
import { signal } from "@preact/signals";

const read = () => new URLSearchParams(window.location.hash.replace(/^#/, ""));

/** What the address says. */
export const address = signal(read());

window.addEventListener("hashchange", () => { address.value = read(); });

/** Goes to another state; empty values are left out. @param {Record<string, string>} values @param {boolean} [step] an entry of its own in the history */
export function goTo(values, step = true) {
  const given = new URLSearchParams(Object.entries(values).filter(([, value]) => value !== ""));
  const next = `#${given}`;
  if (next === window.location.hash) return;
  window.history[step ? "pushState" : "replaceState"](null, "", next);
  address.value = given;
}
