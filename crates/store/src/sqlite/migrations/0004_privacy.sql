-- What stops erasure, what is being erased, and how far that has come. A payload that was erased keeps its row, with an empty key and
-- an empty ciphertext: so that who asks learns that it was there.

CREATE TABLE legal_hold (
    id     BLOB PRIMARY KEY,
    tenant TEXT NOT NULL,
    hold   BLOB NOT NULL
) STRICT;
CREATE INDEX legal_hold_tenant ON legal_hold (tenant, id);

CREATE TABLE erasure (
    id      BLOB PRIMARY KEY,
    tenant  TEXT NOT NULL,
    done    INTEGER NOT NULL,
    erasure BLOB NOT NULL
) STRICT;
CREATE INDEX erasure_under_way ON erasure (tenant, id) WHERE done = 0;

CREATE TABLE privacy_marks (
    tenant TEXT PRIMARY KEY,
    marks  BLOB NOT NULL
) STRICT, WITHOUT ROWID;
