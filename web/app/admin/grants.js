/** Who holds which role, where, for which organisation. */
import { signal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import * as api from "../api.js";
import { lang, titled } from "../i18n.js";
import { resource } from "../resource.js";
import { announce } from "../state.js";
import { html, Icon, IconButton, Notice, ReadingState } from "../ui.js";
import { AreaPicker } from "./areas.js";
import { areaName, change, Choice, Confirm, Field, FormDialog, learnAreas, PAGE, readPages, SearchInput, useRest } from "./office.js";
import { say } from "./officewords.js";

/**
 * @typedef {{role: string, area: string, organisation: string|null}} Grant
 * @typedef {{name: string, title: string, state: string, organisation: string|null, department: string|null, post: string|null, grants: Grant[]}} Holder
 * @typedef {{key: string, zh: string, en: string, separated: boolean, organisation: boolean}} RoleInfo
 * @typedef {{total: number, accounts: Holder[], organisations: import("./users.js").Home[], roles: RoleInfo[], areas: Record<string, import("./office.js").Area>}} Page
 */

const found = resource(async (abort, /** @type {string} */ words, /** @type {string} */ role, /** @type {number} */ most) =>
  /** @type {Promise<Page>} */ (readPages(async (offset) => {
    const page = await api.request(`/api/rights/accounts${api.query({ q: words, role, limit: PAGE, offset })}`, { signal: abort });
    learnAreas(page.areas);
    return page;
  }, most)));
const words = signal("");
const role = signal("");
const limit = signal(PAGE);
const giving = signal(/** @type {Holder|null} */ (null));
const taking = signal(/** @type {{holder: Holder, grant: Grant}|null} */ (null));

/** @param {Page} page @param {string} key */
const roleTitle = (page, key) => page.roles.find((one) => one.key === key)?.[lang.value] ?? key;

/** @param {Page} page @param {string|null} key */
const homeOf = (page, key) => (key ? titled(page.organisations.find((one) => one.key === key)?.title) || key : "");

/** A grant in words. @param {Page} page @param {Grant} grant @param {boolean} [short] */
function told(page, grant, short = false) {
  const separated = page.roles.find((one) => one.key === grant.role)?.separated;
  return [roleTitle(page, grant.role), separated ? "" : areaName(grant.area, short), homeOf(page, grant.organisation)].filter(Boolean).join(" · ");
}

/** @param {{page: Page, holder: Holder, onClose: () => void}} properties */
function Give({ page, holder, onClose }) {
  const [value, setValue] = useState(/** @type {Grant} */ ({ role: "", area: "", organisation: null }));
  const info = page.roles.find((one) => one.key === value.role);
  const lacking = Boolean(info?.organisation && !holder.organisation && !value.organisation);
  const radio = (/** @type {RoleInfo} */ one) => html`<label class="choice"><input type="radio" checked=${one.key === value.role} data-role=${one.key} onChange=${() => setValue({ ...value, role: one.key })} /><span>${one[lang.value]}</span></label>`;
  const body = { role: value.role, area: info?.separated ? "" : value.area, organisation: info?.separated ? null : value.organisation };
  return html`<${FormDialog} wide title=${say("grant_add_to", { name: `${holder.title}（${holder.name}）` })} action=${say("grant_add")} disabled=${!value.role || lacking} onClose=${onClose}
      send=${() => api.request(`/api/rights/accounts/${encodeURIComponent(holder.name)}/grants`, { body })}
      onDone=${(/** @type {any} */ answer) => { learnAreas(answer.areas); announce(say("grant_given", { name: holder.name, grant: told(page, body) })); onClose(); void found.retry(); }}>
    <div class="grant-columns"><div><h3>${say("grants_role")}</h3>
        <fieldset class="radio-list"><legend>${say("grant_business")}</legend>${page.roles.filter((one) => !one.separated).map(radio)}</fieldset>
        <fieldset class="radio-list"><legend>${say("grant_administrators")}</legend>${page.roles.filter((one) => one.separated).map(radio)}</fieldset></div>
      <div>${info?.separated ? html`<p class="office-note inline"><${Icon} name="info" size=${14} />${say("grant_separated")}</p>` : html`<h3>${say("grant_where")}</h3>
        <${AreaPicker} chosen=${[value.area]} onChange=${([area]) => setValue({ ...value, area })} />
        <${Field} label=${say("grant_for")} hint=${lacking ? say("grant_for_need") : ""}><${Choice} value=${value.organisation ?? ""}
          options=${[["", holder.organisation ? `${say("grant_for_own")}：${homeOf(page, holder.organisation)}` : say("none_chosen")], ...page.organisations.map((one) => [one.key, titled(one.title)])]}
          onChange=${(/** @type {string} */ key) => setValue({ ...value, organisation: key || null })} /><//>`}</div></div><//>`;
}

/** @param {{page: Page, holder: Holder}} properties */
const Row = ({ page, holder }) => html`<tr data-user=${holder.name} class="still"><th scope="row"><span class=${holder.state === "active" ? "" : "quiet"}>${holder.title}</span> <span class="mono quiet">${holder.name}</span>
    ${holder.state === "active" ? null : html`<span class=${`state ${holder.state}`}>${say(holder.state === "locked" ? "user_state_locked" : "user_state_disabled")}</span>`}</th>
  <td>${[homeOf(page, holder.organisation), holder.department, holder.post].filter(Boolean).join(" · ") || "–"}</td>
  <td><div class="name-chips">${holder.grants.map((grant) => html`<span class="name-chip" title=${told(page, grant)}>${told(page, grant, true)}<button type="button" aria-label=${say("grant_remove", { grant: told(page, grant) })} title=${say("grant_remove", { grant: told(page, grant) })}
      onClick=${() => { taking.value = { holder, grant }; }}><${Icon} name="x" size=${12} /></button></span>`)}
    ${holder.grants.length ? null : html`<span class="quiet">${say("user_no_role")}</span>`}
    <button type="button" class="button outlined small" aria-label=${say("grant_add_to", { name: holder.name })} onClick=${() => { giving.value = holder; }}><${Icon} name="plus" size=${14} /><span>${say("grant_add")}</span></button></div></td></tr>`;

export function Grants() {
  const rested = useRest(words.value);
  useEffect(() => { void found.load(rested, role.value, limit.value); }, [rested, role.value, limit.value]);
  const reading = found.state.value;
  const page = reading.data;
  const left = page ? page.total - page.accounts.length : 0;
  const take = async () => {
    const asked = taking.peek();
    if (!asked || !page) return;
    const { holder, grant } = asked;
    if (await change(`/api/rights/accounts/${encodeURIComponent(holder.name)}/grants/remove`, grant)) announce(say("grant_taken", { name: holder.name, grant: told(page, grant) }));
    void found.retry();
  };
  return html`<div class="office-bar"><${SearchInput} value=${words.value} label=${say("grants_search")} onInput=${(/** @type {string} */ given) => { words.value = given; limit.value = PAGE; }} />
      <label class="office-inline"><span>${say("grants_role")}</span><${Choice} value=${role.value} onChange=${(/** @type {string} */ key) => { role.value = key; }}
        options=${[["", say("all")], ["none", say("grants_role_none")], ...(page?.roles ?? []).map((one) => [one.key, one[lang.value]])]} /></label>
      <span class="quiet" role="status">${page ? say("found", { count: page.total }) : ""}</span><span class="space"></span><${IconButton} icon="refresh-cw" label=${say("refresh")} onClick=${() => found.retry()} /></div>
    <${ReadingState} reading=${reading} failed=${say("grants_failed")} onRetry=${() => found.retry()} />
    ${page && !page.accounts.length ? html`<${Notice} icon="inbox" text=${say("grants_none")} hint=${say("grants_none_hint")} />` : null}
    ${page?.accounts.length ? html`<div class="office-scroll"><table class="office-table"><thead><tr><th scope="col">${say("grants_person")}</th><th scope="col">${say("user_organisation")}</th><th scope="col">${say("grants_held")}</th></tr></thead>
      <tbody>${page.accounts.map((holder) => html`<${Row} key=${holder.name} page=${page} holder=${holder} />`)}</tbody></table>
      ${left > 0 ? html`<button type="button" class="button outlined office-more" onClick=${() => { limit.value += PAGE; }}>${say("more", { count: Math.min(left, PAGE) })}</button>` : null}</div>` : null}
    ${page && giving.value ? html`<${Give} page=${page} holder=${giving.value} onClose=${() => { giving.value = null; }} />` : null}
    ${page && taking.value ? html`<${Confirm} title=${say("grant_remove_ask", { name: taking.value.holder.title })} what=${say("grant_remove_what", { grant: told(page, taking.value.grant) })} action=${say("grant_remove", { grant: roleTitle(page, taking.value.grant.role) })}
      onDone=${take} onClose=${() => { taking.value = null; }} />` : null}`;
}
