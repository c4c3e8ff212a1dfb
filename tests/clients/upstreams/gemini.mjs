// A provider that speaks Gemini's generateContent and batchEmbedContents (ai.google.dev/api/generate-content).
import assert from 'node:assert/strict';
import { SECRET, TEXT, Upstream, calls, members, pieces } from './upstream.mjs';
import { VECTOR } from './openai.mjs';

// Thoughts stand beside the candidates.
const USAGE = { promptTokenCount: 1234, cachedContentTokenCount: 1000, candidatesTokenCount: 40, thoughtsTokenCount: 16, totalTokenCount: 1290 };

function checkContents(body) {
  members(body, ['contents'], ['systemInstruction', 'tools', 'toolConfig', 'generationConfig', 'safetySettings', 'cachedContent']);
  const names = new Map();
  for (const content of body.contents) {
    members(content, ['role', 'parts'], [], 'a content');
    assert.ok(['user', 'model'].includes(content.role), `role ${content.role}`);
    for (const part of content.parts) {
      members(part, [], ['text', 'inlineData', 'fileData', 'functionCall', 'functionResponse', 'thoughtSignature', 'thought'], 'a part');
      if (part.functionCall) names.set(part.functionCall.id, part.functionCall.name);
      if (part.functionResponse) {
        assert.equal(content.role, 'user');
        assert.equal(part.functionResponse.name, names.get(part.functionResponse.id), 'a result names its call');
        assert.equal(typeof part.functionResponse.response, 'object');
      }
    }
  }
  for (const tool of body.tools ?? []) {
    members(tool, ['functionDeclarations'], [], 'a tool');
    for (const made of tool.functionDeclarations) members(made, ['name'], ['description', 'parameters', 'parametersJsonSchema'], 'a declaration');
  }
  members(body.generationConfig ?? {}, [], ['maxOutputTokens', 'temperature', 'topP', 'topK', 'candidateCount', 'seed', 'stopSequences',
    'presencePenalty', 'frequencyPenalty', 'responseMimeType', 'responseJsonSchema', 'thinkingConfig'], 'generationConfig');
}

const callPart = (call) => ({ functionCall: { id: call.id, name: call.name, args: JSON.parse(call.arguments) } });

export class GeminiUpstream extends Upstream {
  base = '/v1beta';

  error(code, message) { return { error: { code, message, status: code === 400 ? 'INVALID_ARGUMENT' : 'UNAVAILABLE' } }; }
  calls(model) { return this.seen.filter(({ path }) => path.includes(`/models/${model}:`)).length; }

  answer({ path, headers, body }, response) {
    assert.equal(headers['x-goog-api-key'], SECRET);
    assert.equal(headers.authorization, undefined);
    const [, model, action] = path.match(/^\/v1beta\/models\/([^/:]+):(\w+(?:\?alt=sse)?)$/) ?? assert.fail(`no route ${path}`);
    if (action === 'batchEmbedContents') {
      this.embed(model, body, response);
      return;
    }
    assert.ok(['generateContent', 'streamGenerateContent?alt=sse'].includes(action), `no action ${action}`);
    checkContents(body);
    if (this.fails(model, response)) return;
    const callsTools = body.tools !== undefined && !body.contents.at(-1).parts.some((part) => part.functionResponse);
    const parts = callsTools ? calls(model).map(callPart) : [{ text: TEXT }];
    const made = (list, fields = {}) => ({ candidates: [{ index: 0, content: { role: 'model', parts: list }, ...fields }], modelVersion: model, responseId: 'r-1' });
    const finishReason = model === 'short' ? 'MAX_TOKENS' : 'STOP';
    if (action === 'generateContent') {
      this.json(response, 200, { ...made(parts, { finishReason }), usageMetadata: USAGE });
      return;
    }
    const told = callsTools ? parts.map((part) => [part]) : pieces(TEXT, 9).map((text) => [{ text }]);
    this.stream(model, response, told.map((list, index) => [undefined, index + 1 < told.length
      ? { ...made(list), usageMetadata: { promptTokenCount: 1234, totalTokenCount: 1234 } }
      : { ...made(list, { finishReason }), usageMetadata: USAGE }]));
  }

  embed(model, body, response) {
    members(body, ['requests'], []);
    for (const one of body.requests) {
      members(one, ['model', 'content'], ['outputDimensionality'], 'a request');
      assert.equal(one.model, `models/${model}`);
    }
    this.json(response, 200, { embeddings: body.requests.map(() => ({ values: VECTOR })), usageMetadata: { promptTokenCount: 1234 } });
  }
}
