import type { ComponentChildren } from 'preact';

export interface FieldProps {
  readonly id: string;
  readonly label: string;
  readonly hint?: string | undefined;
  /** What the server said about this field. */
  readonly error?: string | null;
  readonly class?: string;
  readonly children: ComponentChildren;
}

/** A labelled input. The input itself names `describedBy(id)` so that hint and error are read out with it. */
export function Field({ id, label, hint, error, class: name = '', children }: FieldProps) {
  return (
    <div class={`field ${name}`}>
      <label for={id}>{label}</label>
      {children}
      <div id={describedBy(id)} class="hint">
        {error ? (
          <span class="field-error" role="alert">
            {error}
          </span>
        ) : (
          hint
        )}
      </div>
    </div>
  );
}

export const describedBy = (id: string): string => `${id}-about`;
