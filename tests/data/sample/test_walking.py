"""Cuts: whoever joins a line at the same metre shares the node; corners and ends attract cuts."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from data.sample.walking import Draft, split_at


def lines(*courses: list[tuple[float, float]]) -> np.ndarray:
    return np.array([shapely.LineString(course) for course in courses], dtype=object)


def points(*places: tuple[float, float]) -> np.ndarray:
    return np.array([shapely.Point(place) for place in places], dtype=object)


def test_pieces_add_up_and_keep_their_order() -> None:
    course = lines([(0, 0), (10, 0), (10, 10)], [(50, 50), (60, 50)])
    pieces, source = split_at(course, np.array([0, 0, 1]), np.array([12.0, 3.0, 5.0]), np.array([[10.0, 2.0], [3.0, 0.0], [55.0, 50.0]]))
    assert source.tolist() == [0, 0, 0, 1, 1]
    assert [piece.length for piece in pieces] == [3.0, 9.0, 8.0, 5.0, 5.0]
    assert pieces[1].coords[:] == [(3, 0), (10, 0), (10, 2)]


def test_a_cut_at_an_end_or_twice_at_a_place_makes_no_empty_piece() -> None:
    course = lines([(0, 0), (10, 0)])
    at = np.array([0.0, 4.0, 4.0, 10.0])
    pieces, _ = split_at(course, np.zeros(4, dtype=int), at, np.column_stack([at, at * 0]))
    assert [piece.length for piece in pieces] == [4.0, 6.0]


def test_who_joins_at_the_same_metre_shares_the_node() -> None:
    draft = Draft()
    street = draft.add(lines([(0, 0), (19.6, 0), (19.6, 20)]), "pavement", None, 2.0)
    draft.cut_corners(street)
    first = draft.cut(np.array([0, 0]), points((7.2, 3), (19.5, 5.4)))
    second = draft.cut(np.array([0]), points((6.9, -3)))
    assert first.tolist() == [[7.0, 0.0], [19.6, 5.4]] and second.tolist() == [[7.0, 0.0]]
    near_corner = draft.cut(np.array([0]), points((19.2, 0)))
    assert near_corner.tolist() == [[19.6, 0.0]], "a cut beside a corner is made at the corner"
    near_end = draft.cut(np.array([0]), points((0.3, 0)))
    assert near_end.tolist() == [[0.0, 0.0]]
    draft.join(first[:1], np.array([[7.0, 9.0]]), "estate", np.array(["甲小区"], dtype=object), 3.0)
    walks = draft.finish()
    assert sorted(shapely.length(walks.line).tolist()) == pytest.approx([5.4, 7.0, 9.0, 12.6, 14.6])
    degree = np.bincount(walks.nodes.ravel())
    assert sorted(degree.tolist()) == [1, 1, 1, 2, 2, 3]
    assert walks.kind.tolist().count("estate") == 1 and "甲小区" in walks.name.tolist()
