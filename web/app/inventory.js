/** What a city holds, as the city page shows it: grouped, sorted, filtered, compared with what was read before. Pure. */

/**
 * @typedef {import("./format.js").Title} Title
 * @typedef {import("./api.js").Bbox} Bbox
 * @typedef {object} Dataset
 * @property {string} key
 * @property {"layer"|"stream"|"raster"} kind
 * @property {string|null} layer  id of the layer or stream
 * @property {Title} title
 * @property {string|null} source
 * @property {string|null} source_url
 * @property {string|null} licence
 * @property {string|null} attribution
 * @property {string|null} recipe
 * @property {string[]} files
 * @property {number} read
 * @property {number} written
 * @property {number} refused
 * @property {number} set_aside
 * @property {number} repaired
 * @property {Bbox|null} extent
 * @property {Record<string, any>} metadata
 * @property {string} loaded_at
 * @property {number|null} seconds
 * @typedef {{id: string, title: Title, group: string|null, rows: number, exact: boolean, unplaced?: number, first?: string|null, last?: string|null}} Holding
 * @typedef {{city: import("./state.js").City, totals: {datasets: number, layers: number, rows: number, exact: boolean, placed: number, unplaced: number, loaded_at: string|null},
 *   groups: {id: string, title: Title}[], layers: Holding[], streams: Holding[], datasets: Dataset[]}} Inventory
 * @typedef {object} Entry  one row of the table: a dataset, or a layer that holds rows of which no source is recorded
 * @property {string} id
 * @property {"layer"|"stream"|"raster"} kind
 * @property {Title} title
 * @property {Title|null} group
 * @property {Holding|null} holding
 * @property {Dataset|null} dataset
 * @property {number} shared      how many datasets fill the same layer
 * @property {number} difference  rows of the layer now, less what its datasets wrote; 0 where nobody can know
 * @typedef {{id: string, title: Title|null, entries: Entry[], vacant: Holding[]}} Section
 */

/** @param {Dataset} dataset */
export const faults = (dataset) => dataset.refused + dataset.set_aside;

/** The datasets of one layer or stream, else the layer itself where it holds rows. @param {"layer"|"stream"} kind @param {Holding} holding @param {Dataset[]} found @param {Title|null} group @returns {Entry[]} */
function entriesOf(kind, holding, found, group) {
  if (!found.length && !holding.rows) return [];
  const written = found.reduce((sum, dataset) => sum + dataset.written, 0);
  const difference = found.length && holding.exact ? holding.rows - written : 0;
  const common = { kind, group, holding, shared: found.length, difference };
  if (!found.length) return [{ id: `${kind}/${holding.id}`, title: holding.title, dataset: null, ...common }];
  return found.map((dataset) => ({ id: dataset.key, title: dataset.title, dataset, ...common }));
}

/** The rows of the table by the groups of the layer tree; rasters and what belongs to no group come last. @param {Inventory} data @returns {Section[]} */
export function sections(data) {
  const byLayer = new Map();
  for (const dataset of data.datasets) byLayer.set(dataset.layer, [...(byLayer.get(dataset.layer) ?? []), dataset]);
  const section = (/** @type {string|null} */ id, /** @type {Title|null} */ title) => {
    const held = /** @type {[("layer"|"stream"), Holding][]} */ ([...data.layers.map((item) => ["layer", item]), ...data.streams.map((item) => ["stream", item])])
      .filter(([, item]) => item.group === id);
    const entries = held.flatMap(([kind, item]) => entriesOf(kind, item, byLayer.get(item.id) ?? [], title));
    return { id: id ?? "", title, entries, vacant: held.map(([, item]) => item).filter((item) => !item.rows && !byLayer.has(item.id)) };
  };
  const rasters = data.datasets.filter((dataset) => dataset.kind === "raster")
    .map((dataset) => ({ id: dataset.key, kind: dataset.kind, title: dataset.title, group: null, holding: null, dataset, shared: 1, difference: 0 }));
  const last = section(null, null);
  return [...data.groups.map((group) => section(group.id, group.title)), { ...last, entries: [...last.entries, ...rasters] }]
    .filter((found) => found.entries.length || found.vacant.length);
}

/** What a row is asked for by its checks. @type {Record<string, (entry: Entry) => boolean>} */
export const CHECKS = {
  faults: ({ dataset }) => dataset !== null && (faults(dataset) > 0 || dataset.repaired > 0),
  unrecorded: ({ dataset }) => dataset === null,
  unlicensed: ({ dataset }) => dataset !== null && !dataset.licence,
};

/** True when every word stands somewhere in the row, and its check holds. @param {Entry} entry @param {string} text @param {string|null} check */
export function matches(entry, text, check) {
  if (check && !CHECKS[check](entry)) return false;
  const { title, holding, dataset, group } = entry;
  const told = [title.zh, title.en, holding?.title.zh, holding?.title.en, holding?.id, group?.zh, group?.en, entry.id, dataset?.source, dataset?.licence,
    dataset?.attribution, dataset?.recipe, ...(dataset?.files ?? [])].filter(Boolean).join("\n").toLowerCase();
  return text.trim().toLowerCase().split(/\s+/).every((word) => told.includes(word));
}

/** @typedef {"title"|"source"|"rows"|"written"|"loaded"} Column */

/** What a column is sorted by; what is not known comes last either way. @param {Entry} entry @param {Column} column @param {"zh"|"en"} lang @returns {string|number|null} */
function sortKey({ title, holding, dataset }, column, lang) {
  if (column === "title") return title[lang] || title.zh;
  if (column === "source") return dataset?.source ?? null;
  if (column === "rows") return holding?.rows ?? null;
  if (column === "written") return dataset?.written ?? null;
  return dataset ? Date.parse(dataset.loaded_at) : null;
}

/** @param {Entry[]} entries @param {Column} column @param {boolean} down @param {"zh"|"en"} lang */
export function sorted(entries, column, down, lang) {
  const compare = new Intl.Collator(lang === "zh" ? "zh-CN" : "en", { numeric: true }).compare;
  const keyed = entries.map((entry) => ({ entry, key: sortKey(entry, column, lang) }));
  keyed.sort((a, b) => {
    if (a.key === null || b.key === null) return Number(a.key === null) - Number(b.key === null);
    const order = typeof a.key === "number" && typeof b.key === "number" ? a.key - b.key : compare(String(a.key), String(b.key));
    return down ? -order : order;
  });
  return keyed.map(({ entry }) => entry);
}

/** Titles of what was loaded, reloaded or removed between two readings, and whether rows have changed. @param {Inventory} before @param {Inventory} after */
export function changes(before, after) {
  const moments = (/** @type {Inventory} */ data) => new Map(data.datasets.map((dataset) => [dataset.key, dataset]));
  const [old, now] = [moments(before), moments(after)];
  const loaded = after.datasets.filter((dataset) => old.get(dataset.key)?.loaded_at !== dataset.loaded_at);
  const gone = before.datasets.filter((dataset) => !now.has(dataset.key));
  const rows = (/** @type {Inventory} */ data) => [...data.layers, ...data.streams].map((item) => `${item.id}:${item.rows}`).join();
  return { titles: [...loaded, ...gone].map((dataset) => dataset.title), rows: rows(before) !== rows(after) };
}

/**
 * A dataset's extent inside the city's envelope as shares of a picture so many units wide and high, north up, one scale for both axes.
 * What is smaller than `least` is drawn that large, or nobody would see it.
 * @param {Bbox} envelope @param {Bbox|null} extent @param {number} width @param {number} height @param {number} [least]
 */
export function extentPicture(envelope, extent, width, height, least = 3) {
  const all = extent ? /** @type {Bbox} */ ([Math.min(envelope[0], extent[0]), Math.min(envelope[1], extent[1]), Math.max(envelope[2], extent[2]), Math.max(envelope[3], extent[3])]) : envelope;
  const narrow = Math.cos(((all[1] + all[3]) / 2) * (Math.PI / 180));
  const scale = Math.min(width / ((all[2] - all[0]) * narrow), height / (all[3] - all[1]));
  const middle = { x: (all[0] + all[2]) / 2, y: (all[1] + all[3]) / 2 };
  const box = (/** @type {Bbox} */ [west, south, east, north], /** @type {number} */ smallest) => {
    const [wide, high] = [Math.max(smallest, (east - west) * narrow * scale), Math.max(smallest, (north - south) * scale)];
    const x = width / 2 + ((west + east) / 2 - middle.x) * narrow * scale - wide / 2;
    const y = height / 2 - ((south + north) / 2 - middle.y) * scale - high / 2;
    return { x, y, width: wide, height: high };
  };
  return { outer: box(envelope, 0), inner: extent ? box(extent, least) : null };
}

/** Share of the envelope's area that lies in the extent, 0 to 1. @param {Bbox} envelope @param {Bbox} extent */
export function sharedArea(envelope, extent) {
  const wide = Math.max(0, Math.min(envelope[2], extent[2]) - Math.max(envelope[0], extent[0]));
  const high = Math.max(0, Math.min(envelope[3], extent[3]) - Math.max(envelope[1], extent[1]));
  return (wide * high) / ((envelope[2] - envelope[0]) * (envelope[3] - envelope[1]));
}
