import type { Metadata } from 'next';
import { ProjectCard } from '@/components/project-card';
import { fetchProjects } from '@/lib/api';

export const dynamic = 'force-dynamic';

export const metadata: Metadata = { title: 'Projects', description: 'What Mira Holt has built.' };

/** Nothing to show without the API: an error then, rather than an empty page that looks right. */
export default async function ProjectsPage() {
  const projects = await fetchProjects();
  return (
    <>
      <h1>Projects</h1>
      <div className="cards">
        {projects.map((project) => (
          <ProjectCard key={project.slug} project={project} heading="h2" />
        ))}
      </div>
      {projects.length === 0 && <p>Nothing published yet.</p>}
    </>
  );
}
