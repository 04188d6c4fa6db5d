export interface Project {
  slug: string;
  title: string;
  summary: string;
  url: string | null;
  tags: string[];
  year: number;
}

/** Where the API is, asked for at run time: the same build serves every environment. */
export function apiUrl(path: string): string {
  return `${process.env.API_URL ?? 'http://127.0.0.1:3001'}${path}`;
}

/** Newest first. Throws when the API does not answer well within 5 s. */
export async function fetchProjects(): Promise<Project[]> {
  const response = await fetch(apiUrl('/api/projects'), { cache: 'no-store', signal: AbortSignal.timeout(5000) });
  if (!response.ok) throw new Error(`the API answered ${response.status} to /api/projects`);
  return (await response.json()) as Project[];
}
