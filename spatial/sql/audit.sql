-- The audit log: rows are added, never changed. Chain and keeping: docs/audit.md.
CREATE SCHEMA audit;
REVOKE ALL ON SCHEMA audit FROM PUBLIC;

-- xid stands before id: defaults are evaluated in this order, so a number is handed out only to a transaction that has its id
-- already. `verify` relies on it: a number below sealed ones with a transaction begun after their seal is none of ours.
CREATE TABLE audit.entry (
  era integer NOT NULL DEFAULT wanmi.current_era(),
  xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  actor bigint,
  actor_name text CHECK (char_length(actor_name) <= 100),
  address inet,
  action text NOT NULL CHECK (action ~ '^[a-z]+(\.[a-z_]+)*$'),
  object text CHECK (char_length(object) <= 300),
  result text NOT NULL CHECK (result IN ('ok', 'refused', 'failed')),
  detail jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX entry_at ON audit.entry (at, id);
CREATE INDEX entry_xid ON audit.entry (era, xid);
CREATE INDEX entry_actor ON audit.entry (actor, at, id);
CREATE INDEX entry_verified ON audit.entry (at) WHERE action = 'audit.verify';

-- Which log this is; lines of heads in a file carry it. The first row is chained to it.
CREATE TABLE audit.chain (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  opened_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
INSERT INTO audit.chain DEFAULT VALUES;

-- A batch of sealed rows. Rows are taken by snapshot: those visible now that were not visible to the seal before, so that nobody
-- waits for a long transaction and no late row is passed over (design §1.2).
CREATE TABLE audit.seal (
  number bigint PRIMARY KEY,
  era integer NOT NULL,
  xid xid8 NOT NULL,
  snapshot pg_snapshot NOT NULL,
  at timestamptz NOT NULL,
  newest timestamptz NOT NULL,
  total bigint NOT NULL,
  ids bigint[] NOT NULL,
  hashes bytea NOT NULL,
  head bytea NOT NULL,
  CHECK (length(hashes) = 32 * cardinality(ids) AND length(head) = 32)
);
COMMENT ON COLUMN audit.seal.newest IS 'latest moment of its rows';
COMMENT ON COLUMN audit.seal.total IS 'rows sealed since the log began, with these';
COMMENT ON COLUMN audit.seal.hashes IS '32 bytes a row: sha256(hash before || canonical text), in the order of ids';
COMMENT ON COLUMN audit.seal.head IS 'sha256(last hash || canonical text of the seal); the next batch begins with it';
ALTER TABLE audit.seal ALTER COLUMN hashes SET STORAGE EXTERNAL;

-- How far old rows have been removed: the chain goes on from here.
CREATE TABLE audit.anchor (
  number bigint PRIMARY KEY,
  era integer NOT NULL,
  head bytea NOT NULL,
  total bigint NOT NULL,
  before timestamptz NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- The one definition of what a row says (JSON array: unambiguous, and the same after a dump and in every version of PostgreSQL).
-- `as_id` is the row's own id except where verify asks whether a row has been given another's.
CREATE FUNCTION audit.canonical(e audit.entry, as_id bigint) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT jsonb_build_array(e.era, e.xid::text, as_id, to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    e.actor, e.actor_name, e.address::text, e.action, e.object, e.result, e.detail)::text
$$;

CREATE FUNCTION audit.canonical_seal(s audit.seal) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT jsonb_build_array(s.number, s.era, s.xid::text, s.snapshot::text, to_char(s.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    to_char(s.newest AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), s.total, s.ids)::text
$$;

-- Where the chain stands: the last seal, else the anchor, else the beginning.
CREATE VIEW audit.tip AS
  SELECT coalesce(s.number, a.number, 0) AS number, coalesce(s.total, a.total, 0) AS total, s.era, s.snapshot, s.at,
    coalesce(s.head, a.head, sha256(convert_to(c.id::text, 'UTF8'))) AS head, c.id AS chain
  FROM audit.chain c
  LEFT JOIN (SELECT * FROM audit.seal ORDER BY number DESC LIMIT 1) s ON true
  LEFT JOIN (SELECT * FROM audit.anchor ORDER BY number DESC LIMIT 1) a ON true;

-- Rows that no seal holds yet.
CREATE FUNCTION audit.unsealed() RETURNS SETOF audit.entry LANGUAGE plpgsql STABLE AS $$
DECLARE
  tip audit.tip;
BEGIN
  SELECT * INTO tip FROM audit.tip;
  IF tip.snapshot IS NULL THEN
    RETURN QUERY SELECT * FROM audit.entry e ORDER BY e.era, e.id;
  ELSE
    RETURN QUERY SELECT * FROM audit.entry e
      WHERE (e.era > tip.era OR (e.era = tip.era AND e.xid >= pg_snapshot_xmin(tip.snapshot)))
        AND (e.era > tip.era OR NOT pg_visible_in_snapshot(e.xid, tip.snapshot))
      ORDER BY e.era, e.id;
  END IF;
END $$;

-- Adds a seal behind the tip; the sealer has computed the hashes of the rows.
CREATE FUNCTION audit.add_seal(newest timestamptz, ids bigint[], hashes bytea) RETURNS audit.seal LANGUAGE plpgsql AS $$
DECLARE
  tip audit.tip;
  made audit.seal;
BEGIN
  SELECT * INTO tip FROM audit.tip;
  made.number := tip.number + 1;
  made.era := wanmi.current_era();
  made.snapshot := pg_current_snapshot();
  made.xid := pg_current_xact_id();
  made.at := clock_timestamp();
  made.newest := newest;
  made.total := tip.total + cardinality(ids);
  made.ids := ids;
  made.hashes := hashes;
  made.head := sha256(substr(hashes, length(hashes) - 31) || convert_to(audit.canonical_seal(made), 'UTF8'));
  INSERT INTO audit.seal SELECT made.*;
  RETURN made;
END $$;

-- Kept at least 180 days (Cybersecurity Law art. 21(3): six months).
CREATE FUNCTION audit.kept() RETURNS interval LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT interval '180 days' $$;

CREATE FUNCTION audit.refuse() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION '% on % is refused: the audit log is append-only', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;

CREATE FUNCTION audit.refuse_early_delete() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF OLD.at > clock_timestamp() - audit.kept() THEN
    RAISE EXCEPTION 'DELETE on % is refused: rows are kept %', TG_TABLE_NAME, audit.kept() USING ERRCODE = 'restrict_violation';
  ELSIF current_setting('audit.pruning', true) IS DISTINCT FROM 'on' THEN
    RAISE EXCEPTION 'DELETE on % is refused: only audit.prune removes rows', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN OLD;
END $$;

CREATE TRIGGER append_only BEFORE UPDATE OR TRUNCATE ON audit.entry FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse();
CREATE TRIGGER kept BEFORE DELETE ON audit.entry FOR EACH ROW EXECUTE FUNCTION audit.refuse_early_delete();
CREATE TRIGGER append_only BEFORE UPDATE OR TRUNCATE ON audit.seal FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse();
CREATE TRIGGER kept BEFORE DELETE ON audit.seal FOR EACH ROW EXECUTE FUNCTION audit.refuse_early_delete();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit.anchor FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit.chain FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse();

-- Removes whole batches from the old end, whose rows and seals are all older than a moment; returns the number of rows.
CREATE FUNCTION audit.prune(before timestamptz, actor bigint DEFAULT NULL, actor_name text DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  last audit.seal;
  gone bigint;
BEGIN
  IF before IS NULL OR before > clock_timestamp() - audit.kept() THEN
    RAISE EXCEPTION 'rows are kept %', audit.kept() USING ERRCODE = 'restrict_violation';
  END IF;
  PERFORM pg_advisory_xact_lock(92665);  -- SEAL_LOCK in spatial/audit/sealing.py
  SELECT * INTO last FROM audit.seal s WHERE s.number < (
    SELECT coalesce(min(number), 9223372036854775807) FROM audit.seal WHERE greatest(newest, at) >= before
  ) ORDER BY number DESC LIMIT 1;
  IF last.number IS NULL THEN
    RETURN 0;
  END IF;
  PERFORM set_config('audit.pruning', 'on', true);
  DELETE FROM audit.entry e USING (SELECT unnest(ids) AS id FROM audit.seal WHERE number <= last.number) s WHERE e.id = s.id;
  GET DIAGNOSTICS gone = ROW_COUNT;
  DELETE FROM audit.seal WHERE number <= last.number;
  PERFORM set_config('audit.pruning', '', true);
  INSERT INTO audit.anchor (number, era, head, total, before) VALUES (last.number, last.era, last.head, last.total, before);
  INSERT INTO audit.entry (actor, actor_name, action, object, result, detail) VALUES (actor, actor_name, 'audit.prune', 'audit', 'ok',
    jsonb_build_object('before', before, 'rows', gone, 'seal', last.number, 'head', encode(last.head, 'hex'), 'total', last.total));
  RETURN gone;
END $$;

-- The one thing that the serving role may do here: add a row.
CREATE FUNCTION audit.write(action text, result text, actor bigint, actor_name text, address inet, object text, detail jsonb)
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  INSERT INTO audit.entry (actor, actor_name, address, action, object, result, detail)
  VALUES (write.actor, write.actor_name, write.address, write.action, write.object, write.result, write.detail)
$$;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA audit FROM PUBLIC;

DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'wanmi_app') THEN
    GRANT USAGE ON SCHEMA audit TO wanmi_app;
    GRANT EXECUTE ON FUNCTION audit.write(text, text, bigint, text, inet, text, jsonb) TO wanmi_app;
  END IF;
END $$;
