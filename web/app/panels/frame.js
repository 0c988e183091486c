/** What stands around the map: top bar, controls on the map, status line, banners. */
import { AccountMenu } from "../account/menu.js";
import { lastAnswer, online, probe } from "../api.js";
import { formatPosition } from "../coordinates.js";
import { formatLength, formatMoment, formatNumber, metresPerPixel, scaleBar, scaleDenominator } from "../format.js";
import { lang, t, titled } from "../i18n.js";
import { toggleLanguage, toggleTheme } from "../look.js";
import { home, northUp, refresh, zoomBy } from "../map/engine.js";
import { unfinished } from "../jobs.js";
import * as state from "../state.js";
import { copy, html, Icon, IconButton } from "../ui.js";
import { toggleList, toggleMeasure } from "../keys.js";
import { SearchBox } from "./search.js";

function CityChoice() {
  const reading = state.cities.state.value;
  const known = /** @type {import("../state.js").City[]} */ (reading.data?.cities ?? []);
  if (reading.status === "failed") {
    return html`<button type="button" class="button alert" onClick=${() => state.cities.retry()}><${Icon} name="triangle-alert" /><span>${t("cities_failed")}　${t("retry")}</span></button>`;
  }
  return html`<label class="city"><span class="visually-hidden">${t("city")}</span><${Icon} name="map-pin" />
    <select id="city" value=${state.cityKey.value ?? ""} disabled=${known.length === 0} onChange=${(/** @type {Event} */ event) => state.chooseCity(/** @type {HTMLSelectElement} */ (event.target).value)}>
      ${known.length ? known.map((city) => html`<option value=${city.key} selected=${city.key === state.cityKey.value}>${titled(city.title)}</option>`) : html`<option>…</option>`}
    </select></label>`;
}


/** Opens the jobs; says how many are under way. */
function JobsButton() {
  const count = unfinished.value.length;
  const label = count ? t("jobs_open_running", { count }) : t("jobs_open");
  return html`<button type="button" class="button jobs-open" aria-label=${label} title=${label} aria-keyshortcuts="J" onClick=${() => { state.dialog.value = "jobs"; }}>
    <${Icon} name="list-checks" /><span>${t("jobs")}</span>${count ? html`<span class="badge">${count}</span>` : null}</button>`;
}

export function TopBar() {
  const dark = state.theme.value === "dark";
  return html`<header class="top">
    <h1><img src="/static/icons/wanmi.svg" alt="" width="24" height="24" /><span class="brand">${t("brand")}</span><span class="screen">${t("screen")}</span></h1>
    <${CityChoice} /><${IconButton} icon="info" class="city-open" label=${`${t("city_page")}（I）`} text=${t("city_page")} shortcut="I" disabled=${!state.city.value} onClick=${() => { state.dialog.value = "city"; }} />
    <${SearchBox} />
    <div class="tools" role="toolbar" aria-label=${t("tools")}>
      <${IconButton} icon="table-2" label=${`${t("list")}（T）`} text=${t("list")} shortcut="T" pressed=${state.list.value !== null} onClick=${toggleList} />
      <${IconButton} icon="ruler" label=${`${t("measure")}（M）`} text=${t("measure")} shortcut="M" pressed=${state.measureMode.value !== null} disabled=${state.mapState.value === "nowebgl"} onClick=${toggleMeasure} />
      <${IconButton} icon="camera" label=${`${t("sheet")}（P）`} text=${t("sheet")} shortcut="P" disabled=${state.mapState.value === "nowebgl"} onClick=${() => { state.dialog.value = "sheet"; }} />
      <${JobsButton} />
      <span class="divider"></span>
      <${IconButton} icon=${dark ? "sun" : "moon"} label=${t(dark ? "theme_light" : "theme_dark")} shortcut="D" onClick=${toggleTheme} />
      <${IconButton} icon="languages" label=${t("language")} text=${lang.value === "zh" ? "EN" : "中"} shortcut="E" onClick=${toggleLanguage} />
      <${IconButton} icon="keyboard" label=${t("help")} shortcut="?" onClick=${() => { state.dialog.value = "help"; }} />
      <${AccountMenu} />
    </div>
  </header>`;
}

export function MapControls() {
  const at = state.view.value;
  if (state.mapState.value === "nowebgl") return null;
  const turned = at && (Math.abs(at.bearing) > 0.5 || at.pitch > 0.5);
  return html`<div class="map-controls" role="group" aria-label=${t("map_controls")}>
    ${turned ? html`<${IconButton} icon="navigation-2" label=${t("north")} onClick=${northUp} />` : null}
    <${IconButton} icon="plus" label=${t("zoom_in")} onClick=${() => zoomBy(1)} /><${IconButton} icon="minus" label=${t("zoom_out")} onClick=${() => zoomBy(-1)} />
    <${IconButton} icon="house" label=${t("home")} shortcut="H" onClick=${home} /></div>`;
}

export function ScaleBar() {
  const at = state.view.value;
  if (!at || state.mapState.value === "nowebgl") return null;
  const bar = scaleBar(metresPerPixel(at.zoom, at.lat), 120);
  return html`<div class="scale-bar" style=${{ width: `${bar.pixels}px` }}>${formatLength(bar.length, lang.value)}</div>`;
}

/** What is wrong with the map or the server, over the map. */
export function Banners() {
  const trouble = state.mapTrouble.value;
  const empty = state.layers.value.length > 0 && state.layers.value.every((layer) => layer.count === 0);
  const noCity = state.cities.state.value.data?.cities?.length === 0;
  return html`<div class="banners">
    ${online.value ? null : html`<div class="banner alert" role="alert"><${Icon} name="wifi-off" /><div><strong>${t("lost")}</strong><span>${t("lost_since", { time: formatMoment(lastAnswer.value, true).slice(11) })}</span></div>
      <button type="button" class="button outlined" onClick=${probe}>${t("retry")}</button></div>`}
    ${trouble && online.value ? html`<div class="banner" role="status"><${Icon} name="triangle-alert" /><span>${t(trouble === "style" ? "map_failed" : trouble === "tiles" ? "tiles_failed" : "webgl_lost")}</span>
      ${trouble === "context" ? null : html`<button type="button" class="button outlined" onClick=${refresh}>${t("retry")}</button>`}</div>` : null}
    ${empty ? html`<div class="banner" role="status"><${Icon} name="inbox" /><span>${t("city_empty")}</span></div>` : null}
    ${noCity ? html`<div class="banner" role="status"><${Icon} name="info" /><span>${t("cities_none")}</span></div>` : null}
  </div>`;
}

export function NoWebGL() {
  if (state.mapState.value !== "nowebgl") return null;
  return html`<div class="nowebgl" role="alert"><${Icon} name="triangle-alert" size=${28} /><p>${t("nowebgl")}</p><p class="hint">${t("nowebgl_hint")}</p></div>`;
}

export function StatusLine() {
  const at = state.view.value;
  const here = state.pointer.value;
  const city = state.city.value;
  const busy = state.mapState.value === "busy";
  const failed = state.mapTrouble.value === "style" || state.cities.state.value.status === "failed";
  return html`<footer class="status">
    <span class="position mono">${here ? formatPosition(here) : html`<span class="quiet">${t("position_none")}</span>`}</span>
    <${IconButton} icon="copy" label=${t("position_copy")} shortcut="C" disabled=${!here} onClick=${() => here && copy(formatPosition(here))} />
    <span class="quiet">CGCS2000</span>
    ${at ? html`<span>${t("zoom", { zoom: at.zoom.toFixed(1) })}</span><span>${t("scale", { scale: formatNumber(scaleDenominator(at.zoom, at.lat), 0) })}</span>` : null}
    <span class="drawing" role="status">${state.mapState.value === "nowebgl" || failed ? null : html`<${Icon} name=${busy ? "loader-circle" : "check"} size=${13} spin=${busy} /><span>${t(busy ? "map_busy" : "map_idle")}</span>`}</span>
    <span class="space"></span>
    ${city?.notice ? html`<button type="button" class="city-notice" title=${titled(city.notice)} onClick=${() => state.announce(titled(city.notice), 12_000)}>
      <${Icon} name="info" size=${13} /><span>${titled(city.notice)}</span></button>` : null}
    ${city ? html`<span class="map-number">${city.map_number ? t("map_number", { number: city.map_number }) : t("map_number_none")}</span>` : null}
  </footer>`;
}

/** Short messages, read aloud too. */
export function Announcement() {
  return html`<div class="toast" role="status" aria-live="polite">${state.announcement.value ? html`<span>${state.announcement.value}</span>` : null}</div>
    <div class="visually-hidden" role="status" aria-live="polite">${state.whisper.value}</div>`;
}
