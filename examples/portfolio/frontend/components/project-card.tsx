import type { Project } from '@/lib/api';
import { Cover } from './cover';

export function ProjectCard({ project, heading: Heading }: { project: Project; heading: 'h2' | 'h3' }) {
  return (
    <article className="card">
      <Cover slug={project.slug} />
      <div>
        <p className="soft">{project.year}</p>
        <Heading>{project.url ? <a href={project.url}>{project.title}</a> : project.title}</Heading>
        <p>{project.summary}</p>
        <ul className="tags" aria-label="Tags">
          {project.tags.map((tag) => (
            <li key={tag}>{tag}</li>
          ))}
        </ul>
      </div>
    </article>
  );
}
