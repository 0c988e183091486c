/** The system administrator's panel: accounts in a table, one of them in a drawer; organisations in a second tab. */
import { signal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import * as api from "../api.js";
import { formatMoment } from "../format.js";
import { lang, titled } from "../i18n.js";
import { resource } from "../resource.js";
import { announce } from "../state.js";
import { html, Icon, IconButton, Notice, ReadingState } from "../ui.js";
import { Homes } from "./homes.js";
import { Choice, Field, FormDialog, PAGE, readPages, SearchInput, Tabs, TextInput, useRest } from "./office.js";
import { say } from "./officewords.js";
import { OnceDialog, UserDrawer } from "./user.js";

/**
 * @typedef {{key: string, title: import("../format.js").Title, kind: string, names: string[], accounts: number}} Home
 * @typedef {{name: string, title: string, state: "active"|"disabled"|"locked", organisation: string|null, department: string|null, post: string|null, roles: string[],
 *   must_change: boolean, locked_until: string|null, last_login_at: string|null, created_at: string, disabled_at: string|null}} User
 * @typedef {{total: number, accounts: User[], organisations: Home[], roles: {key: string, zh: string, en: string}[]}} Page
 */

const found = resource(async (abort, /** @type {string} */ words, /** @type {string} */ state, /** @type {number} */ most) =>
  /** @type {Promise<Page>} */ (readPages((offset) => api.request(`/api/users${api.query({ q: words, state, limit: PAGE, offset })}`, { signal: abort }), most)));
const tab = signal("users");
const words = signal("");
const state = signal("");
const limit = signal(PAGE);
const chosen = signal(/** @type {string|null} */ (null));
const making = signal(false);
const once = signal(/** @type {{name: string, password: string, fresh: boolean}|null} */ (null));

export const STATE_TEXT = /** @type {const} */ ({ active: "user_state_active", disabled: "user_state_disabled", locked: "user_state_locked" });

/** Locked for a time counts as locked. @param {User} user @returns {"active"|"disabled"|"locked"} */
export const stateOf = (user) => (user.state === "active" && user.locked_until && Date.parse(user.locked_until) > Date.now() ? "locked" : user.state);

/** @param {{user: User}} properties */
export function StateMark({ user }) {
  const now = stateOf(user);
  const until = now === "locked" && user.locked_until ? say("user_locked_until", { time: formatMoment(user.locked_until) }) : "";
  return html`<span class=${`state ${now}`} title=${until}>${say(STATE_TEXT[now])}</span>`;
}

/** @param {Home[]} homes @param {string|null} key */
export const homeTitle = (homes, key) => (key ? titled(homes.find((home) => home.key === key)?.title) || key : "");

/** The fields of who somebody is. @param {{value: Record<string, string>, onInput: (more: Record<string, string>) => void, homes: Home[]}} properties */
export const PersonFields = ({ value, onInput, homes }) => html`
  <${Field} label=${say("user_title")}><${TextInput} value=${value.title} required onInput=${(/** @type {string} */ title) => onInput({ title })} /><//>
  <${Field} label=${say("user_organisation")}><${Choice} value=${value.organisation} options=${[["", say("none_chosen")], ...homes.map((home) => [home.key, titled(home.title)])]}
    onChange=${(/** @type {string} */ organisation) => onInput({ organisation })} /><//>
  <${Field} label=${say("user_department")}><${TextInput} value=${value.department} onInput=${(/** @type {string} */ department) => onInput({ department })} /><//>
  <${Field} label=${say("user_post")}><${TextInput} value=${value.post} onInput=${(/** @type {string} */ post) => onInput({ post })} /><//>`;

/** What the fields send: nothing instead of an empty text. @param {Record<string, string>} value */
export const personBody = ({ title, organisation, department, post }) => ({ title, organisation: organisation || null, department: department || null, post: post || null });

/** @param {{homes: Home[], onClose: () => void}} properties */
function NewUser({ homes, onClose }) {
  const [value, setValue] = useState(/** @type {Record<string, string>} */ ({ name: "", title: "", organisation: "", department: "", post: "" }));
  const turn = (/** @type {Record<string, string>} */ more) => setValue({ ...value, ...more });
  return html`<${FormDialog} title=${say("users_new")} action=${say("users_new")} onClose=${onClose}
      send=${() => api.request("/api/users", { body: { name: value.name.trim(), ...personBody(value) } })}
      onDone=${(/** @type {any} */ answer) => { once.value = { name: answer.account.name, password: answer.password, fresh: true }; making.value = false; void found.retry(); }}>
    <${Field} label=${say("user_name")} hint=${say("user_name_hint")}><${TextInput} value=${value.name} required longest=${32} autofocus mono onInput=${(/** @type {string} */ name) => turn({ name })} /><//>
    <${PersonFields} value=${value} onInput=${turn} homes=${homes} />
    <p class="hint">${say("users_apart")}</p><//>`;
}

/** @param {{user: User, page: Page}} properties */
function Row({ user, page }) {
  const roles = user.roles.map((key) => page.roles.find((role) => role.key === key)?.[lang.value] ?? key).join(say("comma"));
  const open = () => { chosen.value = user.name; };
  return html`<tr data-user=${user.name} class=${chosen.value === user.name ? "chosen" : ""} onClick=${open}>
    <th scope="row"><button type="button" class="link" aria-label=${say("user_open", { name: user.name })} onClick=${open}>${user.name}</button></th>
    <td>${user.title}</td><td><${StateMark} user=${user} />${user.must_change && user.state === "active" ? html`<div class="hint">${say("user_must_change")}</div>` : null}</td>
    <td>${homeTitle(page.organisations, user.organisation) || "–"}</td>
    <td>${[user.department, user.post].filter(Boolean).join(" · ") || "–"}</td>
    <td>${roles || html`<span class="quiet">${say("user_no_role")}</span>`}</td>
    <td class="when">${user.last_login_at ? formatMoment(user.last_login_at) : html`<span class="quiet">${say("user_never")}</span>`}</td></tr>`;
}

function UserTable() {
  const reading = found.state.value;
  const page = reading.data;
  const state_ = html`<${ReadingState} reading=${reading} failed=${say("users_failed")} onRetry=${() => found.retry()} />`;
  if (!page) return state_;
  if (!page.accounts.length) return html`${state_}<${Notice} icon="inbox" text=${say("users_none")} hint=${say("users_none_hint")} />`;
  const left = page.total - page.accounts.length;
  return html`${state_}<div class="office-scroll"><table class="office-table">
    <thead><tr>${["user_name", "user_title", "users_state", "user_organisation"].map((key) => html`<th scope="col">${say(/** @type {"user_name"} */ (key))}</th>`)}
      <th scope="col">${say("user_department")} · ${say("user_post")}</th><th scope="col">${say("user_roles")}</th><th scope="col">${say("user_last")}</th></tr></thead>
    <tbody>${page.accounts.map((user) => html`<${Row} key=${user.name} user=${user} page=${page} />`)}</tbody></table>
    ${left > 0 ? html`<button type="button" class="button outlined office-more" onClick=${() => { limit.value += PAGE; }}>${say("more", { count: Math.min(left, PAGE) })}</button>` : null}</div>`;
}

function Users() {
  const rested = useRest(words.value);
  useEffect(() => { void found.load(rested, state.value, limit.value); }, [rested, state.value, limit.value]);
  const page = found.state.value.data;
  return html`<div class="office-bar">
      <${SearchInput} value=${words.value} label=${say("users_search")} onInput=${(/** @type {string} */ given) => { words.value = given; limit.value = PAGE; }} />
      <label class="office-inline"><span>${say("users_state")}</span><${Choice} value=${state.value} onChange=${(/** @type {string} */ key) => { state.value = key; }}
        options=${[["", say("all")], ["active", say("user_state_active")], ["disabled", say("user_state_disabled")], ["locked", say("user_state_locked")]]} /></label>
      <span class="quiet" role="status">${page ? say("found", { count: page.total }) : ""}</span><span class="space"></span>
      <${IconButton} icon="refresh-cw" label=${say("refresh")} onClick=${() => found.retry()} />
      <button type="button" class="button primary" disabled=${!page} onClick=${() => { making.value = true; }}><${Icon} name="plus" /><span>${say("users_new")}</span></button></div>
    <p class="office-note"><${Icon} name="info" size=${14} />${say("users_apart")}</p>
    <div class="office-split"><${UserTable} />
      ${chosen.value && page ? html`<${UserDrawer} key=${chosen.value} name=${chosen.value} page=${page} onClose=${() => { chosen.value = null; }} onChanged=${() => found.retry()}
        onPassword=${(/** @type {string} */ password) => { once.value = { name: chosen.peek() ?? "", password, fresh: false }; }} />` : null}</div>
    ${making.value && page ? html`<${NewUser} homes=${page.organisations} onClose=${() => { making.value = false; }} />` : null}
    ${once.value ? html`<${OnceDialog} ...${once.value} onClose=${() => { once.value = null; announce(say("done"), 1500); }} />` : null}`;
}

/** Accounts and organisations. */
export function UsersPanel() {
  return html`<section class="office" aria-label=${say("users_tabs")}>
    <${Tabs} label=${say("users_tabs")} tabs=${[["users", say("users")], ["homes", say("homes")]]} value=${tab.value} onChange=${(/** @type {string} */ key) => { tab.value = key; }} />
    <div class="office-body">${tab.value === "users" ? html`<${Users} />` : html`<${Homes} maker />`}</div></section>`;
}

export { UsersPanel as Panel };
