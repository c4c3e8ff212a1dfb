// Vercel's AI SDK through govd: its OpenAI (responses and chat), Anthropic and OpenAI-compatible providers, each at
// upstreams of several kinds; and the money.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './packages.mjs';
import { VECTOR } from './upstreams/openai.mjs';
import { ARGUMENTS, TEXT } from './upstreams/upstream.mjs';
import { EMBEDDING, FIGURES, MONEY, world } from './world.mjs';

const { APICallError, embed, embedMany, generateText, stepCountIs, streamText, tool } = load('ai');
const { createOpenAI } = load('@ai-sdk/openai');
const { createAnthropic } = load('@ai-sdk/anthropic');
const { createOpenAICompatible } = load('@ai-sdk/openai-compatible');
const { z } = load('zod');

// How an application names a model, and the dialect in which govd hears it.
const clients = {
  'openai, responses': ['responses', (settings) => createOpenAI(settings).responses],
  'openai, chat': ['chat', (settings) => createOpenAI(settings).chat],
  anthropic: ['messages', (settings) => createAnthropic(settings)],
  'openai-compatible': ['chat', (settings) => createOpenAICompatible({ name: 'govd', includeUsage: true, ...settings })],
};
const settings = (key) => ({ apiKey: key, baseURL: `${world.govd.gateway}/v1` });
// What an application says that wants no state kept at the provider.
const providerOptions = { openai: { store: false } };
const ask = (fields) => ({ prompt: 'Where is my order? '.repeat(100), maxOutputTokens: 100, maxRetries: 0, providerOptions, ...fields });

function checkUsage(usage, provider) {
  assert.deepEqual([usage.inputTokens, usage.outputTokens], [FIGURES[provider].input_tokens, 56]);
}

for (const [name, [dialect, connect]] of Object.entries(clients)) {
  for (const provider of ['openai', 'plain', 'anthropic', 'gemini', 'cohere']) {
    const books = (org, model) => world.checkBooks(org, { dialect, provider, model });

    test(`${name} at ${provider}: generateText`, async () => {
      const { org, key } = await world.customer();
      const result = await generateText(ask({ model: connect(settings(key))(`${provider}/m`) }));
      assert.equal(result.text, TEXT);
      assert.equal(result.finishReason, 'stop');
      checkUsage(result.usage, provider);
      await books(org);
    });

    test(`${name} at ${provider}: streamText`, async () => {
      const { org, key } = await world.customer();
      const result = streamText(ask({ model: connect(settings(key))(`${provider}/m`) }));
      const pieces = [];
      for await (const piece of result.textStream) pieces.push(piece);
      assert.equal(pieces.join(''), TEXT);
      assert.ok(pieces.length > 2, 'it came in pieces');
      assert.equal(await result.finishReason, 'stop');
      checkUsage(await result.usage, provider);
      await books(org);
    });

    for (const [how, run] of [['generateText', generateText], ['streamText', streamText]]) {
      test(`${name} at ${provider}: ${how} runs the tool that is called, and goes on with what it said`, async () => {
        const { org, key } = await world.customer();
        const inputs = [];
        const lookup = tool({
          description: 'an order', inputSchema: z.object({ order: z.string(), note: z.string() }),
          execute: (input) => {
            inputs.push(input);
            return { state: 'shipped' };
          },
        });
        const result = run(ask({ model: connect(settings(key))(`${provider}/m`), tools: { lookup }, stopWhen: stepCountIs(4) }));
        if (how === 'streamText') await result.consumeStream();
        const { text, steps } = how === 'streamText' ? { text: await result.text, steps: await result.steps } : await result;
        assert.deepEqual(inputs, [JSON.parse(ARGUMENTS)]);
        assert.deepEqual(steps.map((step) => step.finishReason), ['tool-calls', 'stop']);
        assert.equal(text, TEXT);
        const events = await world.settled(org);
        assert.deepEqual(events.map((event) => [event.status, event.credits_charged]), Array(2).fill(['SUCCESS', FIGURES[provider].credits_charged]));
        assert.equal((await world.govd.balance(org)).balance, MONEY - 2 * FIGURES[provider].credits_charged);
        assert.match(world.upstreams[provider].last().text, /shipped/);
      });
    }
  }
}

test('embed and embedMany', async () => {
  for (const provider of ['openai', 'gemini', 'cohere']) {
    for (const connect of [createOpenAI, (given) => createOpenAICompatible({ name: 'govd', ...given })]) {
      const { org, key } = await world.customer();
      const { embedding, usage } = await embed({ model: connect(settings(key)).textEmbeddingModel(`${provider}/m`), value: 'a lamp '.repeat(200), maxRetries: 0 });
      assert.deepEqual(embedding, VECTOR);
      assert.equal(usage.tokens, 1234);
      await world.checkBooks(org, { dialect: 'embeddings', provider, figures: EMBEDDING });
    }
  }
  const { key } = await world.customer();
  const { embeddings } = await embedMany({ model: createOpenAI(settings(key)).textEmbeddingModel('openai/m'), values: ['a lamp', 'a chair'], maxRetries: 0 });
  assert.deepEqual(embeddings, [VECTOR, VECTOR]);
});

for (const [name, [dialect, connect]] of Object.entries(clients)) {
  test(`${name}: a refusal is an APICallError with govd's sentence, and a spent budget is said once`, async () => {
    const denied = await world.customer();
    await world.govd.post('/policies', { path: denied.org, name: 'house', deny_models: ['m'] });
    const error = await generateText(ask({ model: connect(settings(denied.key))('openai/m'), maxRetries: 3 })).catch((raised) => raised);
    assert.ok(APICallError.isInstance(error), String(error));
    assert.equal(error.statusCode, dialect === 'chat' ? 403 : 400);
    assert.match(error.message, /house.*govctl explain req_/);
    assert.equal((await world.govd.events(denied.org)).length, 1);

    const poor = await world.customer();
    await world.govd.post('/budgets', { path: poor.org, period: 'DAILY', limit: 5 });
    const spent = await generateText(ask({ model: connect(settings(poor.key))('openai/m') })).catch((raised) => raised);
    assert.equal(spent.statusCode, dialect === 'chat' ? 402 : 429);
    assert.match(spent.message, /govctl explain req_/);
    assert.equal((await world.govd.events(poor.org)).length, 1);
  });
}
