-- Log eras: transaction ids restart when a dump is restored into another server, so whatever is ordered by them (audit rows, the
-- change log, readers' cursors) carries the era it was written in. Earlier eras count as wholly visible (design §1.2).
CREATE TABLE wanmi.log_era (
  era integer PRIMARY KEY CHECK (era > 0),
  opened_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  reason text NOT NULL CHECK (char_length(reason) BETWEEN 1 AND 200)
);
INSERT INTO wanmi.log_era (era, reason) VALUES (1, 'first');

-- The default of every column "era": 3.4 us a row (bench/audit.py).
CREATE FUNCTION wanmi.current_era() RETURNS integer
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (SELECT era FROM wanmi.log_era ORDER BY era DESC LIMIT 1);
END $$;

-- Opens the next era; called by whatever lets transaction ids begin anew, before anything is written.
CREATE FUNCTION wanmi.open_era(why text) RETURNS integer
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
  INSERT INTO wanmi.log_era (era, reason) SELECT max(era) + 1, why FROM wanmi.log_era RETURNING era
$$;
REVOKE ALL ON FUNCTION wanmi.open_era(text) FROM PUBLIC;
