import type { Message } from '../contact/message';
import type { Project } from '../projects/project';
import type { ProjectFields } from './project-form';

const escapes: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

class Html {
  constructor(readonly text: string) {}
}

/** Escapes every value that is not Html itself; lists are joined. */
function html(parts: TemplateStringsArray, ...values: (string | number | Html | Html[])[]): Html {
  const render = (value: string | number | Html | Html[]): string => {
    if (Array.isArray(value)) return value.map(render).join('');
    return value instanceof Html ? value.text : String(value).replace(/[&<>"']/g, (character) => escapes[character] ?? character);
  };
  return new Html(parts.reduce((text, part, index) => text + render(values[index - 1] ?? '') + part));
}

function page(title: string, body: Html): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${title} | Portfolio admin</title>
<link rel="stylesheet" href="/api/admin/style.css">
</head>
<body>
${body}
</body>
</html>
`.text;
}

const token = (csrf: string): Html => html`<input type="hidden" name="_csrf" value="${csrf}">`;

export function loginView(problem?: string): string {
  return page(
    'Log in',
    html`<main class="narrow">
<h1>Portfolio admin</h1>
${problem ? html`<p class="problem" role="alert">${problem}</p>` : ''}
<form method="post" action="/api/admin/login">
<label>Password <input type="password" name="password" autocomplete="current-password" required autofocus></label>
<button>Log in</button>
</form>
</main>`,
  );
}

export function overviewView({ projects, messages, csrf }: { projects: Project[]; messages: Message[]; csrf: string }): string {
  return page(
    'Overview',
    html`<header><h1>Portfolio admin</h1><form method="post" action="/api/admin/logout">${token(csrf)}<button class="quiet">Log out</button></form></header>
<main>
<section>
<div class="row"><h2>Projects</h2><a class="button" href="/api/admin/projects/new">New project</a></div>
<table>
<thead><tr><th>Title</th><th>Year</th><th>Tags</th><th><span class="hidden">Actions</span></th></tr></thead>
<tbody>${projects.map((project) => projectRow(project, csrf))}</tbody>
</table>
</section>
<section>
<h2>Messages</h2>
${messages.length === 0 ? html`<p class="soft">Nobody has written yet.</p>` : messages.map((message) => messageCard(message, csrf))}
</section>
</main>`,
  );
}

function projectRow(project: Project, csrf: string): Html {
  const address = `/api/admin/projects/${encodeURIComponent(project.slug)}`;
  return html`<tr><td><a href="${address}">${project.title}</a></td><td>${project.year}</td><td>${project.tags.join(', ')}</td>
<td><form method="post" action="${address}/delete">${token(csrf)}<button class="quiet" aria-label="Delete ${project.title}">Delete</button></form></td></tr>`;
}

function messageCard(message: Message, csrf: string): Html {
  return html`<article>
<div class="row"><h3>${message.name} <a href="mailto:${message.email}">${message.email}</a></h3><time datetime="${message.createdAt}">${message.createdAt.slice(0, 16).replace('T', ' ')}</time></div>
<p class="body">${message.body}</p>
<form method="post" action="/api/admin/messages/${encodeURIComponent(message.id)}/delete">${token(csrf)}<button class="quiet">Delete</button></form>
</article>`;
}

/** Without a slug the form makes a new project. */
export function projectFormView(options: { slug?: string; fields: ProjectFields; errors: string[]; csrf: string }): string {
  const { slug, fields, errors, csrf } = options;
  const title = slug === undefined ? 'New project' : `Edit ${slug}`;
  const action = slug === undefined ? '/api/admin/projects' : `/api/admin/projects/${encodeURIComponent(slug)}`;
  return page(
    title,
    html`<main class="narrow">
<p><a href="/api/admin">Back</a></p>
<h1>${title}</h1>
${errors.length > 0 ? html`<ul class="problem" role="alert">${errors.map((error) => html`<li>${error}</li>`)}</ul>` : ''}
<form method="post" action="${action}">
${token(csrf)}
<label>Title <input name="title" value="${fields.title}" maxlength="120" required></label>
<label>Slug <input name="slug" value="${fields.slug}" maxlength="80" required></label>
<label>Summary <textarea name="summary" rows="5" maxlength="2000" required>${fields.summary}</textarea></label>
<label>Address <input name="url" type="url" value="${fields.url}" maxlength="500"></label>
<label>Tags, separated by commas <input name="tags" value="${fields.tags}"></label>
<label>Year <input name="year" type="number" min="1970" max="2100" value="${fields.year}" required></label>
<button>Save</button>
</form>
</main>`,
  );
}
