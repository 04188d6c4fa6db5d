import { type CanActivate, type ExecutionContext, ForbiddenException, Injectable, UnauthorizedException } from '@nestjs/common';
import type { Request } from 'express';
import { sessionTokenOf } from './session-cookie';
import { SessionsRepository, isCsrfTokenOf } from './sessions.repository';

/** Lets a request pass that has a session and, if it may change something, the session's CSRF token (header or form field). */
@Injectable()
export class SessionGuard implements CanActivate {
  constructor(private readonly sessions: SessionsRepository) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<Request>();
    const token = sessionTokenOf(request);
    if (!token || !(await this.sessions.isOpen(token))) throw new UnauthorizedException('Log in first');
    if (request.method === 'GET' || request.method === 'HEAD') return true;
    const fields = request.body as { _csrf?: unknown } | undefined;
    if (!isCsrfTokenOf(token, request.get('x-csrf-token') ?? fields?._csrf)) {
      throw new ForbiddenException('The CSRF token is missing or belongs to another session');
    }
    return true;
  }
}
