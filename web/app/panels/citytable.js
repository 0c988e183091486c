/** The datasets of a city: where each is from, whether it may be used, what it holds, how fresh it is; from here to the map. */
import { batch, computed, signal } from "@preact/signals";
import { formatAge, formatCount, formatDuration, formatMoment, formatNumber } from "../format.js";
import { lang, t, titled } from "../i18n.js";
import { CHECKS, extentPicture, faults, matches, sections, sharedArea, sorted } from "../inventory.js";
import { focusLater } from "../keys.js";
import { fit, focusMap } from "../map/engine.js";
import * as state from "../state.js";
import { html, Icon, IconButton, Notice } from "../ui.js";

/** @typedef {import("../inventory.js").Entry} Entry */
/** @typedef {import("../inventory.js").Inventory} Inventory */
/** @typedef {import("../inventory.js").Column} Column */
/** @typedef {import("../api.js").Bbox} Bbox */

const words = signal("");
/** The one check that rows are asked for. */
const check = signal(/** @type {string|null} */ (null));
/** Without it the rows stand as the layer tree has them. */
const order = signal(/** @type {{column: Column, down: boolean}|null} */ (null));
const opened = signal(/** @type {Set<string>} */ (new Set()));
const COLUMNS = 7;
const PICTURE = { width: 54, height: 38 };

/** The table as it is first seen. */
export const resetTable = () => batch(() => { words.value = ""; check.value = null; order.value = null; opened.value = new Set(); });

const KIND = computed(() => ({ stream: t("city_kind_stream"), raster: t("city_kind_raster") }));
const CHECK_WORDS = /** @type {const} */ ({ faults: "city_check_faults", unrecorded: "city_check_unrecorded", unlicensed: "city_check_unlicensed" });

/** West to east, south to north, with the letters of the hemispheres. @param {Bbox} bbox */
export function degrees([west, south, east, north]) {
  const side = (/** @type {number} */ value, /** @type {string} */ letters) => `${Math.abs(value).toFixed(3)}°${letters[value < 0 ? 1 : 0]}`;
  return `${side(west, "EW")}–${side(east, "EW")}, ${side(south, "NS")}–${side(north, "NS")}`;
}

const layerOf = (/** @type {Entry} */ entry) => (entry.kind === "layer" && entry.holding ? state.layerById.value.get(entry.holding.id) : undefined);

/** Where the rows lie; a layer without a dataset has the extent that the tree knows. @param {Entry} entry @returns {Bbox|null} */
const extentOf = (entry) => entry.dataset?.extent ?? layerOf(entry)?.bbox ?? null;

/** Rows of the layer: counted, by the page or by the tree; else an estimate that says so. @param {Entry} entry */
function countOf(entry) {
  if (!entry.holding) return null;
  const { rows, exact } = entry.holding;
  const layer = layerOf(entry);
  return exact || !layer?.exact ? { rows, exact } : { rows: layer.count, exact: true };
}

/** Shows a dataset on the map. @param {Entry} entry @param {Bbox} extent */
function showOnMap(entry, extent) {
  const layer = layerOf(entry);
  if (layer) state.showLayer(layer.id, true);
  state.dialog.value = null;
  fit(extent);
  window.setTimeout(focusMap, 0);
}

/** @param {string} layer */
function showList(layer) {
  state.dialog.value = null;
  state.openList(layer, "city");
  focusLater(".list");
}

/** The extent inside the city's envelope. @param {{city: import("../state.js").City, entry: Entry}} properties */
function Picture({ city, entry }) {
  const extent = extentOf(entry);
  const { outer, inner } = extentPicture(city.bbox, extent, PICTURE.width - 2, PICTURE.height - 2);
  const label = extent ? t("city_extent", { extent: degrees(extent), percent: formatNumber(100 * sharedArea(city.bbox, extent), 0) }) : t("city_extent_none");
  return html`<svg class="extent" width=${PICTURE.width} height=${PICTURE.height} viewBox="-1 -1 ${PICTURE.width} ${PICTURE.height}" role="img" aria-label=${label}>
    <title>${label}</title><rect class=${extent ? "outer" : "outer none"} ...${outer} />${inner ? html`<rect class="inner" ...${inner} />` : null}</svg>`;
}

/** What is small print under the title. @param {{entry: Entry, flat: boolean}} properties */
function Kind({ entry, flat }) {
  const { kind, holding, dataset, group } = entry;
  const about = dataset?.metadata ?? {};
  const loaded = dataset && kind === "layer" ? [dataset.files.length > 1 ? t("city_files", { count: dataset.files.length }) : dataset.files[0]?.split("/").at(-1)] : [];
  const parts = [kind === "layer" ? "" : KIND.value[kind], holding ? titled(holding.title) : "", flat && group ? titled(group) : "",
    holding?.first && holding.last ? `${formatMoment(holding.first)} – ${formatMoment(holding.last)}` : "",
    about.width && about.height ? t("city_raster_size", { width: formatNumber(about.width, 0), height: formatNumber(about.height, 0) }) : "",
    about.resolution_m ? t("city_raster_resolution", { metres: formatNumber(about.resolution_m, 2) }) : "", ...loaded];
  const told = parts.filter((part) => part && !titled(entry.title).includes(part));
  return told.length ? html`<span class="hint" title=${told.join(" · ")}>${told.join(" · ")}</span>` : null;
}

/** @param {{entry: Entry}} properties */
function Source({ entry }) {
  const { dataset } = entry;
  if (!dataset) return html`<span class="mark">${t("city_unrecorded")}</span>`;
  const link = dataset.source_url && /^https?:/i.test(dataset.source_url) ? dataset.source_url : null;
  const name = dataset.source ?? (link ? new URL(link).host : null);
  return html`<div>${name && link ? html`<a href=${link} target="_blank" rel="noopener noreferrer" title=${t("city_link", { link })}>${name}</a>` : name ?? html`<span class="mark">${t("city_source_none")}</span>`}</div>
    <div>${dataset.licence ? html`<span class="hint" title=${dataset.licence}>${dataset.licence}</span>` : html`<span class="mark">${t("city_licence_none")}</span>`}</div>`;
}

/** Rows now, and how they differ from what was loaded; said once where datasets of one layer follow each other. @param {{entry: Entry, again: boolean}} properties */
function Rows({ entry, again }) {
  const count = countOf(entry);
  if (!count) return html`<span class="quiet">—</span>`;
  if (again) return html`<span class="quiet">${t("city_again")}</span>`;
  const { difference, shared, holding } = entry;
  return html`<div>${formatCount(count.rows, count.exact, lang.value)}</div>
    ${difference ? html`<div class="mark" title=${t("city_difference_title")}>${t(difference > 0 ? "city_more" : "city_fewer", { count: formatNumber(Math.abs(difference), 0) })}</div>` : null}
    ${shared > 1 ? html`<div class="hint">${t("city_shared", { count: shared })}</div>` : null}
    ${holding?.unplaced && holding.unplaced === holding.rows ? html`<div class="hint">${t("city_unplaced_all")}</div>` : holding?.unplaced ? html`<div class="hint">${t("city_unplaced", { count: formatNumber(holding.unplaced, 0) })}</div>` : null}`;
}

/** Rows at load, and what did not go in as it was. @param {{entry: Entry}} properties */
function Written({ entry }) {
  const { dataset } = entry;
  if (!dataset || dataset.kind === "raster") return html`<span class="quiet">—</span>`;
  const marks = [[dataset.refused, "city_refused", "bad"], [dataset.set_aside, "city_set_aside", ""], [dataset.repaired, "city_repaired", ""]];
  return html`<div>${formatNumber(dataset.written, 0)}</div>
    ${marks.filter(([count]) => count).map(([count, text, kind]) => html`<div class=${`mark ${kind}`}>${t(/** @type {"city_refused"} */ (text), { count: formatNumber(Number(count), 0) })}</div>`)}`;
}

/** @param {{entry: Entry, now: number}} properties */
function Loaded({ entry, now }) {
  const { dataset } = entry;
  if (!dataset) return html`<span class="quiet">—</span>`;
  const took = dataset.seconds === null ? "" : t("city_took", { duration: formatDuration(dataset.seconds, lang.value) });
  return html`<div>${formatMoment(dataset.loaded_at)}</div><div class="hint">${[formatAge(dataset.loaded_at, now, lang.value), took].filter(Boolean).join(" · ")}</div>`;
}

/** What a raster's pixels are. @param {Record<string, any>} about */
function pixels({ crs, bands, dtype, minimum, maximum, nodata }) {
  const known = (/** @type {unknown} */ value) => typeof value === "number";
  return [crs, bands ? t("city_raster_bands", { bands }) : "", dtype, known(minimum) && known(maximum) ? t("city_raster_values", { minimum: formatNumber(minimum, 2), maximum: formatNumber(maximum, 2) }) : "",
    known(nodata) ? t("city_raster_nodata", { nodata }) : ""].filter(Boolean).join(" · ");
}

/** What is asked for less often. @param {{entry: Entry}} properties */
function Details({ entry }) {
  const { dataset, holding } = entry;
  const extent = extentOf(entry);
  const about = dataset?.metadata ?? {};
  const amounts = dataset && dataset.kind !== "raster"
    ? [["city_read", dataset.read], ...(about.passed_over ? [["city_passed_over", about.passed_over]] : []), ["city_written_n", dataset.written], ["city_set_aside", dataset.set_aside], ["city_refused", dataset.refused], ["city_repaired", dataset.repaired]] : [];
  /** @type {[string, any][]} */
  const told = [
    [t("city_detail_amounts"), amounts.map(([text, count]) => t(/** @type {"city_read"} */ (text), { count: formatNumber(Number(count), 0) })).join(t("comma"))],
    [t("city_detail_files"), dataset?.files.length ? html`<span class="mono">${dataset.files.join("　")}</span>` : ""],
    [t("city_detail_recipe"), dataset?.recipe ?? ""],
    [t("city_detail_licence"), dataset?.licence ?? ""],
    [t("city_detail_attribution"), dataset?.attribution ?? ""],
    [t("city_detail_link"), dataset?.source_url ?? ""],
    [t("city_detail_extent"), extent ? degrees(extent) : ""],
    [t("city_detail_rules"), Object.entries(about.rules ?? {}).map(([rule, count]) => `${rule} ${formatNumber(Number(count), 0)}`).join(t("comma"))],
    [t("city_detail_pixels"), dataset?.kind === "raster" ? pixels(about) : ""],
    [t("city_detail_key"), html`<span class="mono">${dataset?.key ?? holding?.id}</span>`],
  ];
  return html`<tr class="about"><td></td><td colspan=${COLUMNS - 1}><dl class="attributes">${told.filter(([, value]) => value).map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl></td></tr>`;
}

/** @param {string} id */
function toggle(id) {
  const next = new Set(opened.peek());
  if (!next.delete(id)) next.add(id);
  opened.value = next;
}

/** @param {{entry: Entry, city: import("../state.js").City, now: number, flat: boolean, again: boolean}} properties */
function Row({ entry, city, now, flat, again }) {
  const name = titled(entry.title);
  const extent = extentOf(entry);
  const layer = layerOf(entry);
  const open = opened.value.has(entry.id);
  return html`<tr data-dataset=${entry.id}>
      <td><${Picture} city=${city} entry=${entry} /></td>
      <th scope="row"><div class="what"><button type="button" class="twist" aria-expanded=${open} aria-label=${t("city_details", { title: name })} onClick=${() => toggle(entry.id)}>
          <${Icon} name=${open ? "chevron-down" : "chevron-right"} size=${14} /></button>
        <div><span class="title">${name}</span><${Kind} entry=${entry} flat=${flat} /></div></div></th>
      <td class="source"><${Source} entry=${entry} /></td>
      <td class="number"><${Rows} entry=${entry} again=${again} /></td>
      <td class="number"><${Written} entry=${entry} /></td>
      <td><${Loaded} entry=${entry} now=${now} /></td>
      <td class="row-actions">
        <${IconButton} icon="maximize" label=${t("city_zoom", { title: name })} disabled=${!extent || state.mapState.value === "nowebgl"} onClick=${() => extent && showOnMap(entry, extent)} />
        <${IconButton} icon="table-2" label=${t("layer_list", { layer: name })} disabled=${!layer?.count} onClick=${() => layer && showList(layer.id)} /></td>
    </tr>${open ? html`<${Details} entry=${entry} />` : null}`;
}

/** Layers without a row in this city. @param {{name: string, vacant: import("../inventory.js").Holding[]}} properties */
function Vacant({ name, vacant }) {
  if (!vacant.length) return null;
  return html`<tr class="vacant"><td></td><td colspan=${COLUMNS - 1}><strong>${name}</strong>${vacant.map((item) => titled(item.title)).join(t("comma"))}</td></tr>`;
}

/** @param {{name: string, count: number}} properties */
function GroupHead({ name, count }) {
  return html`<tr class="group-head"><th scope="rowgroup" colspan=${COLUMNS}>${name}<span class="on-count">${t("city_group_count", { count })}</span></th></tr>`;
}

const nameOf = (/** @type {import("../inventory.js").Section} */ section) => (section.title ? titled(section.title) : t("city_group_other"));

/** Groups in which there is nothing, a line each: they must not push the others out of sight. @param {{found: import("../inventory.js").Section[]}} properties */
function Nothing({ found }) {
  if (!found.length) return null;
  return html`<tbody><${GroupHead} name=${t("city_vacant")} count=${found.reduce((sum, section) => sum + section.vacant.length, 0)} />
    ${found.map((section) => html`<${Vacant} key=${section.id} name=${nameOf(section)} vacant=${section.vacant} />`)}</tbody>`;
}

/** Up, down, then as the tree has it. @param {Column} column */
function turn(column) {
  const now = order.peek();
  const numbers = column !== "title" && column !== "source";
  if (now?.column !== column) order.value = { column, down: numbers };
  else order.value = now.down === numbers ? { column, down: !numbers } : null;
}

/** @param {{column: Column, text: string, number?: boolean}} properties */
function Sortable({ column, text, number = false }) {
  const now = order.value?.column === column ? order.value : null;
  return html`<th scope="col" class=${number ? "number" : ""} aria-sort=${now ? (now.down ? "descending" : "ascending") : "none"}>
    <button type="button" class="sort" title=${t("city_sort", { column: text })} onClick=${() => turn(column)}>${text}<span aria-hidden="true">${now ? (now.down ? "↓" : "↑") : ""}</span></button></th>`;
}

/** @param {{all: Entry[], left: number}} properties */
function Bar({ all, left }) {
  const chips = /** @type {(keyof typeof CHECK_WORDS)[]} */ (Object.keys(CHECK_WORDS)).map((name) => ({ name, count: all.filter(CHECKS[name]).length }));
  return html`<div class="table-bar"><input type="search" id="city-filter" value=${words.value} placeholder=${t("city_filter")} aria-label=${t("city_filter")}
      onInput=${(/** @type {Event} */ event) => { words.value = /** @type {HTMLInputElement} */ (event.target).value; }} />
    ${chips.filter(({ name, count }) => count || check.value === name).map(({ name, count }) => html`<button type="button" class="button outlined" data-check=${name} aria-pressed=${check.value === name}
      onClick=${() => { check.value = check.value === name ? null : name; }}><${Icon} name="triangle-alert" size=${13} /><span>${t(CHECK_WORDS[name], { count })}</span></button>`)}
    <span class="space"></span><span class="hint" role="status">${left === all.length ? t("city_rows", { count: all.length }) : t("city_rows_left", { count: left, all: all.length })}</span></div>`;
}

/** @param {{city: import("../state.js").City, data: Inventory, now: number}} properties */
export function DatasetTable({ city, data, now }) {
  const found = sections(data).map((section) => ({
    ...section, every: section.entries, entries: section.entries.filter((entry) => matches(entry, words.value, check.value)),
    vacant: check.value ? [] : section.vacant.filter((item) => `${item.title.zh}\n${item.title.en}`.toLowerCase().includes(words.value.trim().toLowerCase())),
  }));
  const left = found.flatMap((section) => section.entries);
  const filled = found.filter((section) => section.entries.length);
  const bare = found.filter((section) => section.vacant.length && (order.value || !section.entries.length));
  const row = (/** @type {Entry} */ entry, /** @type {number} */ index, /** @type {Entry[]} */ list) => html`<${Row} key=${entry.id} entry=${entry} city=${city} now=${now}
    flat=${order.value !== null} again=${entry.holding !== null && list[index - 1]?.holding === entry.holding} />`;
  return html`<${Bar} all=${found.flatMap((section) => section.every)} left=${left.length} />
    <div class="scroll"><table class="datasets"><caption class="visually-hidden">${t("city_table", { city: titled(city.title) })}</caption>
      <thead><tr><td></td><${Sortable} column="title" text=${t("city_column_title")} /><${Sortable} column="source" text=${t("city_column_source")} />
        <${Sortable} column="rows" text=${t("city_column_rows")} number /><${Sortable} column="written" text=${t("city_column_written")} number />
        <${Sortable} column="loaded" text=${t("city_loaded")} /><td></td></tr></thead>
      ${order.value ? html`<tbody>${sorted(left, order.value.column, order.value.down, lang.value).map(row)}</tbody>`
    : filled.map((section) => html`<tbody key=${section.id}><${GroupHead} name=${nameOf(section)} count=${section.entries.length} />${section.entries.map(row)}<${Vacant} name=${t("city_vacant")} vacant=${section.vacant} /></tbody>`)}
      <${Nothing} found=${bare} />
    </table>${left.length || bare.length ? null : html`<${Notice} icon="inbox" text=${t("city_none_match")} />`}</div>`;
}
