'use client';

export default function ErrorPage({ reset }: { reset: () => void }) {
  return (
    <div className="text">
      <h1>This page cannot be shown right now</h1>
      <p>Something behind it did not answer.</p>
      <p>
        <button type="button" onClick={reset}>
          Try again
        </button>
      </p>
    </div>
  );
}
