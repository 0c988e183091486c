/**
 * How values look to people: dates and times in Asia/Shanghai, decoded codes, units, lengths, areas, counts.
 * Pure: the language is given, nothing is read from the page.
 */

/**
 * @typedef {"zh"|"en"} Lang
 * @typedef {{zh: string, en: string}} Title
 * @typedef {{value: string, zh: string, en: string, colour: string|null}} DomainValue
 * @typedef {{key: string, title: Title, type: string, unit: string|null, domain: string|null, list: boolean, search: boolean,
 *   abbreviation: string|null}} Field
 */

const MOMENT = new Intl.DateTimeFormat("en-CA", {
  timeZone: "Asia/Shanghai", year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
});

/** `2026-11-21 09:30` in Asia/Shanghai, with seconds on request. @param {string|number|Date} moment @param {boolean} [seconds] */
export function formatMoment(moment, seconds = false) {
  const date = new Date(moment);
  if (Number.isNaN(date.getTime())) return String(moment);
  const part = Object.fromEntries(MOMENT.formatToParts(date).map(({ type, value }) => [type, value]));
  return `${part.year}-${part.month}-${part.day} ${part.hour}:${part.minute}${seconds ? `:${part.second}` : ""}`;
}

/** Thousands by comma, at most this many decimals. @param {number} value @param {number} [digits] */
export const formatNumber = (value, digits = 3) =>
  new Intl.NumberFormat("en-US", { maximumFractionDigits: digits }).format(value);

/** Words for units, and the plain sign where English writes it. @type {Record<string, Title>} */
const UNITS = {
  m: { zh: "米", en: "m" }, km: { zh: "公里", en: "km" }, "m²": { zh: "平方米", en: "m²" }, ha: { zh: "公顷", en: "ha" },
  "km²": { zh: "平方公里", en: "km²" }, mm: { zh: "毫米", en: "mm" }, 年: { zh: "年", en: "years" }, 人: { zh: "人", en: "people" },
  户: { zh: "户", en: "dwellings" }, 座: { zh: "座", en: "" }, 处: { zh: "处", en: "" },
};

/** @param {string} unit @param {Lang} lang */
export const formatUnit = (unit, lang) => UNITS[unit]?.[lang] ?? unit;

/** @param {number} metres @param {Lang} lang */
export function formatLength(metres, lang) {
  if (metres < 1000) return `${formatNumber(metres, 2)} ${formatUnit("m", lang)}`;
  return `${formatNumber(metres / 1000, metres < 100_000 ? 3 : 1)} ${formatUnit("km", lang)}`;
}

/** @param {number} square @param {Lang} lang */
export function formatArea(square, lang) {
  if (square < 10_000) return `${formatNumber(square, 1)} ${formatUnit("m²", lang)}`;
  if (square < 1_000_000) return `${formatNumber(square / 10_000, 3)} ${formatUnit("ha", lang)}`;
  return `${formatNumber(square / 1_000_000, 3)} ${formatUnit("km²", lang)}`;
}

/** True for what a card leaves out. @param {unknown} value */
export const isEmpty = (value) => value === null || value === undefined || value === "";

/**
 * One attribute as people read it.
 * @param {unknown} value
 * @param {Field} field
 * @param {Record<string, DomainValue[]>} domains
 * @param {Lang} lang
 * @returns {{text: string, code: string|null, colour: string|null}} code: the stored value where it differs from its name
 */
export function formatValue(value, field, domains, lang) {
  const plain = (/** @type {string} */ text) => ({ text, code: null, colour: null });
  if (isEmpty(value)) return plain("");
  if (field.domain) {
    const entry = (domains[field.domain] ?? []).find((candidate) => candidate.value === String(value));
    if (!entry) return plain(String(value));
    const text = entry[lang] || entry.zh;
    const coded = /^[0-9A-Z]+$/.test(entry.value) && entry.value !== text;
    return { text, code: coded ? entry.value : null, colour: entry.colour ?? null };
  }
  if (field.type === "datetime") return plain(formatMoment(String(value)));
  if (field.type === "date") return plain(String(value).slice(0, 10));
  if (field.type === "boolean") return plain(value ? { zh: "是", en: "Yes" }[lang] : { zh: "否", en: "No" }[lang]);
  if (typeof value === "number") {
    const number = field.unit === "年" ? String(value) : formatNumber(value);
    return plain(field.unit ? `${number} ${formatUnit(field.unit, lang)}`.trim() : number);
  }
  return plain(String(value));
}

/** Counts, «约» before an estimate. @param {number} count @param {boolean} exact @param {Lang} lang */
export const formatCount = (count, exact, lang) => `${exact ? "" : { zh: "约 ", en: "about " }[lang]}${formatNumber(count, 0)}`;

/** Days that lie behind, by the calendar of Asia/Shanghai: today, yesterday, 12 days ago, 3 months ago. @param {string|number} moment @param {number} now @param {Lang} lang */
export function formatAge(moment, now, lang) {
  const day = (/** @type {string|number} */ at) => Date.parse(formatMoment(at).slice(0, 10)) / 86_400_000;
  const days = Math.round(day(now) - day(moment));
  const words = new Intl.RelativeTimeFormat(lang === "zh" ? "zh-CN" : "en", { numeric: "auto" });
  return days < 60 ? words.format(-days, "day") : words.format(-Math.floor(days / 30.44), "month");
}

/** A duration as people say it. @param {number} seconds @param {Lang} lang */
export function formatDuration(seconds, lang) {
  if (seconds < 1) return { zh: "不到 1 秒", en: "under 1 s" }[lang];
  if (seconds < 60) return `${formatNumber(seconds, seconds < 10 ? 1 : 0)} ${{ zh: "秒", en: "s" }[lang]}`;
  const whole = Math.round(seconds);
  return lang === "zh" ? `${Math.floor(whole / 60)} 分 ${whole % 60} 秒` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/** Metres of one screen pixel. @param {number} zoom @param {number} lat */
export const metresPerPixel = (zoom, lat) => (40_075_016.686 / 512 / 2 ** zoom) * Math.cos((lat * Math.PI) / 180);

/** The denominator of the scale on a 96 dpi screen, rounded to two figures. @param {number} zoom @param {number} lat */
export function scaleDenominator(zoom, lat) {
  const exact = metresPerPixel(zoom, lat) * (96 / 0.0254);
  const step = 10 ** Math.max(0, Math.floor(Math.log10(exact)) - 1);
  return Math.round(exact / step) * step;
}

/** A round length of 1, 2 or 5 × 10ⁿ metres that fits into so many pixels. @param {number} metres of a pixel @param {number} pixels */
export function scaleBar(metres, pixels) {
  const most = metres * pixels;
  const power = 10 ** Math.floor(Math.log10(most));
  const length = [5, 2, 1].map((factor) => factor * power).find((candidate) => candidate <= most) ?? power;
  return { length, pixels: length / metres };
}
