/** The list beside the map: the same objects, the same count, rows and map select each other. */
import { effect, signal, untracked } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import * as api from "../api.js";
import { countText, isFiltered, shownUnplaced } from "../counts.js";
import { formatCount, formatNumber, formatValue } from "../format.js";
import { lang, t, titled } from "../i18n.js";
import { asFeature, inSight, showFeature, shownHit } from "../map/interaction.js";
import { focusMap } from "../map/engine.js";
import { hiddenValues, shownValues } from "../legend.js";
import { resource } from "../resource.js";
import * as state from "../state.js";
import { html, Icon, IconButton, Notice, ReadingState } from "../ui.js";

/** @typedef {import("../state.js").LayerInfo} LayerInfo */
/** @typedef {{features: import("../state.js").Feature[], matched: number, exact: boolean, next: string|null}} Page */

const PAGE = 200;
const AHEAD = 600;
const SEEK_MOST = 3000;

/** @param {any} answer @param {string} layer @returns {Page} */
const asPage = (answer, layer) => ({
  features: answer.features.map((/** @type {any} */ feature) => asFeature(feature, layer)),
  matched: answer.numberMatched ?? answer.numberEstimated ?? answer.features.length,
  exact: answer.numberMatched !== undefined,
  next: (answer.links ?? []).find((/** @type {any} */ link) => link.rel === "next")?.href ?? null,
});

const first = resource(async (abort, /** @type {string} */ layer, /** @type {string} */ city, /** @type {import("../api.js").Bbox|null} */ bbox, /** @type {Record<string, string[]>} */ any) => {
  // with no value on nothing is shown, and no parameter says that
  if (Object.values(any).some((values) => !values.length)) return { features: [], matched: 0, exact: true, next: null };
  return asPage(await api.readItems({ layer, city, bbox, limit: PAGE, any }, abort), layer);
});
/** All rows loaded so far. @type {import("../state.js").Feature[]} */
let rows = [];
const loaded = signal(0);
const next = signal(/** @type {string|null} */ (null));
const more = resource((abort, /** @type {string} */ href, /** @type {string} */ layer) => api.readNext(href, abort).then((answer) => asPage(answer, layer)));
/** The table, once it stands. @type {any} */
let table = null;

/** The legend as conditions of the server. @param {LayerInfo|undefined} layer @returns {Record<string, string[]>} */
function conditions(layer) {
  const values = layer ? shownValues(layer, state.hide.value) : null;
  return layer?.style_by && values ? { [layer.style_by]: values } : {};
}

/** Reads the first page when layer, legend, scope, city or view change. */
export function linkList() {
  let timer = 0;
  let before = "";
  effect(() => {
    const wanted = state.list.value;
    const city = state.cityKey.value;
    const known = state.layers.value.length > 0;
    state.revision.value;
    const any = wanted ? conditions(state.layerById.value.get(wanted.layer)) : {};
    const bbox = wanted?.scope === "view" ? state.bounds.value : null;
    window.clearTimeout(timer);
    if (!wanted || !city || !known) return;
    if (wanted.scope === "view" && !bbox) return;
    const kind = `${wanted.layer}@${wanted.scope}@${city}`;
    const read = () => { void first.load(wanted.layer, city, bbox, any); };
    if (kind !== before) { untracked(() => first.clear()); read(); }
    else timer = window.setTimeout(read, 350);
    before = kind;
  });
  effect(() => { if (!state.list.value) before = ""; });
}

/** @param {LayerInfo} layer */
const columnsOf = (layer) => {
  const listed = layer.fields.filter((field) => field.list);
  return listed.length ? listed : layer.fields.slice(0, 4);
};

/** @param {import("../state.js").Feature} feature @param {LayerInfo} layer */
const asRow = (feature, layer) => ({
  id: feature.id,
  ...Object.fromEntries(columnsOf(layer).map((field) => [field.key, formatValue(feature.properties[field.key], field, layer.domains, lang.peek()).text])),
});

/** Fetches the next page when the end comes near. @param {LayerInfo} layer */
async function loadMore(layer) {
  const href = next.peek();
  if (!href || more.state.peek().status === "loading" || more.state.peek().status === "refreshing") return;
  await more.load(href, layer.id);
  const { status, data } = more.state.peek();
  if (status !== "ready" || !data || next.peek() !== href) return;
  next.value = data.next;
  rows = [...rows, ...data.features];
  loaded.value = rows.length;
  if (table?.initialized) await table.addData(data.features.map((/** @type {any} */ feature) => asRow(feature, layer)));
}

const loadedRow = (/** @type {number} */ id) => rows.some((feature) => feature.id === id);

/** Fetches on until the selected object has its row, in lists that are not too long for that. @param {LayerInfo} layer */
async function seekSelected(layer) {
  const wanted = state.selection.peek();
  const matched = first.state.peek().data?.matched ?? 0;
  if (wanted?.layer !== layer.id || matched > SEEK_MOST || !table?.initialized) return;
  while (!loadedRow(wanted.id) && next.peek() && state.selection.peek()?.id === wanted.id) {
    const before = next.peek();
    await loadMore(layer);
    if (next.peek() === before) return;
  }
  markSelected(layer.id);
}

/** @param {number} id @param {boolean} [move] */
function openRow(id, move = true) {
  const feature = rows.find((candidate) => candidate.id === id);
  if (feature) showFeature(feature, move);
}

/** Marks the selected object; its row comes into sight. @param {string} layer */
function markSelected(layer) {
  const wanted = state.selection.peek();
  if (!table?.initialized) return;
  table.deselectRow();
  const here = wanted?.layer === layer && loadedRow(wanted.id);
  const row = here && table.getRow(wanted.id);
  if (!row) return;
  row.select();
  table.scrollToRow(row, "nearest", false).catch(() => undefined);
}

/** @param {KeyboardEvent} event */
function onKey(event) {
  const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 12, PageUp: -12, Home: -Infinity, End: Infinity }[event.key];
  if (event.key === "Enter") focusMap();
  if (step === undefined || !rows.length) return;
  event.preventDefault();
  event.stopPropagation();
  const now = rows.findIndex((feature) => feature.id === state.selection.peek()?.id);
  const then = Math.min(rows.length - 1, Math.max(0, now + step));
  openRow(rows[then].id);
}

/** @param {any} library @param {HTMLElement} container @param {LayerInfo} layer */
function build(library, container, layer) {
  const made = new library.TabulatorFull(container, {
    data: [], index: "id", height: "100%", layout: "fitDataFill", renderVertical: "virtual",
    selectableRows: 1, selectableRowsPersistence: false, headerSortClickElement: "icon", columnHeaderVertAlign: "middle", placeholder: "",
    columnDefaults: { headerSort: false, formatter: "plaintext", tooltip: true, resizable: "header" },
    columns: columnsOf(layer).map((field) => ({
      title: titled(field.title), field: field.key, minWidth: 84, maxInitialWidth: 220,
      cssClass: field.key === layer.code ? "mono" : "", hozAlign: ["integer", "number"].includes(field.type) ? "right" : "left",
    })),
  });
  made.on("rowClick", (/** @type {Event} */ _, /** @type {any} */ row) => openRow(row.getIndex()));
  made.on("scrollVertical", (/** @type {number} */ top) => {
    const holder = container.querySelector(".tabulator-tableholder");
    if (holder && holder.scrollHeight - top - holder.clientHeight < AHEAD) void loadMore(layer);
  });
  return made;
}

/** Puts the rows in; a table still being built takes them when it stands. @param {LayerInfo} layer */
function fill(layer) {
  if (!table?.initialized) return;
  void table.replaceData(rows.map((feature) => asRow(feature, layer))).then(() => {
    markSelected(layer.id);
    void seekSelected(layer);
  });
}

/** The scrolling part takes the focus, so it is the group of rows and has the name. @param {HTMLElement|null} container @param {LayerInfo} layer */
function nameRows(container, layer) {
  const holder = container?.querySelector(".tabulator-tableholder");
  holder?.setAttribute("role", "rowgroup");
  holder?.setAttribute("aria-label", t("list_table", { layer: titled(layer.title) }));
  container?.querySelector(".tabulator-table")?.setAttribute("role", "presentation");
}

/** @param {{layer: LayerInfo, reading: import("../resource.js").Reading<Page>}} properties */
function Table({ layer, reading }) {
  const box = useRef(/** @type {HTMLElement|null} */ (null));
  const language = lang.value;
  useEffect(() => {
    let gone = false;
    const page = reading.data;
    rows = page?.features ?? [];
    loaded.value = rows.length;
    next.value = page?.next ?? null;
    more.clear();
    void import("tabulator-tables").then((library) => {
      if (gone || !box.current) return;
      const at = table?.key === `${layer.id}/${language}` ? table : null;
      if (at) fill(layer);
      else {
        table?.destroy();
        table = build(library, box.current, layer);
        table.key = `${layer.id}/${language}`;
        table.on("tableBuilt", () => { nameRows(box.current, layer); fill(layer); });
      }
    });
    return () => { gone = true; };
  }, [reading.data, layer.id, language]);
  useEffect(() => effect(() => { state.selection.value; untracked(() => { markSelected(layer.id); void seekSelected(layer); }); }), [layer]);
  useEffect(() => () => { table?.destroy(); table = null; }, []);
  return html`<div class="table" onKeyDown=${onKey}><div ref=${box}></div></div>`;
}

/** Says that the legend leaves values out, and takes them in again. @param {{layer: LayerInfo}} properties */
function HiddenValues({ layer }) {
  const off = new Set(/** @type {(string|null)[]} */ (hiddenValues(layer, state.hide.value)));
  if (!off.size) return null;
  const names = layer.legend.filter((entry) => off.has(entry.value)).map(titled);
  const text = names.length === 1 ? t("list_hidden_one", { value: names[0] }) : t("list_hidden", { count: names.length });
  return html`<button type="button" class="chip" title=${t("list_hidden_title", { values: names.join(t("comma")) })} onClick=${() => state.showAllValues(layer)}>
    <${Icon} name="info" size=${13} /><span>${text}</span><span class="link">${t("legend_all")}</span></button>`;
}

/** @param {{layer: LayerInfo, wanted: import("../url.js").ListState, reading: import("../resource.js").Reading<Page>}} properties */
function Counts({ layer, wanted, reading }) {
  const page = reading.data;
  const selected = state.selection.value;
  const unplaced = shownUnplaced(layer);
  const missing = selected?.layer === layer.id && loaded.value > 0 && !loadedRow(selected.id);
  const hidden = shownHit.value !== null && !inSight(shownHit.value);
  return html`<div class="counts"><strong aria-live="polite" data-count=${page?.matched}>${page ? t("list_count", { count: formatCount(page.matched, page.exact, lang.value) }) : "…"}</strong>
    ${page && loaded.value < page.matched ? html`<span>${t("list_loaded", { count: formatNumber(loaded.value, 0) })}</span>` : null}
    <${HiddenValues} layer=${layer} />
    ${wanted.scope === "view" && unplaced ? html`<span>${t("list_unplaced", { count: formatNumber(unplaced, 0) })}</span>` : null}
    ${missing ? html`<span class="missing">${t(hidden ? "list_selected_hidden" : wanted.scope === "view" && page && loaded.value >= page.matched ? "list_out_of_view" : "list_not_loaded")}</span>` : null}</div>`;
}

/** @param {{wanted: import("../url.js").ListState}} properties */
function Head({ wanted }) {
  const choose = (/** @type {Event} */ event) => state.openList(/** @type {HTMLSelectElement} */ (event.target).value);
  const scope = (/** @type {"view"|"city"} */ value, /** @type {string} */ text) => html`<label class=${wanted.scope === value ? "choice chosen" : "choice"}><input type="radio" name="scope" checked=${wanted.scope === value}
    onChange=${() => state.openList(wanted.layer, value)} /><span>${text}</span></label>`;
  return html`<header class="panel-head"><h2 class="visually-hidden">${t("list")}</h2>
    <select id="list-layer" aria-label=${t("list_layer")} value=${wanted.layer} onChange=${choose}>
      ${state.groups.value.map((group) => html`<optgroup label=${titled(group.title)}>${state.layers.value.filter((layer) => layer.group === group.id)
        .map((layer) => html`<option value=${layer.id} selected=${layer.id === wanted.layer}>${titled(layer.title)}　${countText(layer)}</option>`)}</optgroup>`)}
    </select>
    <fieldset class="scope"><legend class="visually-hidden">${t("list_scope")}</legend>
      ${state.mapState.value === "nowebgl" ? null : scope("view", t("list_scope_view"))}${scope("city", t("list_scope_city"))}</fieldset>
    <${IconButton} icon="x" label=${t("close")} shortcut="T" onClick=${() => { state.list.value = null; focusMap(); }} /></header>`;
}

export function ListPanel() {
  const wanted = state.list.value;
  if (!wanted) return null;
  const layer = state.layerById.value.get(wanted.layer);
  const reading = first.state.value;
  const busy = ["loading", "refreshing"].includes(reading.status);
  const name = titled(layer?.title);
  return html`<section class=${busy ? "list busy" : "list"} tabindex="-1" aria-label=${t("list_of", { layer: name })} aria-busy=${busy}
    onKeyDown=${(/** @type {KeyboardEvent} */ event) => { if (event.target === event.currentTarget) onKey(event); }}>
    <${Head} wanted=${wanted} />
    ${!layer ? (state.layers.value.length ? html`<${Notice} icon="inbox" text=${t("unknown_layer", { layer: wanted.layer })} />` : html`<${Notice} icon="loader-circle" spin text=${t("loading")} />`) : html`
      <${Counts} layer=${layer} wanted=${wanted} reading=${reading} />
      <${ReadingState} reading=${reading} failed=${t("list_failed")} onRetry=${() => first.retry()} />
      ${reading.data && reading.data.matched === 0 ? html`<${Notice} icon="inbox" text=${t(isFiltered(layer) ? "list_empty_shown" : wanted.scope === "view" ? "list_empty_view" : "list_empty_city", { layer: name })} />` : null}
      ${reading.data && reading.data.matched > 0 ? html`<${Table} layer=${layer} reading=${reading} />` : null}
      ${more.state.value.status === "failed" || more.state.value.status === "stale" ? html`<div class="stale" role="alert"><span>${t("list_more_failed")}</span>
        <button type="button" class="link" onClick=${() => loadMore(layer)}>${t("retry")}</button></div>` : null}`}
  </section>`;
}
