/** The administration page: who is here, one tab per panel of theirs, and the panel that is open. */
import { render } from "preact";
import { useEffect } from "preact/hooks";
import { computed } from "@preact/signals";
import { lang, titled } from "../i18n.js";
import { resource } from "../resource.js";
import { recallLook, showLook, theme, toggleLanguage, toggleTheme } from "../look.js";
import { announcement } from "../state.js";
import { html, Icon, IconButton, Notice } from "../ui.js";
import { me } from "../account/me.js";
import { AccountDialogs, AccountMenu, linkAccount, SessionEnded } from "../account/menu.js";
import { address, goTo } from "./address.js";
import { PANELS } from "./panels.js";
import { t } from "./texts.js";

const mine = computed(() => PANELS.filter((panel) => me.state.value.data?.counters.includes(panel.counter)));
const open = computed(() => mine.value.find((panel) => panel.counter === address.value.get("panel")) ?? mine.value[0] ?? null);
const loaded = resource(async (_, /** @type {import("./panels.js").PanelEntry} */ panel) => ({ panel, Panel: (await panel.load()).Panel }));

/** @param {KeyboardEvent} event */
function onTabKey(event) {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step || !open.value) return;
  const next = mine.value[(mine.value.indexOf(open.value) + step + mine.value.length) % mine.value.length];
  goTo({ panel: next.counter });
  document.getElementById(`tab-${next.counter}`)?.focus();
}

function Tabs() {
  return html`<div class="admin-tabs" role="tablist" aria-label=${t("panels")} onKeyDown=${onTabKey}>
    ${mine.value.map((panel) => html`<button type="button" role="tab" id=${`tab-${panel.counter}`} aria-controls="panel" aria-selected=${panel === open.value}
      tabindex=${panel === open.value ? 0 : -1} onClick=${() => goTo({ panel: panel.counter })}>${titled(panel.title)}</button>`)}</div>`;
}

function Top() {
  const dark = theme.value === "dark";
  return html`<header class="top">
    <h1><img src="/static/icons/wanmi.svg" alt="" width="24" height="24" /><span class="brand">${t("brand")}</span><span class="screen">${t("screen")}</span></h1>
    <${Tabs} />
    <div class="tools">
      <${IconButton} icon=${dark ? "sun" : "moon"} label=${t(dark ? "theme_light" : "theme_dark")} shortcut="D" onClick=${toggleTheme} />
      <${IconButton} icon="languages" label=${t("language")} text=${lang.value === "zh" ? "EN" : "中"} shortcut="E" onClick=${toggleLanguage} />
      <span class="divider"></span><${AccountMenu} />
    </div>
  </header>`;
}

/** The panel, or why there is none. */
function Body() {
  const { status, data, error } = me.state.value;
  const entry = open.value;
  useEffect(() => { if (entry) void loaded.load(entry); }, [entry]);
  if (error?.status === 401) {
    return html`<div class="admin-notice"><${Notice} icon="info" text=${t("me_stranger")} /><a class="button primary" href="/login?next=/admin">${t("me_login")}</a></div>`;
  }
  if (status === "failed") return html`<${Notice} icon="triangle-alert" alert text=${t("me_failed")} hint=${error?.sentence} onRetry=${() => me.retry()} />`;
  if (!data) return html`<div class="admin-notice"><${Icon} name="loader-circle" size=${20} spin /></div>`;
  if (!data.roles.length) return html`<${Notice} icon="info" text=${t("ungranted")} hint=${t("ungranted_hint")} />`;
  if (!entry) return html`<${Notice} icon="inbox" text=${t("none")} hint=${t("none_hint")} />`;
  const reading = loaded.state.value;
  if (reading.status === "failed" || (reading.status === "stale" && reading.data?.panel !== entry)) {
    return html`<${Notice} icon="triangle-alert" alert text=${t("panel_failed", { title: titled(entry.title) })} onRetry=${() => loaded.retry()} />`;
  }
  if (reading.data?.panel !== entry) return html`<div class="admin-notice"><${Icon} name="loader-circle" size=${20} spin /></div>`;
  return html`<${reading.data.Panel} />`;
}

function App() {
  return html`<div class="admin"><${Top} />
    <main id="panel" role="tabpanel" aria-labelledby=${open.value ? `tab-${open.value.counter}` : undefined}><${Body} /></main>
    <div class="toast" role="status" aria-live="polite">${announcement.value ? html`<span>${announcement.value}</span>` : null}</div>
    <${AccountDialogs} /><${SessionEnded} /></div>`;
}

/** @param {KeyboardEvent} event */
function onKey(event) {
  const target = /** @type {HTMLElement} */ (event.target);
  if (event.ctrlKey || event.metaKey || event.altKey || target.matches("input, select, textarea")) return;
  const action = { d: toggleTheme, e: toggleLanguage }[event.key.toLowerCase()];
  if (action) { event.preventDefault(); action(); }
}

recallLook();
showLook(() => `${t("brand")} · ${t("screen")}`);
document.addEventListener("keydown", onKey);
linkAccount();
const root = /** @type {HTMLElement} */ (document.getElementById("app"));
root.replaceChildren();
render(html`<${App} />`, root);
