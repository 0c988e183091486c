/** The cities side by side: a column for each, a row for each key figure. */
import * as api from "../api.js";
import { formatAge, formatCount, formatMoment, formatNumber } from "../format.js";
import { lang, t, titled } from "../i18n.js";
import { resource } from "../resource.js";
import * as state from "../state.js";
import { html, ReadingState } from "../ui.js";

/**
 * @typedef {import("../format.js").Title} Title
 * @typedef {{id: string, title: Title, rows: number, exact: boolean}} Figure
 * @typedef {{key: string, title: Title, area_km2: number, area_of: Title|null, datasets: number, loaded_at: string|null, layers: Figure[]}} CityFigures
 */

export const figures = resource((abort) => /** @type {Promise<{cities: CityFigures[]}>} */ (api.readFigures(abort)));

/** A number with a bar beside it, as long as its share of the largest in its row. @param {{text: string, value: number, most: number, hint?: string|null}} properties */
function Bar({ text, value, most, hint = null }) {
  return html`<div class="bar-cell"><span class=${value ? "value" : "value quiet"}>${text}</span>${hint ? html`<small>${hint}</small>` : null}
    <span class="bar" aria-hidden="true"><span style=${{ width: `${most ? (100 * value) / most : 0}%` }}></span></span></div>`;
}

/** @param {{name: string, cells: {text: string, value: number, hint?: string|null}[]}} properties */
function Row({ name, cells }) {
  const most = Math.max(...cells.map((cell) => cell.value));
  return html`<tr><th scope="row">${name}</th>${cells.map((cell) => html`<td><${Bar} ...${cell} most=${most} /></td>`)}</tr>`;
}

/** @param {string} key */
function choose(key) {
  state.chooseCity(key);
  state.dialog.value = "city";
}

/** @param {{cities: CityFigures[], now: number}} properties */
function Table({ cities, now }) {
  const head = (/** @type {CityFigures} */ city) => html`<th scope="col" class=${city.key === state.cityKey.value ? "here" : ""} data-city=${city.key}>
    <button type="button" class="link" aria-current=${city.key === state.cityKey.value ? "true" : undefined} title=${t("city_switch", { title: titled(city.title) })} onClick=${() => choose(city.key)}>${titled(city.title)}</button>
    ${city.key === state.cityKey.value ? html`<small>${t("city_here")}</small>` : null}</th>`;
  const counted = (/** @type {Figure} */ { rows, exact }) => ({ text: formatCount(rows, exact, lang.value), value: rows });
  return html`<div class="scroll"><table class="comparison"><caption class="visually-hidden">${t("city_compare")}</caption>
    <thead><tr><td></td>${cities.map(head)}</tr></thead>
    <tbody>${(cities[0]?.layers ?? []).map((layer, index) => html`<${Row} key=${layer.id} name=${titled(layer.title)} cells=${cities.map((city) => counted(city.layers[index]))} />`)}
      <${Row} name=${t("city_area")} cells=${cities.map((city) => ({ text: formatNumber(city.area_km2, city.area_km2 < 100 ? 1 : 0), value: city.area_km2, hint: city.area_of ? t("city_area_of", { layer: titled(city.area_of) }) : t("city_area_envelope") }))} />
      <${Row} name=${t("city_total_datasets")} cells=${cities.map((city) => ({ text: String(city.datasets), value: city.datasets }))} />
      <tr><th scope="row">${t("city_loaded")}</th>${cities.map((city) => html`<td>${city.loaded_at ? html`${formatMoment(city.loaded_at)}<small>${formatAge(city.loaded_at, now, lang.value)}</small>` : html`<span class="quiet">${t("city_never")}</span>`}</td>`)}</tr>
    </tbody></table></div>`;
}

export function Comparison() {
  const reading = figures.state.value;
  return html`<${ReadingState} reading=${reading} failed=${t("city_figures_failed")} onRetry=${() => figures.retry()} />
    ${reading.data ? html`<${Table} cities=${reading.data.cities} now=${reading.at ?? 0} />` : null}`;
}
