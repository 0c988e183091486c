-- The right as data (design §1.3): versioned rules by role, compiled to what each account holds; the database enforces the compiled form.
CREATE SCHEMA access;
REVOKE ALL ON SCHEMA access FROM PUBLIC;

-- What the registry knows of layers and streams; written by every upgrade.
CREATE TABLE access.layer (
  id text PRIMARY KEY,
  kind text NOT NULL CHECK (kind IN ('layer', 'stream')),
  sensitivity text NOT NULL CHECK (sensitivity IN ('public', 'internal', 'restricted'))
);

-- A version is complete and never changed; the newest one holds.
CREATE TABLE access.rule_set (
  version integer PRIMARY KEY CHECK (version > 0),
  made_at timestamptz NOT NULL DEFAULT now(),
  made_by text NOT NULL CHECK (made_by <> ''),
  reason text NOT NULL CHECK (btrim(reason) <> '' AND char_length(reason) <= 500)
);

-- target: a layer's id, or "@" and a sensitivity for all layers of it that have no rule of their own.
-- reach: nothing, one's own organisation's rows within the granted area, all rows within it, or all rows of the cities it touches.
-- areas: narrows the reach to codes that begin with one of these; empty = no narrowing.
CREATE TABLE access.rule (
  version integer NOT NULL REFERENCES access.rule_set,
  role text NOT NULL CHECK (role IN ('dispatcher', 'planner', 'gis', 'handler', 'collector', 'peer', 'public')),
  target text NOT NULL CHECK (target ~ '^(@(public|internal|restricted)|[a-z][a-z0-9_]{0,47})$'),
  action text NOT NULL CHECK (action IN ('read', 'export', 'edit', 'propose', 'unmask', 'clear_internal', 'clear_restricted', 'clear_personal')),
  reach text NOT NULL CHECK (reach IN ('none', 'own', 'area', 'city')),
  areas text[] NOT NULL DEFAULT '{}' CHECK (array_position(areas, NULL) IS NULL AND array_to_string(areas, '') ~ '^[0-9A-Za-z]*$'),
  PRIMARY KEY (version, role, target, action)
);

CREATE FUNCTION access.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'a published version of the rules is never changed' USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON access.rule_set
  FOR EACH STATEMENT EXECUTE FUNCTION access.refuse_change();
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON access.rule
  FOR EACH STATEMENT EXECUTE FUNCTION access.refuse_change();

-- Names by which rows call an organisation beside its titles ("市排水公司"): what is its own is known by them.
CREATE TABLE access.organisation_name (
  organisation bigint NOT NULL REFERENCES account.organisation ON DELETE CASCADE,
  name text NOT NULL CHECK (btrim(name) <> '' AND char_length(name) <= 100),
  PRIMARY KEY (organisation, name)
);

-- What an account holds on a layer. areas: LIKE patterns on the row's area; own: LIKE patterns on its parties, each between U+001F,
-- then U+001E and the area.
CREATE TABLE access.effective (
  account bigint NOT NULL REFERENCES account.account ON DELETE CASCADE,
  layer text NOT NULL REFERENCES access.layer ON DELETE CASCADE,
  action text NOT NULL,
  areas text[],
  own text[],
  PRIMARY KEY (account, layer, action),
  CHECK (areas IS NOT NULL OR own IS NOT NULL)
);

-- One field of one feature shown to one person for an hour after a reason was given.
CREATE TABLE access.unmasking (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  account bigint NOT NULL REFERENCES account.account ON DELETE CASCADE,
  layer text NOT NULL REFERENCES access.layer ON DELETE CASCADE,
  feature bigint NOT NULL,
  field text NOT NULL,
  reason text NOT NULL CHECK (btrim(reason) <> '' AND char_length(reason) <= 500),
  at timestamptz NOT NULL DEFAULT now(),
  until timestamptz NOT NULL CHECK (until > at AND until <= at + interval '1 hour')
);
CREATE INDEX unmasking_holds ON access.unmasking (account, layer, field, until);

CREATE FUNCTION access.pattern(word text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN replace(replace(replace(word, '\', '\\'), '%', '\%'), '_', '\_');

-- The area of a grant as wide as the city it lies in; a grant that is wider than a city stays as it is.
CREATE FUNCTION access.city_wide(area text) RETURNS text LANGUAGE sql STABLE STRICT
RETURN coalesce((SELECT c.prefix FROM wanmi.city c WHERE area LIKE c.prefix || '%' ORDER BY char_length(c.prefix) LIMIT 1), area);

-- An area narrowed by a rule's areas: of two prefixes the longer one, where one begins with the other.
CREATE FUNCTION access.narrowed(area text, areas text[]) RETURNS SETOF text LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
  SELECT area WHERE cardinality(areas) = 0
  UNION
  SELECT CASE WHEN char_length(a) > char_length(area) THEN a ELSE area END
  FROM unnest(areas) a WHERE a LIKE area || '%' OR area LIKE a || '%';
END;

-- Compiles what one account holds, or everybody, and tells the workers.
CREATE FUNCTION access.compile(who bigint DEFAULT NULL) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, access AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('wanmi access.compile'));
  IF who IS NULL THEN
    DELETE FROM access.effective;
  ELSE
    DELETE FROM access.effective WHERE account = who;
  END IF;
  INSERT INTO access.effective (account, layer, action, areas, own)
  WITH grants AS (
    SELECT r.account, r.role, r.area, coalesce(r.organisation, a.organisation) AS organisation
    FROM account.account_role r JOIN account.account a ON a.id = r.account
    WHERE r.duty = 'business' AND a.state = 'active' AND (who IS NULL OR a.id = who)
  ), cells AS (
    SELECT DISTINCT ON (u.role, l.id, u.action) u.role, l.id AS layer, u.action, u.reach, u.areas
    FROM access.rule u JOIN access.layer l ON u.target IN (l.id, '@' || l.sensitivity)
    WHERE u.version = (SELECT max(version) FROM access.rule_set)
    ORDER BY u.role, l.id, u.action, (u.target = l.id) DESC
  ), names AS (
    SELECT organisation, name FROM access.organisation_name
    UNION SELECT id, title_zh FROM account.organisation
    UNION SELECT id, title_en FROM account.organisation
  ), scopes AS (
    SELECT g.account, c.layer, c.action, c.reach, g.organisation, access.pattern(n.prefix) || '%' AS pattern
    FROM grants g JOIN cells c ON c.role = g.role AND c.reach <> 'none'
    CROSS JOIN LATERAL access.narrowed(CASE c.reach WHEN 'city' THEN access.city_wide(g.area) ELSE g.area END, c.areas) n(prefix)
  )
  SELECT s.account, s.layer, s.action, array_agg(DISTINCT s.pattern) FILTER (WHERE s.reach <> 'own'),
         array_agg(DISTINCT E'%\x1f' || access.pattern(n.name) || E'\x1f%\x1e' || s.pattern) FILTER (WHERE s.reach = 'own' AND n.name IS NOT NULL)
  FROM scopes s LEFT JOIN names n ON s.reach = 'own' AND n.organisation = s.organisation
  GROUP BY s.account, s.layer, s.action
  HAVING bool_or(s.reach <> 'own' OR n.name IS NOT NULL);
  IF who IS NULL THEN
    ANALYZE access.effective; -- a table filled anew is planned as if it were empty: 0.5 s an account instead of 3 ms
  END IF;
  PERFORM pg_notify('wanmi_account', coalesce(who::text, '*'));
END
$$;

CREATE FUNCTION access.compile_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_ARGV[0] = '*' THEN
    PERFORM access.compile();
  ELSE
    PERFORM access.compile((coalesce(to_jsonb(NEW), to_jsonb(OLD)) ->> TG_ARGV[0])::bigint);
  END IF;
  RETURN NULL;
END
$$;
CREATE TRIGGER compile AFTER INSERT OR UPDATE OR DELETE ON account.account_role
  FOR EACH ROW EXECUTE FUNCTION access.compile_changed('account');
CREATE TRIGGER compile AFTER UPDATE OF state, organisation ON account.account
  FOR EACH ROW WHEN (OLD.state <> NEW.state OR OLD.organisation IS DISTINCT FROM NEW.organisation)
  EXECUTE FUNCTION access.compile_changed('id');
CREATE TRIGGER compile AFTER UPDATE ON account.organisation FOR EACH STATEMENT EXECUTE FUNCTION access.compile_changed('*');
CREATE TRIGGER compile AFTER INSERT OR UPDATE OR DELETE ON access.organisation_name
  FOR EACH STATEMENT EXECUTE FUNCTION access.compile_changed('*');
CREATE TRIGGER compile AFTER INSERT OR UPDATE OR DELETE ON wanmi.city FOR EACH STATEMENT EXECUTE FUNCTION access.compile_changed('*');

-- What the serving role reads: one view per layer and stream, made from the registry by every upgrade.
CREATE SCHEMA seen;
REVOKE ALL ON SCHEMA seen FROM PUBLIC;
