/** One's own API keys: made, copied once, revoked. */
import { useEffect, useRef, useState } from "preact/hooks";
import { asApiError } from "../api.js";
import { formatMoment } from "../format.js";
import { titled } from "../i18n.js";
import { announce, dialog } from "../state.js";
import { Dialog, html, Icon, IconButton, Notice, ReadingState } from "../ui.js";
import { ErrorLine } from "./fields.js";
import { keys, makeKey, me, revokeKey } from "./me.js";
import { t } from "./words.js";

const TERMS = [30, 90, 180, 366];

/** @param {{made: import("./me.js").KeyRow, onSeen: () => void}} properties */
function NewKey({ made, onSeen }) {
  const box = useRef(/** @type {HTMLInputElement|null} */ (null));
  useEffect(() => { box.current?.focus(); box.current?.select(); }, []);
  const [copied, setCopied] = useState(false);
  const take = async () => {
    box.current?.focus();
    box.current?.select();
    // intranets often have no https, where the clipboard is closed to scripts: what is selected can still be copied
    const done = window.isSecureContext ? navigator.clipboard.writeText(made.secret ?? "").then(() => true, () => false) : document.execCommand("copy");
    setCopied(await done);
  };
  return html`<div class="new-key" role="status"><p><${Icon} name="triangle-alert" /><strong>${t("key_once")}</strong></p>
    <div class="field-box"><input id="new-key" ref=${box} class="mono" type="text" readonly aria-label=${t("key_secret")} value=${made.secret} onFocus=${() => box.current?.select()} />
      <${IconButton} icon="copy" class="primary" label=${t("key_copy")} text=${t(copied ? "key_copied" : "key_copy")} onClick=${take} /><${IconButton} icon="check" class="outlined" label=${t("key_saved")} text=${t("key_saved")} onClick=${onSeen} /></div></div>`;
}

/** @param {{scopes: {key: string, zh: string, en: string}[], longest: number, onMade: (made: import("./me.js").KeyRow) => void}} properties */
function MakeForm({ scopes, longest, onMade }) {
  const title = useRef(/** @type {HTMLInputElement|null} */ (null));
  const [chosen, setChosen] = useState(["read"]);
  const [days, setDays] = useState(90);
  const [error, setError] = useState("");
  const make = async (/** @type {Event} */ event) => {
    event.preventDefault();
    setError("");
    try {
      const made = await makeKey({ title: title.current?.value ?? "", scopes: chosen, days });
      if (title.current) title.current.value = "";
      onMade(made);
    } catch (raised) {
      setError(asApiError(raised).sentence);
      title.current?.focus();
    }
  };
  const toggle = (/** @type {string} */ key) => setChosen(chosen.includes(key) ? chosen.filter((one) => one !== key) : [...chosen, key]);
  return html`<form class="key-form" onSubmit=${make} novalidate>
    <label class="field"><span>${t("key_title")}</span><input id="key-title" ref=${title} type="text" maxlength="100" autocomplete="off" /></label>
    <fieldset><legend>${t("key_scopes")}</legend>${scopes.map((scope) => html`<label class="choice"><input type="checkbox" value=${scope.key} checked=${chosen.includes(scope.key)} onChange=${() => toggle(scope.key)} /><span>${titled(scope)}</span></label>`)}</fieldset>
    <label class="field"><span>${t("key_days")}</span><select value=${days} onChange=${(/** @type {Event} */ event) => setDays(Number(/** @type {HTMLSelectElement} */ (event.target).value))}>
      ${TERMS.filter((term) => term <= longest).map((term) => html`<option value=${term} selected=${term === days}>${t("key_days_value", { days: term })}</option>`)}</select></label>
    <button type="submit" class="button primary"><${Icon} name="plus" /><span>${t("key_make")}</span></button>
    <${ErrorLine} text=${error} />
  </form>`;
}

/** @param {{row: import("./me.js").KeyRow, scopes: {key: string, zh: string, en: string}[]}} properties */
function Row({ row, scopes }) {
  const [sure, setSure] = useState(false);
  const over = row.revoked_at ? t("key_revoked") : Date.parse(row.expires_at) <= Date.now() ? t("key_expired") : null;
  const revoke = async () => {
    if (!sure) return setSure(true);
    try {
      await revokeKey(row.prefix);
      announce(t("key_gone", { prefix: row.prefix }));
    } catch (error) {
      announce(asApiError(error).sentence);
    }
    return keys.load();
  };
  return html`<tr class=${over ? "over" : ""}><th scope="row">${row.title}</th><td class="mono">${row.prefix}…</td>
    <td>${row.scopes.map((key) => titled(scopes.find((scope) => scope.key === key))).join("、")}</td><td>${formatMoment(Date.parse(row.expires_at)).slice(0, 10)}</td>
    <td>${row.last_used_at ? formatMoment(Date.parse(row.last_used_at)) : t("key_never")}</td>
    <td class="act">${over ? html`<span class="quiet">${over}</span>` : html`<button type="button" class=${sure ? "button alert" : "button outlined"} onClick=${revoke} onBlur=${() => setSure(false)}>${t(sure ? "key_sure" : "key_revoke")}</button>`}</td></tr>`;
}

export function KeysDialog() {
  const [made, setMade] = useState(/** @type {import("./me.js").KeyRow|null} */ (null));
  useEffect(() => { void keys.load(); }, []);
  const reading = keys.state.value;
  const found = reading.data;
  const take = (/** @type {import("./me.js").KeyRow} */ row) => { setMade(row); void keys.load(); };
  return html`<${Dialog} title=${t("keys")} kind="account wide" onClose=${() => { dialog.value = null; }}>
    <${ReadingState} reading=${reading} failed=${t("keys_failed")} onRetry=${() => keys.retry()} />
    ${found && !found.allowed ? html`<${Notice} icon="info" text=${t("keys_not")} />` : null}
    ${found?.allowed ? html`<p class="hint about">${t("keys_hint", { name: me.state.value.data?.name ?? "" })}</p>
      ${made ? html`<${NewKey} key=${made.prefix} made=${made} onSeen=${() => setMade(null)} />` : html`<${MakeForm} scopes=${found.scopes} longest=${found.longest_days} onMade=${take} />`}
      ${found.keys.length ? html`<div class="account-table"><table><thead><tr><th scope="col">${t("key_title")}</th><th scope="col">${t("key_prefix")}</th><th scope="col">${t("key_scopes")}</th>
        <th scope="col">${t("key_expires")}</th><th scope="col">${t("key_used")}</th><th scope="col"><span class="visually-hidden">${t("key_state")}</span></th></tr></thead>
        <tbody>${found.keys.map((row) => html`<${Row} key=${row.prefix} row=${row} scopes=${found.scopes} />`)}</tbody></table></div>` : html`<${Notice} icon="inbox" text=${t("keys_none")} />`}` : null}
  <//>`;
}
