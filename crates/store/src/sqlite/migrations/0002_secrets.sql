-- A secret's value is sealed like a payload, under a key of its own that the tenant's key wraps; the tenant's key is not here.
-- Removing or rotating one overwrites its row: no value that was replaced can be opened from it.

CREATE TABLE secret (
    id          BLOB PRIMARY KEY,
    tenant      TEXT NOT NULL,
    name        TEXT NOT NULL,
    version     INTEGER NOT NULL,
    facts       BLOB NOT NULL,
    used_at     INTEGER,
    payload     BLOB NOT NULL,
    commitment  BLOB NOT NULL,
    len         INTEGER NOT NULL,
    wrapped_key BLOB NOT NULL,
    ciphertext  BLOB NOT NULL,
    UNIQUE (tenant, name)
) STRICT;
