'use client';

import Link from 'next/link';
import { usePathname } from 'next/navigation';

const places = [
  ['/projects', 'Projects'],
  ['/about', 'About'],
  ['/contact', 'Contact'],
] as const;

export function Navigation() {
  const path = usePathname();
  return (
    <nav aria-label="Main">
      <ul>
        {places.map(([href, name]) => (
          <li key={href}>
            <Link href={href} aria-current={path === href ? 'page' : undefined}>
              {name}
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  );
}
