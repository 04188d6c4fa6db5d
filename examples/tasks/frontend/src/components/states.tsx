import type { ApiError } from '../api.ts';

/** Said only when it takes long enough to be noticed (by a delay in the style sheet). */
export const Loading = () => (
  <p class="loading" role="status">
    Loading…
  </p>
);

interface FailureProps {
  readonly error: ApiError;
  readonly retry?: () => void;
}

export const Failure = ({ error, retry }: FailureProps) => (
  <div class="failure" role="alert">
    <p>{error.message}</p>
    {retry && (
      <button type="button" class="quiet" onClick={retry}>
        Try again
      </button>
    )}
  </div>
);

interface AvatarProps {
  readonly person: { readonly id: string; readonly name: string } | null;
}

/** The initials on a colour that stays with the person. */
export function Avatar({ person }: AvatarProps) {
  if (person === null) return <span class="avatar nobody" aria-hidden="true" />;
  const initials = person.name.split(/\s+/).map((word) => [...word][0] ?? '');
  const shown = initials.length > 1 ? `${initials[0]}${initials.at(-1)}` : [...person.name].slice(0, 2).join('');
  return (
    <span class={`avatar tint-${Number.parseInt(person.id.slice(0, 2), 16) % 6}`} aria-hidden="true">
      {shown.toUpperCase()}
    </span>
  );
}
