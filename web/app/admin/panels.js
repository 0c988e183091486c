/**
 * The panels of the administration page. Adding one is one line here and a module that exports `Panel`, a component without
 * properties; it is shown to whoever has the counter (`counters` of GET /api/me), in this order, and loaded when it is opened.
 */

/** @typedef {{counter: string, title: import("../format.js").Title, load: () => Promise<{Panel: any}>}} PanelEntry */

/** @type {PanelEntry[]} */
export const PANELS = [
  { counter: "users", title: { zh: "账户", en: "Accounts" }, load: () => import("./users.js") },
  { counter: "rights", title: { zh: "权限", en: "Rights" }, load: () => import("./rights.js") },
  { counter: "audit", title: { zh: "审计日志", en: "Audit log" }, load: () => import("./audit.js") },
];
