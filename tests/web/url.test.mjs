import assert from "node:assert/strict";
import test from "node:test";
import { decode, decodeHide, decodeView, emptyState, encode, encodeHide, sameButView } from "../../web/app/url.js";

const full = {
  city: "sample", view: { lon: 120.145, lat: 30.2725, zoom: 14.25, bearing: 0, pitch: 0 }, on: ["a_layer", "b_layer"],
  hide: { a_layer: ["closed", "完好"], b_layer: [] }, opacity: { a_layer: 60 },
  selection: { layer: "a_layer", id: 12 }, list: { layer: "b_layer", scope: "city" }, panel: false, theme: "dark", lang: "en", measure: "area", page: "city",
};

test("a state comes back from the address as it went in", () => {
  assert.deepEqual(decode(encode(full)), full);
  assert.deepEqual(decode(encode(emptyState())), emptyState());
});

test("the address stays readable", () => {
  assert.equal(
    encode(full),
    "#city=sample&at=14.25/30.27250/120.14500&on=a_layer,b_layer&hide=a_layer:closed~%E5%AE%8C%E5%A5%BD,b_layer:&opacity=a_layer:60&sel=a_layer:12&list=b_layer@city&panel=0&theme=dark&lang=en&measure=area&page=city",
  );
});

test("no layer on is not the same as the default", () => {
  assert.deepEqual(decode(encode({ ...emptyState(), on: [] })).on, []);
  assert.equal(decode("#city=sample").on, null);
});

test("a turned and tilted view keeps its angles", () => {
  const view = { lon: 1, lat: 2, zoom: 3, bearing: -45, pitch: 30 };
  assert.deepEqual(decode(encode({ ...emptyState(), view })).view, view);
});

test("what is malformed is left out", () => {
  for (const text of ["", "14/30", "a/b/c", "99/30/120", "14/95/120", "14/30/181", "14/30/120/0/99", "NaN/1/1", "Infinity/0/0", "1/2/3/4/5/6"]) assert.equal(decodeView(text), null, text);
  const state = decode("#city=<b>&at=x&on=A,b_layer,../x&opacity=b_layer:200,c:-1,d:50&sel=b_layer:0&list=b_layer@moon&theme=pink&lang=fr&measure=cube&page=moon");
  assert.deepEqual(state, { ...emptyState(), on: ["b_layer"], opacity: { d: 50 } });
});

test("moving the map is no step of its own in the history, all else is", () => {
  const moved = encode({ ...full, view: { ...full.view, lon: 121 } });
  assert.equal(sameButView(encode(full), moved), true);
  assert.equal(sameButView(encode(full), encode({ ...full, selection: null })), false);
});

test("values that are off come back, whatever signs are in them", () => {
  for (const values of [[], ["完好"], ["a", "b"], ["a~b", "c,d", "e:f", "100%", "%7E", "x+y z", "a&b=c#d", "…"]]) {
    assert.deepEqual(decodeHide(encodeHide({ one: values })), { one: values });
    assert.deepEqual(decode(encode({ ...emptyState(), hide: { one: values, two: ["z"] } })).hide, { one: values, two: ["z"] });
  }
});

test("what is malformed of the values that are off is left out", () => {
  assert.deepEqual(decodeHide("one:a~~a~,Two:b,three,four:a:b,:c,five:"), { one: ["a"], five: [] });
  assert.deepEqual(decodeHide(""), {});
  assert.deepEqual(decode("#hide=%").hide, {});
});

test("switching a value is a step of its own in the history", () => {
  assert.equal(sameButView(encode(full), encode({ ...full, hide: {} })), false);
});
