import { useEffect, useMemo, useState } from 'preact/hooks';
import { Api, followSignInLink, readSite, type Site, signOut } from './api.js';
import { Notice } from './components/notice.js';
import { TopBar } from './components/top-bar.js';
import { JobPage } from './pages/job.js';
import { JobsPage } from './pages/jobs.js';
import { SignInPage } from './pages/sign-in.js';
import { SubmitPage } from './pages/submit.js';
import { useRoute } from './route.js';
import { dropSession, keepSession, loadSession, type Session, takeSignInLink } from './session.js';

/** Read once, before anything is drawn: it also takes the secret out of the address. */
const link = takeSignInLink();

export function App() {
  const [session, setSession] = useState<Session | null>(link === null ? loadSession() : null);
  const [isFollowingLink, setFollowingLink] = useState(link !== null);
  const [message, setMessage] = useState<string | null>(null);
  const [site, setSite] = useState<Site | null>(null);

  const enter = (fresh: Session) => {
    keepSession(fresh);
    setMessage(null);
    setSession(fresh);
  };
  /** `why` null: the user wanted it, so nothing of what they saw is left in the address. */
  const leave = (why: string | null) => {
    dropSession();
    if (why === null && session !== null) void signOut(session);
    if (why === null) location.hash = '#/jobs';
    setMessage(why);
    setSession(null);
  };

  useEffect(() => {
    // A page that cannot read it goes on with what servers usually offer.
    readSite().then(setSite, () => {});
    if (link === null) return;
    followSignInLink(link)
      .then(enter, () => setMessage('This sign-in link is no longer valid. Sign in below.'))
      .finally(() => setFollowingLink(false));
  }, []);

  const api = useMemo(
    () =>
      session === null
        ? null
        : new Api(session, () => leave('Your session is over. Sign in again to go on.')),
    [session],
  );

  useEffect(() => () => api?.changes.close(), [api]);

  if (isFollowingLink) return <main class="centre muted">Signing in…</main>;
  if (api === null || session === null) return <SignInPage message={message} onSignedIn={enter} />;
  return (
    <>
      <a class="skip" href="#content">
        Skip to the content
      </a>
      <TopBar user={session.user} onSignOut={() => leave(null)} />
      <main id="content" class="content" tabIndex={-1}>
        <Page api={api} site={site} />
      </main>
      <footer class="footer muted">
        GoDocker {site?.version ?? ''}
        {site?.isImageUsed === false && ' · jobs run as plain processes on this machine'}
      </footer>
    </>
  );
}

function Page({ api, site }: { api: Api; site: Site | null }) {
  const route = useRoute();
  useEffect(() => {
    scrollTo(0, 0);
  }, [route.page]);
  switch (route.page) {
    case 'jobs':
      return <JobsPage api={api} list={route.list} />;
    case 'job':
      return <JobPage key={route.id} api={api} id={route.id} />;
    case 'submit':
      return site === null ? (
        <Notice kind="info">Asking the server what it offers…</Notice>
      ) : (
        <SubmitPage key={route.copyOf} api={api} site={site} copyOf={route.copyOf} />
      );
  }
}
