-- Long work: one row per job, as people see it. The library's queue (procrastinate) stands in the same schema and only says
-- what is to be fetched next; its rows vanish when they are done. The serving role has no right on either.
CREATE SCHEMA job;
REVOKE ALL ON SCHEMA job FROM PUBLIC;

CREATE TABLE job.job (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  ticket bigint,
  kind text NOT NULL CHECK (kind ~ '^[a-z][a-z0-9-]{0,39}$'),
  queue text NOT NULL,
  slot integer NOT NULL CHECK (slot > 0),
  title_zh text NOT NULL CHECK (title_zh <> ''),
  title_en text NOT NULL CHECK (title_en <> ''),
  city text,
  parameters jsonb NOT NULL,
  actor bigint NOT NULL REFERENCES account.account,
  actor_name text NOT NULL,
  state text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
  stage_zh text,
  stage_en text,
  done bigint CHECK (done >= 0),
  total bigint CHECK (total >= 0),
  message_zh text,
  message_en text,
  attempts integer NOT NULL DEFAULT 0,
  worker bigint,
  heartbeat timestamptz,
  cancel_asked_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  started_at timestamptz,
  finished_at timestamptz,
  result jsonb,
  report text,
  CHECK ((state IN ('succeeded', 'failed', 'cancelled')) = (finished_at IS NOT NULL)),
  CHECK (state <> 'running' OR (worker IS NOT NULL AND started_at IS NOT NULL)),
  CHECK ((message_zh IS NULL) = (message_en IS NULL))
);
CREATE INDEX job_actor ON job.job (actor, id DESC);
CREATE INDEX job_open ON job.job (queue, id) WHERE state IN ('queued', 'running');
CREATE INDEX job_ticket ON job.job (ticket) WHERE state IN ('queued', 'running');
CREATE INDEX job_finished ON job.job (finished_at) WHERE finished_at IS NOT NULL;

-- A row is added in the transaction that writes a job's data, so that a crash afterwards is never taken for one before. A table of
-- its own: that transaction must not hold the row on which the job's progress is told meanwhile.
CREATE TABLE job.written (
  job bigint PRIMARY KEY REFERENCES job.job ON DELETE CASCADE,
  at timestamptz NOT NULL DEFAULT clock_timestamp()
);

COMMENT ON COLUMN job.job.ticket IS 'id of the row in procrastinate_jobs that stands for it now';
COMMENT ON COLUMN job.job.slot IS 'which of the places of its kind it takes: one job a slot runs at a time';
COMMENT ON COLUMN job.job.worker IS 'number of the advisory lock that its worker holds as long as it lives';
