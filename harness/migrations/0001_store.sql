-- What a store holds. A run lists trials; a trial is named by its content and shared by every run
-- that asks the same thing; a grade belongs to a trial and a grader.

-- Bodies, compressed with zstd, named by the BLAKE3 of what they were before.
CREATE TABLE blob (
    hash  BLOB NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
    size  INTEGER NOT NULL,
    bytes BLOB NOT NULL
) STRICT;

CREATE TABLE run (
    id         INTEGER PRIMARY KEY,
    digest     TEXT NOT NULL UNIQUE,
    handle     TEXT NOT NULL UNIQUE,
    name       TEXT,
    created_ms INTEGER NOT NULL,
    ended_ms   INTEGER,
    state      TEXT NOT NULL CHECK (state IN ('running', 'finished', 'interrupted', 'stopped')),
    reason     TEXT,
    command    TEXT NOT NULL,
    selection  TEXT NOT NULL,
    seed       INTEGER NOT NULL,
    version    TEXT NOT NULL
) STRICT;

-- A process that works or worked on a run. Without `ended_ms` it is at work, or it died.
CREATE TABLE owner (
    id           INTEGER PRIMARY KEY,
    run          INTEGER NOT NULL REFERENCES run (id),
    pid          INTEGER NOT NULL,
    boot         TEXT NOT NULL,
    started      INTEGER NOT NULL,
    heartbeat_ms INTEGER NOT NULL,
    ended_ms     INTEGER
) STRICT;
CREATE INDEX owner_open ON owner (run) WHERE ended_ms IS NULL;

CREATE TABLE run_arm (
    run       INTEGER NOT NULL REFERENCES run (id),
    n         INTEGER NOT NULL,
    label     TEXT NOT NULL,
    model     TEXT NOT NULL,
    digest    TEXT NOT NULL,
    requested TEXT NOT NULL,
    effective TEXT NOT NULL,
    PRIMARY KEY (run, n),
    UNIQUE (run, label)
) STRICT, WITHOUT ROWID;

CREATE TABLE run_task (
    run         INTEGER NOT NULL REFERENCES run (id),
    n           INTEGER NOT NULL,
    suite       TEXT NOT NULL,
    task        TEXT NOT NULL,
    version     TEXT NOT NULL,
    title       TEXT NOT NULL,
    domain      TEXT NOT NULL,
    sensitivity TEXT NOT NULL,
    weight      INTEGER NOT NULL,
    digest      TEXT NOT NULL,
    grader      TEXT NOT NULL,
    items       INTEGER NOT NULL,
    repeats     INTEGER NOT NULL,
    PRIMARY KEY (run, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE item (
    id          INTEGER PRIMARY KEY,
    digest      TEXT NOT NULL UNIQUE,
    name        TEXT NOT NULL,
    cluster     TEXT,
    level       INTEGER,
    fields      TEXT NOT NULL,
    target_kind TEXT NOT NULL,
    target      TEXT NOT NULL,
    decoys      TEXT NOT NULL,
    origin      TEXT
) STRICT;

-- A grader is named by its spec, its version and what counts as right.
CREATE TABLE grader (
    id     INTEGER PRIMARY KEY,
    digest TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE trial (
    id       INTEGER PRIMARY KEY,
    key      TEXT NOT NULL UNIQUE CHECK (length(key) = 64),
    model    TEXT NOT NULL,
    sampling TEXT NOT NULL,
    seed     INTEGER NOT NULL
) STRICT;

-- `n` is the place of the trial in the plan, `arm` and `task` are places in the run.
CREATE TABLE run_trial (
    run    INTEGER NOT NULL REFERENCES run (id),
    n      INTEGER NOT NULL,
    arm    INTEGER NOT NULL,
    task   INTEGER NOT NULL,
    item   INTEGER NOT NULL REFERENCES item (id),
    repeat INTEGER NOT NULL,
    trial  INTEGER NOT NULL REFERENCES trial (id),
    grader INTEGER NOT NULL REFERENCES grader (id),
    failed TEXT,
    PRIMARY KEY (run, n),
    FOREIGN KEY (run, arm) REFERENCES run_arm (run, n),
    FOREIGN KEY (run, task) REFERENCES run_task (run, n)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX run_trial_place ON run_trial (run, arm, task, item, repeat);
CREATE INDEX run_trial_trial ON run_trial (trial);

CREATE TABLE turn (
    id     INTEGER PRIMARY KEY,
    trial  INTEGER NOT NULL REFERENCES trial (id),
    n      INTEGER NOT NULL,
    prompt BLOB NOT NULL REFERENCES blob (hash),
    UNIQUE (trial, n)
) STRICT;

-- One try at a runner. The row is there before the request is.
CREATE TABLE attempt (
    id          INTEGER PRIMARY KEY,
    turn        INTEGER NOT NULL REFERENCES turn (id),
    n           INTEGER NOT NULL,
    owner       INTEGER NOT NULL REFERENCES owner (id),
    status      TEXT NOT NULL CHECK (status IN ('started', 'ok', 'failed', 'lost')),
    started_ms  INTEGER NOT NULL,
    ended_ms    INTEGER,
    error       TEXT,
    message     TEXT,
    billed      TEXT CHECK (billed IN ('no', 'possibly')),
    http_status INTEGER,
    redacted    INTEGER NOT NULL DEFAULT 0,
    raw         BLOB REFERENCES blob (hash),
    CHECK ((status = 'started') = (ended_ms IS NULL))
) STRICT;
CREATE UNIQUE INDEX attempt_place ON attempt (turn, n);
CREATE UNIQUE INDEX attempt_accepted ON attempt (turn) WHERE status = 'ok';
CREATE INDEX attempt_open ON attempt (owner) WHERE status = 'started';

CREATE TABLE completion (
    attempt          INTEGER PRIMARY KEY REFERENCES attempt (id),
    text             TEXT NOT NULL,
    reasoning_kind   TEXT NOT NULL,
    reasoning        BLOB REFERENCES blob (hash),
    finish           TEXT NOT NULL,
    tokens_in        INTEGER,
    tokens_cached    INTEGER,
    tokens_out       INTEGER,
    tokens_reasoning INTEGER,
    usage_source     TEXT NOT NULL,
    first_us         INTEGER,
    total_us         INTEGER NOT NULL,
    served_model     TEXT,
    fingerprint      TEXT,
    request_id       TEXT
) STRICT;

CREATE TABLE grade (
    trial     INTEGER NOT NULL REFERENCES trial (id),
    grader    INTEGER NOT NULL REFERENCES grader (id),
    outcome   TEXT NOT NULL,
    score     REAL NOT NULL,
    detail    TEXT NOT NULL,
    graded_ms INTEGER NOT NULL,
    PRIMARY KEY (trial, grader)
) STRICT, WITHOUT ROWID;

-- What was seen inside a model by one process while it asked one arm.
CREATE TABLE telemetry (
    owner INTEGER NOT NULL REFERENCES owner (id),
    run   INTEGER NOT NULL,
    arm   INTEGER NOT NULL,
    seen  TEXT NOT NULL,
    PRIMARY KEY (owner, arm),
    FOREIGN KEY (run, arm) REFERENCES run_arm (run, n)
) STRICT, WITHOUT ROWID;
