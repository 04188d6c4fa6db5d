import { Body, ConflictException, Controller, Delete, Get, HttpCode, NotFoundException, Param, Post, Put, UseGuards } from '@nestjs/common';
import { SessionGuard } from '../admin/session.guard';
import { DuplicateError } from '../database/database';
import { type Project, ProjectInput } from './project';
import { ProjectsRepository } from './projects.repository';

/** Everybody may read; writing takes a session and its CSRF token. */
@Controller('projects')
export class ProjectsController {
  constructor(private readonly projects: ProjectsRepository) {}

  @Get()
  list(): Promise<Project[]> {
    return this.projects.list();
  }

  @Get(':slug')
  async find(@Param('slug') slug: string): Promise<Project> {
    return present(await this.projects.find(slug));
  }

  @Post()
  @UseGuards(SessionGuard)
  create(@Body() input: ProjectInput): Promise<Project> {
    return this.projects.create(input).catch(conflict);
  }

  @Put(':slug')
  @UseGuards(SessionGuard)
  async replace(@Param('slug') slug: string, @Body() input: ProjectInput): Promise<Project> {
    return present(await this.projects.replace(slug, input).catch(conflict));
  }

  @Delete(':slug')
  @HttpCode(204)
  @UseGuards(SessionGuard)
  async remove(@Param('slug') slug: string): Promise<void> {
    if (!(await this.projects.remove(slug))) present(undefined);
  }
}

function present(project: Project | undefined): Project {
  if (!project) throw new NotFoundException('There is no such project');
  return project;
}

function conflict(error: unknown): never {
  if (error instanceof DuplicateError) throw new ConflictException('Another project has this slug');
  throw error;
}
