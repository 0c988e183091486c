/** The matrix of rules as data: what the server holds, what was changed on top of it, what a row inherits. Pure. */

/**
 * @typedef {{reach: string, areas: string[]}} Cell
 * @typedef {Cell & {role: string, action: string, target: string}} Rule
 * @typedef {Map<string, Cell>} Cells
 * @typedef {Map<string, Cell|null>} Draft  null: the rule is taken away
 * @typedef {Cell & {inherited: boolean, changed: boolean}} Shown
 */

/** @param {string} role @param {string} action @param {string} target */
export const cellKey = (role, action, target) => `${role}|${action}|${target}`;

/** @param {string} key @returns {{role: string, action: string, target: string}} */
export function cellPlace(key) {
  const [role, action, target] = key.split("|");
  return { role, action, target };
}

/** Targets that stand for all layers of a sensitivity. @param {string} target */
export const isRest = (target) => target.startsWith("@");

/** No rule for a whole sensitivity is the same as none. @param {string} target @param {Cell|null|undefined} cell @returns {Cell|null} */
const plain = (target, cell) => (!cell || (isRest(target) && cell.reach === "none") ? null : cell);

/** @param {Cell|null} one @param {Cell|null} other */
export function sameCell(one, other) {
  if (!one || !other) return one === other;
  return one.reach === other.reach && one.areas.length === other.areas.length && one.areas.every((area) => other.areas.includes(area));
}

/** @param {Rule[]} rules @returns {Cells} */
export const cellsOf = (rules) => new Map(rules.filter((rule) => plain(rule.target, rule)).map(({ role, action, target, reach, areas }) => [cellKey(role, action, target), { reach, areas }]));

/** The rule of a cell itself, with the changes. @param {Cells} base @param {Draft} draft @param {string} key */
export const ownCell = (base, draft, key) => (draft.has(key) ? draft.get(key) ?? null : base.get(key) ?? null);

/**
 * What a cell shows: its own rule, else that of its sensitivity, else nothing.
 * @param {Cells} base @param {Draft} draft @param {string} role @param {string} action @param {string} target @param {string|null} rest
 * @returns {Shown}
 */
export function shownCell(base, draft, role, action, target, rest) {
  const key = cellKey(role, action, target);
  const changed = draft.has(key);
  const own = ownCell(base, draft, key);
  if (own) return { ...own, inherited: false, changed };
  const from = rest ? ownCell(base, draft, cellKey(role, action, rest)) : null;
  return { reach: from?.reach ?? "none", areas: from?.areas ?? [], inherited: rest !== null, changed };
}

/** The changes with one more; what equals the server's rule is no change. @param {Cells} base @param {Draft} draft @param {string} key @param {Cell|null} cell @returns {Draft} */
export function withCell(base, draft, key, cell) {
  const next = new Map(draft);
  const wanted = plain(cellPlace(key).target, cell);
  if (sameCell(wanted, base.get(key) ?? null)) next.delete(key);
  else next.set(key, wanted);
  return next;
}

/** The whole set of rules with the changes; rules on layers that are gone are left out. @param {Cells} base @param {Draft} draft @param {Set<string>} known @returns {Rule[]} */
export function rulesOf(base, draft, known) {
  const keys = [...new Set([...base.keys(), ...draft.keys()])];
  return keys.flatMap((key) => {
    const place = cellPlace(key);
    const cell = ownCell(base, draft, key);
    return cell && (isRest(place.target) || known.has(place.target)) ? [{ ...place, reach: cell.reach, areas: cell.areas }] : [];
  });
}

/** Cells that both sides have changed, and differently. @param {Cells} before @param {Cells} now @param {Draft} draft */
export const clashes = (before, now, draft) => [...draft.keys()].filter((key) => {
  const theirs = now.get(key) ?? null;
  return !sameCell(before.get(key) ?? null, theirs) && !sameCell(theirs, draft.get(key) ?? null);
});

/** The changes over another base: what is there already is no change any more. @param {Cells} now @param {Draft} draft @returns {Draft} */
export const rebased = (now, draft) => new Map([...draft].filter(([key, cell]) => !sameCell(cell, now.get(key) ?? null)));

/** Targets of rules that the registry no longer has. @param {Cells} base @param {Set<string>} known */
export const lostTargets = (base, known) => [...new Set([...base.keys()].map((key) => cellPlace(key).target).filter((target) => !isRest(target) && !known.has(target)))];
