// Azure OpenAI, both of its surfaces: deployments in the path with a dated api-version
// (learn.microsoft.com/en-us/azure/ai-foundry/openai/reference), and /openai/v1, which is OpenAI's own.
import assert from 'node:assert/strict';
import { OpenAIUpstream } from './openai.mjs';
import { SECRET } from './upstream.mjs';

export class AzureUpstream extends OpenAIUpstream {
  base = '/openai';

  answer({ path, headers, body }, answer) {
    const { pathname, searchParams } = new URL(path, 'http://azure');
    assert.equal(headers['api-key'], SECRET);
    assert.equal(headers.authorization, undefined, 'a key is no token of Entra');
    const v1 = pathname.startsWith('/openai/v1/');
    if (!v1) assert.match(searchParams.get('api-version') ?? '', /^\d{4}-\d\d-\d\d(-preview)?$/);
    assert.deepEqual([...searchParams.keys()].filter((name) => name !== 'api-version'), []);
    const deployment = pathname.match(/^\/openai\/deployments\/([^/]+)(\/.*)$/);
    const operation = v1 ? pathname.slice('/openai/v1'.length) : deployment?.[2];
    const act = { '/chat/completions': this.chat, '/embeddings': this.embeddings, ...(v1 && { '/responses': this.responses }) }[operation];
    assert.ok(act, `no route ${path}`);
    if (deployment) assert.equal(body.model, deployment[1], 'the deployment and the model');
    act.call(this, body, answer);
  }
}
