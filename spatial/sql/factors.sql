-- Second factors, and identities that an outside provider vouches for; in the schema of accounts, out of the serving role's sight.
CREATE TABLE account.factor (
  account bigint PRIMARY KEY REFERENCES account.account,
  secret bytea NOT NULL CHECK (octet_length(secret) BETWEEN 50 AND 200),
  begun_at timestamptz NOT NULL,
  enrolled_at timestamptz,
  last_step bigint,
  failures timestamptz[] NOT NULL DEFAULT '{}',
  locked_until timestamptz,
  CHECK (enrolled_at IS NULL OR (enrolled_at >= begun_at AND last_step IS NOT NULL))
);

-- The step of the clock only moves on: no code holds twice, whoever writes.
CREATE FUNCTION account.keep_step() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.last_step IS NULL OR NEW.last_step < OLD.last_step THEN
    RAISE EXCEPTION 'the time step of a factor does not go back' USING ERRCODE = 'restrict_violation', CONSTRAINT = 'factor_step';
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER keep_step BEFORE UPDATE ON account.factor
  FOR EACH ROW WHEN (OLD.enrolled_at IS NOT NULL) EXECUTE FUNCTION account.keep_step();

CREATE TABLE account.recovery_code (
  account bigint NOT NULL REFERENCES account.factor ON DELETE CASCADE,
  code_hash bytea NOT NULL CHECK (octet_length(code_hash) = 32),
  used_at timestamptz,
  PRIMARY KEY (account, code_hash)
);

-- Between the password and the code: who has passed the first may try the second, for minutes and from the same address.
CREATE TABLE account.login_ticket (
  token_hash bytea PRIMARY KEY CHECK (octet_length(token_hash) = 32),
  account bigint NOT NULL REFERENCES account.account,
  version integer NOT NULL,
  address inet,
  via text NOT NULL CHECK (via IN ('password', 'oidc')),
  made_at timestamptz NOT NULL,
  ends_at timestamptz NOT NULL CHECK (ends_at > made_at),
  tries integer NOT NULL DEFAULT 0 CHECK (tries >= 0)
);
CREATE INDEX login_ticket_ends ON account.login_ticket (ends_at);
CREATE INDEX login_ticket_account ON account.login_ticket (account);

-- One account has one identity of a provider and one identity is one account's, for good: a name is looked at once, when both are joined.
CREATE TABLE account.identity (
  issuer text NOT NULL CHECK (issuer <> ''),
  subject text NOT NULL CHECK (char_length(subject) BETWEEN 1 AND 255),
  account bigint NOT NULL REFERENCES account.account,
  linked_at timestamptz NOT NULL,
  last_used_at timestamptz,
  PRIMARY KEY (issuer, subject),
  CONSTRAINT identity_once UNIQUE (account, issuer)
);

CREATE TABLE account.identity_permit (
  account bigint PRIMARY KEY REFERENCES account.account,
  ends_at timestamptz NOT NULL
);

-- A log-in at the provider under way: what came back must belong to what was sent, and to the same browser.
CREATE TABLE account.login_flow (
  state_hash bytea PRIMARY KEY CHECK (octet_length(state_hash) = 32),
  browser_hash bytea NOT NULL CHECK (octet_length(browser_hash) = 32),
  nonce text NOT NULL,
  verifier text NOT NULL,
  next text NOT NULL CHECK (next LIKE '/%'),
  address inet,
  ends_at timestamptz NOT NULL
);
CREATE INDEX login_flow_ends ON account.login_flow (ends_at);
CREATE INDEX login_flow_address ON account.login_flow (address);

-- A session that the provider vouched for is not held up by the age of a password nobody used.
ALTER TABLE account.session ADD COLUMN via text NOT NULL DEFAULT 'password' CHECK (via IN ('password', 'oidc'));
-- Wrong codes stand in the log of log-ins and count for the address they came from.
ALTER TABLE account.login_attempt DROP CONSTRAINT login_attempt_outcome_check;
ALTER TABLE account.login_attempt ADD CONSTRAINT login_attempt_outcome_check CHECK (
  outcome IN ('begun', 'granted', 'wrong', 'unknown', 'locked', 'disabled', 'stale', 'no_password', 'wrong_code'));

-- Workers keep who still has to enrol.
CREATE TRIGGER tell AFTER INSERT OR UPDATE OF enrolled_at OR DELETE ON account.factor
  FOR EACH ROW EXECUTE FUNCTION account.tell('account');
