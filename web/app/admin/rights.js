/** The security administrator's panel: rules as a matrix, grants, organisations; changes are gathered and published as a version. */
import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { formatMoment } from "../format.js";
import { lang } from "../i18n.js";
import { html, Icon, IconButton, ReadingState } from "../ui.js";
import { Grants } from "./grants.js";
import { Homes } from "./homes.js";
import { cellPlace } from "./matrixcells.js";
import { Matrix } from "./matrix.js";
import { Confirm, Tabs } from "./office.js";
import { say } from "./officewords.js";
import { ClashDialog, PublishDialog } from "./publish.js";
import { book, clash, draft, lost, readBook, role, roleChoice } from "./rulebook.js";
import { Versions } from "./versions.js";

const tab = signal("rules");
const asked = signal(/** @type {"publish"|"versions"|"discard"|null} */ (null));

function Roles() {
  const roles = book.state.value.data?.roles ?? [];
  const changed = (/** @type {string} */ key) => [...draft.value.keys()].filter((one) => cellPlace(one).role === key).length;
  const move = (/** @type {KeyboardEvent} */ event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const place = (roles.findIndex((one) => one.key === role.peek()) + step + roles.length) % roles.length;
    roleChoice.value = roles[place].key;
    /** @type {HTMLElement} */ (/** @type {HTMLElement} */ (event.currentTarget).querySelectorAll("button")[place])?.focus();
  };
  return html`<nav class="matrix-roles" aria-label=${say("rules_role")} onKeyDown=${move}><h3>${say("rules_role")}</h3>
    ${roles.map((one) => html`<button type="button" data-role=${one.key} aria-current=${one.key === role.value} tabindex=${one.key === role.value ? 0 : -1} onClick=${() => { roleChoice.value = one.key; }}>
      <span>${one[lang.value]}</span>${changed(one.key) ? html`<span class="badge" title=${say("rules_changes", { count: changed(one.key) })}>${changed(one.key)}</span>` : null}</button>`)}</nav>`;
}

function Rules() {
  const data = book.state.value.data;
  const count = draft.value.size;
  const state = html`<${ReadingState} reading=${book.state.value} failed=${say("rules_failed")} onRetry=${() => book.retry()} />`;
  if (!data) return state;
  const { version, made_by, made_at } = data.current;
  return html`${state}${lost.value.length ? html`<p class="office-note warn"><${Icon} name="triangle-alert" size=${14} />${say("rules_lost", { names: lost.value.join(say("comma")) })}</p>` : null}
    <div class="matrix-frame"><${Roles} /><div class="matrix-main"><${Matrix} /></div></div>
    <footer class=${count ? "rules-bar dirty" : "rules-bar"}><span class="quiet" title=${data.current.reason}>${say("rules_version", { version, by: made_by, time: formatMoment(made_at) })}</span>
      <button type="button" class="button outlined" onClick=${() => { asked.value = "versions"; }}><${Icon} name="history" /><span>${say("rules_versions")}</span></button><span class="space"></span>
      <span role="status">${count ? say("rules_changes", { count }) : ""}</span>
      ${count ? html`<button type="button" class="button outlined" onClick=${() => { asked.value = "discard"; }}>${say("rules_discard")}</button>` : null}
      <button type="button" class="button primary" disabled=${!count} onClick=${() => { asked.value = "publish"; }}>${say("rules_review")}</button></footer>
    ${asked.value === "publish" ? html`<${PublishDialog} onClose=${() => { asked.value = null; }} />` : null}
    ${asked.value === "versions" ? html`<${Versions} onClose=${() => { asked.value = null; }} />` : null}
    ${asked.value === "discard" ? html`<${Confirm} title=${say("rules_discard_ask", { count })} what=${say("rules_discard_what")} action=${say("rules_discard")}
      onDone=${() => { draft.value = new Map(); }} onClose=${() => { asked.value = null; }} />` : null}
    ${clash.value ? html`<${ClashDialog} />` : null}`;
}

/** Leaving the page would lose what is not published. @param {BeforeUnloadEvent} event */
const guard = (event) => { if (draft.peek().size) event.preventDefault(); };

/** Rules, grants, organisations. */
export function RightsPanel() {
  useEffect(() => {
    if (!book.state.peek().data) void readBook();
    window.addEventListener("beforeunload", guard);
    return () => window.removeEventListener("beforeunload", guard);
  }, []);
  return html`<section class="office" aria-label=${say("rights_tabs")}>
    <${Tabs} label=${say("rights_tabs")} tabs=${[["rules", say("rules")], ["grants", say("grants")], ["homes", say("homes")]]} value=${tab.value} onChange=${(/** @type {string} */ key) => { tab.value = key; }}>
      ${tab.value === "rules" ? html`<span class="space"></span><${IconButton} icon="refresh-cw" label=${say("refresh")} onClick=${() => void readBook()} />` : null}<//>
    <div class="office-body">${tab.value === "rules" ? html`<${Rules} />` : tab.value === "grants" ? html`<${Grants} />` : html`<${Homes} />`}</div></section>`;
}

export { RightsPanel as Panel };
