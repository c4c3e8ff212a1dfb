-- One organization's file (30-ledger.md "Tables of an org's file"). Ids are UUIDv7 blobs, times integer microseconds UTC.
CREATE TABLE organizations(
  id BLOB PRIMARY KEY NOT NULL CHECK(length(id) = 16),
  slug TEXT NOT NULL,
  name TEXT NOT NULL,
  description TEXT NOT NULL DEFAULT '',
  active INTEGER NOT NULL DEFAULT 1 CHECK(active IN (0, 1)),
  credits_per_usd INTEGER NOT NULL CHECK(credits_per_usd BETWEEN 1 AND 1000000000),
  overdraft INTEGER CHECK(overdraft >= 0),  -- NULL: unlimited
  owner TEXT NOT NULL,
  billing_group_id BLOB NOT NULL REFERENCES billing_groups(id) DEFERRABLE INITIALLY DEFERRED,
  frozen_at INTEGER,
  frozen_reason TEXT,
  profile TEXT,
  plan TEXT,
  version INTEGER NOT NULL DEFAULT 1,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  deleted_at INTEGER
) STRICT;

CREATE TABLE billing_groups(
  id BLOB PRIMARY KEY NOT NULL CHECK(length(id) = 16),
  org_id BLOB NOT NULL REFERENCES organizations(id) DEFERRABLE INITIALLY DEFERRED,
  name TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE workspaces(
  id BLOB PRIMARY KEY NOT NULL CHECK(length(id) = 16),
  org_id BLOB NOT NULL REFERENCES organizations(id),
  slug TEXT NOT NULL,
  name TEXT NOT NULL,
  description TEXT NOT NULL DEFAULT '',
  active INTEGER NOT NULL DEFAULT 1 CHECK(active IN (0, 1)),
  frozen_at INTEGER,
  frozen_reason TEXT,
  version INTEGER NOT NULL DEFAULT 1,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  deleted_at INTEGER
) STRICT;
CREATE UNIQUE INDEX workspaces_slug ON workspaces(org_id, slug) WHERE deleted_at IS NULL;

CREATE TABLE agent_groups(
  id BLOB PRIMARY KEY NOT NULL CHECK(length(id) = 16),
  workspace_id BLOB NOT NULL REFERENCES workspaces(id),
  slug TEXT NOT NULL,
  name TEXT NOT NULL,
  description TEXT NOT NULL DEFAULT '',
  active INTEGER NOT NULL DEFAULT 1 CHECK(active IN (0, 1)),
  frozen_at INTEGER,
  frozen_reason TEXT,
  version INTEGER NOT NULL DEFAULT 1,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  deleted_at INTEGER
) STRICT;
CREATE UNIQUE INDEX agent_groups_slug ON agent_groups(workspace_id, slug) WHERE deleted_at IS NULL;

CREATE TABLE agents(
  id BLOB PRIMARY KEY NOT NULL CHECK(length(id) = 16),
  agent_group_id BLOB NOT NULL REFERENCES agent_groups(id),
  slug TEXT NOT NULL,
  name TEXT NOT NULL,
  description TEXT NOT NULL DEFAULT '',
  status TEXT NOT NULL DEFAULT 'ACTIVE' CHECK(status IN ('ACTIVE', 'DISABLED')),  -- BUDGET_EXHAUSTED is derived
  lifecycle TEXT,
  settings TEXT,
  frozen_at INTEGER,
  frozen_reason TEXT,
  version INTEGER NOT NULL DEFAULT 1,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  deleted_at INTEGER
) STRICT;
CREATE UNIQUE INDEX agents_slug ON agents(agent_group_id, slug) WHERE deleted_at IS NULL;

CREATE TABLE api_keys(
  id BLOB PRIMARY KEY NOT NULL CHECK(length(id) = 16),
  agent_id BLOB NOT NULL REFERENCES agents(id),
  name TEXT NOT NULL,
  hash BLOB NOT NULL UNIQUE CHECK(length(hash) = 32),  -- SHA-256 of the key; the key itself is stored nowhere
  suffix TEXT NOT NULL,
  credit_limit INTEGER CHECK(credit_limit BETWEEN 0 AND 9007199254740991),
  expires_at INTEGER,
  revoked_at INTEGER,
  revoke_reason TEXT,
  rotated_to BLOB REFERENCES api_keys(id),
  created_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX api_keys_name ON api_keys(agent_id, name) WHERE revoked_at IS NULL AND rotated_to IS NULL;

CREATE TABLE data_keys(
  id INTEGER PRIMARY KEY,
  wrapped BLOB NOT NULL,  -- the data key under HKDF(master key, the org's key file): 60-security.md "Secrets"
  created_at INTEGER NOT NULL,
  retired_at INTEGER
) STRICT;

CREATE TABLE provider_credentials(
  id BLOB PRIMARY KEY NOT NULL CHECK(length(id) = 16),
  provider TEXT NOT NULL,
  label TEXT NOT NULL DEFAULT '',
  data_key_id INTEGER NOT NULL REFERENCES data_keys(id),
  sealed BLOB NOT NULL,  -- nonce || AES-256-GCM ciphertext || tag
  suffix TEXT NOT NULL,
  active INTEGER NOT NULL DEFAULT 1 CHECK(active IN (0, 1)),
  version INTEGER NOT NULL DEFAULT 1,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  deleted_at INTEGER
) STRICT;

CREATE TABLE policies(
  id BLOB PRIMARY KEY NOT NULL CHECK(length(id) = 16),
  level TEXT NOT NULL CHECK(level IN ('org', 'workspace', 'group', 'agent', 'key')),
  target_id BLOB NOT NULL CHECK(length(target_id) = 16),
  name TEXT NOT NULL,
  allow_models TEXT,  -- JSON arrays of text; NULL: no rule
  deny_models TEXT,
  providers TEXT,
  costly TEXT,
  max_input_tokens INTEGER CHECK(max_input_tokens > 0),
  max_output_tokens INTEGER CHECK(max_output_tokens > 0),
  rpm INTEGER CHECK(rpm >= 0),
  tpm INTEGER CHECK(tpm >= 0),
  parallel INTEGER CHECK(parallel >= 0),
  clamp INTEGER CHECK(clamp IN (0, 1)),
  reserve TEXT CHECK(reserve IN ('worst-case', 'estimate')),
  version INTEGER NOT NULL DEFAULT 1,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  deleted_at INTEGER
) STRICT;
CREATE UNIQUE INDEX policies_target ON policies(target_id, name) WHERE deleted_at IS NULL;

CREATE TABLE budgets(
  id BLOB PRIMARY KEY NOT NULL CHECK(length(id) = 16),
  level TEXT NOT NULL CHECK(level IN ('org', 'workspace', 'group', 'agent', 'key')),
  target_id BLOB NOT NULL CHECK(length(target_id) = 16),
  period TEXT NOT NULL CHECK(period IN ('DAILY', 'MONTHLY', 'TOTAL')),
  credit_limit INTEGER NOT NULL CHECK(credit_limit BETWEEN 0 AND 9007199254740991),
  limit_usd TEXT,
  auto_disable INTEGER NOT NULL DEFAULT 0 CHECK(auto_disable IN (0, 1)),
  version INTEGER NOT NULL DEFAULT 1,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  deleted_at INTEGER
) STRICT;
CREATE UNIQUE INDEX budgets_target ON budgets(target_id, period) WHERE deleted_at IS NULL;

CREATE TABLE price_overrides(
  provider TEXT NOT NULL,
  model TEXT NOT NULL,
  kind TEXT NOT NULL,
  from_tokens INTEGER NOT NULL DEFAULT 0,
  tier TEXT NOT NULL DEFAULT '',
  unit INTEGER NOT NULL CHECK(unit IN (1, 1000, 1000000)),
  price TEXT NOT NULL,
  version INTEGER NOT NULL,
  source TEXT NOT NULL,
  as_of INTEGER NOT NULL,
  PRIMARY KEY(provider, model, kind, from_tokens, tier)
) STRICT;

CREATE TABLE model_aliases(
  name TEXT PRIMARY KEY NOT NULL,
  targets TEXT NOT NULL,
  version INTEGER NOT NULL DEFAULT 1,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE rule_snapshots(
  id INTEGER PRIMARY KEY,  -- the first 8 bytes of SHA-256(rules), so that the same rules have the same id
  rules TEXT NOT NULL
) STRICT;

CREATE TABLE idempotency_keys(
  api_key_id BLOB NOT NULL,
  value TEXT NOT NULL,
  fingerprint BLOB NOT NULL,
  request_id BLOB NOT NULL,
  status INTEGER,
  created_at INTEGER NOT NULL,
  PRIMARY KEY(api_key_id, value)
) STRICT, WITHOUT ROWID;

-- Calls in flight, and no others.
CREATE TABLE reservations(
  request_id BLOB PRIMARY KEY NOT NULL CHECK(length(request_id) = 16),
  org_id BLOB NOT NULL,
  workspace_id BLOB NOT NULL,
  agent_group_id BLOB NOT NULL,
  agent_id BLOB NOT NULL,
  key_id BLOB NOT NULL,
  dialect TEXT NOT NULL,
  provider TEXT NOT NULL,
  model TEXT NOT NULL,
  price_model TEXT NOT NULL,
  price_version INTEGER NOT NULL,
  credits_per_usd INTEGER NOT NULL,
  stream INTEGER NOT NULL,
  reserved INTEGER NOT NULL CHECK(reserved >= 0),
  rules_id INTEGER NOT NULL,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE ledger(
  seq INTEGER PRIMARY KEY,
  id BLOB NOT NULL CHECK(length(id) = 16),
  group_id BLOB NOT NULL CHECK(length(group_id) = 16),
  amount INTEGER NOT NULL CHECK(amount BETWEEN -9007199254740991 AND 9007199254740991),
  -- OR: for an IN of more than two words SQLite makes a table of them at every INSERT.
  type TEXT NOT NULL CHECK(type = 'USAGE_DEDUCTION' OR type = 'CREDIT_PURCHASE' OR type = 'ADJUSTMENT' OR type = 'REFUND'),
  idempotency_key TEXT NOT NULL UNIQUE,
  request_id BLOB,
  metadata TEXT,
  actor TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  enc INTEGER NOT NULL,
  hash BLOB NOT NULL CHECK(length(hash) = 32)
) STRICT;
CREATE INDEX ledger_refunds ON ledger(request_id) WHERE type = 'REFUND';

CREATE TABLE usage_events(
  seq INTEGER PRIMARY KEY,
  request_id BLOB NOT NULL UNIQUE CHECK(length(request_id) = 16),
  client_request_id TEXT,
  org_id BLOB NOT NULL,
  workspace_id BLOB NOT NULL,
  agent_group_id BLOB NOT NULL,
  agent_id BLOB NOT NULL,
  key_id BLOB NOT NULL,
  user TEXT,
  session TEXT,
  tags TEXT,
  dialect TEXT NOT NULL,
  provider TEXT NOT NULL,
  model TEXT NOT NULL,
  price_model TEXT NOT NULL,
  price_version INTEGER NOT NULL,
  credits_per_usd INTEGER NOT NULL,
  input_tokens INTEGER NOT NULL,
  cache_read_tokens INTEGER NOT NULL,
  cache_write_5m_tokens INTEGER NOT NULL,
  cache_write_1h_tokens INTEGER NOT NULL,
  output_tokens INTEGER NOT NULL,
  reasoning_tokens INTEGER NOT NULL,
  other_usage TEXT,
  cost_usd TEXT NOT NULL,
  reserved INTEGER NOT NULL,
  credits_charged INTEGER NOT NULL CHECK(credits_charged BETWEEN 0 AND 9007199254740991),
  latency_ms INTEGER NOT NULL,
  first_byte_ms INTEGER,
  attempts INTEGER NOT NULL,
  status TEXT NOT NULL CHECK(status = 'SUCCESS' OR status = 'ERROR' OR status = 'POLICY_BLOCKED' OR
                             status = 'BUDGET_EXCEEDED'),
  cause TEXT,
  completion TEXT,
  flags TEXT,
  error_message TEXT,
  rules_id INTEGER NOT NULL,
  decision TEXT,
  count INTEGER NOT NULL DEFAULT 1,
  created_at INTEGER NOT NULL,
  enc INTEGER NOT NULL,
  hash BLOB NOT NULL CHECK(length(hash) = 32)
) STRICT;
CREATE INDEX usage_events_time ON usage_events(created_at);
-- What start-up rebuilds the counters from, without reading the rows.
CREATE INDEX usage_events_spend ON usage_events(key_id, created_at, credits_charged) WHERE credits_charged > 0;

CREATE TABLE audit_logs(
  seq INTEGER PRIMARY KEY,
  id BLOB NOT NULL CHECK(length(id) = 16),
  actor_kind TEXT NOT NULL,
  actor TEXT NOT NULL,
  actor_user_id BLOB,
  actor_agent_id BLOB,
  event_type TEXT NOT NULL,
  resource_type TEXT NOT NULL,
  resource_id TEXT,
  resource_name TEXT,
  description TEXT NOT NULL,
  metadata TEXT,
  request_id BLOB,
  correlation_id TEXT,
  ip TEXT,
  user_agent TEXT,
  created_at INTEGER NOT NULL,
  enc INTEGER NOT NULL,
  hash BLOB NOT NULL CHECK(length(hash) = 32)
) STRICT;

CREATE TABLE anchors(
  id INTEGER PRIMARY KEY,
  table_name TEXT NOT NULL,
  seq INTEGER NOT NULL,
  hash BLOB NOT NULL,
  sum INTEGER NOT NULL,
  signature BLOB NOT NULL,
  created_at INTEGER NOT NULL,
  UNIQUE(table_name, seq)
) STRICT;

CREATE TRIGGER ledger_no_update BEFORE UPDATE ON ledger BEGIN SELECT RAISE(ABORT, 'ledger is append-only'); END;
CREATE TRIGGER ledger_no_delete BEFORE DELETE ON ledger BEGIN SELECT RAISE(ABORT, 'ledger is append-only'); END;
CREATE TRIGGER usage_events_no_update BEFORE UPDATE ON usage_events
BEGIN SELECT RAISE(ABORT, 'usage_events is append-only'); END;
CREATE TRIGGER usage_events_no_delete BEFORE DELETE ON usage_events
BEGIN SELECT RAISE(ABORT, 'usage_events is append-only'); END;
CREATE TRIGGER audit_logs_no_update BEFORE UPDATE ON audit_logs
BEGIN SELECT RAISE(ABORT, 'audit_logs is append-only'); END;
CREATE TRIGGER audit_logs_no_delete BEFORE DELETE ON audit_logs
BEGIN SELECT RAISE(ABORT, 'audit_logs is append-only'); END;

-- REPLACE deletes what is in its way without asking the DELETE triggers.
CREATE TRIGGER ledger_append BEFORE INSERT ON ledger
WHEN NEW.seq <> coalesce((SELECT max(seq) FROM ledger), 0) + 1
     OR EXISTS(SELECT 1 FROM ledger WHERE idempotency_key = NEW.idempotency_key)
BEGIN SELECT RAISE(ABORT, 'ledger is append-only'); END;
CREATE TRIGGER usage_events_append BEFORE INSERT ON usage_events
WHEN NEW.seq <> coalesce((SELECT max(seq) FROM usage_events), 0) + 1
     OR EXISTS(SELECT 1 FROM usage_events WHERE request_id = NEW.request_id)
BEGIN SELECT RAISE(ABORT, 'usage_events is append-only'); END;
CREATE TRIGGER audit_logs_append BEFORE INSERT ON audit_logs
WHEN NEW.seq <> coalesce((SELECT max(seq) FROM audit_logs), 0) + 1
BEGIN SELECT RAISE(ABORT, 'audit_logs is append-only'); END;

-- A call's usage event is its audit record: both are read as one log.
CREATE VIEW audit_trail AS
SELECT 'audit' AS source, seq, id, actor_kind, actor, event_type, resource_type, resource_id, resource_name,
       description, metadata, request_id, correlation_id, ip, created_at, hash FROM audit_logs
UNION ALL
SELECT 'call', seq, request_id, 'agent', hex(agent_id), 'gateway.request', 'agent', lower(hex(agent_id)), NULL,
       status, NULL, request_id, client_request_id, NULL, created_at, hash FROM usage_events;
