import assert from "node:assert/strict";
import test from "node:test";
import { formatAge, formatArea, formatCount, formatDuration, formatLength, formatMoment, formatValue, isEmpty, metresPerPixel, scaleBar, scaleDenominator } from "../../web/app/format.js";

const field = (more) => ({ key: "x", title: { zh: "某", en: "X" }, type: "text", unit: null, domain: null, list: false, search: false, abbreviation: null, ...more });

test("times are shown in Asia/Shanghai, whatever the machine's zone", () => {
  assert.equal(formatMoment("2026-11-21T01:30:00Z"), "2026-11-21 09:30");
  assert.equal(formatMoment("2026-11-20T16:00:05Z", true), "2026-11-21 00:00:05");
  assert.equal(formatMoment("nonsense"), "nonsense");
});

test("age counts the days of Asia/Shanghai", () => {
  const now = Date.parse("2026-11-20T16:30:00Z");
  assert.equal(formatAge("2026-11-20T15:00:00Z", now, "zh"), "昨天");
  assert.equal(formatAge("2026-11-20T16:10:00Z", now, "en"), "today");
  assert.equal(formatAge("2026-11-09T04:00:00Z", now, "en"), "12 days ago");
  assert.equal(formatAge("2026-05-09T04:00:00Z", now, "en"), "6 months ago");
});

test("durations are said in seconds, then minutes", () => {
  assert.equal(formatDuration(3.216, "zh"), "3.2 秒");
  assert.equal(formatDuration(42.4, "en"), "42 s");
  assert.equal(formatDuration(192.2, "zh"), "3 分 12 秒");
});

test("codes are decoded, the code itself stays beside a name", () => {
  const domains = { kind: [{ value: "0118", zh: "路灯", en: "Street lamp", colour: "#0072b2" }, { value: "完好", zh: "完好", en: "Sound", colour: null }] };
  assert.deepEqual(formatValue("0118", field({ domain: "kind" }), domains, "zh"), { text: "路灯", code: "0118", colour: "#0072b2" });
  assert.deepEqual(formatValue("完好", field({ domain: "kind" }), domains, "en"), { text: "Sound", code: null, colour: null });
  assert.equal(formatValue("9999", field({ domain: "kind" }), domains, "zh").text, "9999");
});

test("numbers have units, dates no time, emptiness no text", () => {
  assert.equal(formatValue(10020.4, field({ type: "number", unit: "m²" }), {}, "zh").text, "10,020.4 平方米");
  assert.equal(formatValue(10020.4, field({ type: "number", unit: "m²" }), {}, "en").text, "10,020.4 m²");
  assert.equal(formatValue(1200, field({ type: "integer", unit: "年" }), {}, "zh").text, "1200 年");
  assert.equal(formatValue(0, field({ type: "integer" }), {}, "zh").text, "0");
  assert.equal(formatValue("1900-01-01", field({ type: "date" }), {}, "zh").text, "1900-01-01");
  assert.equal(formatValue(null, field({}), {}, "zh").text, "");
  assert.deepEqual([null, undefined, "", 0, false].map(isEmpty), [true, true, true, false, false]);
});

test("lengths and areas step to the unit that people say", () => {
  assert.equal(formatLength(182.493, "zh"), "182.49 米");
  assert.equal(formatLength(1234.5, "zh"), "1.235 公里");
  assert.equal(formatArea(8036.9, "zh"), "8,036.9 平方米");
  assert.equal(formatArea(25_000, "zh"), "2.5 公顷");
  assert.equal(formatArea(2_500_000, "en"), "2.5 km²");
});

test("an estimate says so", () => {
  assert.equal(formatCount(60000, true, "zh"), "60,000");
  assert.equal(formatCount(60000, false, "zh"), "约 60,000");
});

test("the scale bar is round and fits", () => {
  for (let zoom = 3; zoom < 21; zoom += 0.37) {
    const bar = scaleBar(metresPerPixel(zoom, 30), 120);
    assert.ok(bar.pixels <= 120.0001 && bar.pixels >= 47, `${zoom}: ${bar.pixels}`);
    assert.match(String(bar.length), /^(?:0\.0*)?[125]0*$/);
  }
});

test("one pixel at the equator at zoom 0 is the girth of the earth over 512", () => {
  assert.ok(Math.abs(metresPerPixel(0, 0) - 78271.517) < 0.01);
  assert.equal(scaleDenominator(17.2, 30.27), 1700);
});
