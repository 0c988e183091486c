/** Shapes under way: what of a sketch can be measured. Pure. */

/** @typedef {number[]} Point */

/** Drops repeated points, which a sketch under way always has at its end. @param {Point[]} points */
export const distinct = (points) => points.filter((point, index) => !index || point[0] !== points[index - 1][0] || point[1] !== points[index - 1][1]);

/** Which side of the line a-b the point c lies on. @param {Point} a @param {Point} b @param {Point} c */
const side = (a, b, c) => Math.sign((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]));

/** True when two segments cross within themselves. @param {Point} a @param {Point} b @param {Point} c @param {Point} d */
const cross = (a, b, c, d) => side(a, b, c) * side(a, b, d) < 0 && side(c, d, a) * side(c, d, b) < 0;

/** True when a ring, given without its closing point, crosses itself: its area would mean nothing. @param {Point[]} ring */
export function crossesItself(ring) {
  const edges = ring.map((point, index) => /** @type {const} */ ([point, ring[(index + 1) % ring.length]]));
  return edges.some(([a, b], first) => edges.slice(first + 2).some(([c, d]) => cross(a, b, c, d)));
}

/**
 * The geometry to be measured; a ring of two points is a line still.
 * @param {{type: string, coordinates: any}|undefined} geometry
 * @returns {{points: number, crossing: boolean, geometry: {type: string, coordinates: any}|null}}
 */
export function measurable(geometry) {
  if (!geometry) return { points: 0, crossing: false, geometry: null };
  const area = geometry.type === "Polygon";
  const line = distinct(area ? geometry.coordinates[0] : geometry.coordinates);
  const points = area ? line.slice(0, -1) : line;
  if (points.length < 2) return { points: points.length, crossing: false, geometry: null };
  if (!area || points.length === 2) return { points: points.length, crossing: false, geometry: { type: "LineString", coordinates: points } };
  const crossing = crossesItself(points);
  const closed = [...points, points[0]];
  return { points: points.length, crossing, geometry: crossing ? { type: "LineString", coordinates: closed } : { type: "Polygon", coordinates: [closed] } };
}
