/** A new password: as a dialog of the account menu, and on the log-in page when it has to be changed. */
import { useEffect, useRef, useState } from "preact/hooks";
import { asApiError } from "../api.js";
import { titled } from "../i18n.js";
import { announce, dialog } from "../state.js";
import { Dialog, html, Icon } from "../ui.js";
import { ErrorLine, PasswordField } from "./fields.js";
import { changePassword, me } from "./me.js";
import { t } from "./words.js";

/**
 * @param {{who: import("./me.js").Me, known?: string, onDone: (me: import("./me.js").Me) => void}} properties known: the old password, where it was typed just now
 */
export function PasswordForm({ who, known = "", onDone }) {
  const old = useRef(/** @type {HTMLInputElement|null} */ (null));
  const fresh = useRef(/** @type {HTMLInputElement|null} */ (null));
  const again = useRef(/** @type {HTMLInputElement|null} */ (null));
  const [error, setError] = useState({ text: "", field: "" });
  const [busy, setBusy] = useState(false);
  useEffect(() => { (known ? fresh : old).current?.focus(); }, []);

  /** @param {string} text @param {string} field @param {typeof old} box */
  const refuse = (text, field, box) => {
    setError({ text, field });
    box.current?.focus();
    box.current?.select();
  };
  const send = async (/** @type {Event} */ event) => {
    event.preventDefault();
    if (busy) return;
    const [before, wanted, repeated] = [known || (old.current?.value ?? ""), fresh.current?.value ?? "", again.current?.value ?? ""];
    if (!before || !wanted || !repeated) return refuse(t("change_missing"), "", !before ? old : !wanted ? fresh : again);
    if (wanted !== repeated) return refuse(t("change_differs"), "repeat", again);
    setBusy(true);
    setError({ text: "", field: "" });
    try {
      onDone(await changePassword(before, wanted));
    } catch (raised) {
      const told = asApiError(raised);
      refuse(told.sentence, told.problem?.field ?? "", told.problem?.field === "old" && !known ? old : fresh);
    } finally {
      setBusy(false);
    }
  };
  return html`<form class="account-form" onSubmit=${send} novalidate>
    <input class="visually-hidden" type="text" name="username" autocomplete="username" value=${who.name} readonly tabindex="-1" aria-hidden="true" />
    ${known ? null : html`<${PasswordField} id="password-old" label=${t("change_old")} autocomplete="current-password" field=${old} wrong=${error.field === "old"} />`}
    <${PasswordField} id="password-new" label=${t("change_new")} autocomplete="new-password" field=${fresh} wrong=${error.field === "new"} />
    <p class="hint rules">${titled(who.password_rules)}</p>
    <${PasswordField} id="password-again" label=${t("change_repeat")} autocomplete="new-password" field=${again} wrong=${error.field === "repeat"} />
    <${ErrorLine} text=${error.text} />
    <button type="submit" class="button primary" disabled=${busy}>${busy ? html`<${Icon} name="loader-circle" spin />` : null}<span>${t(busy ? "change_busy" : "change_do")}</span></button>
  </form>`;
}

export function PasswordDialog() {
  const close = () => { dialog.value = null; };
  const who = me.state.value.data;
  const done = (/** @type {import("./me.js").Me} */ now) => {
    me.give(now);
    close();
    announce(t("change_done"));
  };
  return html`<${Dialog} title=${t("change_title")} kind="account" onClose=${close}>${who ? html`<${PasswordForm} who=${who} onDone=${done} />` : null}<//>`;
}
