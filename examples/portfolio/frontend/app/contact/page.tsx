import type { Metadata } from 'next';
import { ContactForm } from './contact-form';

export const metadata: Metadata = { title: 'Contact', description: 'Write to Mira Holt.' };

interface Props {
  searchParams: Promise<{ sent?: string; problem?: string }>;
}

export default async function ContactPage({ searchParams }: Props) {
  const { sent, problem } = await searchParams;
  return (
    <div className="text">
      <h1>Contact</h1>
      <p>Tell me what people wait for at your place. I answer within two days.</p>
      <ContactForm sent={sent !== undefined} problem={problem !== undefined} />
    </div>
  );
}
