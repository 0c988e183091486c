/** The log-in page: name and password, where wanted a code, where needed a new password; then back to where one came from. */
import { signal } from "@preact/signals";
import { render } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { asApiError, readMe, takeMe } from "../api.js";
import { lang } from "../i18n.js";
import { recallLook, showLook, theme, toggleLanguage, toggleTheme } from "../look.js";
import { html, Icon, IconButton } from "../ui.js";
import { CodeStep, OidcEntry } from "../login/code.js";
import { ErrorLine, PasswordField } from "./fields.js";
import { Factor } from "./factor.js";
import { logIn, readLogin } from "./me.js";
import { localTarget } from "./next.js";
import { PasswordForm } from "./password.js";
import { t } from "./words.js";

const address = new URLSearchParams(window.location.search);
/** @type {import("@preact/signals").Signal<{name: "password"} | {name: "code", ticket: string|null, password: string} | {name: "enrol"} | {name: "change", who: import("./me.js").Me, password: string}>} */
const step = signal({ name: "password" });
const offered = signal({ demo: /** @type {string[]} */ ([]), oidc: false });

const go = () => window.location.replace(localTarget(address.get("next"), window.location.hash, window.location.origin));

/** @param {import("./me.js").Me} who @param {string} password what was typed, so that it need not be typed again for a change */
function enter(who, password) {
  takeMe(who);
  if (who.must_enrol && !who.must_change) step.value = { name: "enrol" };
  else if (who.must_change) step.value = { name: "change", who, password };
  else go();
}

/** @param {{busy: boolean, text: string, busyText: string}} properties */
const Submit = ({ busy, text, busyText }) => html`<button type="submit" class="button primary" disabled=${busy}>${busy ? html`<${Icon} name="loader-circle" spin />` : null}<span>${busy ? busyText : text}</span></button>`;

function PasswordStep() {
  const name = useRef(/** @type {HTMLInputElement|null} */ (null));
  const password = useRef(/** @type {HTMLInputElement|null} */ (null));
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  useEffect(() => { name.current?.focus(); }, []);
  const send = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const [who, secret] = [name.current?.value.trim() ?? "", password.current?.value ?? ""];
    if (busy) return;
    if (!who || !secret) {
      setError(t("missing"));
      (who ? password : name).current?.focus();
      return;
    }
    setBusy(true);
    setError("");
    try {
      enter(await logIn(who, secret), secret);
    } catch (raised) {
      const told = asApiError(raised);
      if (told.problem?.type === "urn:wanmi:problem:second-factor-needed") {
        step.value = { name: "code", ticket: told.problem.ticket, password: secret };
        return;
      }
      setError(told.sentence);
      setBusy(false);
      password.current?.focus();
      password.current?.select();
    }
  };
  const fill = (/** @type {string} */ demo) => () => {
    if (name.current) name.current.value = demo;
    password.current?.focus();
  };
  const { demo, oidc } = offered.value;
  const next = address.get("next");
  return html`<form class="account-form" onSubmit=${send} novalidate>
    <div class="field"><label for="username">${t("name")}</label><input id="username" ref=${name} type="text" autocomplete="username" autocapitalize="off" spellcheck=${false} maxlength="32" aria-invalid=${error !== ""} /></div>
    <${PasswordField} id="password" label=${t("password")} autocomplete="current-password" field=${password} wrong=${error !== ""} />
    <${ErrorLine} text=${error} />
    <${Submit} busy=${busy} text=${t("login")} busyText=${t("busy")} />
    ${oidc ? html`<p class="or"><span>${t("or")}</span></p><${OidcEntry} title=${oidc} next=${next ?? "/"} refused=${address.get("refused")} />` : null}
    ${demo.length ? html`<section class="demo" aria-label=${t("demo")}><h2>${t("demo")}</h2><div>${demo.map((one) => html`<button type="button" class="button outlined mono" onClick=${fill(one)}>${one}</button>`)}</div>
      <p class="hint">${t("demo_hint")}</p></section>` : null}
  </form>`;
}

function Page() {
  const now = step.value;
  const dark = theme.value === "dark";
  return html`<div class="login"><div class="login-tools"><${IconButton} icon=${dark ? "sun" : "moon"} label=${t(dark ? "theme_light" : "theme_dark")} onClick=${toggleTheme} />
      <${IconButton} icon="languages" label=${t("language")} text=${lang.value === "zh" ? "EN" : "中"} onClick=${toggleLanguage} /></div>
    <main class="login-card"><header><img src="/static/icons/wanmi.svg" alt="" width="40" height="40" /><h1>${t("brand")}</h1><p>${t("login_title")}</p></header>
      ${now.name === "password" ? html`<${PasswordStep} />` : null}
      ${now.name === "code" ? html`<${CodeStep} ticket=${now.ticket} onDone=${(/** @type {import("./me.js").Me} */ who) => enter(who, now.password)} onRestart=${() => { step.value = { name: "password" }; }} />` : null}
      ${now.name === "enrol" ? html`<${Factor} required onDone=${go} />` : null}
      ${now.name === "change" ? html`<section class="must"><h2>${t("change_title")}</h2><p class="hint">${t("change_must")}</p><${PasswordForm} who=${now.who} known=${now.password} onDone=${go} /></section>` : null}
    </main></div>`;
}

recallLook();
showLook(() => `${t("brand")} · ${t("login")}`);
// what the page offers beside name and password is worth no error: both work without
readLogin().then((found) => { offered.value = found; }, () => {});
// somebody came here because the password has to be changed first
if (address.has("change") || address.has("enrol")) readMe().then((who) => enter(who, ""), () => {});
// back from the identity provider, whose ticket lies in a cookie
if (address.get("step") === "code") step.value = { name: "code", ticket: null, password: "" };
const root = /** @type {HTMLElement} */ (document.getElementById("app"));
root.replaceChildren();
render(html`<${Page} />`, root);
