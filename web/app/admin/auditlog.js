/** What the auditor's panel knows: conditions, the standing of the log, its first page, the row chosen. */
import { computed, signal } from "@preact/signals";
import * as api from "../api.js";
import { lang } from "../i18n.js";
import { resource } from "../resource.js";
import { address, goTo } from "./address.js";
import { t, TEXTS } from "./texts.js";

/**
 * @typedef {{id: number, at: string, action: string, action_title: import("../format.js").Title, result: "ok"|"refused"|"failed", actor: number|null,
 *   actor_name: string|null, actor_title: string|null, address: string|null, object: string|null, detail: Record<string, unknown>, sealed: boolean}} AuditRow
 * @typedef {{items: AuditRow[], next: string|null}} AuditPage
 * @typedef {{key: string, zh: string, en: string}} Word
 */

const PAGE = 200;
/** Conditions as the server names them, all empty. */
export const NONE = { from: "", to: "", actor: "", action: "", result: "", object: "", address: "", q: "" };
export const KEYS = /** @type {(keyof typeof NONE)[]} */ (Object.keys(NONE));
/** Each condition's name, for what asks for it by name. */
export const NAME = /** @type {typeof NONE} */ (Object.fromEntries(KEYS.map((key) => [key, key])));

/** @type {import("@preact/signals").ReadonlySignal<typeof NONE>} */
export const filters = computed(() => /** @type {typeof NONE} */ (Object.fromEntries(KEYS.map((key) => [key, address.value.get(key) ?? ""]))));
export const asked = computed(() => JSON.stringify(filters.value));
export const standing = resource((abort) => api.request("/api/audit/state", { signal: abort }));
export const first = resource((abort, /** @type {Record<string, string>} */ given) => /** @type {Promise<AuditPage>} */ (api.request(`/api/audit${api.query({ ...given, limit: PAGE })}`, { signal: abort })));
/** @param {string} after @param {AbortSignal} abort @returns {Promise<AuditPage>} */
export const readMore = (after, abort) => api.request(`/api/audit${api.query({ ...filters.peek(), limit: PAGE, after })}`, { signal: abort });
/** The row in the drawer. */
export const chosen = signal(/** @type {AuditRow|null} */ (null));

/** Changes conditions; the list follows. @param {Record<string, string>} changed */
export function narrow(changed) {
  goTo({ panel: "audit", ...filters.peek(), ...changed });
}

export const resultWord = (/** @type {string} */ key) => {
  const found = /** @type {Word[]} */ (standing.state.value.data?.results ?? []).find((word) => word.key === key);
  return found ? found[lang.value] : key;
};

/** A fact's name where we know it. @param {string} key */
export const factName = (key) => (`fact_${key}` in TEXTS ? t(/** @type {keyof typeof TEXTS} */ (`fact_${key}`)) : key);

/** The facts of a row; of a sentence in both languages the one of the screen. @param {Record<string, unknown>} detail */
export const factsOf = (detail) => Object.entries(detail).filter(([key]) => key === lang.value || !["zh", "en"].includes(key));
