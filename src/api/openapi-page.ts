/** The description of the API as a page that reads without scripts, and loads nothing but its own style sheet. */
import { idOf, type Json, type OpenApiDocument, type Operation } from './openapi.js';
import type { Example, Route } from './route.js';

export const PAGE_STYLE = `
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
code, pre { font: 0.9em/1.4 ui-monospace, monospace; }
pre { overflow: auto; padding: 0.75rem; border: 1px solid #8886; border-radius: 0.3rem; }
details { border-bottom: 1px solid #8886; padding: 0.4rem 0; }
details > :not(summary) { margin-left: 1rem; }
summary { cursor: pointer; }
summary b { display: inline-block; min-width: 4.5rem; }
table { border-collapse: collapse; }
td, th { border: 1px solid #8886; padding: 0.2rem 0.5rem; text-align: left; vertical-align: top; }
nav a { margin-right: 0.75rem; }
`;

/** @param routes for their examples: the document has some of them only */
export function openApiPage(document: OpenApiDocument, routes: readonly Route[]): string {
  const { info, tags, components } = document;
  const examples = new Map(
    routes.flatMap((route) =>
      route.methods.map((method) => [idOf(route, method), route.examples] as const),
    ),
  );
  const paragraphs = String(info.description).split('\n\n');
  const named = Object.entries(components.schemas as Readonly<Record<string, Json>>);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>GoDocker API</title>
<link rel="stylesheet" href="docs.css">
</head>
<body>
<h1>GoDocker API</h1>
${paragraphs.map((text) => `<p>${prose(text)}</p>`).join('\n')}
<p>This is version ${escaped(String(info.version))}. For programs: <a href="openapi.json">openapi.json</a>.</p>
<nav>${tags.map(({ name }) => `<a href="#${name}">${name}</a>`).join('')}<a href="#schemas">schemas</a></nav>
${tags.map((tag) => chapter(tag, document, examples)).join('\n')}
<h2 id="schemas">schemas</h2>
${named.map(([name, schema]) => `<details id="schema-${name}"><summary>${name}</summary>${block(schema)}</details>`).join('\n')}
</body>
</html>
`;
}

function chapter(
  { name, description }: OpenApiDocument['tags'][number],
  { paths }: OpenApiDocument,
  examples: ReadonlyMap<string, readonly Example[]>,
): string {
  const own = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([, { tags }]) => tags.includes(name))
      .map(([method, found]) =>
        operation(method.toUpperCase(), path, found, examples.get(found.operationId) ?? []),
      ),
  );
  return `<h2 id="${name}">${name}</h2>\n<p>${prose(description)}</p>\n${own.join('\n')}`;
}

function operation(
  method: string,
  path: string,
  { operationId, summary, description, parameters = [], requestBody, responses }: Operation,
  examples: readonly Example[],
): string {
  const rows = parameters.map(
    ({ name, in: where, required, description: text = '', schema }) =>
      `<tr><td><code>${escaped(name)}</code></td><td>${where}${required ? '' : ', optional'}</td><td><code>${escaped(JSON.stringify(schema))}</code></td><td>${prose(text)}</td></tr>`,
  );
  const parts = [
    ...description.split('\n\n').map((text) => `<p>${prose(text)}</p>`),
    rows.length === 0 ? '' : `<table>${rows.join('')}</table>`,
    '<h4>Examples</h4>',
    ...examples.map((one) => `<p>${prose(one.name)}</p>${curl(method, path, one)}`),
    requestBody === undefined ? '' : `<h4>Body</h4>${block(schemasOf(requestBody))}`,
    '<h4>Answers</h4>',
    ...Object.entries(responses).map(([status, answer]) => response(status, answer)),
  ];
  return `<details id="${operationId}"><summary><b>${method}</b> <code>${escaped(path)}</code> ${prose(summary)}</summary>
${parts.filter((part) => part !== '').join('\n')}
</details>`;
}

function response(status: string, answer: Json): string {
  const said = `<p><b>${status}</b> ${prose(String(answer.description))}</p>`;
  return status.startsWith('2') ? said + block(schemasOf(answer)) : said;
}

/** The schemas of a content, by type. */
const schemasOf = ({ content }: Json): Json =>
  Object.fromEntries(
    Object.entries(content as Readonly<Record<string, Json>>).map(([type, { schema }]) => [
      type,
      schema,
    ]),
  );

/** As somebody would type it. */
function curl(method: string, path: string, example: Example): string {
  const { params = {}, query = {}, headers = {}, body, status = 200, answer } = example;
  const filled = path.replace(/\{(\w+)\}/g, (_, name) => String(params[name] ?? ''));
  const asked = new URLSearchParams(
    Object.entries(query).map(([name, value]): [string, string] => [name, String(value)]),
  ).toString();
  const words = [
    `curl -X ${method} '$GODOCKER${filled}${asked === '' ? '' : `?${asked}`}'`,
    ...(example.as === null ? [] : [`-H "Authorization: Bearer $TOKEN"`]),
    ...Object.entries(headers).map(([name, value]) => `-H '${name}: ${value}'`),
    ...(body === undefined ? [] : [`-d '${JSON.stringify(body)}'`]),
  ];
  const said = answer === undefined ? '' : `\n# ${status}: ${JSON.stringify(answer)} …`;
  return `<pre>${escaped(words.join(' \\\n  ').replace("'$GODOCKER", `"$GODOCKER"'`) + said)}</pre>`;
}

/** JSON, with references that lead to the schemas. */
const block = (value: unknown): string =>
  `<pre>${escaped(JSON.stringify(value, null, 2)).replace(
    /#\/components\/schemas\/(\w+)/g,
    '<a href="#schema-$1">$&</a>',
  )}</pre>`;

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

const escaped = (text: string): string => text.replace(/[&<>"']/g, (sign) => ENTITIES[sign] ?? '');

/** A sentence with words in backquotes. */
const prose = (text: string): string => escaped(text).replace(/`([^`]+)`/g, '<code>$1</code>');
