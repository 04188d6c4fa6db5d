import type { Metadata } from 'next';
import Link from 'next/link';
import type { ReactNode } from 'react';
import { Navigation } from '@/components/navigation';
import './globals.css';

export const metadata: Metadata = {
  title: { default: 'Mira Holt, software engineer', template: '%s | Mira Holt' },
  description: 'Software for harbours, archives and waiting rooms.',
};

export default function RootLayout({ children }: { children: ReactNode }) {
  return (
    <html lang="en">
      <body>
        <a className="skip" href="#main">
          Skip to content
        </a>
        <header className="site">
          <Link className="name" href="/">
            Mira Holt
          </Link>
          <Navigation />
        </header>
        <main id="main">{children}</main>
        <footer className="site">
          <p>Mira Holt, Tromsø</p>
          <p>
            <Link href="/contact">Write to me</Link>
          </p>
        </footer>
      </body>
    </html>
  );
}
