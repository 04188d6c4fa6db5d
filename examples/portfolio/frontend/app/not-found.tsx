import Link from 'next/link';

export default function NotFoundPage() {
  return (
    <div className="text">
      <h1>Nothing here</h1>
      <p>
        The page may have moved. <Link href="/">Start at the front.</Link>
      </p>
    </div>
  );
}
