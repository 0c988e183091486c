/** What a browser calls itself, in words. */

/** @type {[RegExp, string][]} */
const BROWSERS = [[/QGIS/, "QGIS"], [/Edg\//, "Edge"], [/OPR\//, "Opera"], [/Firefox\//, "Firefox"], [/Chrome\//, "Chrome"], [/Safari\//, "Safari"], [/GDAL/, "GDAL"], [/curl/, "curl"], [/python/i, "Python"]];
/** @type {[RegExp, string][]} */
const SYSTEMS = [[/HarmonyOS|OpenHarmony/, "HarmonyOS"], [/Android/, "Android"], [/iPhone|iPad/, "iOS"], [/Windows/, "Windows"], [/Mac OS X/, "macOS"], [/Linux/, "Linux"]];

/** Browser and system, as far as known; "" where nothing is. @param {string|null} agent */
export function describeAgent(agent) {
  const find = (/** @type {[RegExp, string][]} */ known) => known.find(([pattern]) => pattern.test(agent ?? ""))?.[1];
  return [find(BROWSERS), find(SYSTEMS)].filter(Boolean).join(" · ");
}
