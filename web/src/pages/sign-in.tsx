import { useState } from 'preact/hooks';
import { type Secret, signIn } from '../api.js';
import { describedBy, Field } from '../components/field.js';
import { Notice } from '../components/notice.js';
import type { Session } from '../session.js';

export function SignInPage({
  message,
  onSignedIn,
}: {
  message: string | null;
  onSignedIn: (session: Session) => void;
}) {
  const [kind, setKind] = useState<Secret['kind']>('password');
  const [isBusy, setBusy] = useState(false);
  const [fault, setFault] = useState<string | null>(null);

  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const typed = String(form.get('secret'));
    const secret: Secret =
      kind === 'password' ? { kind, password: typed } : { kind, apikey: typed.trim() };
    setBusy(true);
    setFault(null);
    try {
      onSignedIn(await signIn(String(form.get('user')).trim(), secret));
    } catch (error) {
      setFault(error instanceof Error ? error.message : String(error));
      setBusy(false);
    }
  };

  return (
    <main class="sign-in">
      <form class="card" onSubmit={submit}>
        <h1>
          <img src="./icon.svg" alt="" width="36" height="36" /> GoDocker
        </h1>
        {message !== null && <Notice kind="warning">{message}</Notice>}
        {fault !== null && <Notice kind="error">{fault}</Notice>}
        <Field id="user" label="User">
          <input
            id="user"
            name="user"
            autocomplete="username"
            autocapitalize="none"
            spellcheck={false}
            required
          />
        </Field>
        <Field id="secret" label={kind === 'password' ? 'Password' : 'API key'}>
          <input
            id="secret"
            name="secret"
            type="password"
            autocomplete={kind === 'password' ? 'current-password' : 'off'}
            aria-describedby={describedBy('secret')}
            required
          />
        </Field>
        <button type="submit" class="primary wide" disabled={isBusy}>
          {isBusy ? 'Signing in…' : 'Sign in'}
        </button>
        <button
          type="button"
          class="link wide"
          onClick={() => setKind(kind === 'password' ? 'apikey' : 'password')}
        >
          {kind === 'password' ? 'Use an API key instead' : 'Use a password instead'}
        </button>
      </form>
    </main>
  );
}
