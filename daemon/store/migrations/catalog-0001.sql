-- What is the platform's and not one org's (10-architecture.md "Files on disk").
CREATE TABLE orgs(
  id BLOB PRIMARY KEY NOT NULL CHECK(length(id) = 16),
  slug TEXT NOT NULL,
  billing_group_id BLOB NOT NULL,
  created_at INTEGER NOT NULL,
  deleted_at INTEGER
) STRICT;
CREATE UNIQUE INDEX orgs_slug ON orgs(slug) WHERE deleted_at IS NULL;

-- Which org a key is of: answers 503 and not 401 while that org's file cannot be read.
CREATE TABLE key_index(
  hash BLOB PRIMARY KEY NOT NULL CHECK(length(hash) = 32),
  org_id BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE providers(
  name TEXT PRIMARY KEY NOT NULL,
  kind TEXT NOT NULL,
  base_url TEXT NOT NULL,
  allow_private INTEGER NOT NULL DEFAULT 0 CHECK(allow_private IN (0, 1)),
  ca_file TEXT,
  proxy TEXT,
  no_proxy TEXT,
  max_tokens_field TEXT NOT NULL DEFAULT 'max_tokens' CHECK(max_tokens_field IN ('max_tokens', 'max_completion_tokens')),
  usage_in_stream INTEGER NOT NULL DEFAULT 1 CHECK(usage_in_stream IN (0, 1)),
  connect_timeout_ms INTEGER NOT NULL DEFAULT 5000,
  first_byte_timeout_ms INTEGER NOT NULL DEFAULT 600000,
  idle_timeout_ms INTEGER NOT NULL DEFAULT 300000,
  needs_credential INTEGER NOT NULL DEFAULT 1 CHECK(needs_credential IN (0, 1)),
  shipped INTEGER NOT NULL DEFAULT 0 CHECK(shipped IN (0, 1)),
  version INTEGER NOT NULL DEFAULT 1,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE models(
  provider TEXT NOT NULL,
  model TEXT NOT NULL,
  context_window INTEGER,
  max_output_tokens INTEGER,
  version INTEGER NOT NULL DEFAULT 1,  -- the price version that a charge records
  source TEXT NOT NULL,
  as_of INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  PRIMARY KEY(provider, model)
) STRICT;

CREATE TABLE prices(
  provider TEXT NOT NULL,
  model TEXT NOT NULL,
  kind TEXT NOT NULL CHECK(kind IN ('input', 'cache_read', 'cache_write_5m', 'cache_write_1h', 'output', 'reasoning',
                                    'audio_in', 'audio_out', 'image', 'request', 'search')),
  from_tokens INTEGER NOT NULL DEFAULT 0,
  tier TEXT NOT NULL DEFAULT '',
  unit INTEGER NOT NULL CHECK(unit IN (1, 1000, 1000000)),
  price TEXT NOT NULL,
  PRIMARY KEY(provider, model, kind, from_tokens, tier),
  FOREIGN KEY(provider, model) REFERENCES models(provider, model) ON DELETE CASCADE
) STRICT;

CREATE TABLE settings(
  name TEXT PRIMARY KEY NOT NULL,
  value TEXT NOT NULL
) STRICT;

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

CREATE TRIGGER audit_logs_no_update BEFORE UPDATE ON audit_logs
BEGIN SELECT RAISE(ABORT, 'audit_logs is append-only'); END;
CREATE TRIGGER audit_logs_no_delete BEFORE DELETE ON audit_logs
BEGIN SELECT RAISE(ABORT, 'audit_logs is append-only'); END;
-- REPLACE deletes what is in its way without asking the DELETE triggers.
CREATE TRIGGER audit_logs_append BEFORE INSERT ON audit_logs
WHEN NEW.seq <> coalesce((SELECT max(seq) FROM audit_logs), 0) + 1
BEGIN SELECT RAISE(ABORT, 'audit_logs is append-only'); END;

INSERT INTO providers(name, kind, base_url, max_tokens_field, needs_credential, shipped, created_at, updated_at) VALUES
  ('openai', 'openai', 'https://api.openai.com/v1', 'max_completion_tokens', 1, 1, unixepoch() * 1000000, unixepoch() * 1000000),
  ('groq', 'openai', 'https://api.groq.com/openai/v1', 'max_completion_tokens', 1, 1, unixepoch() * 1000000, unixepoch() * 1000000),
  ('mistral', 'openai', 'https://api.mistral.ai/v1', 'max_tokens', 1, 1, unixepoch() * 1000000, unixepoch() * 1000000),
  ('openrouter', 'openai', 'https://openrouter.ai/api/v1', 'max_tokens', 1, 1, unixepoch() * 1000000, unixepoch() * 1000000),
  ('together', 'openai', 'https://api.together.xyz/v1', 'max_tokens', 1, 1, unixepoch() * 1000000, unixepoch() * 1000000),
  ('deepseek', 'openai', 'https://api.deepseek.com/v1', 'max_tokens', 1, 1, unixepoch() * 1000000, unixepoch() * 1000000),
  ('xai', 'openai', 'https://api.x.ai/v1', 'max_tokens', 1, 1, unixepoch() * 1000000, unixepoch() * 1000000),
  ('perplexity', 'openai', 'https://api.perplexity.ai', 'max_tokens', 1, 1, unixepoch() * 1000000, unixepoch() * 1000000),
  ('ollama', 'openai', 'http://127.0.0.1:11434/v1', 'max_tokens', 0, 1, unixepoch() * 1000000, unixepoch() * 1000000),
  ('mock', 'mock', 'mock:', 'max_tokens', 0, 1, unixepoch() * 1000000, unixepoch() * 1000000);

INSERT INTO models(provider, model, context_window, max_output_tokens, source, as_of, updated_at) VALUES
  ('openai', 'gpt-4o', 128000, 16384, 'seed', unixepoch() * 1000000, unixepoch() * 1000000),
  ('openai', 'gpt-4o-mini', 128000, 16384, 'seed', unixepoch() * 1000000, unixepoch() * 1000000),
  ('openai', 'gpt-4-turbo', 128000, 4096, 'seed', unixepoch() * 1000000, unixepoch() * 1000000),
  ('openai', 'gpt-3.5-turbo', 16385, 4096, 'seed', unixepoch() * 1000000, unixepoch() * 1000000),
  ('mock', 'mock-model', 32768, 4096, 'seed', unixepoch() * 1000000, unixepoch() * 1000000),
  ('mock', 'mock-slow', 32768, 4096, 'seed', unixepoch() * 1000000, unixepoch() * 1000000),
  ('mock', 'mock-error-500', 32768, 4096, 'seed', unixepoch() * 1000000, unixepoch() * 1000000),
  ('mock', 'mock-cut', 32768, 4096, 'seed', unixepoch() * 1000000, unixepoch() * 1000000);

INSERT INTO prices(provider, model, kind, unit, price) VALUES
  ('openai', 'gpt-4o', 'input', 1000, '0.0025'), ('openai', 'gpt-4o', 'output', 1000, '0.01'),
  ('openai', 'gpt-4o-mini', 'input', 1000, '0.00015'), ('openai', 'gpt-4o-mini', 'output', 1000, '0.0006'),
  ('openai', 'gpt-4-turbo', 'input', 1000, '0.01'), ('openai', 'gpt-4-turbo', 'output', 1000, '0.03'),
  ('openai', 'gpt-3.5-turbo', 'input', 1000, '0.0005'), ('openai', 'gpt-3.5-turbo', 'output', 1000, '0.0015'),
  ('mock', 'mock-model', 'input', 1000, '0.001'), ('mock', 'mock-model', 'output', 1000, '0.002'),
  ('mock', 'mock-slow', 'input', 1000, '0.001'), ('mock', 'mock-slow', 'output', 1000, '0.002'),
  ('mock', 'mock-error-500', 'input', 1000, '0.001'), ('mock', 'mock-error-500', 'output', 1000, '0.002'),
  ('mock', 'mock-cut', 'input', 1000, '0.001'), ('mock', 'mock-cut', 'output', 1000, '0.002');
