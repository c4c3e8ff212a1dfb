-- What further kinds of providers need, and the rows that ship for them (20-gateway.md "Providers").
ALTER TABLE providers ADD COLUMN responses INTEGER NOT NULL DEFAULT 0 CHECK(responses IN (0, 1));
ALTER TABLE providers ADD COLUMN api_version TEXT;

UPDATE providers SET responses = 1 WHERE shipped = 1 AND name IN ('openai', 'xai');

-- A row that an administrator has made under one of these names stays as it is. Azure's base URL holds the name of
-- the customer's own resource: until it is set, it leads nowhere (RFC 2606).
INSERT OR IGNORE INTO providers(name, kind, base_url, max_tokens_field, needs_credential, responses, shipped, created_at, updated_at) VALUES
  ('anthropic', 'anthropic', 'https://api.anthropic.com/v1', 'max_tokens', 1, 0, 1, unixepoch() * 1000000, unixepoch() * 1000000),
  ('google', 'gemini', 'https://generativelanguage.googleapis.com/v1beta', 'max_tokens', 1, 0, 1, unixepoch() * 1000000, unixepoch() * 1000000),
  ('azure', 'azure_openai', 'https://your-resource.invalid/openai/v1', 'max_completion_tokens', 1, 1, 1, unixepoch() * 1000000, unixepoch() * 1000000),
  ('bedrock', 'bedrock', 'https://bedrock-runtime.us-east-1.amazonaws.com', 'max_tokens', 1, 0, 1, unixepoch() * 1000000, unixepoch() * 1000000),
  ('cohere', 'cohere', 'https://api.cohere.com/v2', 'max_tokens', 1, 0, 1, unixepoch() * 1000000, unixepoch() * 1000000),
  ('llamacpp', 'openai', 'http://127.0.0.1:8080/v1', 'max_tokens', 0, 0, 1, unixepoch() * 1000000, unixepoch() * 1000000),
  ('vllm', 'openai', 'http://127.0.0.1:8000/v1', 'max_tokens', 0, 0, 1, unixepoch() * 1000000, unixepoch() * 1000000);
