import assert from "node:assert/strict";
import test from "node:test";
import { formatPosition, parsePosition } from "../../web/app/coordinates.js";

const near = (text, lon, lat) => {
  const found = parsePosition(text);
  assert.ok(found, text);
  assert.ok(Math.abs(found.lon - lon) < 1e-9 && Math.abs(found.lat - lat) < 1e-9, `${text}: ${JSON.stringify(found)}`);
};

test("decimal degrees, longitude first unless only the other order is possible", () => {
  near("120.145, 30.2725", 120.145, 30.2725);
  near("120.145 30.2725", 120.145, 30.2725);
  near("120.145，30.2725", 120.145, 30.2725);
  near("30.2725, 120.145", 120.145, 30.2725);
  near("-0.5, 51.5", -0.5, 51.5);
  near("（120.145，30.2725）", 120.145, 30.2725);
});

test("hemispheres by letter or word set the order", () => {
  near("30.2725N, 120.145E", 120.145, 30.2725);
  near("N30.5 E20.25", 20.25, 30.5);
  near("北纬30.5，东经120.25", 120.25, 30.5);
  near("33.5S 70.25W", -70.25, -33.5);
});

test("degrees, minutes and seconds", () => {
  near("30°16′21″N 120°8′42″E", 120 + 8 / 60 + 42 / 3600, 30 + 16 / 60 + 21 / 3600);
  near("30°16'21\"N, 120°08'42\"E", 120 + 8 / 60 + 42 / 3600, 30 + 16 / 60 + 21 / 3600);
  near("东经120度8分42秒，北纬30度16分21秒", 120 + 8 / 60 + 42 / 3600, 30 + 16 / 60 + 21 / 3600);
  near("120°30′, 30°15′", 120.5, 30.25);
});

test("what is no position is refused", () => {
  for (const text of ["", "120.145", "人民路 12", "330102 0117000001", "200, 30", "120, 95 N", "30N 31N", "120°61′, 30°", "1,2,3", "NaN, 1"]) assert.equal(parsePosition(text), null, text);
});

test("what is copied can be pasted into the search", () => {
  assert.equal(formatPosition({ lon: 120.145, lat: 30.2725 }), "120.145000, 30.272500");
  near(formatPosition({ lon: 120.1234567, lat: -30.5 }), 120.123457, -30.5);
});
