// Trims GitHub's published descriptions to the operations that the sandbox serves. Run by hand:
//
//   npm pack @octokit/openapi@23.0.2 && tar xzf octokit-openapi-23.0.2.tgz
//   node internal/sandbox/describe/github.mjs package/generated/ghec.json internal/sandbox
//
// It reads the routes from gh_*.go ("GET /repos/{owner}/{repo}", ...) and writes
//   github_requests.json      the request bodies; the sandbox refuses what does not fit them
//   testdata/github.json      the answers, and the operations that are described
import fs from 'node:fs';
import path from 'node:path';

const [descriptionFile, sandbox] = process.argv.slice(2);
const api = JSON.parse(fs.readFileSync(descriptionFile, 'utf8'));

// The parameters' names differ between the sandbox and the description; their places do not.
const shape = (p) => p.replace(/\{[^}]*\}/g, '{}');
const described = new Map(Object.keys(api.paths).map((p) => [shape(p), p]));

const served = new Set();
for (const file of fs.readdirSync(sandbox).filter((f) => /^gh_.*\.go$/.test(f) && !f.endsWith('_test.go'))) {
  const text = fs.readFileSync(path.join(sandbox, file), 'utf8');
  for (const [, method, route] of text.matchAll(/"(GET|POST|PUT|PATCH|DELETE) (\/[^"]*)"/g)) served.add(`${method} ${route}`);
  for (const [, method, route] of text.matchAll(/"(GET|POST|PUT|PATCH|DELETE) (~[^"]*)"/g)) {
    served.add(`${method} ${route.replace('~', '/repos/{owner}/{repo}')}`);
  }
}

// A route that the source puts together from parts is known by what was made the last time.
const before = JSON.parse(fs.readFileSync(path.join(sandbox, 'testdata', 'github.json'), 'utf8'));
const places = new Set([...served].map(shape));
for (const key of Object.keys(before.operations)) if (!places.has(key)) served.add(key);

// What a checker of values needs of a schema; descriptions and examples are left out.
const keep = new Set(['type', 'properties', 'required', 'items', 'enum', 'nullable', 'allOf', 'anyOf', 'oneOf', '$ref',
  'additionalProperties', 'minimum', 'maximum', 'maxItems', 'minItems']);
function trim(schema, inline) {
  if (schema === null || typeof schema !== 'object') return schema;
  if (schema.$ref) {
    const name = schema.$ref.split('/').pop();
    return inline ? trim(api.components.schemas[name], inline) : { $ref: name };
  }
  const out = {};
  for (const [k, v] of Object.entries(schema)) {
    if (!keep.has(k)) continue;
    if (k === 'properties') out[k] = Object.fromEntries(Object.entries(v).map(([n, s]) => [n, trim(s, inline)]));
    else if (k === 'items') out[k] = trim(v, inline);
    else if (k === 'allOf' || k === 'anyOf' || k === 'oneOf') out[k] = v.map((s) => trim(s, inline));
    else if (k === 'additionalProperties') { if (typeof v === 'object') out[k] = trim(v, inline); }
    else out[k] = v;
  }
  return out;
}

const components = {};
function collect(schema) {
  if (schema === null || typeof schema !== 'object') return;
  if (typeof schema.$ref === 'string') {
    if (!(schema.$ref in components)) {
      components[schema.$ref] = null;
      components[schema.$ref] = trim(api.components.schemas[schema.$ref], false);
      collect(components[schema.$ref]);
    }
    return;
  }
  for (const v of Object.values(schema)) collect(v);
}

const resolve = (o) => (o && o.$ref ? o.$ref.slice(2).split('/').reduce((at, k) => at[k], api) : o);
const requests = {}, operations = {};
for (const route of [...served].sort()) {
  const [method, p] = route.split(' ');
  const known = described.get(shape(p));
  const operation = known && api.paths[known][method.toLowerCase()];
  if (!operation) continue;
  const key = `${method} ${shape(p)}`;
  const body = resolve(operation.requestBody)?.content?.['application/json']?.schema;
  if (body) requests[key] = trim(body, true);
  const responses = {};
  for (const [status, response] of Object.entries(operation.responses)) {
    const content = resolve(response).content;
    const schema = content?.['application/json']?.schema;
    responses[status] = schema ? trim(schema, false) : {};
    collect(responses[status]);
  }
  operations[key] = { id: operation.operationId, responses };
}

const lines = (o) => '{\n' + Object.keys(o).sort().map((k) => `${JSON.stringify(k)}: ${JSON.stringify(o[k])}`).join(',\n') + '\n}';
fs.writeFileSync(path.join(sandbox, 'github_requests.json'), lines(requests) + '\n');
fs.writeFileSync(path.join(sandbox, 'testdata', 'github.json'), `{"source": "@octokit/openapi 23.0.2, ghec",\n"operations": ${lines(operations)},\n"components": ${lines(components)}}\n`);
