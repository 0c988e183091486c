/** The rules on the screen: what the server holds, what was changed, what is published or brought back. */
import { batch, computed, signal } from "@preact/signals";
import * as api from "../api.js";
import { lang, titled } from "../i18n.js";
import { resource } from "../resource.js";
import { cellPlace, cellsOf, clashes, isRest, lostTargets, rebased, rulesOf, withCell } from "./matrixcells.js";
import { areaName, learnAreas } from "./office.js";
import { say } from "./officewords.js";

/**
 * @typedef {import("../format.js").Title} Title
 * @typedef {import("./matrixcells.js").Cell} Cell
 * @typedef {{key: string, zh: string, en: string}} Word
 * @typedef {{id: string, kind: "layer"|"stream", title: Title, group: string|null, sensitivity: string, cleared: Record<string, Title[]>, parties: boolean}} LayerInfo
 * @typedef {{version: number, made_at: string, made_by: string, reason: string}} Version
 * @typedef {{current: Version, rules: import("./matrixcells.js").Rule[], areas: Record<string, any>, roles: Word[], actions: Word[], reaches: Word[], groups: {id: string, title: Title}[], layers: LayerInfo[]}} Book
 * @typedef {{role: string, action: string, target: string, old: Cell|null, new: Cell|null}} Change
 */

export const book = resource(async (abort) => {
  const found = /** @type {Book} */ (await api.request("/api/rights", { signal: abort }));
  learnAreas(found.areas);
  return found;
});
export const draft = signal(/** @type {import("./matrixcells.js").Draft} */ (new Map()));
/** The role that was chosen; the first one until then. */
export const roleChoice = signal("");
export const role = computed(() => roleChoice.value || book.state.value.data?.roles[0]?.key || "");
export const base = computed(() => cellsOf(book.state.value.data?.rules ?? []));
const known = computed(() => new Set((book.state.value.data?.layers ?? []).map((layer) => layer.id)));
export const lost = computed(() => lostTargets(base.value, known.value));
/** What somebody else published meanwhile. @type {import("@preact/signals").Signal<{version: Version, keys: string[], theirs: import("./matrixcells.js").Cells}|null>} */
export const clash = signal(null);

/** Reads the rules. Changes that are not published stay, on top of whatever somebody else has published meanwhile, which is told. */
export async function readBook() {
  const version = book.state.peek().data?.current.version;
  const before = base.peek();
  await book.load();
  const now = book.state.peek().data?.current;
  if (!now || version === undefined || now.version === version || !draft.peek().size) return;
  batch(() => {
    clash.value = { version: now, keys: clashes(before, base.peek(), draft.peek()), theirs: base.peek() };
    draft.value = rebased(base.peek(), draft.peek());
  });
}

/** @param {string} key @param {Cell|null} cell */
export const setCell = (key, cell) => { draft.value = withCell(base.peek(), draft.peek(), key, cell); };

export const wanted = () => rulesOf(base.peek(), draft.peek(), known.peek());

/** Publishes the changes; null where somebody else was faster. @param {string} reason @returns {Promise<Version|null>} */
export async function publish(reason) {
  try {
    const answer = await api.request("/api/rights", { body: { base: book.state.peek().data?.current.version ?? 0, reason, rules: wanted() } });
    draft.value = new Map();
    await readBook();
    return answer.version;
  } catch (error) {
    const problem = api.asApiError(error);
    if (problem.problem?.rule !== "rule_base") throw problem;
    await readBook();
    if (!clash.peek()) throw problem;
    return null;
  }
}

const REACH_TEXT = /** @type {const} */ ({ none: "reach_none", own: "reach_own", area: "reach_area", city: "reach_city" });
const REST_TEXT = /** @type {const} */ ({ "@public": "rules_rest_public", "@internal": "rules_rest_internal", "@restricted": "rules_rest_restricted" });
const ACTION_TEXT = /** @type {const} */ ({ read: "action_read", export: "action_export", edit: "action_edit", propose: "action_propose", unmask: "action_unmask", clear_internal: "action_clear_internal", clear_restricted: "action_clear_restricted", clear_personal: "action_clear_personal" });

/** @param {string} reach */
export const reachText = (reach) => say(REACH_TEXT[/** @type {"own"} */ (reach)] ?? "reach_none");

/** A cell in words, with the areas that narrow it. @param {Cell|null} cell @param {string} [target] */
export function cellText(cell, target = "") {
  if (!cell) return isRest(target) ? say("reach_none") : say("cell_inherited", { rest: restOf(target) });
  return cell.areas.length ? `${reachText(cell.reach)}（${cell.areas.map((area) => areaName(area)).join(say("comma"))}）` : reachText(cell.reach);
}

/** @param {string} target */
function restOf(target) {
  const layer = book.state.value.data?.layers.find((one) => one.id === target);
  return targetText(`@${layer?.sensitivity ?? "public"}`);
}

/** @param {string} target */
export function targetText(target) {
  if (isRest(target)) return say(REST_TEXT[/** @type {"@public"} */ (target)] ?? "rules_rest_public");
  return titled(book.state.value.data?.layers.find((one) => one.id === target)?.title) || target;
}

/** @param {string} key */
export const roleText = (key) => book.state.value.data?.roles.find((one) => one.key === key)?.[lang.value] ?? key;

/** @param {string} key */
export const actionText = (key) => (key in ACTION_TEXT ? say(ACTION_TEXT[/** @type {"unmask"} */ (key)]) : book.state.value.data?.actions.find((one) => one.key === key)?.[lang.value] ?? key);

/** The changes as the server would tell them. @returns {Change[]} */
export const changes = () => [...draft.value].map(([key, cell]) => ({ ...cellPlace(key), old: base.value.get(key) ?? null, new: cell }));
