-- The geometry gate: the one place that says what is wrong with a geometry (design §5).
-- Called by the CHECK of every layer table, by imports and by edits. Answers null when all is well, else "rule: detail".
-- A NaN point is valid for ST_IsValid, matches every bounding box and kills whole tiles (reliability_security.md §1.1),
-- so finiteness is asked first, of every vertex; only points and small shapes reach ST_IsValid cheaply.
CREATE OR REPLACE FUNCTION wanmi.geometry_fault(geom geometry, types text[], envelope geometry DEFAULT NULL)
RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  kind text;
  detail valid_detail;
BEGIN
  IF geom IS NULL THEN
    RETURN NULL;
  END IF;
  kind := GeometryType(geom);
  IF NOT kind = ANY (types) THEN
    RETURN 'geometry_type: ' || kind;
  END IF;
  IF ST_IsEmpty(geom) THEN
    RETURN 'geometry_empty: ' || kind;
  END IF;
  IF ST_SRID(geom) <> 4490 THEN
    RETURN 'geometry_srid: ' || ST_SRID(geom);
  END IF;
  IF ST_NDims(geom) <> 2 THEN
    RETURN 'geometry_dimension: ' || ST_NDims(geom);
  END IF;
  IF ST_NPoints(geom) > 100000 THEN
    RETURN 'geometry_vertices: ' || ST_NPoints(geom);
  END IF;
  IF kind = 'POINT' THEN
    IF ST_X(geom) IN ('NaN', 'Infinity', '-Infinity') OR ST_Y(geom) IN ('NaN', 'Infinity', '-Infinity') THEN
      RETURN 'geometry_finite: ' || ST_AsText(geom);
    END IF;
  ELSIF ST_AsText(geom, 0) ~ '[a-z]' THEN
    -- the names of types are upper case: lower-case letters stand only in NaN and Infinity
    RETURN 'geometry_finite: ' || kind;
  END IF;
  IF ST_XMin(geom) < -180 OR ST_XMax(geom) > 180 OR ST_YMin(geom) < -90 OR ST_YMax(geom) > 90 THEN
    RETURN format('geometry_range: %s %s, %s %s', ST_XMin(geom), ST_YMin(geom), ST_XMax(geom), ST_YMax(geom));
  END IF;
  IF envelope IS NOT NULL AND (
    ST_XMin(geom) < ST_XMin(envelope) OR ST_XMax(geom) > ST_XMax(envelope)
    OR ST_YMin(geom) < ST_YMin(envelope) OR ST_YMax(geom) > ST_YMax(envelope)
  ) THEN
    RETURN 'geometry_envelope: ' || CASE kind WHEN 'POINT' THEN ST_AsText(geom, 6) ELSE ST_AsText(ST_Centroid(geom), 6) END;
  END IF;
  IF kind <> 'POINT' AND NOT ST_IsValid(geom) THEN
    detail := ST_IsValidDetail(geom);
    RETURN 'geometry_valid: ' || detail.reason || ' ' || coalesce(ST_AsText(detail.location, 7), '');
  END IF;
  RETURN NULL;
END
$$;
