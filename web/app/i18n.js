/** The language of the screen and its words. */
import { computed, signal } from "@preact/signals";
import { TEXTS } from "./texts.js";

/** @typedef {import("./format.js").Lang} Lang */
/** @typedef {import("./format.js").Title} Title */

/** @type {import("@preact/signals").Signal<Lang>} */
export const lang = signal("zh");

/** Column of the language in the table. */
const column = computed(() => (lang.value === "en" ? 1 : 0));

/** A text of the table with `{name}` replaced. @param {keyof typeof TEXTS} key @param {Record<string, string|number>} [values] */
export function t(key, values = {}) {
  return TEXTS[key][column.value].replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
}

/** A title of the registry in the language of the screen. @param {Partial<Title>|null|undefined} title */
export const titled = (title) => (title ? title[lang.value] || title.zh || title.en || "" : "");
