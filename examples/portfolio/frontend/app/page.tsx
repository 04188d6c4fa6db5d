import Link from 'next/link';
import { ProjectCard } from '@/components/project-card';
import { type Project, fetchProjects } from '@/lib/api';

export const dynamic = 'force-dynamic';

export default async function HomePage() {
  const projects = await newestProjects();
  return (
    <>
      <section className="hero">
        <h1>I build quiet software for places where people wait, search and come home.</h1>
        <p>Harbours, archives, clinics: small teams, old data, and users with better things to do than learn a tool.</p>
        <p className="actions">
          <Link className="button" href="/projects">
            See the work
          </Link>
          <Link href="/about">How I work</Link>
        </p>
      </section>
      {projects.length > 0 && (
        <section>
          <h2>Lately</h2>
          <div className="cards">
            {projects.map((project) => (
              <ProjectCard key={project.slug} project={project} heading="h3" />
            ))}
          </div>
        </section>
      )}
    </>
  );
}

/** The front door stays open when the API is away: it then shows no projects. */
async function newestProjects(): Promise<Project[]> {
  try {
    return (await fetchProjects()).slice(0, 3);
  } catch (error) {
    console.error('home page without projects:', error);
    return [];
  }
}
