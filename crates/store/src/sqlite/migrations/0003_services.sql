-- Programs that call the API by themselves, each with the standing grant by which it may. Rows are never deleted: an offboarded
-- service's row keeps its name from being used again.

CREATE TABLE service (
    uid     BLOB PRIMARY KEY,
    tenant  TEXT NOT NULL,
    name    TEXT NOT NULL,
    service BLOB NOT NULL,
    UNIQUE (tenant, name)
) STRICT;
