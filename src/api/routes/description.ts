/** The description of the API: for programs, and as a page. */
import { z } from 'zod';
import { openApi } from '../openapi.js';
import { openApiPage, PAGE_STYLE } from '../openapi-page.js';
import { type Call, content, json, type Route, route } from '../route.js';

const DOCUMENT = z.looseObject({
  openapi: z.literal('3.1.0'),
  info: z.looseObject({ title: z.string(), version: z.string() }),
  paths: z.record(z.string(), z.unknown()),
});

/** @param all every route of the API, these included: asked for when somebody wants to read */
export function descriptionRoutes(all: () => readonly Route[]): readonly Route[] {
  const written = remembered(({ version, config }: Call<'nobody-needed'>['deps']) =>
    openApi(all(), { version, prefix: config.web.prefix }),
  );
  const page = remembered((deps: Call<'nobody-needed'>['deps']) =>
    openApiPage(written(deps), all()),
  );
  return [
    route({
      method: 'GET',
      path: '/openapi.json',
      tag: 'service',
      access: 'nobody-needed',
      summary: 'Describe the API',
      answers: { 200: json(DOCUMENT, 'This description: OpenAPI 3.1.') },
      examples: [{ name: 'the description', answer: { openapi: '3.1.0' } }],
      handle: ({ deps }) => written(deps),
    }),
    route({
      method: 'GET',
      path: '/docs',
      tag: 'service',
      access: 'nobody-needed',
      summary: 'Describe the API on a page',
      answers: { 200: content('text/html', 'The same for people.') },
      examples: [{ name: 'the page' }],
      handle: ({ context, deps }) => typed(context, 'text/html', page(deps)),
    }),
    route({
      method: 'GET',
      path: '/docs.css',
      tag: 'service',
      access: 'nobody-needed',
      summary: 'Send the style sheet of the page',
      answers: { 200: content('text/css', 'Its style.') },
      examples: [{ name: 'the style' }],
      handle: ({ context }) => typed(context, 'text/css', PAGE_STYLE),
    }),
  ];
}

function typed({ response }: Call<'nobody-needed'>['context'], type: string, text: string): string {
  response.type = `${type}; charset=utf-8`;
  return text;
}

/** Nothing of it changes while a service runs. */
function remembered<Key extends object, Value>(make: (key: Key) => Value): (key: Key) => Value {
  const made = new WeakMap<Key, Value>();
  return (key) => {
    const value = made.get(key) ?? make(key);
    made.set(key, value);
    return value;
  };
}
