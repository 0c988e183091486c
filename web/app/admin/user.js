/** One account of the system administrator's panel: who it is, log-in, sessions, keys; and the one-time password. */
import { useEffect, useMemo, useState } from "preact/hooks";
import * as api from "../api.js";
import { formatMoment } from "../format.js";
import { lang } from "../i18n.js";
import { resource } from "../resource.js";
import { announce } from "../state.js";
import { copy, Dialog, html, Icon, IconButton, ReadingState } from "../ui.js";
import { change, Confirm } from "./office.js";
import { say } from "./officewords.js";
import { personBody, PersonFields, StateMark, stateOf } from "./users.js";

/** @typedef {import("./users.js").User} User */
/** @typedef {{account: User, sessions: {seen_at: string, network_address: string|null, agent: string|null}[], keys: {prefix: string, title: string, scopes: string[], expires_at: string, revoked_at: string|null}[]}} Known */

/** A password that is told this once. @param {{name: string, password: string, fresh: boolean, onClose: () => void}} properties */
export function OnceDialog({ name, password, fresh, onClose }) {
  const [copied, setCopied] = useState(false);
  return html`<${Dialog} title=${fresh ? say("user_made", { name }) : name} kind="office-dialog narrow" onClose=${onClose}>
    <div class="once"><h3>${say("user_once")}</h3>
      <div class="once-line"><output class="mono" data-once>${password}</output>
        <button type="button" class="button outlined" autofocus onClick=${() => { setCopied(true); void copy(password); }}><${Icon} name=${copied ? "check" : "copy"} /><span>${say(copied ? "user_once_copied" : "user_once_copy")}</span></button></div>
      <p class="hint">${say("user_once_hint")}</p>${fresh ? html`<p class="next"><${Icon} name="info" size=${14} />${say("user_made_next")}</p>` : null}</div>
    <footer><button type="button" class="button primary" onClick=${onClose}>${say("done")}</button></footer><//>`;
}

/** @param {{account: User, page: import("./users.js").Page, onSaved: () => void}} properties */
function About({ account, page, onSaved }) {
  const start = { title: account.title, organisation: account.organisation ?? "", department: account.department ?? "", post: account.post ?? "" };
  const [value, setValue] = useState(/** @type {Record<string, string>} */ (start));
  const [error, setError] = useState("");
  const dirty = Object.entries(start).some(([key, before]) => value[key] !== before);
  const save = async (/** @type {Event} */ event) => {
    event.preventDefault();
    setError("");
    try {
      await api.request(`/api/users/${encodeURIComponent(account.name)}`, { body: personBody(value) });
      announce(say("user_saved", { name: account.name }));
      onSaved();
    } catch (problem) {
      setError(api.asApiError(problem).sentence);
    }
  };
  return html`<form class="office-form" onSubmit=${save}><h3>${say("user_about")}</h3>
    <${PersonFields} value=${value} homes=${page.organisations} onInput=${(/** @type {Record<string, string>} */ more) => setValue({ ...value, ...more })} />
    ${error ? html`<p class="office-error" role="alert"><${Icon} name="triangle-alert" /><span>${error}</span></p>` : null}
    <div><button type="submit" class="button primary" disabled=${!dirty}>${say("save")}</button></div></form>`;
}

/** @param {{known: Known, onAsk: (what: any) => void}} properties */
function Keys({ known, onAsk }) {
  if (!known.keys.length) return html`<p class="quiet">${say("user_keys_none")}</p>`;
  return html`<ul class="plain-list">${known.keys.map((key) => html`<li><div><strong>${key.title}</strong> <span class="mono quiet">${key.prefix}</span>
    <div class="hint">${key.scopes.join(say("comma"))}　${key.revoked_at ? say("user_key_revoked") : say("user_key_holds", { time: formatMoment(key.expires_at) })}</div></div>
    ${key.revoked_at ? null : html`<button type="button" class="button outlined" onClick=${() => onAsk({ kind: "key", prefix: key.prefix })}>${say("user_key_revoke")}</button>`}</li>`)}</ul>`;
}

/** @param {{known: Known, onAsk: (what: any) => void}} properties */
function Login({ known, onAsk }) {
  const { account, sessions } = known;
  const last = account.last_login_at ? formatMoment(account.last_login_at) : say("user_never");
  return html`<section class="office-form"><h3>${say("user_login")}</h3>
    <p><${StateMark} user=${account} />　<span class="quiet">${say("user_last")}　${last}</span></p>
    <div class="button-row"><button type="button" class="button outlined" onClick=${() => onAsk({ kind: "password" })}>${say("user_reset")}</button>
      ${stateOf(account) === "active" ? html`<button type="button" class="button alert" onClick=${() => onAsk({ kind: "disable" })}>${say("user_disable")}</button>`
        : html`<button type="button" class="button primary" onClick=${() => onAsk({ kind: "enable" })}>${say("user_enable")}</button>`}</div>
    <h4>${say("user_sessions")}</h4>
    ${sessions.length ? html`<ul class="plain-list">${sessions.map((one) => html`<li><div>${say("user_session", { address: one.network_address ?? "–", time: formatMoment(one.seen_at) })}<div class="hint">${one.agent}</div></div></li>`)}</ul>
      <div><button type="button" class="button outlined" onClick=${() => onAsk({ kind: "sessions" })}>${say("user_sessions_end")}</button></div>` : html`<p class="quiet">${say("user_sessions_none")}</p>`}
    <h4>${say("user_keys")}</h4><${Keys} known=${known} onAsk=${onAsk} /></section>`;
}

/** @param {{name: string, page: import("./users.js").Page, onClose: () => void, onChanged: () => void, onPassword: (password: string) => void}} properties */
export function UserDrawer({ name, page, onClose, onChanged, onPassword }) {
  const reading = useMemo(() => resource((abort) => /** @type {Promise<Known>} */ (api.request(`/api/users/${encodeURIComponent(name)}`, { signal: abort }))), [name]);
  const [asked, setAsked] = useState(/** @type {any} */ (null));
  useEffect(() => { void reading.load(); }, [reading]);
  const known = reading.state.value.data;
  const again = () => { void reading.load(); onChanged(); };
  const path = `/api/users/${encodeURIComponent(name)}`;
  const ask = async (/** @type {any} */ what) => {
    if (what.kind === "enable" && await change(`${path}/enable`)) { announce(say("user_enabled", { name })); again(); }
    if (what.kind === "sessions") {
      const answer = await change(`${path}/sessions/end`);
      if (answer) { announce(say("user_sessions_ended", { count: answer.ended })); again(); }
    }
    if (["password", "disable", "key"].includes(what.kind)) setAsked(what);
  };
  const holding = known?.keys.filter((key) => !key.revoked_at).length ?? 0;
  return html`<aside class="office-drawer" aria-label=${name}>
    <header><div><h2>${known?.account.title ?? name}</h2><span class="mono quiet">${name}</span>${known ? html`<span class="hint">　${say("user_created", { time: formatMoment(known.account.created_at) })}</span>` : null}</div>
      <${IconButton} icon="x" label=${say("cancel")} onClick=${onClose} /></header>
    <${ReadingState} reading=${reading.state.value} failed=${say("user_failed")} onRetry=${() => reading.retry()} />
    ${known ? html`<div class="drawer-body"><p class="hint">${say("user_roles")}　${known.account.roles.map((key) => page.roles.find((role) => role.key === key)?.[lang.value] ?? key).join(say("comma")) || say("user_no_role")}</p>
      <${About} key=${`${name}${reading.state.value.at}`} account=${known.account} page=${page} onSaved=${again} /><${Login} known=${known} onAsk=${ask} /></div>` : null}
    ${asked?.kind === "password" ? html`<${Confirm} title=${say("user_reset_ask", { name })} what=${say("user_reset_what")} action=${say("user_reset")} onClose=${() => setAsked(null)}
      onDone=${async () => { const answer = await change(`${path}/password`); if (answer) { onPassword(answer.password); again(); } }} />` : null}
    ${asked?.kind === "disable" ? html`<${Confirm} title=${say("user_disable_ask", { name })} what=${say("user_disable_what", { sessions: known?.sessions.length ?? 0, keys: holding })} action=${say("user_disable")}
      onClose=${() => setAsked(null)} onDone=${async () => { if (await change(`${path}/disable`)) { announce(say("user_disabled", { name })); again(); } }} />` : null}
    ${asked?.kind === "key" ? html`<${Confirm} title=${say("user_key_revoke_ask", { prefix: asked.prefix })} what=${say("user_key_revoke_what")} action=${say("user_key_revoke")} onClose=${() => setAsked(null)}
      onDone=${async () => { if (await change(`${path}/keys/${asked.prefix}/revoke`)) again(); }} />` : null}</aside>`;
}
