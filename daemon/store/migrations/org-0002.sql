-- A client's Idempotency-Key: the call that uses it is found when it ends, and old keys are found to be forgotten.
CREATE INDEX idempotency_keys_open ON idempotency_keys(request_id) WHERE status IS NULL;
CREATE INDEX idempotency_keys_age ON idempotency_keys(created_at);
