// A govd with a fake provider of each kind behind it, and what every client's test asks of it. Providers are named by
// their kind; `plain` is an OpenAI that has chat alone, `azure-v1` an Azure with responses.
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { after, afterEach, before } from 'node:test';
import { Govd } from './govd.mjs';
import { AnthropicUpstream, BedrockUpstream } from './upstreams/anthropic.mjs';
import { AzureUpstream } from './upstreams/azure.mjs';
import { CohereUpstream } from './upstreams/cohere.mjs';
import { GeminiUpstream } from './upstreams/gemini.mjs';
import { OpenAIUpstream } from './upstreams/openai.mjs';
import { SECRET } from './upstreams/upstream.mjs';

const kinds = {
  openai: OpenAIUpstream, plain: OpenAIUpstream, anthropic: AnthropicUpstream, bedrock: BedrockUpstream, gemini: GeminiUpstream, cohere: CohereUpstream,
  azure: AzureUpstream, 'azure-v1': AzureUpstream,
};
// Rows whose name is not their kind.
const rows = {
  plain: { kind: 'openai', responses: false },
  azure: { kind: 'azure_openai', responses: false, api_version: '2024-10-21' },
  'azure-v1': { kind: 'azure_openai', responses: true, base: '/v1' },
};
const PRICE = { input: '0.003', output: '0.015', cache_read: '0.0003', cache_write_5m: '0.00375', cache_write_1h: '0.006', max_output_tokens: 1000, context_window: 100_000 };
export const MONEY = 1_000_000;

// What one call costs at each provider, in USD per 1,000 as above and at 1,000,000 credits to the dollar.
//   openai, gemini: 1,234 in, 1,000 of them from the cache, 56 out, 16 of them reasoning:
//     234 x 0.000003 + 1,000 x 0.0000003 + 56 x 0.000015 = 0.000702 + 0.0003 + 0.00084 = 0.001842
//   anthropic: 200 in, 1,000 from the cache, 30 into it for 5 minutes and 10 for an hour, 56 out:
//     200 x 0.000003 + 1,000 x 0.0000003 + 30 x 0.00000375 + 10 x 0.000006 + 56 x 0.000015
//     = 0.0006 + 0.0003 + 0.0001125 + 0.00006 + 0.00084 = 0.0019125, and a begun credit is a credit
//   cohere bills 234 in and 56 out: 0.000702 + 0.00084 = 0.001542
//   embeddings, 1,234 in: 1,234 x 0.000003 = 0.003702
const openai = { cost_usd: '0.001842', credits_charged: 1842, input_tokens: 1234, cached_tokens: 1000, cache_write_tokens: 0, output_tokens: 56, reasoning_tokens: 16 };
const anthropic = { cost_usd: '0.0019125', credits_charged: 1913, input_tokens: 1240, cached_tokens: 1000, cache_write_tokens: 40, output_tokens: 56, reasoning_tokens: 0 };
const cohere = { cost_usd: '0.001542', credits_charged: 1542, input_tokens: 234, cached_tokens: 0, cache_write_tokens: 0, output_tokens: 56, reasoning_tokens: 0 };
export const FIGURES = { openai, plain: openai, anthropic, bedrock: anthropic, gemini: openai, cohere, azure: openai, 'azure-v1': openai };
export const EMBEDDING = { cost_usd: '0.003702', credits_charged: 3702, input_tokens: 1234, output_tokens: 0 };

// What a client's `usage` would say of it, in OpenAI's way of counting.
export const counted = (kind) => ({ in: FIGURES[kind].input_tokens, cached: FIGURES[kind].cached_tokens, out: 56 });

export const world = {
  upstreams: {},

  // An org of its own with an agent and a key. An org has the credential of each provider.
  async customer(options = {}) {
    const org = `org-${this.orgs = (this.orgs ?? 0) + 1}`;
    const key = await this.govd.agent(org, options);
    await Promise.all([...Object.keys(kinds), 'slow', 'gone'].map((provider) => this.govd.post(`/orgs/${org}/credentials`,
      { provider, secret: provider === 'bedrock' ? 'AKIDEXAMPLE:secretExampleKey' : SECRET })));
    return { org, key, agent: `${org}%2Fprod%2Fsupport%2Ftriage` };
  },

  // The org's one call, once nothing is held for it any more.
  async settled(org) {
    for (const until = Date.now() + 20_000; Date.now() < until;) {
      if ((await this.govd.balance(org)).reserved === 0) {
        const events = await this.govd.events(org);
        if (events.length > 0) return events;
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error('the call was never settled');
  },

  // Events, ledger, balance and audit agree that the org made this one call, and paid `figures` for it; by govctl, as
  // its owner would look.
  async checkBooks(org, { dialect, provider, model = 'm', requestId, figures = FIGURES[provider] }) {
    await this.settled(org);
    const events = this.govd.ctl('usage', 'history', org);
    assert.equal(events.length, 1);
    const [event] = events;
    const expected = { status: 'SUCCESS', completion: event.completion, flags: [], dialect, provider, model: `${provider}/${model}`, ...figures };
    assert.deepEqual(Object.fromEntries(Object.keys(expected).map((name) => [name, event[name]])), expected);
    if (requestId) assert.equal(event.request_id, requestId);
    const rest = MONEY - figures.credits_charged;
    const ledger = this.govd.ctl('ledger', 'statement', org);
    assert.deepEqual(ledger.map((entry) => [entry.type, entry.amount, entry.balance_after]),
      [['CREDIT_PURCHASE', MONEY, MONEY], ['USAGE_DEDUCTION', -figures.credits_charged, rest]]);
    assert.equal(ledger[1].request_id, event.request_id);
    const balance = await this.govd.balance(org);
    assert.deepEqual([balance.balance, balance.reserved, balance.available], [rest, 0, rest]);
    const audited = (await this.govd.audit(org)).filter((row) => row.event_type === 'gateway.request');
    assert.deepEqual(audited.map((row) => row.request_id), [event.request_id]);
    assert.equal((await this.govd.get(`/verify?org=${org}`)).ok, true);
    return event;
  },

  // Requests that reached the provider for that model.
  reached(provider, model) { return this.upstreams[provider].calls(model); },
};

// Where something listened until now.
async function closedPort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

before(async () => {
  world.govd = await Govd.start(process.env.GOVD, process.env.GOVCTL);
  const shipped = new Set((await world.govd.get('/providers?limit=1000')).items.map((provider) => provider.name));
  for (const [name, Kind] of Object.entries(kinds)) {
    const upstream = world.upstreams[name] = await Kind.start();
    const { base = '', kind = name, ...fields } = rows[name] ?? {};
    const base_url = upstream.url + base;
    if (shipped.has(name)) await world.govd.call('PATCH', `/providers/${name}`, { base_url, ...fields });
    else await world.govd.post('/providers', { name, kind, base_url, ...fields });
  }
  // Nobody listens at `gone`, and `slow` is an OpenAI that is not waited for.
  const { url } = world.upstreams.plain;
  await world.govd.post('/providers', { name: 'slow', kind: 'openai', base_url: url, first_byte_timeout_ms: 200 });
  await world.govd.post('/providers', { name: 'gone', kind: 'openai', base_url: `http://127.0.0.1:${await closedPort()}/v1` });
  for (const name of [...Object.keys(kinds), 'slow', 'gone']) {
    for (const model of ['m', 'pair', 'short', 'down', 'busy', 'cut', 'endless', 'silent']) await world.govd.call('PUT', `/pricing/${name}/${model}`, PRICE);
  }
});
afterEach(() => Object.values(world.upstreams).forEach((upstream) => upstream.check()));
after(async () => {
  await world.govd?.stop();
  for (const upstream of Object.values(world.upstreams)) await upstream.stop();
});
