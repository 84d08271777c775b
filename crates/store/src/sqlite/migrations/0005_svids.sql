-- Certificates of agents, and the tokens by which agents join. A certificate counts before `void_at` and under the epoch that its agent has;
-- whatever raises the epoch or asks for new keys moves `void_at` forward in time in the same commit. Rows go some time after their end.

CREATE TABLE svid (
    serial    TEXT PRIMARY KEY,
    tenant    TEXT NOT NULL,
    agent     BLOB NOT NULL,
    epoch     INTEGER NOT NULL,
    authority TEXT NOT NULL,
    key       BLOB NOT NULL,
    sponsor   BLOB,
    grant_id  BLOB,
    issued_at INTEGER NOT NULL,
    not_after INTEGER NOT NULL,
    void_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX svid_agent ON svid (agent, not_after);
CREATE INDEX svid_end ON svid (not_after);

CREATE TABLE join_token (
    digest     BLOB PRIMARY KEY,
    tenant     TEXT NOT NULL,
    agent      BLOB NOT NULL,
    epoch      INTEGER NOT NULL,
    sponsor    BLOB NOT NULL,
    grant_id   BLOB NOT NULL,
    issued_at  INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at    INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX join_token_agent ON join_token (agent, expires_at);
CREATE INDEX join_token_end ON join_token (expires_at);
