/** The rows: a long list that fetches on as it is scrolled. */
import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { formatMoment, formatNumber } from "../format.js";
import { lang, titled } from "../i18n.js";
import { resource } from "../resource.js";
import { html } from "../ui.js";
import { chosen, factName, factsOf, readMore, resultWord } from "./auditlog.js";
import { t } from "./texts.js";

/** @typedef {import("./auditlog.js").AuditRow} AuditRow */

const AHEAD = 600;

/** All rows loaded so far. @type {AuditRow[]} */
let rows = [];
const loaded = signal(0);
const next = signal(/** @type {string|null} */ (null));
const more = resource((abort, /** @type {string} */ after) => readMore(after, abort));
/** The table, once it stands. @type {any} */
let table = null;

/** Another list begins. */
export function forget() {
  more.clear();
  next.value = null;
}

/** Who it was, as people say it. @param {AuditRow} row */
export function person(row) {
  if (row.actor === null && !row.actor_name) return t("stranger");
  const name = row.actor_name ?? `#${row.actor}`;
  return row.actor_title && row.actor_title !== name ? `${row.actor_title}（${name}）` : name;
}

/** The facts of a row in a line. @param {Record<string, unknown>} detail */
const summary = (detail) => factsOf(detail).map(([key, value]) => `${factName(key)}: ${typeof value === "object" ? JSON.stringify(value) : value}`).join("　");

/** @param {AuditRow} row */
const asRow = (row) => ({
  id: row.id, at: formatMoment(row.at, true), action: titled(row.action_title), key: row.action, result: row.result, person: person(row), client: row.address ?? "",
  object: row.object ?? "", detail: summary(row.detail), sealed: row.sealed,
});

async function loadMore() {
  const after = next.peek();
  if (!after || ["loading", "refreshing"].includes(more.state.peek().status)) return;
  await more.load(after);
  const { status, data } = more.state.peek();
  if (status !== "ready" || !data || next.peek() !== after) return;
  next.value = data.next;
  rows = [...rows, ...data.items];
  loaded.value = rows.length;
  if (table?.initialized) await table.addData(data.items.map(asRow));
}

/** @param {number} id */
function choose(id) {
  chosen.value = rows.find((row) => row.id === id) ?? null;
  if (!table?.initialized) return;
  table.deselectRow();
  const row = table.getRow(id);
  if (!row) return;
  row.select();
  table.scrollToRow(row, "nearest", false).catch(() => undefined);
}

/** @param {KeyboardEvent} event */
function onKey(event) {
  if (event.key === "Enter" && chosen.peek()) { event.preventDefault(); document.getElementById("audit-drawer")?.focus(); return; }
  const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 12, PageUp: -12, Home: -Infinity, End: Infinity }[event.key];
  if (step === undefined || !rows.length) return;
  event.preventDefault();
  event.stopPropagation();
  const now = rows.findIndex((row) => row.id === chosen.peek()?.id);
  choose(rows[Math.min(rows.length - 1, Math.max(0, now + step))].id);
  if (rows.length - now < 30) void loadMore();
}

/** @param {any} cell */
function asResult(cell) {
  const sign = document.createElement("span");
  sign.className = `result ${cell.getValue()}`;
  sign.textContent = resultWord(cell.getValue());
  return sign;
}

/** @param {any} library @param {HTMLElement} container */
function build(library, container) {
  const made = new library.TabulatorFull(container, {
    data: [], index: "id", height: "100%", layout: "fitColumns", renderVertical: "virtual", selectableRows: 1, selectableRowsPersistence: false,
    columnHeaderVertAlign: "middle", placeholder: "",
    columnDefaults: { headerSort: false, formatter: "plaintext", tooltip: true, resizable: "header" },
    columns: [
      { title: t("column_time"), field: "at", width: 158 },
      { title: t("action"), field: "action", width: 132, tooltip: (/** @type {any} */ _, /** @type {any} */ cell) => cell.getData().key },
      { title: t("result"), field: "result", width: 82, formatter: asResult, tooltip: false },
      { title: t("actor"), field: "person", width: 168 },
      { title: t("client"), field: "client", width: 128, cssClass: "mono" },
      { title: t("column_object"), field: "object", widthGrow: 2, minWidth: 120 },
      { title: t("column_detail"), field: "detail", widthGrow: 3, minWidth: 120 },
    ],
  });
  made.on("rowClick", (/** @type {Event} */ _, /** @type {any} */ row) => choose(row.getIndex()));
  made.on("scrollVertical", (/** @type {number} */ top) => {
    const holder = container.querySelector(".tabulator-tableholder");
    if (holder && holder.scrollHeight - top - holder.clientHeight < AHEAD) void loadMore();
  });
  return made;
}

/** The scrolling part takes the focus, so it is the group of rows and has the name. @param {HTMLElement|null} container */
function nameRows(container) {
  const holder = container?.querySelector(".tabulator-tableholder");
  holder?.setAttribute("role", "rowgroup");
  holder?.setAttribute("aria-label", t("list"));
  container?.querySelector(".tabulator-table")?.setAttribute("role", "presentation");
}

function Loaded() {
  const failed = ["failed", "stale"].includes(more.state.value.status);
  if (failed) {
    return html`<p class="audit-count stale" role="alert"><span>${t("list_more_failed")}</span><button type="button" class="link" onClick=${() => { const at = next.peek(); more.clear(); if (at) void loadMore(); }}>${t("refresh")}</button></p>`;
  }
  const count = formatNumber(loaded.value, 0);
  return html`<p class="audit-count hint" role="status" data-count=${loaded.value}>${t(next.value ? "list_more" : "list_all", { count })}</p>`;
}

/** @param {{reading: import("../resource.js").Reading<import("./auditlog.js").AuditPage>}} properties */
export function AuditTable({ reading }) {
  const box = useRef(/** @type {HTMLElement|null} */ (null));
  const language = lang.value;
  useEffect(() => {
    let gone = false;
    rows = reading.data?.items ?? [];
    loaded.value = rows.length;
    next.value = reading.data?.next ?? null;
    const fill = () => { if (table?.initialized) void table.replaceData(rows.map(asRow)); };
    void import("tabulator-tables").then((library) => {
      if (gone || !box.current) return;
      if (table?.language === language) return fill();
      table?.destroy();
      table = build(library, box.current);
      table.language = language;
      table.on("tableBuilt", () => { nameRows(box.current); fill(); });
    });
    return () => { gone = true; };
  }, [reading.data, language]);
  useEffect(() => () => { table?.destroy(); table = null; }, []);
  return html`<div class="table" onKeyDown=${onKey}><div ref=${box}></div></div><${Loaded} />`;
}

