/** The language of the screen and its words. */
import { computed, signal } from "@preact/signals";
import { TEXTS } from "./texts.js";

/** @typedef {import("./format.js").Lang} Lang */
/** @typedef {import("./format.js").Title} Title */

/** @type {import("@preact/signals").Signal<Lang>} */
export const lang = signal("zh");

/** Column of the language in the table. */
const column = computed(() => (lang.value === "en" ? 1 : 0));

/**
 * What looks texts up in a table, with `{name}` replaced; a page with words of its own makes its own.
 * @template {Record<string, readonly [string, string]>} T
 * @param {T} table
 * @returns {(key: keyof T, values?: Record<string, string|number>) => string}
 */
export const wordsOf = (table) => (key, values = {}) => table[key][column.value].replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));

/** A text of the one-map. */
export const t = wordsOf(TEXTS);

/** A title of the registry in the language of the screen. @param {Partial<Title>|null|undefined} title */
export const titled = (title) => (title ? title[lang.value] || title.zh || title.en || "" : "");
