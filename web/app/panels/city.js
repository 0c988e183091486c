/** The city page over the map: what is in this city, where is it from, may I use it, how fresh is it; and the cities side by side. */
import { computed, effect, signal, untracked } from "@preact/signals";
import * as api from "../api.js";
import { formatCount, formatMoment, formatNumber } from "../format.js";
import { lang, t, titled } from "../i18n.js";
import { changes } from "../inventory.js";
import { resource } from "../resource.js";
import * as state from "../state.js";
import { Dialog, html, Icon, IconButton, Notice, ReadingState } from "../ui.js";
import { Comparison, figures } from "./citycompare.js";
import { DatasetTable, degrees, resetTable } from "./citytable.js";

/** @typedef {import("../inventory.js").Inventory} Inventory */

export const inventory = resource((abort, /** @type {string} */ city) => /** @type {Promise<Inventory>} */ (api.readDatasets(city, abort)));
/** The same, read again when the screen gets the attention back; shown only when asked for. */
const later = resource((abort, /** @type {string} */ city) => /** @type {Promise<Inventory>} */ (api.readDatasets(city, abort)));
/** Which city the readings are of. */
const readFor = signal(/** @type {string|null} */ (null));

/** Reads the page with everything else; coming back to it only looks whether something was loaded since. */
export function linkCityPage() {
  const open = computed(() => state.page.value !== null);
  effect(() => {
    const key = state.city.value?.key;
    state.revision.value;
    if (!open.value || !key) return;
    untracked(() => {
      if (readFor.peek() !== key) inventory.clear();
      readFor.value = key;
      later.clear();
      void inventory.load(key);
    });
  });
  effect(() => { state.revision.value; if (state.page.value === "cities") void figures.load(); });
  effect(() => { if (!open.value) resetTable(); });
  const look = () => {
    const key = state.city.peek()?.key;
    if (document.visibilityState === "visible" && state.page.peek() && key && inventory.state.peek().data) void later.load(key);
  };
  window.addEventListener("focus", look);
  document.addEventListener("visibilitychange", look);
}

const several = () => (state.cities.state.value.data?.cities ?? []).length > 1;

/** @param {{which: "city"|"cities", at: number|null, busy: boolean}} properties */
function Head({ which, at, busy }) {
  const tab = (/** @type {"city"|"cities"} */ value, /** @type {string} */ text) => html`<button type="button" aria-pressed=${which === value}
    onClick=${() => { state.dialog.value = value; }}>${text}</button>`;
  return html`${several() ? html`<div class="tabs" role="group" aria-label=${t("city_view")}>${tab("city", titled(state.city.value?.title) || "…")}${tab("cities", t("city_compare"))}</div>` : null}
    <span class="space"></span>
    ${at ? html`<span class="hint">${t("city_as_of", { time: formatMoment(at, true).slice(11) })}</span>` : null}
    <${IconButton} icon=${busy ? "loader-circle" : "refresh-cw"} class=${busy ? "turning" : ""} label=${t("city_refresh")} onClick=${() => { state.revision.value += 1; }} />`;
}

/** Says that the page is no longer what the database holds. @param {{data: Inventory}} properties */
function Newer({ data }) {
  const reading = later.state.value;
  if (reading.status === "failed") return html`<${ReadingState} reading=${{ ...reading, status: "stale", data, at: inventory.state.value.at }} failed="" onRetry=${() => later.retry()} />`;
  if (!reading.data) return null;
  const { titles, rows } = changes(data, reading.data);
  if (!titles.length && !rows) return null;
  const names = titles.slice(0, 3).map(titled).join(t("comma"));
  return html`<div class="stale newer" role="status"><${Icon} name="history" size=${14} />
    <span>${titles.length ? t("city_newer", { count: titles.length, titles: titles.length > 3 ? `${names}…` : names }) : t("city_newer_rows")}</span>
    <button type="button" class="link" onClick=${() => { state.revision.value += 1; }}>${t("city_newer_show")}</button></div>`;
}

/** @param {{city: import("../state.js").City}} properties */
function Facts({ city }) {
  const [west, south, east, north] = city.bbox;
  const calendar = city.calendar === "cn" ? t("city_calendar_cn") : city.calendar;
  const fact = (/** @type {string} */ name, /** @type {any} */ value) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`;
  return html`<dl class="facts">
    ${fact(t("city_prefix"), html`<span class="mono">${city.prefix}</span>`)}
    ${fact(t("city_profile"), titled(city.profile_title))}
    ${fact(t("city_metric"), html`${titled(city.metric_title)} <span class="hint">EPSG:${city.metric_srid}</span>`)}
    ${fact(t("city_datum"), city.datum)}
    ${fact(t("city_envelope"), degrees([west, south, east, north]))}
    ${fact(t("city_calendar"), calendar)}
    ${fact(t("city_map_number"), city.map_number ?? html`<span class="quiet">${t("city_map_none")}</span>`)}
  </dl>`;
}

/** @param {{totals: Inventory["totals"], layers: number}} properties */
function Totals({ totals, layers }) {
  const total = (/** @type {string} */ name, /** @type {string} */ value, /** @type {string|null} */ hint = null) => html`<li><span>${name}</span><strong>${value}</strong>${hint ? html`<small>${hint}</small>` : null}</li>`;
  return html`<ul class="totals">
    ${total(t("city_total_rows"), formatCount(totals.rows, totals.exact, lang.value), totals.unplaced ? t("city_total_unplaced", { count: formatNumber(totals.unplaced, 0) }) : t("city_total_placed"))}
    ${total(t("city_total_layers"), `${totals.layers}`, t("city_total_of", { count: layers }))}
    ${total(t("city_total_datasets"), `${totals.datasets}`, totals.loaded_at ? t("city_total_loaded", { time: formatMoment(totals.loaded_at) }) : null)}
  </ul>`;
}

/** @param {{city: import("../state.js").City, data: Inventory}} properties */
function About({ city, data }) {
  return html`<section class="about-city" aria-label=${t("city_about")}>
    <div class="naming"><h3>${titled(city.title)}</h3>${lang.value === "zh" && city.title.en !== city.title.zh ? html`<span class="quiet" lang="en">${city.title.en}</span>` : null}
      ${city.notice ? html`<p class="chip"><${Icon} name="info" size=${13} /><span>${titled(city.notice)}</span></p>` : null}</div>
    <${Facts} city=${city} /><${Totals} totals=${data.totals} layers=${data.layers.length} />
  </section>`;
}

function OneCity() {
  const reading = inventory.state.value;
  const city = state.city.value;
  if (!city || readFor.value !== city.key) return html`<${Notice} icon="loader-circle" spin text=${t("loading")} />`;
  const data = reading.data;
  return html`<${ReadingState} reading=${reading} failed=${t("city_failed")} onRetry=${() => inventory.retry()} />
    ${data ? html`<${Newer} data=${data} /><${About} city=${city} data=${data} />
      ${data.totals.rows || data.datasets.length ? null : html`<${Notice} icon="inbox" text=${t("city_empty")} />`}
      <${DatasetTable} city=${city} data=${data} now=${reading.at ?? 0} />` : null}`;
}

export function CityPage() {
  const which = state.page.value === "cities" && several() ? "cities" : "city";
  const reading = which === "cities" ? figures.state.value : inventory.state.value;
  const busy = ["loading", "refreshing"].includes(reading.status);
  const none = state.cities.state.value.data?.cities?.length === 0;
  return html`<${Dialog} title=${t("city_page")} kind="city-page" head=${html`<${Head} which=${which} at=${reading.at} busy=${busy} />`} onClose=${() => { state.dialog.value = null; }}>
    <div class="city-body" tabindex="-1" autofocus aria-busy=${busy}>${none ? html`<${Notice} icon="inbox" text=${t("cities_none")} />` : which === "cities" ? html`<${Comparison} />` : html`<${OneCity} />`}</div>
  <//>`;
}
