/** The account menu of the top bar, its dialogs, and what is shown when the session has ended. */
import { useEffect, useRef, useState } from "preact/hooks";
import { asApiError, sessionEnded } from "../api.js";
import { titled } from "../i18n.js";
import { announce, dialog } from "../state.js";
import { html, Icon, IconButton } from "../ui.js";
import { KeysDialog } from "./apikeys.js";
import { FactorDialog } from "./factor.js";
import { logOut, me, toLogin } from "./me.js";
import { loginAddress } from "./next.js";
import { PasswordDialog } from "./password.js";
import { SessionsDialog } from "./sessions.js";
import { t } from "./words.js";

const ADMINISTRATION = ["users", "rights", "audit"];

/** Reads who is signed in. */
export const linkAccount = () => void me.load();

async function leave() {
  try {
    await logOut();
  } catch (error) {
    announce(t("logout_failed", { why: asApiError(error).sentence }));
  }
}

/** @param {{who: import("./me.js").Me, onClose: () => void}} properties */
function Menu({ who, onClose }) {
  const box = useRef(/** @type {HTMLElement|null} */ (null));
  useEffect(() => { /** @type {HTMLElement|null} */ (box.current?.querySelector("button, a"))?.focus(); }, []);
  /** @param {"password"|"sessions"|"apikeys"|"factor"} which */
  const open = (which) => () => { onClose(); dialog.value = which; };
  const person = who.via === "session";
  return html`<div class="account-menu" ref=${box} role="group" aria-label=${t("account", { name: who.title })}>
    <div class="who"><strong>${who.title}</strong><span class="quiet">${t("account_of", { name: who.name })}</span>
      <ul>${who.grants.map((grant) => html`<li>${titled(grant)}<span class="quiet">${grant.area ? t("area", { area: grant.area }) : ADMINISTRATION.some((counter) => who.counters.includes(counter)) ? "" : t("everywhere")}</span></li>`)}</ul>
      ${who.organisation ? html`<span class="quiet">${t("organisation")}：${titled(who.organisation_title) || who.organisation}</span>` : null}</div>
    ${person ? html`<button type="button" onClick=${open("password")}>${t("change_open")}</button>${who.second_factor ? html`<button type="button" onClick=${open("factor")}>${t("factor_open")}</button>` : null}<button type="button" onClick=${open("sessions")}>${t("sessions_open")}</button>
      <button type="button" onClick=${open("apikeys")}>${t("keys_open")}</button>` : null}
    ${ADMINISTRATION.some((counter) => who.counters.includes(counter)) && window.location.pathname !== "/admin" ? html`<a href="/admin">${t("admin_open")}</a>` : null}
    ${person ? html`<button type="button" class="leave" onClick=${leave}>${t("logout")}</button>` : html`<a href=${loginAddress(window.location)}>${t("login")}</a>`}
  </div>`;
}

export function AccountMenu() {
  const [open, setOpen] = useState(false);
  const box = useRef(/** @type {HTMLElement|null} */ (null));
  const reading = me.state.value;
  const close = () => { setOpen(false); };
  useEffect(() => {
    if (!open) return undefined;
    const outside = (/** @type {Event} */ event) => { if (!box.current?.contains(/** @type {Node} */ (event.target))) close(); };
    document.addEventListener("pointerdown", outside);
    document.addEventListener("focusin", outside);
    return () => { document.removeEventListener("pointerdown", outside); document.removeEventListener("focusin", outside); };
  }, [open]);
  if (reading.status === "failed" && !sessionEnded.value) return html`<${IconButton} icon="triangle-alert" label=${t("menu_failed")} onClick=${() => me.retry()} />`;
  const who = reading.data;
  if (!who) return null;
  if (who.via === "public") return html`<a class="button outlined" href=${loginAddress(window.location)} title=${t("public")}>${t("login")}</a>`;
  const escape = (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Escape" || !open) return;
    event.preventDefault();
    event.stopPropagation();
    close();
    /** @type {HTMLElement|null} */ (box.current?.querySelector("button"))?.focus();
  };
  return html`<div class="account-box" ref=${box} onKeyDown=${escape}>
    <button type="button" class="button account-open" aria-expanded=${open} aria-haspopup="true" aria-label=${t("account", { name: who.title })} title=${t("account", { name: who.title })} onClick=${() => setOpen(!open)}>
      <span class="avatar" aria-hidden="true">${[...who.title][0]}</span><span class="account-name">${who.title}</span><${Icon} name="chevron-down" size=${14} /></button>
    ${open ? html`<${Menu} who=${who} onClose=${close} />` : null}
  </div>`;
}

/** The dialogs of the menu. */
export function AccountDialogs() {
  if (dialog.value === "password") return html`<${PasswordDialog} />`;
  if (dialog.value === "sessions") return html`<${SessionsDialog} />`;
  if (dialog.value === "apikeys") return html`<${KeysDialog} />`;
  if (dialog.value === "factor") return html`<${FactorDialog} onClose=${() => { dialog.value = null; }} />`;
  return null;
}

/** Over everything, because nothing behind it can be read on; the way back keeps the view. */
export function SessionEnded() {
  const box = useRef(/** @type {HTMLDialogElement|null} */ (null));
  const ended = sessionEnded.value;
  useEffect(() => { if (ended && !box.current?.open) box.current?.showModal(); }, [ended]);
  if (!ended) return null;
  return html`<dialog ref=${box} class="dialog ended" aria-label=${t("ended")} onCancel=${(/** @type {Event} */ event) => event.preventDefault()} onClose=${() => box.current?.showModal()}>
    <${Icon} name="info" size=${28} /><h2>${t("ended")}</h2><p class="hint">${t("ended_hint")}</p>
    <button type="button" class="button primary" autofocus onClick=${toLogin}>${t("login")}</button></dialog>`;
}
