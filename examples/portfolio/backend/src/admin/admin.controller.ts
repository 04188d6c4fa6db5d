import { Body, Controller, Get, Header, NotFoundException, Param, Post, Req, Res, UseFilters, UseGuards } from '@nestjs/common';
import type { Request, Response } from 'express';
import { MessagesRepository } from '../contact/messages.repository';
import { DuplicateError } from '../database/database';
import { ProjectsRepository } from '../projects/projects.repository';
import { LoginRedirectFilter } from './login-redirect.filter';
import { sendPage } from './page';
import { fieldsOf, readProject } from './project-form';
import { sessionTokenOf } from './session-cookie';
import { SessionGuard } from './session.guard';
import { csrfTokenOf } from './sessions.repository';
import { panelStyle } from './style';
import { overviewView, projectFormView } from './views';

@Controller('admin')
@UseFilters(LoginRedirectFilter)
export class AdminController {
  constructor(
    private readonly projects: ProjectsRepository,
    private readonly messages: MessagesRepository,
  ) {}

  @Get('style.css')
  @Header('Content-Type', 'text/css; charset=utf-8')
  @Header('Cache-Control', 'no-cache')
  style(): string {
    return panelStyle;
  }

  @Get()
  @UseGuards(SessionGuard)
  async overview(@Req() request: Request, @Res() response: Response): Promise<void> {
    const [projects, messages] = await Promise.all([this.projects.list(), this.messages.list()]);
    sendPage(response, 200, overviewView({ projects, messages, csrf: csrfOf(request) }));
  }

  @Get('projects/new')
  @UseGuards(SessionGuard)
  empty(@Req() request: Request, @Res() response: Response): void {
    const fields = { ...fieldsOf({}), year: String(new Date().getFullYear()) };
    sendPage(response, 200, projectFormView({ fields, errors: [], csrf: csrfOf(request) }));
  }

  @Get('projects/:slug')
  @UseGuards(SessionGuard)
  async edit(@Param('slug') slug: string, @Req() request: Request, @Res() response: Response): Promise<void> {
    const project = await this.projects.find(slug);
    if (!project) throw new NotFoundException('There is no such project');
    const fields = { ...project, url: project.url ?? '', tags: project.tags.join(', '), year: String(project.year) };
    sendPage(response, 200, projectFormView({ slug, fields, errors: [], csrf: csrfOf(request) }));
  }

  @Post('projects')
  @UseGuards(SessionGuard)
  create(@Body() body: unknown, @Req() request: Request, @Res() response: Response): Promise<void> {
    return this.save(undefined, body, request, response);
  }

  @Post('projects/:slug')
  @UseGuards(SessionGuard)
  replace(@Param('slug') slug: string, @Body() body: unknown, @Req() request: Request, @Res() response: Response): Promise<void> {
    return this.save(slug, body, request, response);
  }

  @Post('projects/:slug/delete')
  @UseGuards(SessionGuard)
  async removeProject(@Param('slug') slug: string, @Res() response: Response): Promise<void> {
    await this.projects.remove(slug);
    response.redirect(303, '/api/admin');
  }

  @Post('messages/:id/delete')
  @UseGuards(SessionGuard)
  async removeMessage(@Param('id') id: string, @Res() response: Response): Promise<void> {
    await this.messages.remove(id);
    response.redirect(303, '/api/admin');
  }

  private async save(slug: string | undefined, body: unknown, request: Request, response: Response): Promise<void> {
    const fields = fieldsOf(body);
    const refuse = (status: number, errors: string[]): void =>
      sendPage(response, status, projectFormView({ slug, fields, errors, csrf: csrfOf(request) }));
    const read = await readProject(fields);
    if ('errors' in read) return refuse(422, read.errors);
    try {
      const saved = slug === undefined ? await this.projects.create(read.input) : await this.projects.replace(slug, read.input);
      if (!saved) throw new NotFoundException('There is no such project');
    } catch (error) {
      if (error instanceof DuplicateError) return refuse(409, ['Another project has this slug']);
      throw error;
    }
    response.redirect(303, '/api/admin');
  }
}

const csrfOf = (request: Request): string => csrfTokenOf(sessionTokenOf(request) ?? '');
