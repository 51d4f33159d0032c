-- What was asked of each job, how far it is and what it found.  Its place in the queue is a row of procrastinate,
-- whose schema is kept by the library's own migrations (kernel.jobs.schema).
CREATE TABLE kernel.job (
    name       text NOT NULL,
    key        text NOT NULL,
    shop_id    bigint,
    phase      text NOT NULL DEFAULT 'waiting'
               CHECK (phase IN ('waiting', 'running', 'done', 'refused', 'failed')),
    job_id     bigint,
    payload    jsonb NOT NULL,
    -- How often it was asked for, what the run that began last answers, and what is answered.
    asked      bigint NOT NULL DEFAULT 1,
    taken      bigint NOT NULL DEFAULT 0,
    answered   bigint NOT NULL DEFAULT 0,
    asked_at   timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    ended_at   timestamptz,
    -- The run that may write; a worker that was thought lost and comes back is none.
    run        uuid,
    attempt    int NOT NULL DEFAULT 0,
    share      double precision NOT NULL DEFAULT 0 CHECK (share BETWEEN 0 AND 1),
    step       text NOT NULL DEFAULT '',
    facts      jsonb NOT NULL DEFAULT '{}',
    error      jsonb,
    as_of      timestamptz,
    result     jsonb,
    PRIMARY KEY (name, key),
    CHECK (answered <= taken AND taken <= asked),
    CHECK ((run IS NOT NULL) = (phase = 'running'))
);

-- When periodic work was done last.
CREATE TABLE kernel.job_clock (
    name      text PRIMARY KEY,
    struck_at timestamptz NOT NULL DEFAULT now()
);
