import type { ComponentChildren } from 'preact';

/** A sentence in a box. Errors are announced to screen readers at once. */
export function Notice({
  kind,
  children,
}: {
  kind: 'info' | 'warning' | 'error';
  children: ComponentChildren;
}) {
  return (
    <p class={`notice notice-${kind}`} role={kind === 'error' ? 'alert' : 'status'}>
      {children}
    </p>
  );
}
