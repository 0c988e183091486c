"""Putting finished GeoJSON texts together without parsing them again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

__all__ = ["collection_text"]


def collection_text(features: Sequence[str], members: Mapping[str, object], single: bool = False) -> str:
    """Returns a FeatureCollection, or the one feature itself, with further members at its end.

    >>> collection_text(['{"type":"Feature"}'], {"numberReturned": 1})
    '{"type":"FeatureCollection","features":[{"type":"Feature"}],"numberReturned":1}'
    >>> collection_text(['{"type":"Feature"}'], {"links": []}, single=True)
    '{"type":"Feature","links":[]}'
    """
    tail = json.dumps(dict(members), ensure_ascii=False, separators=(",", ":"))[1:-1]
    if single:
        return features[0][:-1] + "," + tail + "}"
    return '{"type":"FeatureCollection","features":[' + ",".join(features) + "]," + tail + "}"
