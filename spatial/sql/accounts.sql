-- Accounts: a schema of its own, because the serving role reads whatever stands in the others.
CREATE SCHEMA account;
REVOKE ALL ON SCHEMA account FROM PUBLIC;

CREATE TABLE account.organisation (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  key text NOT NULL UNIQUE CHECK (key ~ '^[a-z0-9][a-z0-9_-]{0,31}$'),
  title_zh text NOT NULL CHECK (title_zh <> ''),
  title_en text NOT NULL CHECK (title_en <> ''),
  kind text NOT NULL CHECK (kind IN ('department', 'company', 'peer')),
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE account.account (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL CHECK (name ~ '^[A-Za-z0-9][A-Za-z0-9._-]{1,31}$'),
  title text NOT NULL CHECK (title <> '' AND char_length(title) <= 100),
  organisation bigint REFERENCES account.organisation,
  department text CHECK (department <> ''),
  post text CHECK (post <> ''),
  state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'disabled', 'locked')),
  failures timestamptz[] NOT NULL DEFAULT '{}',
  locked_until timestamptz,
  password_hash text CHECK (password_hash LIKE '$argon2id$%'),
  password_changed_at timestamptz,
  must_change boolean NOT NULL DEFAULT false,
  last_login_at timestamptz,
  version integer NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL DEFAULT now(),
  enabled_at timestamptz NOT NULL DEFAULT now(),
  disabled_at timestamptz,
  CHECK ((password_hash IS NULL) = (password_changed_at IS NULL)),
  CHECK ((state = 'disabled') = (disabled_at IS NOT NULL))
);
CREATE UNIQUE INDEX account_name ON account.account (lower(name));
CREATE INDEX account_organisation ON account.account (organisation);

-- The duties exclude each other: an account is of business or one of the three separated administrators. The exclusion
-- constraint says so of every two rows of an account, whoever writes them and at the same moment too.
CREATE TABLE account.account_role (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  account bigint NOT NULL REFERENCES account.account,
  role text NOT NULL CHECK (role IN (
    'dispatcher', 'planner', 'gis', 'handler', 'collector', 'peer', 'public', 'sysadmin', 'secadmin', 'auditor')),
  area text NOT NULL DEFAULT '' CHECK (area ~ '^[0-9A-Za-z]{0,15}$'),
  organisation bigint REFERENCES account.organisation,
  duty text NOT NULL GENERATED ALWAYS AS (CASE WHEN role IN ('sysadmin', 'secadmin', 'auditor') THEN role ELSE 'business' END) STORED,
  granted_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT role_once UNIQUE NULLS NOT DISTINCT (account, role, area, organisation),
  CONSTRAINT separated_duties EXCLUDE USING gist (account WITH =, duty WITH <>),
  CONSTRAINT administrator_everywhere CHECK (duty = 'business' OR (area = '' AND organisation IS NULL))
);
CREATE INDEX account_role_role ON account.account_role (role);

CREATE TABLE account.password_history (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  account bigint NOT NULL REFERENCES account.account,
  password_hash text NOT NULL,
  set_at timestamptz NOT NULL
);
CREATE INDEX password_history_account ON account.password_history (account, set_at);

CREATE TABLE account.session (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  token_hash bytea NOT NULL UNIQUE CHECK (octet_length(token_hash) = 32),
  account bigint NOT NULL REFERENCES account.account,
  version integer NOT NULL,
  opened_at timestamptz NOT NULL,
  seen_at timestamptz NOT NULL,
  idle_ends_at timestamptz NOT NULL,
  ends_at timestamptz NOT NULL,
  address inet,
  agent text CHECK (char_length(agent) <= 300),
  revoked_at timestamptz,
  CHECK (opened_at <= seen_at AND seen_at < idle_ends_at AND idle_ends_at <= ends_at)
);
CREATE INDEX session_account ON account.session (account);
CREATE INDEX session_ends ON account.session (ends_at);

CREATE TABLE account.api_key (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  prefix text NOT NULL UNIQUE CHECK (prefix ~ '^[a-z0-9]{8}$'),
  key_hash bytea NOT NULL UNIQUE CHECK (octet_length(key_hash) = 32),
  account bigint NOT NULL REFERENCES account.account,
  title text NOT NULL CHECK (title <> '' AND char_length(title) <= 100),
  scopes text[] NOT NULL CHECK (cardinality(scopes) > 0 AND scopes <@ ARRAY['read', 'write', 'ingest', 'exchange']),
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL CHECK (expires_at > created_at),
  last_used_at timestamptz,
  revoked_at timestamptz
);
CREATE INDEX api_key_account ON account.api_key (account);

-- One row per attempt that was let through to the password: the log of log-ins, and what an address may still try.
CREATE TABLE account.login_attempt (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL,
  name text NOT NULL CHECK (char_length(name) <= 32),
  account bigint REFERENCES account.account,
  address inet,
  outcome text NOT NULL CHECK (outcome IN ('begun', 'granted', 'wrong', 'unknown', 'locked', 'disabled', 'stale', 'no_password'))
);
CREATE INDEX login_attempt_address ON account.login_attempt (address, at) WHERE outcome <> 'granted';
CREATE INDEX login_attempt_at ON account.login_attempt (at);

-- The house always keeps one security administrator that can act. Who may be taking one away writes the guard's row before it
-- looks: two that do it at once wait for each other, and under stricter isolation the second one fails.
CREATE TABLE account.guard (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  changes bigint NOT NULL DEFAULT 0
);
INSERT INTO account.guard DEFAULT VALUES;

CREATE FUNCTION account.keep_security_administrator() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE account.guard SET changes = changes + 1;
  IF TG_TABLE_NAME = 'account' AND NOT EXISTS (SELECT FROM account.account_role WHERE account = NEW.id AND role = 'secadmin') THEN
    RETURN NULL;
  END IF;
  IF NOT EXISTS (
    SELECT FROM account.account_role r JOIN account.account a ON a.id = r.account WHERE r.role = 'secadmin' AND a.state = 'active'
  ) THEN
    RAISE EXCEPTION 'the last security administrator stays'
      USING ERRCODE = 'restrict_violation', CONSTRAINT = 'last_security_administrator';
  END IF;
  RETURN NULL;
END
$$;
CREATE TRIGGER keep_security_administrator AFTER UPDATE OF state ON account.account
  FOR EACH ROW WHEN (OLD.state = 'active' AND NEW.state <> 'active') EXECUTE FUNCTION account.keep_security_administrator();
CREATE TRIGGER keep_security_administrator AFTER UPDATE OR DELETE ON account.account_role
  FOR EACH ROW WHEN (OLD.role = 'secadmin') EXECUTE FUNCTION account.keep_security_administrator();

CREATE FUNCTION account.refuse_truncate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is not emptied', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON account.account FOR EACH STATEMENT EXECUTE FUNCTION account.refuse_truncate();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON account.account_role FOR EACH STATEMENT EXECUTE FUNCTION account.refuse_truncate();

-- Workers keep sessions and rights in memory; whatever ends or changes one tells them whose.
CREATE FUNCTION account.tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('wanmi_account', coalesce(to_jsonb(NEW), to_jsonb(OLD)) ->> TG_ARGV[0]);
  RETURN NULL;
END
$$;
CREATE TRIGGER tell AFTER UPDATE OF name, title, organisation, state, must_change, version ON account.account
  FOR EACH ROW EXECUTE FUNCTION account.tell('id');
CREATE TRIGGER tell AFTER INSERT OR UPDATE OR DELETE ON account.account_role FOR EACH ROW EXECUTE FUNCTION account.tell('account');
CREATE TRIGGER tell AFTER UPDATE OF revoked_at ON account.session FOR EACH ROW EXECUTE FUNCTION account.tell('account');
CREATE TRIGGER tell AFTER UPDATE OF revoked_at ON account.api_key FOR EACH ROW EXECUTE FUNCTION account.tell('account');
