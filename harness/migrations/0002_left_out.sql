-- Items of a run's suites that were not asked, because their own tests could not be trusted.
CREATE TABLE left_out (
    run  INTEGER NOT NULL REFERENCES run (id),
    n    INTEGER NOT NULL,
    task TEXT NOT NULL,
    item TEXT NOT NULL,
    why  TEXT NOT NULL,
    PRIMARY KEY (run, n)
) STRICT, WITHOUT ROWID;
