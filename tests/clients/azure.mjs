// Azure behind govd: the official openai client calls it as it calls any provider, and what reaches Azure is what Azure's
// own client (AzureOpenAI of the same package) would have sent.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './packages.mjs';
import { RESPONSES_USAGE, VECTOR } from './upstreams/openai.mjs';
import { ARGUMENTS, SECRET, TEXT } from './upstreams/upstream.mjs';
import { EMBEDDING, FIGURES, world } from './world.mjs';

const OpenAI = load('openai');
const { AzureOpenAI } = OpenAI;

async function customer() {
  const made = await world.customer();
  return { ...made, client: new OpenAI({ apiKey: made.key, baseURL: `${world.govd.gateway}/v1`, maxRetries: 0 }) };
}
const ask = (fields = {}) => ({ model: 'azure/m', max_tokens: 100, messages: [{ role: 'user', content: 'Where is my order? '.repeat(100) }], ...fields });
const tools = [{ type: 'function', function: { name: 'lookup', description: 'the lookup', parameters: { type: 'object', properties: { order: { type: 'string' } } } } }];
const azure = () => world.upstreams.azure;

// What Azure's own client sends it: path, key and body.
const sent = () => {
  const { path, headers, body } = azure().last();
  return { path, key: headers['api-key'], authorization: headers.authorization, body };
};
const own = () => new AzureOpenAI({ endpoint: new URL(azure().url).origin, apiKey: SECRET, apiVersion: '2024-10-21', maxRetries: 0 });

test('chat reaches Azure as its own client would send it', async () => {
  const { org, client } = await customer();
  await own().chat.completions.create(ask({ model: 'm' }));
  const wanted = sent();
  const data = await client.chat.completions.create(ask());
  assert.deepEqual(sent(), wanted);
  assert.equal(wanted.path, '/openai/deployments/m/chat/completions?api-version=2024-10-21');
  assert.equal(data.choices[0].message.content, TEXT);
  await world.checkBooks(org, { dialect: 'chat', provider: 'azure', requestId: data.x_platform.request_id });
});

test('a stream with a tool call', async () => {
  const { org, client } = await customer();
  const final = await client.chat.completions.stream(ask({ tools })).finalChatCompletion();
  assert.equal(final.choices[0].message.tool_calls[0].function.arguments, ARGUMENTS);
  assert.equal(azure().last().body.stream_options.include_usage, true);
  await world.checkBooks(org, { dialect: 'chat', provider: 'azure' });
});

test('embeddings', async () => {
  const { org, client } = await customer();
  const input = 'Where is my order? '.repeat(100);
  await own().embeddings.create({ model: 'm', input });
  const wanted = sent();
  const data = await client.embeddings.create({ model: 'azure/m', input });
  assert.deepEqual(sent(), wanted);
  assert.deepEqual(data.data[0].embedding, VECTOR);
  await world.checkBooks(org, { dialect: 'embeddings', provider: 'azure', figures: EMBEDDING });
});

test('a response goes to /openai/v1 as it is', async () => {
  const { org, client } = await customer();
  const data = await client.responses.create({ model: 'azure-v1/m', input: 'Where is my order? '.repeat(100), max_output_tokens: 100 });
  assert.equal(world.upstreams['azure-v1'].last().path, '/openai/v1/responses');
  assert.equal(data.output_text, TEXT);
  assert.deepEqual(data.usage, RESPONSES_USAGE);
  await world.checkBooks(org, { dialect: 'responses', provider: 'azure-v1' });
});

test("Azure's own failure passes, and costs nothing", async () => {
  const { org, client } = await customer();
  const error = await client.chat.completions.create(ask({ model: 'azure/down' })).catch((raised) => raised);
  assert.ok(error instanceof OpenAI.InternalServerError);
  assert.match(error.message, /the provider is down/);
  const [event] = await world.settled(org);
  assert.deepEqual([event.status, event.credits_charged], ['ERROR', 0]);
  assert.equal(FIGURES.azure, FIGURES.openai);
});
