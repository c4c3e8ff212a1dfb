// The official openai client through govd, against a fake provider: plain, streamed and tool calls, the classes of its
// errors, and the money.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Govd } from './govd.mjs';
import { load } from './packages.mjs';
import { ARGUMENTS, TEXT, Upstream, USAGE } from './upstream.mjs';

const OpenAI = load('openai', '6.30.1');

// 1,234 tokens in, 1,000 of them cached, 56 out, at 0.003, 0.0003 and 0.015 USD per 1,000:
//   234 x 0.000003 + 1,000 x 0.0000003 + 56 x 0.000015 = 0.000702 + 0.0003 + 0.00084 = 0.001842 USD.
// At 1,000,000 credits to the dollar:
const COST_USD = '0.001842';
const CREDITS = 1842;
const MONEY = 1_000_000;

let upstream;
let govd;
let orgs = 0;

before(async () => {
  upstream = await Upstream.start();
  govd = await Govd.start(process.env.GOVD);
  await govd.post('/providers', { name: 'fake', kind: 'openai', base_url: upstream.url, needs_credential: false });
  for (const model of ['m', 'down', 'cut', 'endless']) {
    await govd.call('PUT', `/pricing/fake/${model}`, { input: '0.003', output: '0.015', cache_read: '0.0003', max_output_tokens: 1000 });
  }
});
after(async () => {
  await govd?.stop();
  await upstream?.stop();
});

// An org of its own for each test, with a client for its agent.
async function customer(options = {}) {
  const org = `org-${++orgs}`;
  const key = await govd.agent(org, options);
  return { org, key, client: new OpenAI({ apiKey: key, baseURL: `${govd.gateway}/v1`, maxRetries: 0, ...options.client }) };
}
const ask = (fields = {}) => ({ model: 'fake/m', max_tokens: 100, messages: [{ role: 'user', content: 'Where is my order? '.repeat(100) }], ...fields });
const tools = [{ type: 'function', function: { name: 'lookup', description: 'an order', parameters: { type: 'object', properties: { order: { type: 'string' } } } } }];

// Usage event, cost, credits, ledger, balance and audit of an org's one call agree with the figure above.
async function checkBooks(org, requestId) {
  const events = await govd.events(org);
  assert.equal(events.length, 1);
  const event = events[0];
  assert.equal(event.status, 'SUCCESS');
  if (requestId) assert.equal(event.request_id, requestId);
  assert.equal(event.cost_usd, COST_USD);
  assert.equal(event.credits_charged, CREDITS);
  assert.equal(event.cached_tokens, 1000);
  assert.equal(event.output_tokens, 56);
  assert.deepEqual(event.flags, []);
  const ledger = await govd.ledger(org);
  assert.deepEqual(ledger.map((entry) => [entry.type, entry.amount, entry.balance_after]),
    [['CREDIT_PURCHASE', MONEY, MONEY], ['USAGE_DEDUCTION', -CREDITS, MONEY - CREDITS]]);
  assert.equal(ledger[1].request_id, event.request_id);
  const balance = await govd.balance(org);
  assert.deepEqual([balance.balance, balance.reserved, balance.available], [MONEY - CREDITS, 0, MONEY - CREDITS]);
  const audited = (await govd.audit(org)).filter((row) => row.event_type === 'gateway.request');
  assert.deepEqual(audited.map((row) => row.request_id), [event.request_id]);
  assert.equal((await govd.get(`/verify?org=${org}`)).ok, true);
}

async function settled(org) {
  for (const until = Date.now() + 60_000; Date.now() < until;) {
    if ((await govd.balance(org)).reserved === 0) {
      const events = await govd.events(org);
      if (events.length > 0) return events;
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('the call was never settled');
}

test('a plain call', async () => {
  const { org, client } = await customer();
  const { data, response } = await client.chat.completions.create(ask()).withResponse();
  assert.equal(data.choices[0].message.content, TEXT);
  assert.deepEqual(data.usage, USAGE);
  assert.equal(data.x_platform.credits_charged, CREDITS);
  assert.equal(data._request_id, data.x_platform.request_id);
  assert.equal(response.headers.get('x-request-id'), data.x_platform.request_id);
  await checkBooks(org, data.x_platform.request_id);
});

test('a streamed call that asks for no usage gets none and costs the same', async () => {
  const { org, client } = await customer();
  let text = '';
  for await (const chunk of await client.chat.completions.create(ask({ stream: true }))) {
    assert.equal(chunk.choices.length, 1);
    assert.equal(chunk.usage, undefined);
    text += chunk.choices[0].delta.content ?? '';
  }
  assert.equal(text, TEXT);
  await checkBooks(org);
});

test('a streamed call that asks for usage gets it last, with the charge', async () => {
  const { org, client } = await customer();
  const chunks = [];
  for await (const chunk of await client.chat.completions.create(ask({ stream: true, stream_options: { include_usage: true } }))) chunks.push(chunk);
  const last = chunks.at(-1);
  assert.deepEqual(last.choices, []);
  assert.deepEqual(last.usage, USAGE);
  assert.equal(last.x_platform.credits_charged, CREDITS);
  assert.equal(chunks.slice(0, -1).map((chunk) => chunk.choices[0].delta.content ?? '').join(''), TEXT);
  await checkBooks(org, last.x_platform.request_id);
});

test('the streaming helper builds the whole answer', async () => {
  const { org, client } = await customer();
  const final = await client.chat.completions.stream(ask({ stream_options: { include_usage: true } })).finalChatCompletion();
  assert.equal(final.choices[0].message.content, TEXT);
  assert.equal(final.choices[0].finish_reason, 'stop');
  await checkBooks(org);
});

test('a tool call', async () => {
  const { org, client } = await customer();
  const data = await client.chat.completions.create(ask({ tools, tool_choice: 'auto' }));
  assert.equal(data.choices[0].finish_reason, 'tool_calls');
  assert.deepEqual(data.choices[0].message.tool_calls, [{ id: 'call_1', type: 'function', function: { name: 'lookup', arguments: ARGUMENTS } }]);
  assert.deepEqual(upstream.seen.at(-1).body.tools, tools);
  await checkBooks(org);
});

test('a streamed tool call', async () => {
  const { org, client } = await customer();
  const final = await client.chat.completions.stream(ask({ tools })).finalChatCompletion();
  const call = final.choices[0].message.tool_calls[0];
  assert.equal(call.id, 'call_1');
  assert.equal(call.function.name, 'lookup');
  assert.equal(call.function.arguments, ARGUMENTS);
  assert.equal(JSON.parse(call.function.arguments).order, '48-1172');
  await checkBooks(org);
});

// The error that a call ends with.
async function failure(client, body = ask()) {
  try {
    await client.chat.completions.create(body);
  } catch (error) {
    return error;
  }
  throw new Error('the call passed');
}

test('a wrong key is an AuthenticationError', async () => {
  const { org } = await customer();
  const error = await failure(new OpenAI({ apiKey: 'cpk_wrong', baseURL: `${govd.gateway}/v1` }));
  assert.ok(error instanceof OpenAI.AuthenticationError);
  assert.equal(error.status, 401);
  assert.equal(error.code, 'invalid_api_key');
  assert.equal((await govd.events(org)).length, 0);
});

test('a revoked key is an AuthenticationError on the very next call', async () => {
  const { org, client } = await customer();
  await client.chat.completions.create(ask());
  const agent = `${org}%2Fprod%2Fsupport%2Ftriage`;
  const [key] = (await govd.get(`/agents/${agent}/keys`)).items;
  await govd.call('DELETE', `/agents/${agent}/keys/${key.id}?reason=test`);
  assert.ok(await failure(client) instanceof OpenAI.AuthenticationError);
});

test('a model that a policy denies is a PermissionDeniedError that names the policy', async () => {
  const { org, client } = await customer({ client: { maxRetries: 3 } });
  await govd.post('/policies', { path: org, name: 'house', deny_models: ['m'] });
  const error = await failure(client);
  assert.ok(error instanceof OpenAI.PermissionDeniedError);
  assert.equal(error.code, 'policy_denied');
  assert.match(error.message, new RegExp(`${org}: house`));
  assert.match(error.message, /govctl explain req_/);
  assert.equal((await govd.events(org)).length, 1);
});

for (const [what, options, code] of [['a budget', {}, 'budget_exceeded'], ['the balance', { credits: 5 }, 'insufficient_credits']]) {
  test(`a call that ${what} does not cover is a 402, made once`, async () => {
    const { org, client } = await customer({ ...options, client: { maxRetries: 3 } });
    if (code === 'budget_exceeded') await govd.post('/budgets', { path: `${org}/prod`, period: 'DAILY', limit: 5 });
    const error = await failure(client);
    assert.ok(error instanceof OpenAI.APIError);
    assert.equal(error.status, 402);
    assert.equal(error.code, code);
    assert.equal(error.type, 'insufficient_quota');
    assert.equal(error.headers.get('x-should-retry'), 'false');
    const events = await govd.events(org);
    assert.deepEqual(events.map((event) => event.status), ['BUDGET_EXCEEDED']);
  });
}

test('a rate limit is a RateLimitError that says when to come back', async () => {
  const { org, client } = await customer();
  await govd.post('/policies', { path: org, rpm: 1 });
  await client.chat.completions.create(ask());
  const error = await failure(client);
  assert.ok(error instanceof OpenAI.RateLimitError);
  assert.equal(error.code, 'rate_limit_exceeded');
  const seconds = Number(error.headers.get('retry-after'));
  assert.ok(seconds >= 1 && seconds <= 60, `retry-after ${seconds}`);
  assert.equal(error.headers.get('x-should-retry'), null);
});

test('a model without a price and a malformed request are BadRequestErrors', async () => {
  const { client } = await customer();
  const unpriced = await failure(client, ask({ model: 'fake/unpriced' }));
  assert.ok(unpriced instanceof OpenAI.BadRequestError);
  assert.match(unpriced.message, /govctl pricing set fake unpriced/);
  const negative = await failure(client, ask({ max_tokens: -1 }));
  assert.ok(negative instanceof OpenAI.BadRequestError);
  assert.equal(negative.param, 'max_tokens');
});

test("a provider's own failure passes as it is, is retried by the client, and costs nothing", async () => {
  const { org, client } = await customer({ client: { maxRetries: 1 } });
  const error = await failure(client, ask({ model: 'fake/down' }));
  assert.ok(error instanceof OpenAI.InternalServerError);
  assert.match(error.message, /the provider is down/);
  assert.equal(upstream.calls('down'), 2);
  const events = await govd.events(org);
  assert.deepEqual(events.map((event) => [event.status, event.credits_charged]), [['ERROR', 0], ['ERROR', 0]]);
  assert.equal((await govd.balance(org)).balance, MONEY);
});

test('a stream that its provider breaks off throws, after what came', async () => {
  const { org, client } = await customer();
  let pieces = 0;
  await assert.rejects(async () => {
    for await (const chunk of await client.chat.completions.create(ask({ model: 'fake/cut', stream: true }))) pieces += chunk.choices.length;
  }, OpenAI.APIError);
  assert.ok(pieces >= 2);
  const [event] = await settled(org);
  assert.equal(event.completion, 'error');
  assert.equal((await govd.balance(org)).balance, MONEY - event.credits_charged);
});

test('a stream that its client aborts is charged once and held no longer', async () => {
  const { org, client } = await customer();
  const stream = await client.chat.completions.create(ask({ model: 'fake/endless', stream: true }));
  for await (const chunk of stream) {
    if (chunk.choices[0].delta.content) break;
  }
  stream.controller.abort();
  const events = await settled(org);
  assert.equal(events.length, 1);
  assert.equal(events[0].completion, 'partial');
  assert.ok(events[0].credits_charged > 0);
  assert.equal((await govd.balance(org)).balance, MONEY - events[0].credits_charged);
});

test('the mock provider needs nothing but a key', async () => {
  const { client } = await customer();
  const data = await client.chat.completions.create({ model: 'mock-model', messages: [{ role: 'user', content: 'hi' }] });
  assert.match(data.choices[0].message.content, /^This is a mock answer from govd\./);
});
