// The official Anthropic client through govd: messages whole and streamed, tools, counting, models, at providers of every
// kind; the classes of its errors, and what it tries again; and the money.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './packages.mjs';
import { COUNT, USAGE } from './upstreams/anthropic.mjs';
import { ARGUMENTS, TEXT } from './upstreams/upstream.mjs';
import { FIGURES, MONEY, world } from './world.mjs';

const Anthropic = load('@anthropic-ai/sdk');

async function customer(options = {}) {
  const made = await world.customer(options);
  return { ...made, client: new Anthropic({ apiKey: made.key, baseURL: world.govd.gateway, maxRetries: 0, ...options.client }) };
}
const ask = (fields = {}) => ({ model: 'anthropic/m', max_tokens: 100, messages: [{ role: 'user', content: 'Where is my order? '.repeat(100) }], ...fields });
const SCHEMA = { type: 'object', properties: { order: { type: 'string' } } };
const tools = ['lookup', 'stock'].map((name) => ({ name, description: `the ${name}`, input_schema: SCHEMA }));
const books = (org, provider, fields) => world.checkBooks(org, { dialect: 'messages', provider, ...fields });

const conversation = [
  { role: 'user', content: 'Where is order 48-1172?' },
  { role: 'assistant', content: [
    { type: 'tool_use', id: 'call_1', name: 'lookup', input: JSON.parse(ARGUMENTS) },
    { type: 'tool_use', id: 'call_2', name: 'stock', input: { sku: 'L-9' } }] },
  { role: 'user', content: [
    { type: 'tool_result', tool_use_id: 'call_1', content: 'shipped' },
    { type: 'tool_result', tool_use_id: 'call_2', content: [{ type: 'text', text: '3 left' }] }] },
];
const request = { system: 'You are terse.', messages: conversation, tools, max_tokens: 100 };
// What each kind is asked for when a client sends that.
const functions = tools.map((tool) => ({ type: 'function', function: { name: tool.name, description: tool.description, parameters: SCHEMA } }));
const chatMessages = [
  { role: 'system', content: 'You are terse.' },
  { role: 'user', content: 'Where is order 48-1172?' },
  { role: 'assistant', content: null, tool_calls: [
    { id: 'call_1', type: 'function', function: { name: 'lookup', arguments: ARGUMENTS } },
    { id: 'call_2', type: 'function', function: { name: 'stock', arguments: '{"sku":"L-9"}' } }] },
  { role: 'tool', tool_call_id: 'call_1', content: 'shipped' },
  { role: 'tool', tool_call_id: 'call_2', content: '3 left' },
];
const bodies = {
  anthropic: { model: 'm', ...request },
  bedrock: { anthropic_version: 'bedrock-2023-05-31', ...request },
  openai: { model: 'm', messages: chatMessages, tools: functions, max_completion_tokens: 100 },
  plain: { model: 'm', messages: chatMessages, tools: functions, max_tokens: 100 },
  gemini: {
    systemInstruction: { parts: [{ text: 'You are terse.' }] },
    contents: [
      { role: 'user', parts: [{ text: 'Where is order 48-1172?' }] },
      { role: 'model', parts: [
        { functionCall: { id: 'call_1', name: 'lookup', args: JSON.parse(ARGUMENTS) } },
        { functionCall: { id: 'call_2', name: 'stock', args: { sku: 'L-9' } } }] },
      { role: 'user', parts: [
        { functionResponse: { id: 'call_1', name: 'lookup', response: { output: 'shipped' } } },
        { functionResponse: { id: 'call_2', name: 'stock', response: { output: '3 left' } } }] },
    ],
    tools: [{ functionDeclarations: tools.map((tool) => ({ name: tool.name, description: tool.description, parametersJsonSchema: SCHEMA })) }],
    generationConfig: { maxOutputTokens: 100 },
  },
  cohere: {
    model: 'm', messages: [...chatMessages.slice(0, 2), { role: 'assistant', tool_calls: chatMessages[2].tool_calls }, ...chatMessages.slice(3)],
    tools: functions, max_tokens: 100,
  },
};

for (const provider of Object.keys(bodies)) {
  const figures = FIGURES[provider];
  const checkUsage = (usage) => assert.deepEqual([usage.input_tokens, usage.cache_read_input_tokens, usage.cache_creation_input_tokens, usage.output_tokens],
    [figures.input_tokens - figures.cached_tokens - figures.cache_write_tokens, figures.cached_tokens, figures.cache_write_tokens, 56]);

  test(`messages at ${provider}: a conversation with both tools' results`, async () => {
    const { org, client } = await customer();
    const message = await client.messages.create({ model: `${provider}/m`, ...request });
    assert.deepEqual(world.upstreams[provider].last().body, bodies[provider]);
    assert.deepEqual([message.type, message.role, message.stop_reason, message.stop_sequence], ['message', 'assistant', 'end_turn', null]);
    assert.deepEqual(message.content, [{ type: 'text', text: TEXT }]);
    checkUsage(message.usage);
    await books(org, provider, { requestId: message._request_id });
  });

  test(`messages at ${provider}: the streaming helper`, async () => {
    const { org, client } = await customer();
    const names = [];
    let text = '';
    const stream = client.messages.stream(ask({ model: `${provider}/m` })).on('streamEvent', (event) => names.push(event.type)).on('text', (piece) => { text += piece; });
    const message = await stream.finalMessage();
    assert.equal(text, TEXT);
    assert.deepEqual(message.content, [{ type: 'text', text: TEXT }]);
    assert.equal(message.stop_reason, 'end_turn');
    checkUsage(message.usage);
    assert.ok(names.filter((name) => name === 'content_block_delta').length > 2, 'it came in pieces');
    assert.deepEqual([...new Set(names)].filter((name) => name !== 'ping'),
      ['message_start', 'content_block_start', 'content_block_delta', 'content_block_stop', 'message_delta', 'message_stop']);
    await books(org, provider);
  });

  test(`messages at ${provider}: two calls at once, whole and streamed`, async () => {
    for (const how of ['create', 'stream']) {
      const { org, client } = await customer();
      const body = ask({ model: `${provider}/pair`, tools });
      const message = how === 'create' ? await client.messages.create(body) : await client.messages.stream(body).finalMessage();
      assert.equal(message.stop_reason, 'tool_use');
      assert.deepEqual(message.content.filter((block) => block.type !== 'thinking'), conversation[1].content);
      await books(org, provider, { model: 'pair' });
    }
  });

  test(`messages at ${provider}: an answer that ran into its limit`, async () => {
    const { client } = await customer();
    assert.equal((await client.messages.create(ask({ model: `${provider}/short` }))).stop_reason, 'max_tokens');
    assert.equal((await client.messages.stream(ask({ model: `${provider}/short` })).finalMessage()).stop_reason, 'max_tokens');
  });

  test(`messages at ${provider}: what it says of its own failure reaches the client`, async () => {
    const { org, client } = await customer();
    const down = await client.messages.create(ask({ model: `${provider}/down` })).catch((raised) => raised);
    assert.ok(down instanceof Anthropic.InternalServerError, String(down));
    assert.match(down.message, /the provider is down/);
    const busy = await client.messages.stream(ask({ model: `${provider}/busy` })).finalMessage().catch((raised) => raised);
    assert.ok(busy instanceof Anthropic.RateLimitError, String(busy));
    assert.match(busy.message, /the provider is busy/);
    assert.equal(busy.headers.get('retry-after'), '1');
    assert.deepEqual((await world.govd.events(org)).map((event) => [event.status, event.credits_charged]), [['ERROR', 0], ['ERROR', 0]]);
  });
}

test("the provider's own message passes, with what the client says of its betas", async () => {
  const { client } = await customer();
  const message = await client.beta.messages.create(ask({ betas: ['lamps-2026-01-01', 'chairs-2026-02-02'] }));
  assert.deepEqual(message.usage, USAGE);
  const { path, headers } = world.upstreams.anthropic.last();
  assert.equal(path, '/v1/messages');
  assert.equal(headers['anthropic-version'], '2026-10-21');
  assert.deepEqual(headers['anthropic-beta'].split(/, ?/), ['lamps-2026-01-01', 'chairs-2026-02-02']);
});

for (const provider of ['anthropic', 'plain', 'gemini']) {
  test(`a stream that ${provider} breaks off throws, after what came`, async () => {
    const { org, client } = await customer();
    let text = '';
    await assert.rejects(client.messages.stream(ask({ model: `${provider}/cut` })).on('text', (piece) => { text += piece; }).finalMessage(), Anthropic.APIError);
    assert.ok(TEXT.startsWith(text), text);
    const [event] = await world.settled(org);
    assert.equal(event.completion, 'error');
    assert.equal((await world.govd.balance(org)).balance, MONEY - event.credits_charged);
  });

  test(`a stream of ${provider} that its client aborts is charged once and held no longer`, async () => {
    const { org, client } = await customer();
    const stream = client.messages.stream(ask({ model: `${provider}/endless` }));
    const ended = stream.finalMessage().catch((raised) => raised);
    await Promise.race([new Promise((resolve) => stream.once('streamEvent', resolve)), ended]);
    stream.abort();
    assert.ok(await ended instanceof Anthropic.APIUserAbortError);
    const events = await world.settled(org);
    assert.deepEqual(events.map((event) => event.completion), ['partial']);
    assert.ok(events[0].credits_charged > 0);
    assert.equal((await world.govd.balance(org)).balance, MONEY - events[0].credits_charged);
  });
}

test('counting is free: by the provider where it counts, else an estimate', async () => {
  const { org, client } = await customer();
  const body = { model: 'anthropic/m', system: 'You are terse.', messages: conversation, tools };
  assert.equal((await client.messages.countTokens(body)).input_tokens, COUNT);
  assert.deepEqual(world.upstreams.anthropic.last().body, { ...body, model: 'm' });
  const { input_tokens: guess } = await client.messages.countTokens({ ...body, model: 'plain/m' });
  assert.ok(guess > 50 && guess < 1000, `${guess} tokens`);
  assert.equal((await world.govd.events(org)).length, 0);
  assert.equal((await world.govd.balance(org)).balance, MONEY);
});

test('the models that a key may use, all and one', async () => {
  const { org, client } = await customer();
  await world.govd.post('/policies', { path: org, allow_models: ['anthropic/m', 'gemini/pair'] });
  const all = [];
  for await (const model of client.models.list()) all.push(model);
  assert.deepEqual(all.map((model) => [model.type, model.id]).sort(), [['model', 'anthropic/m'], ['model', 'gemini/pair']]);
  assert.deepEqual(await client.models.retrieve('gemini/pair'), all.find((model) => model.id === 'gemini/pair'));
  await assert.rejects(client.models.retrieve('plain/m'), Anthropic.NotFoundError);
});

// --- refusals

// Every cause: what brings it about, the model asked for, the client's class, Anthropic's type, what the message says.
const refusals = [
  ['a policy', (org) => world.govd.post('/policies', { path: org, name: 'house', deny_models: ['m'] }), 'anthropic/m', 'BadRequestError', 'invalid_request_error', /house.*govctl explain req_/],
  ['a limit of tokens', (org) => world.govd.post('/policies', { path: org, name: 'house', max_output_tokens: 50 }), 'anthropic/m', 'BadRequestError', 'invalid_request_error', /100.*house.*50.*govctl explain req_/],
  ['a budget', (org) => world.govd.post('/budgets', { path: `${org}/prod`, period: 'DAILY', limit: 5 }), 'anthropic/m', 'RateLimitError', 'billing_error', /org-\d+\/prod.*5.*govctl explain req_/],
  ['a disabled agent', (_, agent) => world.govd.call('PATCH', `/agents/${agent}`, { status: 'DISABLED' }), 'anthropic/m', 'PermissionDeniedError', 'permission_error', /triage/],
  ['no price', () => {}, 'anthropic/unpriced', 'BadRequestError', 'invalid_request_error', /govctl pricing set anthropic unpriced/],
  ['no credential', async (org) => {
    for (const row of (await world.govd.get(`/orgs/${org}/credentials`)).items) await world.govd.call('DELETE', `/orgs/${org}/credentials/${row.id}`);
  }, 'anthropic/m', 'BadRequestError', 'invalid_request_error', /govctl credential add/],
];
for (const [cause, bring, model, name, type, message] of refusals) {
  test(`${cause}: the client's error says it, and it asks once`, async () => {
    const { org, agent, client } = await customer({ client: { maxRetries: 3 } });
    await bring(org, agent);
    const sent = world.upstreams.anthropic.seen.length;
    const error = await client.messages.create(ask({ model })).catch((raised) => raised);
    assert.ok(error instanceof Anthropic[name], String(error));
    assert.equal(error.error.type, 'error');
    assert.equal(error.error.error.type, type);
    assert.match(error.error.error.message, message);
    assert.match(error.error.request_id, /^req_/);
    assert.equal(error.requestID, error.error.request_id);
    assert.equal(error.headers.get('x-should-retry'), 'false');
    assert.equal((await world.govd.events(org)).reduce((sum, event) => sum + event.count, 0), 1);
    assert.equal(world.upstreams.anthropic.seen.length, sent);
    assert.equal((await world.govd.balance(org)).balance, MONEY);
  });
}

test('credits that are used up are a RateLimitError, asked once', async () => {
  const { org, client } = await customer({ credits: 5, client: { maxRetries: 3 } });
  const error = await client.messages.create(ask()).catch((raised) => raised);
  assert.ok(error instanceof Anthropic.RateLimitError);
  assert.equal(error.error.error.type, 'billing_error');
  assert.deepEqual((await world.govd.events(org)).map((event) => [event.status, event.count]), [['BUDGET_EXCEEDED', 1]]);
});

test('a spent budget says when it is there again', async () => {
  const { org, client } = await customer();
  await world.govd.post('/budgets', { path: org, period: 'DAILY', limit: 5 });
  const error = await client.messages.create(ask()).catch((raised) => raised);
  const left = 86_400 - (Date.now() / 1000) % 86_400;
  assert.ok(Math.abs(Number(error.headers.get('retry-after')) - left) < 60, error.headers.get('retry-after'));
});

test('a wrong key is an AuthenticationError', async () => {
  const client = new Anthropic({ apiKey: 'cpk_wrong', baseURL: world.govd.gateway });
  const error = await client.messages.create(ask()).catch((raised) => raised);
  assert.ok(error instanceof Anthropic.AuthenticationError);
  assert.equal(error.error.error.type, 'authentication_error');
});

test('a rate limit says when to come back', async () => {
  const { org, client } = await customer();
  await world.govd.post('/policies', { path: org, rpm: 1 });
  await client.messages.create(ask());
  const error = await client.messages.create(ask()).catch((raised) => raised);
  assert.ok(error instanceof Anthropic.RateLimitError);
  assert.equal(error.error.error.type, 'rate_limit_error');
  const seconds = Number(error.headers.get('retry-after'));
  assert.ok(seconds >= 1 && seconds <= 60, `retry-after ${seconds}`);
  assert.equal(error.headers.get('x-should-retry'), null);
});

test('a provider that is not there, or does not answer, is an InternalServerError that names it', async () => {
  const { client } = await customer();
  for (const [model, status, type] of [['gone/m', 502, 'api_error'], ['slow/silent', 504, 'timeout_error']]) {
    const error = await client.messages.create(ask({ model })).catch((raised) => raised);
    assert.ok(error instanceof Anthropic.InternalServerError, String(error));
    assert.equal(error.status, status);
    assert.equal(error.error.error.type, type);
    assert.match(error.message, new RegExp(model.split('/')[0]));
  }
});

test("a busy provider's own answer passes as it is, and is asked again when it said", async () => {
  const { client } = await customer({ client: { maxRetries: 1 } });
  const asked = world.reached('anthropic', 'busy');
  const begun = Date.now();
  const error = await client.messages.create(ask({ model: 'anthropic/busy' })).catch((raised) => raised);
  assert.equal(error.error.request_id, 'req_theirs');
  assert.ok(world.reached('anthropic', 'busy') - asked >= 2);
  assert.ok(Date.now() - begun >= 1000, 'the client waited');
});

test('a field that a provider has no word for is refused by name, and not sent', async () => {
  const { client } = await customer();
  const sent = world.upstreams.plain.seen.length;
  const error = await client.messages.create(ask({ model: 'plain/m', tools: [{ type: 'bash_20250124', name: 'bash' }] })).catch((raised) => raised);
  assert.ok(error instanceof Anthropic.BadRequestError);
  assert.match(error.message, /'tools\[0\]' cannot be carried/);
  assert.equal(world.upstreams.plain.seen.length, sent);
});
