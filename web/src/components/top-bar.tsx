import { useRoute } from '../route.js';

export function TopBar({ user, onSignOut }: { user: string; onSignOut: () => void }) {
  const route = useRoute();
  const link = (href: string, text: string, isHere: boolean) => (
    <a href={href} aria-current={isHere ? 'page' : undefined}>
      {text}
    </a>
  );
  return (
    <header class="top">
      <a class="brand" href="#/jobs" aria-label="GoDocker, jobs">
        <img src="./icon.svg" alt="" width="24" height="24" />
        <span>GoDocker</span>
      </a>
      <nav aria-label="Main">
        {link('#/jobs', 'Jobs', route.page === 'jobs' || route.page === 'job')}
        {link('#/submit', 'Submit', route.page === 'submit')}
      </nav>
      <div class="who">
        <span class="muted" title="Signed in as">
          {user}
        </span>
        <button type="button" class="quiet" onClick={onSignOut}>
          Sign out
        </button>
      </div>
    </header>
  );
}
