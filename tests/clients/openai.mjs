// The official openai client through govd: chat, responses, embeddings and models, at providers of every kind; the classes
// of its errors; and the money.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './packages.mjs';
import { RESPONSES_USAGE, USAGE, VECTOR } from './upstreams/openai.mjs';
import { ARGUMENTS, TEXT } from './upstreams/upstream.mjs';
import { EMBEDDING, FIGURES, MONEY, counted, world } from './world.mjs';

const OpenAI = load('openai');

async function customer(options = {}) {
  const made = await world.customer(options);
  return { ...made, client: new OpenAI({ apiKey: made.key, baseURL: `${world.govd.gateway}/v1`, maxRetries: 0, ...options.client }) };
}
const ask = (fields = {}) => ({ model: 'openai/m', max_tokens: 100, messages: [{ role: 'user', content: 'Where is my order? '.repeat(100) }], ...fields });
const SCHEMA = { type: 'object', properties: { order: { type: 'string' } } };
const tools = ['lookup', 'stock'].map((name) => ({ type: 'function', function: { name, description: `the ${name}`, parameters: SCHEMA } }));
const chatBooks = (org, provider, requestId, model) => world.checkBooks(org, { dialect: 'chat', provider, requestId, model });

test('a plain call', async () => {
  const { org, client } = await customer();
  const { data, response } = await client.chat.completions.create(ask()).withResponse();
  assert.equal(data.choices[0].message.content, TEXT);
  assert.deepEqual(data.usage, USAGE);
  assert.equal(data.x_platform.credits_charged, FIGURES.openai.credits_charged);
  assert.equal(data._request_id, data.x_platform.request_id);
  assert.equal(response.headers.get('x-request-id'), data.x_platform.request_id);
  await chatBooks(org, 'openai', data.x_platform.request_id);
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
  await chatBooks(org, 'openai');
});

test('a streamed call that asks for usage gets it last, with the charge', async () => {
  const { org, client } = await customer();
  const chunks = [];
  for await (const chunk of await client.chat.completions.create(ask({ stream: true, stream_options: { include_usage: true } }))) chunks.push(chunk);
  const last = chunks.at(-1);
  assert.deepEqual(last.choices, []);
  assert.deepEqual(last.usage, USAGE);
  assert.equal(last.x_platform.credits_charged, FIGURES.openai.credits_charged);
  assert.equal(chunks.slice(0, -1).map((chunk) => chunk.choices[0].delta.content ?? '').join(''), TEXT);
  await chatBooks(org, 'openai', last.x_platform.request_id);
});

test('the streaming helper builds the whole answer', async () => {
  const { org, client } = await customer();
  const final = await client.chat.completions.stream(ask({ stream_options: { include_usage: true } })).finalChatCompletion();
  assert.equal(final.choices[0].message.content, TEXT);
  assert.equal(final.choices[0].finish_reason, 'stop');
  await chatBooks(org, 'openai');
});

test('a tool call', async () => {
  const { org, client } = await customer();
  const data = await client.chat.completions.create(ask({ tools, tool_choice: 'auto' }));
  assert.equal(data.choices[0].finish_reason, 'tool_calls');
  assert.deepEqual(data.choices[0].message.tool_calls, [{ id: 'call_1', type: 'function', function: { name: 'lookup', arguments: ARGUMENTS } }]);
  assert.deepEqual(world.upstreams.openai.last().body.tools, tools);
  await chatBooks(org, 'openai');
});

test('a streamed tool call', async () => {
  const { org, client } = await customer();
  const final = await client.chat.completions.stream(ask({ tools })).finalChatCompletion();
  const call = final.choices[0].message.tool_calls[0];
  assert.equal(call.id, 'call_1');
  assert.equal(call.function.name, 'lookup');
  assert.equal(call.function.arguments, ARGUMENTS);
  assert.equal(JSON.parse(call.function.arguments).order, '48-1172');
  await chatBooks(org, 'openai');
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
  const error = await failure(new OpenAI({ apiKey: 'cpk_wrong', baseURL: `${world.govd.gateway}/v1` }));
  assert.ok(error instanceof OpenAI.AuthenticationError);
  assert.equal(error.status, 401);
  assert.equal(error.code, 'invalid_api_key');
  assert.equal((await world.govd.events(org)).length, 0);
});

test('a revoked key is an AuthenticationError on the very next call', async () => {
  const { org, client } = await customer();
  await client.chat.completions.create(ask());
  const agent = `${org}%2Fprod%2Fsupport%2Ftriage`;
  const [key] = (await world.govd.get(`/agents/${agent}/keys`)).items;
  await world.govd.call('DELETE', `/agents/${agent}/keys/${key.id}?reason=test`);
  assert.ok(await failure(client) instanceof OpenAI.AuthenticationError);
});

test('a model that a policy denies is a PermissionDeniedError that names the policy', async () => {
  const { org, client } = await customer({ client: { maxRetries: 3 } });
  await world.govd.post('/policies', { path: org, name: 'house', deny_models: ['m'] });
  const error = await failure(client);
  assert.ok(error instanceof OpenAI.PermissionDeniedError);
  assert.equal(error.code, 'policy_denied');
  assert.match(error.message, new RegExp(`${org}: house`));
  assert.match(error.message, /govctl explain req_/);
  assert.equal((await world.govd.events(org)).length, 1);
});

for (const [what, options, code] of [['a budget', {}, 'budget_exceeded'], ['the balance', { credits: 5 }, 'insufficient_credits']]) {
  test(`a call that ${what} does not cover is a 402, made once`, async () => {
    const { org, client } = await customer({ ...options, client: { maxRetries: 3 } });
    if (code === 'budget_exceeded') await world.govd.post('/budgets', { path: `${org}/prod`, period: 'DAILY', limit: 5 });
    const error = await failure(client);
    assert.ok(error instanceof OpenAI.APIError);
    assert.equal(error.status, 402);
    assert.equal(error.code, code);
    assert.equal(error.type, 'insufficient_quota');
    assert.equal(error.headers.get('x-should-retry'), 'false');
    const events = await world.govd.events(org);
    assert.deepEqual(events.map((event) => event.status), ['BUDGET_EXCEEDED']);
  });
}

test('a rate limit is a RateLimitError that says when to come back', async () => {
  const { org, client } = await customer();
  await world.govd.post('/policies', { path: org, rpm: 1 });
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
  const unpriced = await failure(client, ask({ model: 'openai/unpriced' }));
  assert.ok(unpriced instanceof OpenAI.BadRequestError);
  assert.match(unpriced.message, /govctl pricing set openai unpriced/);
  const negative = await failure(client, ask({ max_tokens: -1 }));
  assert.ok(negative instanceof OpenAI.BadRequestError);
  assert.equal(negative.param, 'max_tokens');
});

test("a provider's own failure passes as it is, is retried by the client, and costs nothing", async () => {
  const { org, client } = await customer({ client: { maxRetries: 1 } });
  const error = await failure(client, ask({ model: 'openai/down' }));
  assert.ok(error instanceof OpenAI.InternalServerError);
  assert.match(error.message, /the provider is down/);
  assert.equal(world.reached('openai', 'down'), 2);
  const events = await world.govd.events(org);
  assert.deepEqual(events.map((event) => [event.status, event.credits_charged]), [['ERROR', 0], ['ERROR', 0]]);
  assert.equal((await world.govd.balance(org)).balance, MONEY);
});

test('a stream that its provider breaks off throws, after what came', async () => {
  const { org, client } = await customer();
  let pieces = 0;
  await assert.rejects(async () => {
    for await (const chunk of await client.chat.completions.create(ask({ model: 'openai/cut', stream: true }))) pieces += chunk.choices.length;
  }, OpenAI.APIError);
  assert.ok(pieces >= 2);
  const [event] = await world.settled(org);
  assert.equal(event.completion, 'error');
  assert.equal((await world.govd.balance(org)).balance, MONEY - event.credits_charged);
});

test('a stream that its client aborts is charged once and held no longer', async () => {
  const { org, client } = await customer();
  const stream = await client.chat.completions.create(ask({ model: 'openai/endless', stream: true }));
  for await (const chunk of stream) {
    if (chunk.choices[0].delta.content) break;
  }
  stream.controller.abort();
  const events = await world.settled(org);
  assert.equal(events.length, 1);
  assert.equal(events[0].completion, 'partial');
  assert.ok(events[0].credits_charged > 0);
  assert.equal((await world.govd.balance(org)).balance, MONEY - events[0].credits_charged);
});

test('the mock provider needs nothing but a key', async () => {
  const { client } = await customer();
  const data = await client.chat.completions.create({ model: 'mock-model', messages: [{ role: 'user', content: 'hi' }] });
  assert.match(data.choices[0].message.content, /^This is a mock answer from govd\./);
});

// --- chat at providers of other kinds

const conversation = [
  { role: 'system', content: 'You are terse.' },
  { role: 'user', content: 'Where is order 48-1172?' },
  { role: 'assistant', content: null, tool_calls: [
    { id: 'call_1', type: 'function', function: { name: 'lookup', arguments: ARGUMENTS } },
    { id: 'call_2', type: 'function', function: { name: 'stock', arguments: '{"sku":"L-9"}' } }] },
  { role: 'tool', tool_call_id: 'call_1', content: 'shipped' },
  { role: 'tool', tool_call_id: 'call_2', content: '3 left' },
];
// What each kind is asked for when a client sends that, with both tools and 100 tokens at most.
const messagesBody = {
  system: [{ type: 'text', text: 'You are terse.' }],
  messages: [
    { role: 'user', content: [{ type: 'text', text: 'Where is order 48-1172?' }] },
    { role: 'assistant', content: [
      { type: 'tool_use', id: 'call_1', name: 'lookup', input: JSON.parse(ARGUMENTS) },
      { type: 'tool_use', id: 'call_2', name: 'stock', input: { sku: 'L-9' } }] },
    { role: 'user', content: [
      { type: 'tool_result', tool_use_id: 'call_1', content: [{ type: 'text', text: 'shipped' }] },
      { type: 'tool_result', tool_use_id: 'call_2', content: [{ type: 'text', text: '3 left' }] }] },
  ],
  tools: tools.map((tool) => ({ name: tool.function.name, description: tool.function.description, input_schema: SCHEMA })),
  max_tokens: 100,
};
const bodies = {
  anthropic: { model: 'm', ...messagesBody },
  bedrock: { anthropic_version: 'bedrock-2023-05-31', ...messagesBody },
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
    tools: [{ functionDeclarations: tools.map((tool) => ({ name: tool.function.name, description: tool.function.description, parametersJsonSchema: SCHEMA })) }],
    generationConfig: { maxOutputTokens: 100 },
  },
  cohere: {
    model: 'm', messages: [...conversation.slice(0, 2), { role: 'assistant', tool_calls: conversation[2].tool_calls }, ...conversation.slice(3)],
    tools: tools.map((tool) => ({ type: 'function', function: { name: tool.function.name, description: tool.function.description, parameters: SCHEMA } })),
    max_tokens: 100,
  },
};
const bothCalls = conversation[2].tool_calls;

for (const provider of ['anthropic', 'bedrock', 'gemini', 'cohere']) {
  const usage = counted(provider);
  const checkUsage = (said) => assert.deepEqual([said.prompt_tokens, said.completion_tokens, said.total_tokens, said.prompt_tokens_details.cached_tokens],
    [usage.in, usage.out, usage.in + usage.out, usage.cached]);

  test(`chat at ${provider}: a conversation with both tools' results`, async () => {
    const { org, client } = await customer();
    const data = await client.chat.completions.create(ask({ model: `${provider}/m`, messages: conversation, tools }));
    assert.deepEqual(world.upstreams[provider].last().body, bodies[provider]);
    if (provider === 'anthropic') assert.equal(world.upstreams.anthropic.last().headers['anthropic-version'], '2023-06-01');
    assert.equal(data.object, 'chat.completion');
    assert.equal(data.model, `${provider}/m`);
    assert.equal(data.choices[0].message.content, TEXT);
    assert.equal(data.choices[0].finish_reason, 'stop');
    checkUsage(data.usage);
    assert.equal(data.x_platform.credits_charged, FIGURES[provider].credits_charged);
    await chatBooks(org, provider, data.x_platform.request_id);
  });

  test(`chat at ${provider}: a stream`, async () => {
    const { org, client } = await customer();
    const chunks = [];
    for await (const chunk of await client.chat.completions.create(ask({ model: `${provider}/m`, stream: true, stream_options: { include_usage: true } }))) chunks.push(chunk);
    const last = chunks.pop();
    assert.deepEqual(last.choices, []);
    checkUsage(last.usage);
    assert.equal(last.model, `${provider}/m`);
    assert.ok(chunks.length > 4, 'it came in pieces');
    assert.deepEqual(chunks.map((chunk) => chunk.usage ?? null), chunks.map(() => null));
    assert.equal(chunks.map((chunk) => chunk.choices[0].delta.content ?? '').join(''), TEXT);
    assert.equal(chunks.at(-1).choices[0].finish_reason, 'stop');
    await chatBooks(org, provider, last.x_platform.request_id);
  });

  test(`chat at ${provider}: two calls at once, whole and streamed`, async () => {
    for (const how of ['create', 'stream']) {
      const { org, client } = await customer();
      const body = ask({ model: `${provider}/pair`, tools });
      const data = how === 'create' ? await client.chat.completions.create(body) : await client.chat.completions.stream(body).finalChatCompletion();
      assert.equal(data.choices[0].finish_reason, 'tool_calls');
      assert.deepEqual(data.choices[0].message.tool_calls.map(({ id, type, function: { name, arguments: text } }) => [id, type, name, JSON.parse(text)]),
        bothCalls.map((call) => [call.id, 'function', call.function.name, JSON.parse(call.function.arguments)]));
      await chatBooks(org, provider, undefined, 'pair');
    }
  });

  test(`chat at ${provider}: an answer that ran into its limit`, async () => {
    const { client } = await customer();
    const body = ask({ model: `${provider}/short` });
    assert.equal((await client.chat.completions.create(body)).choices[0].finish_reason, 'length');
    let reason;
    for await (const chunk of await client.chat.completions.create({ ...body, stream: true })) reason = chunk.choices[0].finish_reason;
    assert.equal(reason, 'length');
  });

  test(`chat at ${provider}: what it says of its own failure reaches the client`, async () => {
    const { org, client } = await customer();
    const down = await failure(client, ask({ model: `${provider}/down` }));
    assert.ok(down instanceof OpenAI.InternalServerError);
    assert.match(down.message, /the provider is down/);
    const busy = await failure(client, ask({ model: `${provider}/busy` }));
    assert.ok(busy instanceof OpenAI.RateLimitError);
    assert.match(busy.message, /the provider is busy/);
    assert.equal(busy.headers.get('retry-after'), '1');
    assert.deepEqual((await world.govd.events(org)).map((event) => [event.status, event.credits_charged]), [['ERROR', 0], ['ERROR', 0]]);
  });
}

test('a field that a provider has no word for is a BadRequestError that names it, and is not sent', async () => {
  const { client } = await customer();
  const before = world.upstreams.anthropic.seen.length;
  const error = await failure(client, ask({ model: 'anthropic/m', logprobs: true }));
  assert.ok(error instanceof OpenAI.BadRequestError);
  assert.match(error.message, /'logprobs' cannot be carried/);
  assert.equal(world.upstreams.anthropic.seen.length, before);
});

// --- responses

const responseTools = tools.map((tool) => ({ type: 'function', name: tool.function.name, description: tool.function.description, parameters: SCHEMA, strict: false }));
const respond = (provider, fields = {}) => ({ model: `${provider}/m`, input: 'Where is my order? '.repeat(100), max_output_tokens: 100, ...fields });
const responseBooks = (org, provider, model) => world.checkBooks(org, { dialect: 'responses', provider, model });

for (const provider of ['openai', 'plain', 'anthropic', 'gemini', 'cohere']) {
  const usage = counted(provider);
  const checkUsage = (said) => assert.deepEqual([said.input_tokens, said.output_tokens, said.input_tokens_details.cached_tokens], [usage.in, usage.out, usage.cached]);

  test(`responses at ${provider}: whole and through the streaming helper`, async () => {
    for (const how of ['create', 'stream']) {
      const { org, client } = await customer();
      const deltas = [];
      const data = how === 'create' ? await client.responses.create(respond(provider))
        : await client.responses.stream(respond(provider)).on('response.output_text.delta', (event) => deltas.push(event.delta)).finalResponse();
      assert.equal(data.status, 'completed');
      assert.deepEqual(data.output.flatMap((item) => item.content ?? []).map((part) => [part.type, part.text]), [['output_text', TEXT]]);
      if (how === 'stream') assert.equal(deltas.join(''), TEXT);
      checkUsage(data.usage);
      assert.equal(world.upstreams[provider].last().path.includes('responses'), provider === 'openai');
      await responseBooks(org, provider);
    }
  });

  test(`responses at ${provider}: calls, and their results behind them`, async () => {
    for (const how of ['create', 'stream']) {
      const { org, client } = await customer();
      const body = respond(provider, { model: `${provider}/pair`, tools: responseTools, instructions: 'You are terse.', input: [{ role: 'user', content: 'Where is order 48-1172?' }] });
      const data = how === 'create' ? await client.responses.create(body) : await client.responses.stream(body).finalResponse();
      const made = data.output.filter((item) => item.type === 'function_call');
      assert.deepEqual(made.map((item) => [item.call_id, item.name, JSON.parse(item.arguments), item.status]),
        bothCalls.map((call) => [call.id, call.function.name, JSON.parse(call.function.arguments), 'completed']));
      await responseBooks(org, provider, 'pair');
      const results = made.map((item, index) => ({ type: 'function_call_output', call_id: item.call_id, output: ['shipped', '3 left'][index] }));
      const next = await client.responses.create({ ...body, model: `${provider}/m`, input: [...body.input, ...made.map(({ parsed_arguments, ...item }) => item), ...results] });
      assert.equal(next.output_text, TEXT);
      if (bodies[provider]) assert.deepEqual(world.upstreams[provider].last().body, bodies[provider]);
    }
  });

  test(`responses at ${provider}: an answer that ran into its limit`, async () => {
    const { client } = await customer();
    const body = respond(provider, { model: `${provider}/short` });
    const events = [];
    for await (const event of await client.responses.create({ ...body, stream: true })) events.push(event);
    assert.equal(events.at(-1).type, 'response.incomplete');
    for (const data of [await client.responses.create(body), events.at(-1).response]) {
      assert.equal(data.status, 'incomplete');
      assert.deepEqual(data.incomplete_details, { reason: 'max_output_tokens' });
    }
  });
}

test('a response of a provider that has them passes as it is', async () => {
  const { client } = await customer();
  const data = await client.responses.create(respond('openai', { previous_response_id: 'resp_0' }));
  assert.deepEqual(data.usage, RESPONSES_USAGE);
  assert.equal(data.id, 'resp_1');
  assert.deepEqual(world.upstreams.openai.last().body, respond('openai', { model: 'm', previous_response_id: 'resp_0' }));
});

test('an earlier response is refused where there is no server that keeps it', async () => {
  const { client } = await customer();
  for (const provider of ['plain', 'anthropic', 'gemini', 'cohere']) {
    await assert.rejects(client.responses.create(respond(provider, { previous_response_id: 'resp_0' })),
      (error) => error instanceof OpenAI.BadRequestError && /'previous_response_id' cannot be carried.*no server state/.test(error.message));
  }
});

// --- embeddings and models

for (const provider of ['openai', 'gemini', 'cohere']) {
  test(`embeddings at ${provider}: as numbers, and as the client asks for them itself, in base64`, async () => {
    for (const encoding_format of [undefined, 'float']) {
      const { org, client } = await customer();
      const data = await client.embeddings.create({ model: `${provider}/m`, input: ['a lamp '.repeat(100), 'a chair '.repeat(100)], ...(encoding_format && { encoding_format }) });
      assert.deepEqual(data.data.map((row) => [row.index, [...row.embedding]]), [[0, VECTOR], [1, VECTOR]]);
      assert.equal(data.usage.prompt_tokens, 1234);
      await world.checkBooks(org, { dialect: 'embeddings', provider, figures: EMBEDDING });
    }
  });
}

test('embeddings of a provider that has none are a BadRequestError that says who has', async () => {
  const { client } = await customer();
  await assert.rejects(client.embeddings.create({ model: 'anthropic/m', input: 'a lamp' }),
    (error) => error instanceof OpenAI.BadRequestError && /embeddings work with/.test(error.message));
});

test('the models that a key may use, all and one', async () => {
  const { org, client } = await customer();
  const all = await client.models.list();
  assert.ok(all.data.length > 40);
  const one = all.data.find((model) => model.id === 'anthropic/m');
  assert.deepEqual([one.object, one.owned_by], ['model', 'anthropic']);
  assert.deepEqual(await client.models.retrieve('anthropic/m'), one);
  await world.govd.post('/policies', { path: org, allow_models: ['gemini/m', 'gemini/pair'] });
  assert.deepEqual((await client.models.list()).data.map((model) => model.id).sort(), ['gemini/m', 'gemini/pair']);
  await assert.rejects(client.models.retrieve('anthropic/m'), OpenAI.NotFoundError);
});

// --- refusals

// Every cause, in both of the client's dialects: what brings it about, the model asked for, then status, code and what the
// message says, for chat and for responses.
const refusals = [
  ['a policy', (org) => world.govd.post('/policies', { path: org, name: 'house', deny_models: ['m'] }), 'openai/m', [403, 'policy_denied'], [400, 'policy_denied'], /house.*govctl explain req_/],
  ['a limit of tokens', (org) => world.govd.post('/policies', { path: org, name: 'house', max_output_tokens: 50 }), 'openai/m', [403, 'policy_denied'], [400, 'policy_denied'], /100.*house.*50.*govctl explain req_/],
  ['a budget', (org) => world.govd.post('/budgets', { path: `${org}/prod`, period: 'DAILY', limit: 5 }), 'openai/m', [402, 'budget_exceeded'], [429, 'budget_exceeded'], /org-\d+\/prod.*5.*govctl explain req_/],
  ['an inactive agent', (_, agent) => world.govd.call('PATCH', `/agents/${agent}`, { status: 'DISABLED' }), 'openai/m', [403, 'inactive'], [403, 'inactive'], /triage is not active/],
  ['no price', () => {}, 'openai/unpriced', [400, 'no_price'], [400, 'no_price'], /govctl pricing set openai unpriced/],
  ['no credential', async (org) => {
    for (const row of (await world.govd.get(`/orgs/${org}/credentials`)).items) await world.govd.call('DELETE', `/orgs/${org}/credentials/${row.id}`);
  }, 'openai/m', [400, 'no_credential'], [400, 'no_credential'], /govctl credential add/],
  ['nobody at the provider', () => {}, 'gone/m', [502], [502], /gone/],
  ['a silent provider', () => {}, 'slow/silent', [504], [504], /slow/],
];
for (const [cause, bring, model, chat, responses, message] of refusals) {
  test(`${cause}: the client's error says it, in both dialects`, async () => {
    for (const [dialect, [status, code]] of [['chat', chat], ['responses', responses]]) {
      const { org, agent, client } = await customer({ client: { maxRetries: status < 500 ? 3 : 0 } });
      await bring(org, agent);
      const call = dialect === 'chat' ? client.chat.completions.create(ask({ model })) : client.responses.create({ model, input: 'Where?', max_output_tokens: 100 });
      const error = await call.then(() => assert.fail('the call passed'), (raised) => raised);
      const names = { 400: 'BadRequestError', 402: 'APIError', 403: 'PermissionDeniedError', 429: 'RateLimitError', 502: 'InternalServerError', 504: 'InternalServerError' };
      assert.ok(error instanceof OpenAI[names[status]], `${dialect}: ${error}`);
      assert.equal(error.status, status);
      if (code) assert.equal(error.code, code);
      assert.match(error.message, message);
      // Once, whatever the client would have tried.
      assert.equal((await world.govd.events(org)).reduce((sum, event) => sum + event.count, 0), 1);
      if (status < 500) assert.equal(error.headers.get('x-should-retry'), 'false');
      // What was sent to a provider may have been read there, and is charged.
      if (status !== 504) assert.equal((await world.govd.balance(org)).balance, MONEY);
    }
  });
}

test('a spent budget, said to Codex, has the hour of its reset', async () => {
  const { org, client } = await customer({ client: { maxRetries: 3 } });
  await world.govd.post('/budgets', { path: org, period: 'DAILY', limit: 5 });
  const error = await client.responses.create(respond('openai')).catch((raised) => raised);
  assert.equal(error.type, 'usage_limit_reached');
  const tomorrow = Math.floor(Date.now() / 86_400_000) * 86_400 + 86_400;
  assert.equal(error.error.resets_at, tomorrow);
  assert.equal(error.headers.get('x-codex-primary-reset-at'), String(tomorrow));
  assert.equal(error.headers.get('x-codex-primary-window-minutes'), '1440');
});

test('a wrong key and a revoked one are AuthenticationErrors in responses, too', async () => {
  const { org, agent, client } = await customer({ client: { maxRetries: 3 } });
  const wrong = new OpenAI({ apiKey: 'cpk_wrong', baseURL: `${world.govd.gateway}/v1`, maxRetries: 3 });
  const refused = async (by) => {
    const error = await by.responses.create(respond('openai')).then(() => assert.fail('the call passed'), (raised) => raised);
    assert.ok(error instanceof OpenAI.AuthenticationError, `${error}`);
    assert.deepEqual([error.status, error.code], [401, 'invalid_api_key']);
    assert.equal(error.headers.get('x-should-retry'), 'false');
  };
  await refused(wrong);
  await client.responses.create(respond('openai'));
  const [key] = (await world.govd.get(`/agents/${agent}/keys`)).items;
  await world.govd.call('DELETE', `/agents/${agent}/keys/${key.id}?reason=test`);
  await refused(client);
  assert.equal((await world.govd.events(org)).length, 1);
});

// What each rate limit is brought about by, and the type that OpenAI gives it.
for (const [limit, most, type] of [['rpm', 1, 'requests'], ['tpm', 1300, 'tokens']]) {
  test(`${limit}: a response beyond it is a RateLimitError that says when to come back`, async () => {
    const { org, client } = await customer();
    await world.govd.post('/policies', { path: org, [limit]: most });
    await client.responses.create(respond('openai'));
    const error = await client.responses.create(respond('openai')).then(() => assert.fail('the call passed'), (raised) => raised);
    assert.ok(error instanceof OpenAI.RateLimitError, `${error}`);
    assert.deepEqual([error.status, error.code, error.type], [429, 'rate_limit_exceeded', type]);
    const seconds = Number(error.headers.get('retry-after'));
    assert.ok(seconds >= 1 && seconds <= 60, `retry-after ${seconds}`);
    assert.equal(error.headers.get('x-should-retry'), null);
    assert.equal(error.headers.get(`x-ratelimit-remaining-${type}`), '0');
  });
}
