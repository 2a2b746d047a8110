/** `/user/{id}/webhook/secret`: what signs the calls of a user's services. */
import { z } from 'zod';
import { ServiceError } from '../../contracts/errors.js';
import { newWebhookSecret } from '../../contracts/webhook.js';
import { LOGIN } from '../fields.js';
import { json, type Route, route } from '../route.js';
import { shape } from '../schemas/answer.js';

const SECRET = shape({
  msg: z.string(),
  secret: z.string().meta({ description: 'Shown now and never again.' }),
});

export const WEBHOOK_ROUTES: readonly Route[] = [
  route({
    method: 'POST',
    path: '/user/:id/webhook/secret',
    tag: 'users',
    access: 'own-or-admin',
    summary: 'Make the secret that signs your webhooks',
    description: [
      'Only for oneself. Calls from now on are signed with it, those of a former secret no more. The header `X-GoDocker-Signature: t=SECONDS,v1=HEX` has the HMAC-SHA256',
      'of the seconds, a dot and the body; `X-GoDocker-Delivery` is the same for every repeat of a call.',
    ].join(' '),
    params: LOGIN,
    answers: { 200: json(SECRET) },
    errors: ['forbidden'],
    examples: [{ name: 'my secret', params: { id: 'alice' }, answer: { msg: 'Secret made' } }],
    async handle({ deps, person, user }) {
      if (user.id !== person.id)
        throw new ServiceError('forbidden', 'everybody makes their own secret', { field: 'id' });
      const secret = await newWebhookSecret(deps.store, deps.secret, user.id);
      return { msg: 'Secret made', secret };
    },
  }),
];
