/**
 * The map as a picture: title, date, scale bar, north, legend of what is on, map review number.
 * The drawing of the card is asked for and copied in one go, so nothing has to be kept (no preserveDrawingBuffer).
 */
import { formatMoment, metresPerPixel, scaleBar, formatLength, scaleDenominator, formatNumber } from "../format.js";
import { lang, t, titled } from "../i18n.js";
import { hiddenValues } from "../legend.js";
import { city, groups, hide, layers, shown, theme, view } from "../state.js";
import { hollow, map } from "./engine.js";

const FONT = '"PingFang SC","Noto Sans SC","Noto Sans CJK SC","Microsoft YaHei",sans-serif';
const LEGEND_WIDTH = 200;
const PAD = 16;
const HEAD = 56;
const FOOT = 56;

/** @typedef {{text: string, heading: boolean, colour: string, symbol: string}} LegendLine */

/** What is on and can be seen at this scale, as lines of a legend. @returns {LegendLine[]} */
export function legendLines() {
  const zoom = view.peek()?.zoom ?? 0;
  const dark = theme.peek() === "dark";
  const order = groups.peek().map((group) => group.id);
  return layers.peek()
    .filter((layer) => shown.peek().has(layer.id) && layer.count > 0 && zoom >= layer.minzoom && layer.legend.length)
    .sort((a, b) => order.indexOf(a.group) - order.indexOf(b.group))
    .flatMap((layer) => {
      const line = (/** @type {import("../state.js").LegendEntry} */ entry, /** @type {string} */ text) =>
        ({ text, heading: false, colour: dark ? entry.colour_dark : entry.colour, symbol: hollow.peek().has(layer.id) ? "hollow" : entry.symbol });
      if (layer.legend.length === 1) return [line(layer.legend[0], titled(layer.title))];
      const off = new Set(/** @type {(string|null)[]} */ (hiddenValues(layer, hide.peek())));
      const entries = layer.legend.filter((entry) => !off.has(entry.value));
      if (!entries.length) return [];
      return [{ text: titled(layer.title), heading: true, colour: "", symbol: "" }, ...entries.map((entry) => line(entry, titled(entry)))];
    });
}

/** @param {CanvasRenderingContext2D} pen @param {LegendLine} line @param {number} x @param {number} y */
function drawSymbol(pen, line, x, y) {
  pen.fillStyle = line.colour;
  pen.strokeStyle = line.colour;
  pen.beginPath();
  if (line.symbol === "line") {
    pen.moveTo(x, y);
    pen.lineTo(x + 16, y);
    pen.lineWidth = 5;
    pen.strokeStyle = "#8a94a0";
    pen.stroke();
    pen.lineWidth = 3.5;
    pen.strokeStyle = line.colour;
    pen.stroke();
  } else if (line.symbol === "point") {
    pen.arc(x + 8, y, 5, 0, 2 * Math.PI);
    pen.fill();
  } else if (line.symbol === "hollow") {
    pen.lineWidth = 2;
    pen.rect(x + 1, y - 5, 14, 10);
    pen.stroke();
  } else {
    pen.rect(x, y - 5, 16, 10);
    pen.fill();
    pen.lineWidth = 1;
    pen.strokeStyle = "#8a94a0";
    pen.stroke();
  }
}

/** @param {CanvasRenderingContext2D} pen @param {number} left @param {number} top @param {number} height */
function drawLegend(pen, left, top, height) {
  const lines = legendLines();
  const step = Math.min(22, (height - 2 * PAD) / Math.max(1, lines.length));
  pen.textBaseline = "middle";
  lines.forEach((line, index) => {
    const y = top + PAD + step * (index + 0.5);
    pen.font = `${line.heading ? "600 " : ""}${Math.min(12.5, step * 0.62)}px ${FONT}`;
    if (!line.heading) drawSymbol(pen, line, left + PAD, y);
    pen.fillStyle = "#1a2330";
    pen.fillText(line.text, left + PAD + (line.heading ? 0 : 24), y, LEGEND_WIDTH - 2 * PAD - (line.heading ? 0 : 24));
  });
}

/** @param {CanvasRenderingContext2D} pen @param {number} right @param {number} bottom of the map */
function drawScale(pen, right, bottom) {
  const at = view.peek();
  if (!at) return;
  const bar = scaleBar(metresPerPixel(at.zoom, at.lat), 160);
  const left = right - bar.pixels - PAD - 10;
  pen.fillStyle = "rgba(255,255,255,.85)";
  pen.fillRect(left - 10, bottom - 40, bar.pixels + 20, 32);
  pen.strokeStyle = "#1a2330";
  pen.lineWidth = 2;
  pen.beginPath();
  pen.moveTo(left, bottom - 22);
  pen.lineTo(left, bottom - 16);
  pen.lineTo(left + bar.pixels, bottom - 16);
  pen.lineTo(left + bar.pixels, bottom - 22);
  pen.stroke();
  pen.fillStyle = "#1a2330";
  pen.font = `12px ${FONT}`;
  pen.textAlign = "center";
  pen.fillText(formatLength(bar.length, lang.peek()), left + bar.pixels / 2, bottom - 28);
  pen.textAlign = "left";
}

/** @param {CanvasRenderingContext2D} pen @param {number} x @param {number} y */
function drawNorth(pen, x, y) {
  pen.save();
  pen.translate(x, y);
  pen.fillStyle = "rgba(255,255,255,.85)";
  pen.beginPath();
  pen.arc(0, 0, 22, 0, 2 * Math.PI);
  pen.fill();
  pen.rotate((-(view.peek()?.bearing ?? 0) * Math.PI) / 180);
  pen.fillStyle = "#1a2330";
  pen.beginPath();
  pen.moveTo(0, -16);
  pen.lineTo(7, 8);
  pen.lineTo(0, 3);
  pen.lineTo(-7, 8);
  pen.fill();
  pen.font = `600 10px ${FONT}`;
  pen.textAlign = "center";
  pen.fillText(lang.peek() === "zh" ? "北" : "N", 0, 18);
  pen.restore();
}

/** The words at the foot, two lines: when and at which scale, then what the city says of its data. */
export function footLines() {
  const here = city.peek();
  const number = here?.map_number ? t("map_number", { number: here.map_number }) : t("map_number_none");
  const at = view.peek();
  const scale = at ? t("sheet_scale", { scale: formatNumber(scaleDenominator(at.zoom, at.lat), 0) }) : "";
  return [[t("sheet_made", { date: formatMoment(Date.now()) }), scale, "CGCS2000", number].filter(Boolean).join("　"), titled(here?.notice)].filter(Boolean);
}

/** Draws the sheet; null when the map is not there. @param {{title: string, legend: boolean}} wanted @returns {HTMLCanvasElement|null} */
export function composeSheet({ title, legend }) {
  const drawn = map.peek();
  if (!drawn) return null;
  const source = drawn.getCanvas();
  const ratio = source.width / source.clientWidth;
  const [width, height] = [source.clientWidth, source.clientHeight];
  const side = legend && legendLines().length ? LEGEND_WIDTH : 0;
  const sheet = document.createElement("canvas");
  sheet.width = Math.round((width + side) * ratio);
  sheet.height = Math.round((height + HEAD + FOOT) * ratio);
  const pen = /** @type {CanvasRenderingContext2D} */ (sheet.getContext("2d"));
  pen.scale(ratio, ratio);
  pen.fillStyle = "#ffffff";
  pen.fillRect(0, 0, width + side, height + HEAD + FOOT);
  drawn.redraw();
  pen.drawImage(source, 0, HEAD, width, height);
  pen.textBaseline = "middle";
  pen.fillStyle = "#1a2330";
  pen.font = `600 22px ${FONT}`;
  pen.textAlign = "center";
  pen.fillText(title, (width + side) / 2, HEAD / 2, width + side - 2 * PAD);
  pen.textAlign = "left";
  if (side) drawLegend(pen, width, HEAD, height);
  drawScale(pen, width, HEAD + height);
  drawNorth(pen, width - 38, HEAD + 38);
  pen.font = `12px ${FONT}`;
  pen.fillStyle = "#1a2330";
  const foot = footLines();
  foot.forEach((line, index) => pen.fillText(line, PAD, HEAD + height + FOOT / 2 + (index - (foot.length - 1) / 2) * 20, width + side - 2 * PAD));
  pen.strokeStyle = "#1a2330";
  pen.lineWidth = 1;
  pen.strokeRect(0.5, 0.5, width + side - 1, height + HEAD + FOOT - 1);
  pen.beginPath();
  pen.moveTo(0, HEAD);
  pen.lineTo(width + side, HEAD);
  pen.moveTo(0, HEAD + height);
  pen.lineTo(width + side, HEAD + height);
  if (side) { pen.moveTo(width, HEAD); pen.lineTo(width, HEAD + height); }
  pen.stroke();
  return sheet;
}

/** Saves the sheet as a file. @param {HTMLCanvasElement} sheet @param {string} name */
export function save(sheet, name) {
  return new Promise((resolve, reject) => {
    sheet.toBlob((blob) => {
      if (!blob) return reject(new Error("empty picture"));
      const link = document.createElement("a");
      link.href = URL.createObjectURL(blob);
      link.download = name;
      link.click();
      window.setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
      return resolve(undefined);
    }, "image/png");
  });
}

/** Puts a picture of the map where paper can see it; the canvas of the card itself prints blank. @param {{title: string, legend: boolean}} wanted */
export function preparePrint(wanted) {
  const sheet = composeSheet(wanted);
  document.querySelector(".print-sheet")?.remove();
  if (!sheet) return false;
  sheet.className = "print-sheet";
  sheet.setAttribute("role", "img");
  sheet.setAttribute("aria-label", wanted.title);
  document.body.append(sheet);
  return true;
}

/** Also when the browser's own command prints. */
export function linkPrint() {
  window.addEventListener("beforeprint", () => {
    if (!document.querySelector(".print-sheet")) preparePrint({ title: t("sheet_default", { city: titled(city.peek()?.title) }), legend: true });
  });
  window.addEventListener("afterprint", () => document.querySelector(".print-sheet")?.remove());
}
