/** Who is signed in, and what of one's own account can be read and changed. */
import { readMe, request, takeMe } from "../api.js";
import { resource } from "../resource.js";
import { loginAddress } from "./next.js";

/**
 * @typedef {{account: number, name: string, title: string, roles: string[], grants: {role: string, zh: string, en: string, area: string, organisation: string|null}[],
 *   organisation: string|null, organisation_title: import("../format.js").Title|null, via: "session"|"key"|"public", must_change: boolean, counters: string[], csrf: string|null,
 *   password_rules: import("../format.js").Title}} Me
 * @typedef {{id: number, opened_at: string, seen_at: string, ends_at: string, ip: string|null, agent: string|null, current: boolean}} SessionRow
 * @typedef {{prefix: string, title: string, scopes: string[], created_at: string, expires_at: string, last_used_at: string|null, revoked_at: string|null, secret?: string}} KeyRow
 */

export const me = resource((abort) => /** @type {Promise<Me>} */ (readMe(abort)));
export const sessions = resource((abort) => /** @type {Promise<{sessions: SessionRow[]}>} */ (request("/api/me/sessions", { signal: abort })));
export const keys = resource((abort) => /** @type {Promise<{keys: KeyRow[], scopes: {key: string, zh: string, en: string}[], longest_days: number, allowed: boolean}>} */ (request("/api/me/keys", { signal: abort })));

/** @param {string} username @param {string} password @returns {Promise<Me>} */
export const logIn = async (username, password) => takeMe(await request("/api/login", { body: { username, password } }));
/** @param {string} ticket @param {string} code @returns {Promise<Me>} */
export const sendCode = async (ticket, code) => takeMe(await request("/api/login/code", { body: { ticket, code } }));
/** @param {string} old @param {string} fresh @returns {Promise<Me>} */
export const changePassword = async (old, fresh) => takeMe(await request("/api/me/password", { body: { old, new: fresh } }));
/** @returns {Promise<{demo: string[], oidc: boolean}>} */
export const readLogin = () => request("/api/login");
/** @param {number} id */
export const endSession = (id) => request(`/api/me/sessions/${id}`, { method: "DELETE" });
export const endOthers = () => request("/api/me/sessions", { method: "DELETE" });
/** @param {{title: string, scopes: string[], days: number}} wanted @returns {Promise<KeyRow>} */
export const makeKey = (wanted) => request("/api/me/keys", { body: wanted });
/** @param {string} prefix */
export const revokeKey = (prefix) => request(`/api/me/keys/${encodeURIComponent(prefix)}`, { method: "DELETE" });

/** Ends the session and leads to the log-in page; one that has ended already is as good. */
export async function logOut() {
  try {
    await request("/api/logout", { method: "POST" });
  } catch (error) {
    if (!(error instanceof Error && "status" in error && error.status === 401)) throw error;
  }
  window.location.assign("/login");
}

export const toLogin = () => window.location.assign(loginAddress(window.location));
