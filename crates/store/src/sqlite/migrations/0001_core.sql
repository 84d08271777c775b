-- Ids are 16-byte big-endian blobs, times are milliseconds since 1970 UTC, documents are JSON as core writes it.

CREATE TABLE installation (
    one           INTEGER PRIMARY KEY CHECK (one = 1),
    id            BLOB NOT NULL,
    writer_epoch  INTEGER NOT NULL
) STRICT;

CREATE TABLE task (
    id            BLOB PRIMARY KEY,
    tenant        TEXT NOT NULL,
    status        TEXT NOT NULL,
    ended         INTEGER NOT NULL,
    agent         TEXT NOT NULL,
    workflow      TEXT NOT NULL,
    version       INTEGER NOT NULL,
    submitted_at  INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL
) STRICT;
CREATE INDEX task_tenant ON task (tenant, id);
CREATE INDEX task_unfinished ON task (id) WHERE ended = 0;

-- The state after the first `version` events of a task that has many; later ones are folded onto it when it is read.
CREATE TABLE task_state (
    task    BLOB PRIMARY KEY REFERENCES task (id),
    version INTEGER NOT NULL,
    state   BLOB NOT NULL
) STRICT;

-- With row numbers, for rows are long: a tree without them keeps a quarter of a page of each and moves them between pages (decisions/0031).
CREATE TABLE task_event (
    task     BLOB NOT NULL REFERENCES task (id),
    sequence INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    event    BLOB NOT NULL,
    PRIMARY KEY (task, sequence)
) STRICT;

-- A decision names people, so it is a payload, sealed and erased like one; its id is the payload's.
CREATE TABLE payload (
    id          BLOB PRIMARY KEY,
    tenant      TEXT NOT NULL,
    commitment  BLOB NOT NULL,
    len         INTEGER NOT NULL,
    wrapped_key BLOB NOT NULL,
    ciphertext  BLOB NOT NULL
) STRICT;

CREATE TABLE approval (
    id      BLOB PRIMARY KEY,
    tenant  TEXT NOT NULL,
    status  TEXT NOT NULL,
    request BLOB NOT NULL
) STRICT;
CREATE INDEX approval_tenant ON approval (tenant, id);
CREATE INDEX approval_status ON approval (tenant, status, id);

CREATE TABLE audit_head (
    log      INTEGER PRIMARY KEY,
    tenant   TEXT NOT NULL UNIQUE,
    size     INTEGER NOT NULL,
    frontier BLOB NOT NULL,
    root     BLOB NOT NULL,
    last_at  INTEGER NOT NULL
) STRICT;

-- entry = log * 2^40 + index in that log: one tree, appended at the end of each log's range.
CREATE TABLE audit_leaf (
    entry     INTEGER PRIMARY KEY,
    at        INTEGER NOT NULL,
    kind      TEXT NOT NULL,
    task      BLOB,
    leaf      BLOB NOT NULL,
    leaf_hash BLOB NOT NULL
) STRICT;
CREATE INDEX audit_leaf_task ON audit_leaf (task, entry) WHERE task IS NOT NULL;

CREATE TABLE audit_checkpoint (
    log  INTEGER NOT NULL REFERENCES audit_head (log),
    size INTEGER NOT NULL,
    root BLOB NOT NULL,
    -- The tree at this size, so that a later checkpoint is checked from here and not from the first leaf.
    frontier BLOB NOT NULL,
    note TEXT NOT NULL,
    PRIMARY KEY (log, size)
) STRICT, WITHOUT ROWID;

CREATE TABLE human (
    uid    BLOB PRIMARY KEY,
    tenant TEXT NOT NULL,
    name   TEXT NOT NULL,
    human  BLOB NOT NULL,
    UNIQUE (tenant, name)
) STRICT;

-- Rows are never deleted: an offboarded agent's row keeps its name from being used again.
CREATE TABLE agent (
    uid      BLOB PRIMARY KEY,
    tenant   TEXT NOT NULL,
    name     TEXT NOT NULL,
    standing TEXT NOT NULL,
    epoch    INTEGER NOT NULL,
    UNIQUE (tenant, name)
) STRICT;

CREATE TABLE answer (
    key    TEXT PRIMARY KEY,
    body   BLOB NOT NULL,
    answer BLOB NOT NULL,
    at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX answer_at ON answer (at);
